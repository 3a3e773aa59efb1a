//! The other end, as this one talks to it: over a connection that is made again when it breaks, in rounds with keys of
//! their own.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Pace;
use super::event::{Event, Failure, Summary};
use super::link::{Heard, Link, Lost, Server};
use super::path::Route;
use super::round::{Round, Step};
use crate::direct::protocol::exchange::{self, Disagreement, Established, Exchange, Master, Secret};
use crate::direct::protocol::{Code, End, Frame, Message, Role, Signal};

/// What happens between the two ends.
#[derive(Debug)]
pub enum Happening {
    /// Both are connected; the keys are being agreed on.
    Joined,
    /// The keys are there: a round begins, the first one or another.
    Ready {
        again: bool,
    },
    Message(Message),
    /// What this end says goes over a direct path from now on.
    Moved,
    PeerLost {
        grace: u64,
    },
    ConnectionLost,
    ConnectionBack,
    /// The hub says that it is over.
    Ended {
        code: End,
        by: Option<Role>,
    },
    /// Nothing has come from the other end for so long, though it is connected.
    Stalled(Duration),
}

impl Happening {
    /// What to tell of a connection that breaks or comes back.
    pub fn event(&self) -> Option<Event> {
        match self {
            Happening::PeerLost { grace } => Some(Event::PeerLost { grace: *grace }),
            Happening::ConnectionLost => Some(Event::ConnectionLost),
            Happening::ConnectionBack => Some(Event::ConnectionBack),
            Happening::Ready { again } => Some(if *again { Event::PeerBack } else { Event::Confirmed }),
            Happening::Moved => Some(Event::Path { direct: true }),
            Happening::Stalled(time) => Some(Event::PeerStalled { seconds: time.as_secs() }),
            _ => None,
        }
    }
}

/// Where this end belongs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    pub role: Role,
    pub nameplate: u32,
    /// Gets the place back.
    pub token: String,
    /// How long it is kept.
    pub grace: Duration,
}

impl Place {
    fn path(&self) -> String {
        match self.role {
            Role::Sender => format!("/api/direct/send?rejoin={}", self.nameplate),
            Role::Receiver => format!("/api/direct/receive/{}?rejoin=true", self.nameplate),
        }
    }
}

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
    Open(Box<Round>),
}

impl Stage {
    async fn next(&mut self) -> Result<Step, Failure> {
        match self {
            Stage::Open(round) => round.next().await,
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
    /// When this round's exchange is given up.
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

    /// Says something to the other end. Without a round it is dropped: the next round begins anew. Nothing is said when the
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

    /// Seals an encoded message for the present round, to be put into [`Peer::outbox`] at once.
    ///
    /// # Errors
    /// [`Failure`] when a round has no numbers left.
    pub fn seal(&mut self, buffer: Vec<u8>) -> Result<Option<Bytes>, Failure> {
        self.said = Instant::now();
        match &mut self.stage {
            Stage::Open(round) => round.seal(buffer).map(Some),
            _ => Ok(None),
        }
    }

    /// Where sealed frames go, while a round is open; elsewhere after [`Happening::Moved`].
    pub fn outbox(&self) -> Option<mpsc::Sender<Bytes>> {
        match (&self.connection, &self.stage) {
            (Connection::Up(link), Stage::Open(round)) => Some(round.outbox().unwrap_or(link.outbox()).clone()),
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
            self.end(code).await;
            // Not before the other end knows that it is over, or it would take the path for broken.
            self.close_path().await;
        }
        if let Connection::Up(link) = self.connection {
            link.close(self.pace.goodbye).await;
        }
    }

    async fn close_path(&mut self) {
        if let Stage::Open(round) = std::mem::replace(&mut self.stage, Stage::Alone)
            && let Some(path) = round.into_path()
        {
            path.close(self.pace.farewell).await;
        }
    }

    /// Tells the hub that it is over, and waits a moment until it knows.
    async fn end(&mut self, code: End) {
        let Connection::Up(link) = &mut self.connection else { return };
        let farewell = async {
            link.signal(&Signal::End { code }).await?;
            while !matches!(link.next().await?, Heard::Signal(Signal::Ended { .. })) {}
            Ok::<_, Lost>(())
        };
        if timeout(self.pace.goodbye, farewell).await.is_err() {
            tracing::debug!("the server did not answer the goodbye");
        }
    }

    /// Whether anything has come from the other end since it was last said to have stalled.
    pub fn was_stalled(&mut self) -> bool {
        std::mem::take(&mut self.stalled)
    }

    fn signal(&mut self, signal: Signal) -> Result<Option<Happening>, Failure> {
        Ok(match signal {
            Signal::Paired { round } => {
                let secret = match &self.master {
                    Some(master) => Secret::Master(master),
                    None => Secret::Code(&self.code),
                };
                let (exchange, frame) = Exchange::start(self.place.role, round, secret);
                self.stage = Stage::Agreeing(Box::new(exchange));
                self.agreed_by = Instant::now() + self.pace.silence;
                self.unsent = VecDeque::from([frame.into_bytes()]);
                Some(Happening::Joined)
            }
            Signal::PeerLost { grace } => {
                self.close_round()?;
                Some(Happening::PeerLost { grace })
            }
            Signal::Ended { code, by, .. } => Some(Happening::Ended { code, by }),
            _ => None,
        })
    }

    /// What has come over the relay.
    fn frame(&mut self, frame: Frame) -> Result<Option<Happening>, Failure> {
        match (&mut self.stage, frame) {
            (Stage::Open(round), _) if !round.hears_relay() => Err(Failure::Protocol("it goes on where it has left")),
            (Stage::Open(round), frame @ Frame::Sealed(_)) => {
                let message = round.open(frame)?;
                self.heard(message)
            }
            (Stage::Agreeing(exchange), frame) => {
                let round = exchange.round();
                match exchange.take(frame) {
                    Ok(exchange::Step::Ignored) => Ok(None),
                    Ok(exchange::Step::Reply(frame)) => {
                        self.unsent.push_back(frame.into_bytes());
                        Ok(None)
                    }
                    Ok(exchange::Step::Done(established, frame)) => {
                        self.unsent.extend(frame.map(Frame::into_bytes));
                        self.agreed(round, *established).map(Some)
                    }
                    Err(Disagreement::WrongCode) => Err(Failure::ended(End::WrongCode)),
                    Err(Disagreement::Unconfirmed) => Err(Failure::Unconfirmed),
                    Err(Disagreement::Protocol) => Err(Failure::Protocol("the keys cannot be agreed on")),
                }
            }
            _ => Ok(None),
        }
    }

    /// The keys of a round are there.
    fn agreed(&mut self, number: u32, established: Established) -> Result<Happening, Failure> {
        let master = established.master.clone();
        let mut round = Round::new(self.place.role, self.pace, established);
        if let Some(addresses) = round.meet(&self.route, number, &master) {
            let buffer = addresses.encode().map_err(|error| Failure::Local(error.to_string()))?;
            self.unsent.push_back(round.seal(buffer)?);
        }
        self.stage = Stage::Open(Box::new(round));
        (self.heard, self.stalled) = (Instant::now(), false);
        Ok(Happening::Ready { again: self.master.replace(master).is_some() })
    }

    /// What the other end has said: of the way between the two here, of all else outside.
    fn heard(&mut self, message: Message) -> Result<Option<Happening>, Failure> {
        self.heard = Instant::now();
        let Stage::Open(round) = &mut self.stage else { return Ok(None) };
        match message {
            Message::Addresses { tcp } => {
                round.told(&tcp);
                Ok(None)
            }
            Message::Moved { path } => {
                let follows = round.moved(path)?;
                Ok(follows.map(|frame| {
                    self.unsent.push_back(frame);
                    Happening::Moved
                }))
            }
            Message::Rtc { .. } | Message::Unknown => Ok(None),
            message => Ok(Some(Happening::Message(message))),
        }
    }

    /// Our connection has broken.
    fn lost(&mut self) -> Result<Happening, Failure> {
        self.close_round()?;
        let until = Instant::now() + self.place.grace;
        self.connection = Connection::Down { attempt: self.attempt(), until };
        Ok(Happening::ConnectionLost)
    }

    fn close_round(&mut self) -> Result<(), Failure> {
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

/// Connects again and takes the place that is kept.
///
/// # Errors
/// [`Failure::Ended`] when the place is gone; others may pass.
pub async fn rejoin(server: &Server, pace: &Pace, place: &Place) -> Result<Link, Failure> {
    let lost = |_| Failure::Unreachable("the connection broke again".into());
    let mut link = Link::open(server, &place.path(), pace).await?;
    link.signal(&Signal::Rejoin { token: place.token.clone() }).await.map_err(lost)?;
    match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Rejoined { .. }))) => Ok(link),
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => Err(Failure::Ended { code, by }),
        _ => Err(lost(Lost)),
    }
}

#[cfg(test)]
mod tests;
