//! The connection to the hub, which is made again when it breaks.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{Peer, rejoin};
use crate::client::direct::Pace;
use crate::client::direct::event::Failure;
use crate::client::direct::link::{Heard, Link};

pub type Attempt = Pin<Box<dyn Future<Output = Result<Link, Failure>> + Send>>;

/// See the module.
pub enum Connection {
    Up(Link),
    /// Being made again, until then.
    Down {
        attempt: Attempt,
        tries: u32,
        until: Instant,
    },
    /// The hub does not know this transfer any more, for this reason: the direct path goes on without it.
    Gone(Failure),
}

/// What comes of the connection.
pub enum Word {
    Heard(Heard),
    Lost,
    Back(Link),
    Failed(Failure),
}

impl Connection {
    /// The next thing that happens to it. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self, pace: &Pace) -> Word {
        match self {
            Connection::Up(link) => loop {
                let ask_at = link.ask_at(pace);
                tokio::select! {
                    biased;
                    heard = link.next() => return heard.map_or(Word::Lost, Word::Heard),
                    () = sleep_until(ask_at) => if !link.ask(pace) { return Word::Lost },
                }
            },
            Connection::Down { attempt, .. } => match attempt.await {
                Ok(link) => Word::Back(link),
                Err(failure) => Word::Failed(failure),
            },
            Connection::Gone(_) => std::future::pending().await,
        }
    }

    pub fn link(&mut self) -> Option<&mut Link> {
        match self {
            Connection::Up(link) => Some(link),
            _ => None,
        }
    }
}

impl Peer {
    /// Begins to connect again.
    pub(super) fn reconnect(&mut self) {
        let until = Instant::now() + self.place.grace;
        self.connection = Connection::Down { attempt: self.attempt(0, self.pace.retry), tries: 0, until };
    }

    /// Tries at once: the network has come back.
    pub(super) fn hurry(&mut self) {
        if let Connection::Down { until, .. } = self.connection {
            self.connection = Connection::Down { attempt: self.attempt(0, Duration::ZERO), tries: 0, until };
        }
    }

    /// A try has failed.
    ///
    /// # Errors
    /// The same, when there is nothing to try for any more.
    pub(super) fn failed(&mut self, failure: Failure) -> Result<(), Failure> {
        let Connection::Down { tries, until, .. } = self.connection else { return Ok(()) };
        match failure {
            Failure::Ended { code, by } if self.is_direct() && code.is_of_the_connection() => {
                self.connection = Connection::Gone(Failure::Ended { code, by });
            }
            failure @ (Failure::Ended { .. } | Failure::Refused(_)) if !self.is_direct() => return Err(failure),
            failure if Instant::now() >= until && !self.is_direct() => return Err(failure),
            _ => {
                let tries = tries + 1;
                self.connection = Connection::Down { attempt: self.attempt(tries, self.pace.retry), tries, until };
            }
        }
        Ok(())
    }

    fn attempt(&self, tries: u32, pause: Duration) -> Attempt {
        let (server, place) = (self.server.clone(), self.place.clone());
        // Patience grows: what was begun while the line was dead would be waited for long after it has come back.
        let connect = self.pace.connect.min(Duration::from_secs(2 + u64::from(tries)));
        let (pace, is_confirmed) = (Pace { connect, ..self.pace }, self.master.is_some());
        Box::pin(async move {
            sleep(pause).await;
            rejoin(&server, &pace, &place, is_confirmed).await
        })
    }
}
