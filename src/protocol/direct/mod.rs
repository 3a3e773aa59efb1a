//! What the two ends of a transfer and the hub between them say to each other. The server, the terminal client and the
//! tests share these types; the page's module mirrors them.
//!
//! ```text
//!   sender                          hub                          receiver
//!     │ GET /api/direct/send         │                              │
//!     │◄─ code {nameplate, token …} ─│                              │
//!     │      "7-acrobat-puzzle" is passed on by voice, chat or QR   │
//!     │                              │  GET /api/direct/receive/7   │
//!     │                              │─ joined {token …} ──────────►│
//!     │◄─ paired {round: 1} ─────────│─ paired {round: 1} ─────────►│
//!     │◄════════════ Key (SPAKE2 messages, both ways) ═════════════►│
//!     │◄════════════ Confirm (the receiver's first) ═══════════════►│
//!     │◄─ ice {servers} ─────────────│─ ice {servers} ─────────────►│
//!     │◄════════════ Sealed (AES-256-GCM): Message ════════════════►│
//! ```
//!
//! **Text messages** of the sockets are [`Signal`]s: between one end and the hub. **Binary messages** are [`Frame`]s: from
//! end to end, and opaque to the hub, which passes on what comes from one side to the other, whole, in order, at most
//! [`LARGEST_FRAME`] bytes each. Both ends are pinged by the hub (WebSocket pings) and answer.
//!
//! The first byte of a frame tells the hub how far the exchange is. The place is the receiver's once both `Confirm` have
//! passed; before that it is told nothing but its token, and whoever does not come to it is put out: the sender hears `waiting`.
//!
//! **Sessions.** Each time that both sides are connected the hub says `paired` with the number of the session (`round`). A
//! session begins with what agrees on its keys ([`exchange`]): in the first one a SPAKE2 exchange, later two nonces. All that
//! comes before the first frame of the present session is left over from an earlier one and is dropped unread. The token gets a
//! side its place again, also at a server that was started anew: then whoever comes first brings the transfer back.
//!
//! **Inside** ([`Message`], sealed as [`seal`] says) each session runs the same way:
//!
//! ```text
//!   sender ── offer … offer (last) ──► receiver      what there is: names, sizes, a text
//!   sender ◄── accept {files, window, start} ──────  all or some; or decline; where to begin
//!   sender ── data … data (last of a file) … ──────► at most `window` bytes past the last ack
//!   sender ◄── ack {bytes, window} …                 the window may grow
//!   sender ◄── received                              every frame verified, every file in its place
//!   sender ── end {done} to the hub
//! ```
//!
//! Either end may say `cancel` at any time, and says `alive` when it has had nothing to say for a while. A `type` that is
//! not known is passed over.
//!
//! **Paths.** A session begins over the hub's relay. Two ends that find a direct path to each other may move to it:
//!
//! | number | path | found by |
//! | --- | --- | --- |
//! | 0 | a TCP connection that the sender opened to the receiver | `addresses` of the receiver |
//! | 1 | a TCP connection that the receiver opened to the sender | `addresses` of the sender |
//! | 2 | a data channel between two pages (WebRTC), ordered and reliable, one frame a message | `rtc` |
//!
//! On TCP each end first shows that it has the master key ([`exchange`]); a listener lets in one connection and no more.
//! Then each frame is preceded by its length in 4 bytes. A data channel needs no proof: the fingerprints of both ends have
//! come inside the encryption.
//!
//! ```text
//!   sender ◄── addresses or rtc … ──► receiver       over the relay, once a session is open
//!   sender ── moved {path} ──► receiver              the sender decides, when a path stands; its next frame comes there
//!   sender ◄── moved {path} ── receiver              the receiver follows, likewise
//! ```
//!
//! `moved` is the last frame of its direction on the relay: what comes there after it is a failure. Keys and numbers of the
//! frames go on, so that nothing can be lost, repeated or mixed up by the move. What comes early on a path waits there. A
//! session moves once. The relay stays open, for signals. While both directions are direct it may break: the end that notices
//! makes it again, and the session goes on, whatever the hub says meanwhile of lost ends. Silence on the path is answered with
//! `probe`. When the path breaks the end that notices begins a session anew over the relay, under the number of the last
//! `paired`, by a frame that resumes; the other end follows. Either tells the other on the path how it `ended`, too.

pub mod code;
pub mod exchange;
pub mod frame;
pub mod message;
pub mod seal;
pub mod signal;

pub use code::Code;
pub use frame::Frame;
pub use message::Message;
pub use signal::{End, IceServer, Role, Signal};

/// Bytes of file content in one [`Message::Data`].
pub const PIECE: usize = 64 << 10;
/// Largest frame, with all that is added to a piece.
pub const LARGEST_FRAME: usize = PIECE + 64;
/// Largest [`Signal`].
pub const LARGEST_SIGNAL: usize = 4 << 10;

/// Says which protocol the keys are for; both ends must use the same bytes.
pub const CONTEXT: &str = "handover direct 1";
