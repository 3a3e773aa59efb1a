//! A member of a room in a terminal, without the terminal: [`Talk`] stays in the room whatever breaks, hears each event once
//! and in its order, and says nothing twice.

mod connection;
mod joining;
mod link;
mod talk;
mod unsent;

pub use joining::Joining;
pub use talk::{Happening, Talk};

use std::time::Duration;

/// Time limits of a member.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For one try to connect.
    pub connect: Duration,
    /// After so long without a word from the server, which asks every fifteen seconds, the connection is given up.
    pub silence: Duration,
    /// Between two tries to connect again: the first time, doubled up to the last.
    pub first_wait: Duration,
    pub last_wait: Duration,
    /// A connection that has stood for so long was a good one: the waits begin anew.
    pub good: Duration,
    /// How long it is tried to connect again.
    pub patience: Duration,
    /// Before a message is said again that came too soon for the server.
    pub pause: Duration,
    /// How long a member that leaves waits for the server to close the connection.
    pub goodbye: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(40),
            first_wait: Duration::from_millis(500),
            last_wait: Duration::from_secs(15),
            good: Duration::from_secs(5),
            patience: Duration::from_secs(15 * 60),
            pause: Duration::from_secs(1),
            goodbye: Duration::from_secs(5),
        }
    }
}
