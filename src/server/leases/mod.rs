//! Copies of a file that are given out once: who owns which bytes, counted, leased, given back. One-time links are such
//! copies, and so are those that a batch allows a number of.
//!
//! A copy has a [`Ledger`], which is kept in a row. In it each byte is owned by one transfer at a time, or delivered, or
//! neither. Delivered means acknowledged by the other end of the connection; behind a proxy that is the proxy. The last byte of what
//! a transfer owns leaves when all others are acknowledged and the ledger has it in writing.
//!
//! Disjoint ranges of one holder run side by side, as download managers ask for them. One holder is whoever proves it (see
//! [`HOLD`]), else whoever comes from the same address with the same User-Agent.

mod ledger;
mod ranges;
mod transfers;

pub use ledger::{Ask, Granted, Ledger, Refused};
pub use ranges::Ranges;
pub use transfers::{Progress, Transfer, Transfers};

use std::time::Duration;

/// Header with the proof that a client holds a copy: given with its bytes, and sent back from whatever address to go on.
pub const HOLD: &str = "handover-hold";

/// How long a claim stands without a sign of life from its process. It is renewed while the transfer runs.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long bytes may stay unacknowledged until a transfer loses what it owns to whoever asks next.
pub const STALLED: Duration = Duration::from_secs(5);

/// What a client may have acknowledged and never read: its receive buffer, of which Linux has 6 MiB at most by default. So
/// far a start may go back at no cost but bytes.
pub const UNREAD: u64 = 8 << 20;

/// Starts that go further back, or bring nothing, of one copy.
pub const VAIN_STARTS: u32 = 10;

/// How long a transfer that runs may go on when the time of what it is of is over.
pub const FINISH: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
