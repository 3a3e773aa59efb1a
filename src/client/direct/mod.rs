//! The ends of a direct transfer in a terminal, without the terminal: [`send`] and [`receive`] say what happens as
//! [`Event`]s, and end with a [`Failure`] or a summary.

mod addresses;
pub mod event;
mod link;
pub mod path;
mod peer;
mod rate;
mod receive;
pub mod resume_state;
mod send;
mod session;
mod source;

pub use event::{Event, Failure, Summary, WhyNot};
pub use path::Route;
pub use receive::{Choice, Offered, Receiving, Target, receive};
pub use resume_state::ResumeState;
pub use send::{Sending, send};
pub use source::{Source, Sources};

use std::time::Duration;

/// Time limits of an end.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After so long without a word of its own an end says that it is there: over the relay, and on a direct path.
    pub alive: Duration,
    pub alive_direct: Duration,
    /// After so long without a word on a direct path, or from the server while something is on its way to it, the other is
    /// asked whether it is there; after the second one the line is dead.
    pub probe: Duration,
    pub dead: Duration,
    /// Most bytes that may be on their way to a receiver.
    pub window: u64,
    /// How often the addresses of this machine are looked at.
    pub look: Duration,
    /// After so long without a word from the other end it is said to have stalled.
    pub stall: Duration,
    /// After so long without a word from the server, which asks every ten seconds, the connection is given up.
    pub silence: Duration,
    /// Between two tries to connect again.
    pub retry: Duration,
    /// For one try.
    pub connect: Duration,
    /// How long an end that has everything waits for the other to say goodbye.
    pub goodbye: Duration,
    /// How long an end that has said goodbye waits for the other to leave their direct path.
    pub farewell: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            alive: Duration::from_secs(4),
            alive_direct: Duration::from_secs(1),
            probe: Duration::from_secs(3),
            dead: Duration::from_millis(4500),
            look: Duration::from_secs(1),
            window: 64 << 20,
            stall: Duration::from_secs(15),
            silence: Duration::from_secs(30),
            retry: Duration::from_millis(500),
            connect: Duration::from_secs(15),
            goodbye: Duration::from_secs(10),
            farewell: Duration::from_secs(2),
        }
    }
}

/// How often progress and remaining time are told.
const TICK: Duration = Duration::from_millis(250);

/// Tells an end to stop; the other end is told.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// Waits until it is said; for ever when nobody can say it any more.
async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
