//! What every client of a server needs, whatever it wants there: which [`Server`], its [`Api`] and its sockets, and why it
//! did not come to that ([`Failure`]).

mod again;
mod api;
pub mod direct;
pub mod discovery;
mod failure;
pub mod folder;
pub mod rooms;
mod server;
mod socket;

pub use again::{IDEMPOTENCY_KEY, until_answered};
pub use api::{Api, SILENCE, accepted, answer, http};
pub use failure::Failure;
pub use server::Server;
pub use socket::{Reader, Socket, Writer, open_frames, open_socket};

/// What others have written, without what moves a terminal's cursor or reverses its text.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Whether a terminal would do something with a character other than show it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
