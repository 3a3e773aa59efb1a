//! A member's connection, and the tries to make it again.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{Instant, sleep};

use super::Pace;
use super::link::Link;
use crate::client::{Failure, Server};
use crate::protocol::rooms::event::Welcome;

type Attempt = Pin<Box<dyn Future<Output = Result<(Link, Box<Welcome>), Failure>> + Send>>;

/// See the module.
pub enum Connection {
    Up(Link),
    /// Being made; tried again `until` then.
    Down {
        attempt: Attempt,
        until: Instant,
    },
}

impl Connection {
    /// None, and none to come.
    pub fn none() -> Connection {
        Connection::Down { attempt: Box::pin(pending()), until: Instant::now() }
    }

    /// One to the socket at `path`, after `wait`.
    pub fn made(server: Server, pace: Pace, path: String, wait: Duration, until: Instant) -> Connection {
        let attempt = Box::pin(async move {
            sleep(wait).await;
            Link::open(&server, &path, &pace).await
        });
        Connection::Down { attempt, until }
    }
}

/// How often it was tried since there was a good connection.
pub struct Tries {
    count: u32,
    up_since: Instant,
}

impl Default for Tries {
    fn default() -> Tries {
        Tries { count: 0, up_since: Instant::now() }
    }
}

impl Tries {
    pub fn connected(&mut self) {
        self.up_since = Instant::now();
    }

    pub fn lost(&mut self, pace: &Pace) {
        if self.up_since.elapsed() >= pace.good {
            self.count = 0;
        }
    }

    /// Before the next try; not the same for all whom a server has lost at once.
    pub fn wait(&mut self, pace: &Pace) -> Duration {
        let wait = pace.first_wait.saturating_mul(1 << self.count.min(16)).min(pace.last_wait);
        self.count += 1;
        wait.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}
