//! The other end, as this one talks to it: over a connection that is made again when it breaks, in sessions with keys of
//! their own.

mod happening;
mod hear;
mod place;

pub use happening::Happening;
pub use place::{Place, rejoin};

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Pace;
use super::event::{Failure, Summary};
use super::link::{Heard, Link, Lost};
use super::path::Route;
use super::session::{Session, Step};
use crate::client::Server;
use crate::protocol::direct::exchange::{Exchange, Master};
use crate::protocol::direct::{Code, End, Message, Role};

type Attempt = Pin<Box<dyn Future<Output = Result<Link, Failure>> + Send>>;

enum Connection {
    Up(Link),
    Down { attempt: Attempt, until: Instant },
}

/// How far the two ends are with each other.
enum Stage {
    /// The other end is not there.
    Alone,
    Agreeing(Box<Exchange>),
    Open(Box<Session>),
}

impl Stage {
    async fn next(&mut self) -> Result<Step, Failure> {
        match self {
            Stage::Open(session) => session.next().await,
            _ => std::future::pending().await,
        }
    }
}

/// See the module.
pub struct Peer {
    server: Server,
    pace: Pace,
    route: Route,
    pub place: Place,
    code: Code,
    pub master: Option<Master>,
    connection: Connection,
    stage: Stage,
    /// When this session's exchange is given up.
    agreed_by: Instant,
    /// What is to be sent over the relay before anything else, and what is to be told once it is.
    unsent: VecDeque<Bytes>,
    happened: Option<Happening>,
    /// When the other end was last heard, and whether it was said to have stalled since.
    heard: Instant,
    stalled: bool,
    /// When this end last said something.
    said: Instant,
}

impl Peer {
    pub fn new(server: Server, pace: Pace, route: Route, place: Place, code: Code, link: Link) -> Peer {
        let now = Instant::now();
        Peer {
            server,
            pace,
            route,
            place,
            code,
            master: None,
            connection: Connection::Up(link),
            stage: Stage::Alone,
            agreed_by: now,
            unsent: VecDeque::new(),
            happened: None,
            heard: now,
            stalled: false,
            said: now,
        }
    }

    /// The next thing that happens. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Failure`], which ends the transfer.
    pub async fn next(&mut self) -> Result<Happening, Failure> {
        loop {
            self.flush().await?;
            if let Some(happening) = self.happened.take() {
                return Ok(happening);
            }
            self.happened = match &mut self.connection {
                Connection::Down { attempt, until } => match attempt.await {
                    Ok(link) => {
                        self.connection = Connection::Up(link);
                        Some(Happening::ConnectionBack)
                    }
                    Err(failure @ (Failure::Ended { .. } | Failure::Refused(_))) => return Err(failure),
                    Err(failure) if Instant::now() >= *until => return Err(failure),
                    Err(_) => {
                        let until = *until;
                        self.connection = Connection::Down { attempt: self.attempt(), until };
                        None
                    }
                },
                Connection::Up(link) => {
                    let alive_at = self.said + self.pace.alive;
                    let stall_at = self.heard + self.pace.stall;
                    let is_agreeing = matches!(self.stage, Stage::Agreeing(_));
                    let is_open = matches!(self.stage, Stage::Open(_));
                    let silent_at = link.heard + self.pace.silence;
                    tokio::select! {
                        biased; // the hub's word that it is over comes before the end of a path
                        heard = link.next() => match heard {
                            Ok(Heard::Signal(signal)) => self.signal(signal)?,
                            Ok(Heard::Frame(frame)) => self.frame(frame)?,
                            Err(Lost) => Some(self.lost()?),
                        },
                        step = self.stage.next() => match step? {
                            Step::Message(message) => self.heard(message)?,
                            Step::Moved(frame) => {
                                // At once: whoever still waits for the outbox that this end has left must let it go.
                                self.unsent.push_back(frame);
                                return Ok(Happening::Moved);
                            }
                            Step::Lost => Some(self.lost()?),
                        },
                        () = sleep_until(silent_at) => Some(self.lost()?),
                        () = sleep_until(self.agreed_by), if is_agreeing => {
                            return Err(Failure::Protocol("it does not agree on keys in time"));
                        }
                        () = sleep_until(alive_at), if is_open => self.say_alive().map(|()| None)?,
                        () = sleep_until(stall_at), if is_open && !self.stalled => {
                            self.stalled = true;
                            Some(Happening::Stalled(self.pace.stall))
                        }
                    }
                }
            };
        }
    }

    /// Says something to the other end. Without a session it is dropped: the next session begins anew. Nothing is said when the
    /// future is dropped before it is ready. A line that takes nothing for as long as one may be silent is given up.
    ///
    /// # Errors
    /// [`Failure`] when the message is too long to be said.
    pub async fn say(&mut self, message: &Message) -> Result<(), Failure> {
        let buffer = message.encode().map_err(|error| Failure::Local(error.to_string()))?;
        let Some(outbox) = self.outbox() else { return Ok(()) };
        // A place first: a frame that was sealed must be sent, or the next one does not open.
        match timeout(self.pace.silence, outbox.reserve()).await {
            Ok(Ok(permit)) => {
                if let Some(sealed) = self.seal(buffer)? {
                    permit.send(sealed);
                }
            }
            Ok(Err(_)) => {} // it is broken, which is noticed next
            Err(_) => self.happened = Some(self.lost()?),
        }
        Ok(())
    }

    /// Shows that this end is there; where something waits to be sent, that will.
    fn say_alive(&mut self) -> Result<(), Failure> {
        self.said = Instant::now();
        let Some(Ok(permit)) = self.outbox().map(mpsc::Sender::try_reserve_owned) else { return Ok(()) };
        let buffer = Message::Alive.encode().map_err(|error| Failure::Local(error.to_string()))?;
        if let Some(sealed) = self.seal(buffer)? {
            permit.send(sealed);
        }
        Ok(())
    }

    /// Sends what has to go before anything else.
    async fn flush(&mut self) -> Result<(), Failure> {
        while let (Connection::Up(link), false) = (&self.connection, self.unsent.is_empty()) {
            let permit = tokio::select! {
                permit = link.outbox().reserve() => permit.ok(),
                () = sleep_until(link.heard + self.pace.silence) => None,
            };
            let sent = permit.zip(self.unsent.pop_front()).map(|(permit, frame)| permit.send(frame));
            if sent.is_none() {
                self.happened = Some(self.lost()?);
            }
        }
        Ok(())
    }

    /// Seals an encoded message for the present session, to be put into [`Peer::outbox`] at once.
    ///
    /// # Errors
    /// [`Failure`] when a session has no numbers left.
    pub fn seal(&mut self, buffer: Vec<u8>) -> Result<Option<Bytes>, Failure> {
        self.said = Instant::now();
        match &mut self.stage {
            Stage::Open(session) => session.seal(buffer).map(Some),
            _ => Ok(None),
        }
    }

    /// Where sealed frames go, while a session is open; elsewhere after [`Happening::Moved`].
    pub fn outbox(&self) -> Option<mpsc::Sender<Bytes>> {
        match (&self.connection, &self.stage) {
            (Connection::Up(link), Stage::Open(session)) => Some(session.outbox().unwrap_or(link.outbox()).clone()),
            _ => None,
        }
    }

    /// Tells the other end and the hub how it went, where they do not know yet.
    pub async fn leave(mut self, result: &Result<Summary, Failure>) {
        let code = match (result, self.place.role) {
            (Ok(_), Role::Sender) => Some(End::Done),
            (Ok(_), Role::Receiver) => None,
            (Err(failure), _) => failure.reason(),
        };
        if let Err(failure @ Failure::Local(_)) = result {
            let cancel = Message::Cancel { reason: failure.to_string() };
            // Best said, but the hub will do.
            let _ = timeout(self.pace.goodbye, self.say(&cancel)).await;
            // On a path of its own it could come after the hub's word and be missed.
            self.close_path().await;
        }
        if let Some(code) = code {
            if let Connection::Up(link) = &mut self.connection {
                link.end(code, self.pace.goodbye).await;
            }
            // Not before the other end knows that it is over, or it would take the path for broken.
            self.close_path().await;
        }
        if let Connection::Up(link) = self.connection {
            link.close(self.pace.goodbye).await;
        }
    }

    async fn close_path(&mut self) {
        if let Stage::Open(session) = std::mem::replace(&mut self.stage, Stage::Alone)
            && let Some(path) = session.into_path()
        {
            path.close(self.pace.farewell).await;
        }
    }

    /// Whether anything has come from the other end since it was last said to have stalled.
    pub fn was_stalled(&mut self) -> bool {
        std::mem::take(&mut self.stalled)
    }

    /// Our connection has broken.
    fn lost(&mut self) -> Result<Happening, Failure> {
        self.close_session()?;
        let until = Instant::now() + self.place.grace;
        self.connection = Connection::Down { attempt: self.attempt(), until };
        Ok(Happening::ConnectionLost)
    }

    fn close_session(&mut self) -> Result<(), Failure> {
        self.unsent.clear();
        match std::mem::replace(&mut self.stage, Stage::Alone) {
            Stage::Agreeing(exchange) if exchange.is_unconfirmed() => Err(Failure::Unconfirmed),
            _ => Ok(()),
        }
    }

    fn attempt(&self) -> Attempt {
        let (server, pace, place) = (self.server.clone(), self.pace, self.place.clone());
        Box::pin(async move {
            sleep(pace.retry).await;
            rejoin(&server, &pace, &place).await
        })
    }
}

#[cfg(test)]
mod tests;
