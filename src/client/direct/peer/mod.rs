//! The other end, as this one talks to it: over a connection that is made again when it breaks, in sessions with keys of
//! their own.

mod connection;
mod happening;
mod hear;
mod leave;
mod place;

pub use happening::Happening;
pub use place::{Place, rejoin};

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use self::connection::{Connection, Word};
use super::Pace;
use super::addresses::{Addresses, Change};
use super::event::Failure;
use super::link::{Heard, Link};
use super::path::Route;
use super::session::{Session, Step};
use crate::client::Server;
use crate::protocol::direct::exchange::{Exchange, Master};
use crate::protocol::direct::{Code, Message};

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
    pub code: Code,
    pub master: Option<Master>,
    connection: Connection,
    addresses: Addresses,
    /// The number of the hub's pairing of the two, while it has both.
    pairing: Option<u32>,
    stage: Stage,
    /// When this session's exchange is given up.
    agreed_by: Instant,
    /// What is to be sent over the relay before anything else, and what is to be told once it is.
    unsent: VecDeque<Bytes>,
    happened: VecDeque<Happening>,
    /// Whether it was told that the other end, or the server, is out of reach.
    is_missed: bool,
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
            addresses: Addresses::new(&route, pace),
            route,
            place,
            code,
            master: None,
            connection: Connection::Up(link),
            pairing: None,
            stage: Stage::Alone,
            agreed_by: now,
            unsent: VecDeque::new(),
            happened: VecDeque::new(),
            is_missed: false,
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
            // At once: whoever still waits for an outbox that this end has left must let it go.
            if let Some(happening) = self.happened.pop_front_if(|happening| happening.changes_outbox()) {
                return Ok(happening);
            }
            self.flush().await?;
            if let Some(happening) = self.happened.pop_front() {
                return Ok(happening);
            }
            let is_agreeing = matches!(self.stage, Stage::Agreeing(_));
            let is_open = matches!(self.stage, Stage::Open(_));
            let alive = if self.is_direct() { self.pace.alive_direct } else { self.pace.alive };
            tokio::select! {
                biased; // the hub's word that it is over comes before the end of a path
                word = self.connection.next(&self.pace) => self.word(word)?,
                step = self.stage.next() => match step? {
                    Step::Message(message) => self.heard(message)?,
                    Step::Moved(frame) => {
                        self.unsent.push_back(frame);
                        self.happened.push_back(Happening::Moved);
                    }
                    Step::Silent => self.say_briefly(&Message::Probe)?,
                    Step::Lost => self.path_lost()?,
                },
                change = self.addresses.changed() => self.network_changed(&change)?,
                () = sleep_until(self.agreed_by), if is_agreeing => {
                    return Err(Failure::Protocol("it does not agree on keys in time"));
                }
                () = sleep_until(self.said + alive), if is_open => self.say_briefly(&Message::Alive)?,
                () = sleep_until(self.heard + self.pace.stall), if is_open && !self.stalled => {
                    self.stalled = true;
                    self.happened.push_back(Happening::Stalled(self.pace.stall));
                }
            }
        }
    }

    fn word(&mut self, word: Word) -> Result<(), Failure> {
        match word {
            Word::Heard(Heard::Signal(signal)) => self.signal(signal),
            Word::Heard(Heard::Frame(frame)) => self.frame(frame),
            Word::Lost => self.link_lost(),
            Word::Back(link) => {
                self.connection = Connection::Up(link);
                if !self.is_direct() {
                    self.happened.push_back(Happening::ConnectionBack);
                }
                Ok(())
            }
            Word::Failed(failure) => self.failed(failure),
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
            Err(_) if self.is_direct() => self.path_lost()?,
            Err(_) => self.link_lost()?,
        }
        Ok(())
    }

    /// Says what shows that this end is there; where something waits to be sent, that will.
    fn say_briefly(&mut self, message: &Message) -> Result<(), Failure> {
        self.said = Instant::now();
        let Some(Ok(permit)) = self.outbox().map(mpsc::Sender::try_reserve_owned) else { return Ok(()) };
        let buffer = message.encode().map_err(|error| Failure::Local(error.to_string()))?;
        if let Some(sealed) = self.seal(buffer)? {
            permit.send(sealed);
        }
        Ok(())
    }

    /// Sends what is to be sent first.
    async fn flush(&mut self) -> Result<(), Failure> {
        while let (Connection::Up(link), false) = (&mut self.connection, self.unsent.is_empty()) {
            let permit = tokio::select! {
                permit = link.outbox().reserve() => permit.ok(),
                () = sleep_until(link.heard + self.pace.silence) => None,
            };
            let sent = permit.zip(self.unsent.pop_front()).map(|(permit, frame)| permit.send(frame));
            match sent {
                Some(()) => link.expect_answer(),
                None => self.link_lost()?,
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
        let Stage::Open(session) = &mut self.stage else { return Ok(None) };
        if let (false, Some(link)) = (session.is_direct(), self.connection.link()) {
            link.expect_answer();
        }
        session.seal(buffer).map(Some)
    }

    /// Where sealed frames go, while a session is open; elsewhere after [`Happening::Moved`].
    pub fn outbox(&self) -> Option<mpsc::Sender<Bytes>> {
        let Stage::Open(session) = &self.stage else { return None };
        let outbox = match (session.outbox(), &self.connection) {
            (Some(outbox), _) => outbox,
            (None, Connection::Up(link)) => link.outbox(),
            (None, _) => return None,
        };
        Some(outbox.clone())
    }

    /// Whether anything has come from the other end since it was last said to have stalled.
    pub fn was_stalled(&mut self) -> bool {
        std::mem::take(&mut self.stalled)
    }

    /// Whether both ends talk over a direct path, and need the hub for nothing.
    fn is_direct(&self) -> bool {
        matches!(&self.stage, Stage::Open(session) if session.is_direct())
    }

    /// Our connection to the hub has broken. A direct path goes on without it.
    fn link_lost(&mut self) -> Result<(), Failure> {
        self.pairing = None;
        self.reconnect();
        if !self.is_direct() {
            self.close_session()?;
            self.miss(Happening::ConnectionLost);
        }
        Ok(())
    }

    /// The direct path is no more: the relay, whose connection was kept, takes its place.
    fn path_lost(&mut self) -> Result<(), Failure> {
        self.interrupt();
        match (&mut self.connection, self.pairing) {
            (Connection::Up(_), Some(pairing)) => self.agree(pairing),
            (Connection::Up(_), None) => self.miss(Happening::PeerLost { grace: self.place.grace.as_secs() }),
            (Connection::Down { .. }, _) => {
                self.reconnect();
                self.miss(Happening::ConnectionLost);
            }
            (Connection::Gone(failure), _) => return Err(failure.clone()),
        }
        Ok(())
    }

    /// Addresses of this machine have come or gone.
    fn network_changed(&mut self, change: &Change) -> Result<(), Failure> {
        if self.connection.link().is_some_and(|link| change.cuts(link.local)) {
            self.link_lost()?;
        }
        if matches!(&self.stage, Stage::Open(session) if change.cuts(session.local())) {
            self.path_lost()?;
        }
        if change.has_new {
            self.hurry();
        }
        Ok(())
    }

    /// What was said in this session and is not confirmed is to be said again in the next one.
    fn interrupt(&mut self) {
        self.unsent.clear();
        self.stage = Stage::Alone;
        self.happened.push_back(Happening::Interrupted);
    }

    fn miss(&mut self, happening: Happening) {
        self.is_missed = true;
        self.happened.push_back(happening);
    }

    fn close_session(&mut self) -> Result<(), Failure> {
        self.unsent.clear();
        match std::mem::replace(&mut self.stage, Stage::Alone) {
            Stage::Agreeing(exchange) if exchange.is_unconfirmed() => Err(Failure::Unconfirmed),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
