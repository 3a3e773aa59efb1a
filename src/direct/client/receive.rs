//! The receiver's end.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::event::{Event, Failure, Summary};
use super::folder::{Folder, Partial};
use super::link::{Heard, Link, Server};
use super::peer::{Happening, Peer, Place};
use super::rate::{Rate, progress};
use super::{Pace, Route, Stop, TICK, stopped};
use crate::direct::protocol::message::{Accept, Data, Entry, MOST_ENTRIES, Offer, Start};
use crate::direct::protocol::{Code, End, Message, Role, Signal};

/// Bytes of content that may be on their way: enough for a long and fast line.
pub const WINDOW: u64 = 4 << 20;
/// How much is received before it is confirmed.
const CONFIRM: u64 = WINDOW / 16;
/// Bytes of all paths of an offer.
const LONGEST_LIST: usize = 16 << 20;

/// From where, and where to.
pub struct Receiving {
    pub server: Server,
    pub pace: Pace,
    pub route: Route,
    pub code: Code,
    pub target: Target,
    /// Asked once, on a thread of its own, what of the offer is wanted.
    pub decide: Box<dyn FnOnce(Offered) -> Choice + Send>,
    pub stop: Stop,
}

/// Where files go.
pub enum Target {
    Folder(PathBuf),
    /// All contents one after another, e.g. to standard output.
    Output(Box<dyn Write + Send>),
}

/// What there is to decide on.
#[derive(Clone, Debug)]
pub struct Offered {
    pub entries: Vec<Entry>,
    /// All sizes that are known.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    All,
    /// These entries, in order.
    Some(Vec<u32>),
    None,
}

/// Receives what whoever made the code sends.
///
/// # Errors
/// [`Failure`]. The other side and the server have been told then, if they can be; no incomplete file is left.
pub async fn receive(receiving: Receiving, tell: &mut dyn FnMut(Event)) -> Result<Summary, Failure> {
    let Receiving { server, pace, route, code, target, decide, mut stop } = receiving;
    let output = match target {
        Target::Output(output) => Output::Stream(output),
        Target::Folder(path) => {
            let folder = Folder::open(&path);
            Output::Folder(folder.map_err(|error| Failure::Local(format!("{}: {error}", path.display())))?)
        }
    };
    let (link, place) = tokio::select! {
        opened = open(&server, &code, &pace) => opened?,
        () = stopped(&mut stop) => return Err(Failure::Stopped),
    };
    let mut receiver = Receiver {
        peer: Peer::new(server, pace, route, place, code, link),
        output,
        offer: Offer::default(),
        offered: None,
        decide: Some(decide),
        wanted: None,
        next: 0,
        current: None,
        received: 0,
        confirmed: 0,
        started: Instant::now(),
        rate: Rate::new(Instant::now()),
        summary: Summary::default(),
        total: None,
        complete: None,
        goodbye: pace.goodbye,
    };
    let result = receiver.run(&mut stop, tell).await;
    receiver.peer.leave(&result).await;
    result
}

async fn open(server: &Server, code: &Code, pace: &Pace) -> Result<(Link, Place), Failure> {
    let path = format!("/api/direct/receive/{}", code.nameplate);
    let mut link = Link::open(server, &path, pace).await?;
    match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Joined { nameplate, token, grace }))) => {
            Ok((link, Place { role: Role::Receiver, nameplate, token, grace: Duration::from_secs(grace) }))
        }
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => Err(Failure::Ended { code, by }),
        _ => Err(Failure::Unreachable("it does not say what a Handover server says".into())),
    }
}

enum Output {
    Folder(Folder),
    Stream(Box<dyn Write + Send>),
}

struct Receiver {
    peer: Peer,
    output: Output,
    /// What has come of the offer in this round.
    offer: Offer,
    /// The offer of the first round; all later ones must be the same.
    offered: Option<Offer>,
    decide: Option<Box<dyn FnOnce(Offered) -> Choice + Send>>,
    /// What was chosen of it, once it was.
    wanted: Option<Vec<u32>>,
    /// Of that, the one that is being received, or is next.
    next: usize,
    current: Option<Current>,
    /// Content of this round, and what of that was confirmed.
    received: u64,
    confirmed: u64,
    started: Instant,
    rate: Rate,
    summary: Summary,
    /// Bytes of all that is wanted, if they are known.
    total: Option<u64>,
    /// When everything was there.
    complete: Option<Instant>,
    goodbye: Duration,
}

/// A file that is being received.
struct Current {
    /// `None` where it goes to a stream.
    partial: Option<Partial>,
    offset: u64,
}

type Deciding = Pin<Box<dyn Future<Output = Choice> + Send>>;

enum Next {
    Happening(Happening),
    Chosen(Choice),
    Tick,
}

impl Receiver {
    async fn run(&mut self, stop: &mut Stop, tell: &mut dyn FnMut(Event)) -> Result<Summary, Failure> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deciding: Option<Deciding> = None;
        loop {
            let next = tokio::select! {
                happening = self.peer.next() => happening.map(Next::Happening),
                choice = async { deciding.as_mut().unwrap_or(&mut never()).await }, if deciding.is_some() => {
                    deciding = None;
                    Ok(Next::Chosen(choice))
                }
                _ = tick.tick() => Ok(Next::Tick),
                () = stopped(stop) => Err(Failure::Stopped),
            };
            let result = match next {
                Ok(Next::Happening(happening)) => self.happened(happening, &mut deciding, tell).await,
                Ok(Next::Chosen(choice)) => self.chosen(choice, tell).await,
                Ok(Next::Tick) => {
                    self.tick(tell);
                    Ok(())
                }
                Err(failure) => Err(failure),
            };
            match (result, self.complete) {
                // It has everything, and nothing takes that away.
                (Err(_), Some(_)) => return Ok(self.summary),
                (_, Some(complete)) if complete.elapsed() >= self.goodbye => return Ok(self.summary),
                (result, _) => result?,
            }
        }
    }

    async fn happened(
        &mut self,
        happening: Happening,
        deciding: &mut Option<Deciding>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Failure> {
        match happening {
            Happening::Joined if self.offered.is_none() => tell(Event::PeerJoined),
            Happening::Ready { again } => {
                (self.offer, self.received, self.confirmed) = (Offer::default(), 0, 0);
                happening.event().into_iter().for_each(&mut *tell);
                if again {
                    tell(Event::Path { direct: false });
                }
            }
            Happening::Message(message) => return self.heard(message, deciding, tell).await,
            Happening::Ended { code, by } => return Err(Failure::Ended { code, by }),
            other => other.event().into_iter().for_each(tell),
        }
        Ok(())
    }

    async fn heard(
        &mut self,
        message: Message,
        deciding: &mut Option<Deciding>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Failure> {
        if self.peer.was_stalled() {
            tell(Event::PeerBack);
        }
        match message {
            Message::Offer(offer) => {
                if self.gather(offer)? {
                    if let Some(asked) = self.consider(tell) {
                        *deciding = Some(asked);
                    }
                    if self.wanted.is_some() {
                        return self.accept().await;
                    }
                }
                Ok(())
            }
            Message::Data(data) => self.take(data, tell).await,
            Message::Paused { paused } => {
                tell(Event::PeerPaused { paused });
                Ok(())
            }
            Message::Cancel { reason } => Err(Failure::PeerCancelled(reason)),
            Message::Accept(_) | Message::Decline | Message::Ack { .. } | Message::Received => {
                Err(Failure::Protocol("a sender sends what receivers send"))
            }
            _ => Ok(()),
        }
    }

    /// Adds a part of the offer; `true` when it is whole.
    fn gather(&mut self, part: Offer) -> Result<bool, Failure> {
        self.offer.text = self.offer.text.take().or(part.text);
        self.offer.entries.extend(part.entries);
        let length: usize = self.offer.entries.iter().map(|entry| entry.path.len()).sum();
        if self.offer.last || self.offer.entries.len() > MOST_ENTRIES || length > LONGEST_LIST {
            return Err(Failure::Protocol("it offers more than fits"));
        }
        self.offer.last = part.last;
        Ok(part.last)
    }

    /// Asks what of the offer is wanted, the first time; the answer is used for all rounds.
    fn consider(&mut self, tell: &mut dyn FnMut(Event)) -> Option<Deciding> {
        let decide = self.decide.take()?;
        let offer = self.offer.clone();
        if let Some(text) = offer.text.clone() {
            tell(Event::Text { text });
        }
        self.offered = Some(offer.clone());
        if offer.entries.is_empty() {
            self.wanted = Some(Vec::new());
            return None;
        }
        let bytes = offer.entries.iter().filter_map(|entry| entry.size).fold(0, u64::saturating_add);
        tell(Event::Offered { entries: offer.entries.clone(), bytes });
        let offered = Offered { entries: offer.entries, bytes };
        let decision = tokio::task::spawn_blocking(move || decide(offered));
        // Whoever cannot be asked wants nothing.
        Some(Box::pin(async move { decision.await.unwrap_or(Choice::None) }))
    }

    async fn chosen(&mut self, choice: Choice, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let entries = self.offered.as_ref().map_or(&[][..], |offer| &offer.entries);
        let wanted: Vec<u32> = match choice {
            Choice::All => (0..entries.len() as u32).collect(),
            Choice::Some(wanted) if !wanted.is_empty() => wanted,
            _ => {
                self.peer.say(&Message::Decline).await?;
                return Err(Failure::ended(End::Declined));
            }
        };
        let chosen: Vec<_> = wanted.iter().filter_map(|entry| entries.get(*entry as usize)).collect();
        let files = chosen.iter().filter(|entry| !entry.folder).count() as u64;
        let sizes = chosen.iter().filter(|entry| !entry.folder).map(|entry| entry.size);
        self.total = sizes.sum::<Option<u64>>();
        (self.started, self.rate) = (Instant::now(), Rate::new(Instant::now()));
        tell(Event::Accepted { files, bytes: self.total.unwrap_or_default() });
        self.wanted = Some(wanted);
        // The offer of this round may still be on its way, if the connection broke meanwhile.
        if self.offer.last { self.accept().await } else { Ok(()) }
    }

    /// Says what is wanted, and where to begin.
    async fn accept(&mut self) -> Result<(), Failure> {
        if self.offered.as_ref() != Some(&self.offer) {
            return Err(Failure::Protocol("it offers something else than before"));
        }
        let wanted = self.wanted.as_deref().unwrap_or_default();
        let entry = wanted.get(self.next).copied().unwrap_or(self.offer.entries.len() as u32);
        let offset = self.current.as_ref().map_or(0, |current| current.offset);
        let start = (self.next > 0 || offset > 0).then_some(Start { entry, offset, digest: None });
        let all = wanted.len() == self.offer.entries.len();
        let entries = (!all).then(|| wanted.to_vec());
        self.peer.say(&Message::Accept(Accept { entries, window: WINDOW, start })).await?;
        self.check_complete().await
    }

    /// Takes a piece of a file.
    async fn take(&mut self, data: Data, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let wanted = self.wanted.as_deref().unwrap_or_default().get(self.next);
        let entry =
            wanted.filter(|entry| **entry == data.entry).and_then(|entry| self.offer.entries.get(*entry as usize));
        let entry = entry.ok_or(Failure::Protocol("it sends a file that is not next"))?.clone();
        let local = |error: std::io::Error| Failure::Local(format!("{} cannot be written: {error}", entry.path));
        if self.current.is_none() {
            self.current = Some(self.begin(&entry, data.offset, tell).map_err(local)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        if data.offset == 0 && current.offset > 0 && self.received == 0 {
            // The sender does not have what we have of it.
            current.restart().map_err(local)?;
        }
        let end = data.offset + data.content.len() as u64;
        let fits = entry.size.is_none_or(|size| if data.last { end == size } else { end < size || size == 0 });
        if data.offset != current.offset || !entry.folder && !fits || entry.folder && end > 0 {
            return Err(Failure::Protocol("it sends a piece that does not fit"));
        }
        match (&mut current.partial, &mut self.output) {
            (Some(partial), _) => partial.write_all(&data.content).map_err(local)?,
            (None, Output::Stream(stream)) => stream.write_all(&data.content).map_err(local)?,
            (None, Output::Folder(_)) => {}
        }
        current.offset = end;
        self.received += data.content.len() as u64;
        self.rate.bytes += data.content.len() as u64;
        self.summary.bytes += data.content.len() as u64;
        if data.last {
            self.finish(&entry, data.entry, tell).map_err(local)?;
        }
        if data.last || self.received - self.confirmed >= CONFIRM {
            self.confirmed = self.received;
            self.peer.say(&Message::Ack { bytes: self.received }).await?;
        }
        self.check_complete().await
    }

    fn begin(&mut self, entry: &Entry, offset: u64, tell: &mut dyn FnMut(Event)) -> std::io::Result<Current> {
        let number = self.wanted.as_ref().and_then(|wanted| wanted.get(self.next)).copied().unwrap_or_default();
        let partial = match &self.output {
            Output::Folder(folder) if !entry.folder => Some(folder.begin(&entry.path)?),
            _ => None,
        };
        if !entry.folder {
            tell(Event::FileStarted { entry: number, path: entry.path.clone(), size: entry.size, offset });
        }
        Ok(Current { partial, offset: 0 })
    }

    fn finish(&mut self, entry: &Entry, number: u32, tell: &mut dyn FnMut(Event)) -> std::io::Result<()> {
        let current = self.current.take();
        self.next += 1;
        match (current.and_then(|current| Some((current.partial?, current.offset))), &mut self.output) {
            (Some((partial, bytes)), _) => {
                let path = partial.finish()?;
                self.summary.files += 1;
                tell(Event::FileDone { entry: number, path, bytes });
            }
            (None, Output::Folder(folder)) => drop(folder.make(&entry.path)?),
            (None, Output::Stream(stream)) => {
                stream.flush()?;
                self.summary.files += 1;
                tell(Event::FileDone { entry: number, path: entry.path.clone(), bytes: 0 });
            }
        }
        Ok(())
    }

    async fn check_complete(&mut self) -> Result<(), Failure> {
        if self.wanted.as_ref().is_some_and(|wanted| self.next >= wanted.len()) {
            self.summary.seconds = self.started.elapsed().as_secs_f64();
            self.complete = Some(self.complete.unwrap_or_else(Instant::now));
            self.peer.say(&Message::Received).await?;
        }
        Ok(())
    }

    fn tick(&mut self, tell: &mut dyn FnMut(Event)) {
        let under_way = self.wanted.as_ref().filter(|_| self.complete.is_none() && !self.offer.entries.is_empty());
        if let Some(wanted) = under_way {
            let entry = wanted.get(self.next).copied();
            tell(progress(entry, self.summary.bytes, self.total, &mut self.rate, Instant::now()));
        }
    }
}

impl Current {
    fn restart(&mut self) -> std::io::Result<()> {
        self.offset = 0;
        match &mut self.partial {
            Some(partial) => partial.restart(),
            None => Err(std::io::Error::other("what has gone to a stream cannot be taken back")),
        }
    }
}

fn never() -> Deciding {
    Box::pin(std::future::pending())
}
