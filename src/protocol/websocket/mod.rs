//! WebSockets (RFC 6455) as both ends read them: frames, and the messages that they make.

mod messages;
pub mod parser;

pub use messages::{Broken, In, Messages};

/// The close code of a normal end (RFC 6455 section 7.4.1).
pub const NORMAL: u16 = 1000;
