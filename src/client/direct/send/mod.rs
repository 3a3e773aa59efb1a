//! The sender's end.

mod begin;
mod round;

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use tokio::sync::mpsc::OwnedPermit;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::begin::{Journal, begin};
use self::round::Round;
use super::event::{Event, Failure, Summary, WhyNot};
use super::peer::{Happening, Peer};
use super::rate::{Rate, Window, progress};
use super::resume_state::ResumeState;
use super::source::{Piece, Reading, Source, Sources};
use super::{Pace, Route, Stop, TICK, stopped};
use crate::client::Server;
use crate::protocol::direct::message::{Accept, Entry, Had, Offer, Skip, Start, offers};
use crate::protocol::direct::{End, Message, PIECE, Role};

/// What is sent, and where.
pub struct Sending {
    pub server: Server,
    pub pace: Pace,
    pub route: Route,
    pub text: Option<String>,
    pub sources: Sources,
    pub stop: Stop,
    /// Where another process finds what it needs to go on.
    pub resume: Option<ResumeState>,
}

/// Sends to whoever comes with the code, which is the first event, or after that the second one.
///
/// # Errors
/// [`Failure`]. The other side and the server have been told then, if they can be.
pub async fn send(sending: Sending, tell: &mut dyn FnMut(Event)) -> Result<Summary, Failure> {
    let Sending { server, pace, route, text, sources, mut stop, resume } = sending;
    // A stream cannot be read again by another process.
    let resume = resume.and_then(|resume| Some((resume, sources.digest(text.as_deref())?)));
    let offers = offers(text, sources.entries.clone()).map_err(|error| Failure::Local(error.to_string()))?;
    let begun = tokio::select! {
        begun = begin(&server, &pace, resume, tell) => begun?,
        () = stopped(&mut stop) => return Err(Failure::Stopped),
    };
    let mut peer = Peer::new(server.clone(), pace, route.clone(), begun.place, begun.code, begun.link);
    peer.master = begun.master;
    let mut sender = Sender {
        peer,
        journal: begun.journal,
        offers,
        entries: sources.entries,
        sources: sources.sources,
        round: None,
        expires: begun.life.map(|life| Instant::now() + life),
        started: None,
        rate: Rate::new(Instant::now()),
        files: 0,
        total: None,
        time_left: None,
        had: HashMap::new(),
        left_out: BTreeSet::new(),
        same: BTreeSet::new(),
    };
    let result = loop {
        let result = sender.run(&mut stop, tell).await;
        let why = result.as_ref().err().and_then(WhyNot::of).filter(|_| sender.expires.is_some());
        let Some(why) = why else { break result };
        // Nobody has come with the code, and nobody can any more.
        tell(Event::NotResumed { code: sender.peer.code.to_string(), why });
        let begun = tokio::select! {
            begun = begin(&server, &pace, sender.journal.take(), tell) => begun,
            () = stopped(&mut stop) => Err(Failure::Stopped),
        };
        match begun {
            Ok(begun) => {
                sender.peer = Peer::new(server.clone(), pace, route.clone(), begun.place, begun.code, begun.link);
                sender.journal = begun.journal;
                sender.expires = begun.life.map(|life| Instant::now() + life);
            }
            Err(failure) => break Err(failure),
        }
    };
    sender.round = None; // it holds the connection's queue open
    sender.journal.clear();
    sender.peer.leave(&result).await;
    result
}

struct Sender {
    peer: Peer,
    journal: Journal,
    offers: Vec<Offer>,
    entries: Vec<Entry>,
    sources: Vec<Source>,
    /// What runs since the receiver has accepted, for as long as both are connected.
    round: Option<Round>,
    /// When the code ends, until somebody comes.
    expires: Option<Instant>,
    started: Option<Instant>,
    rate: Rate,
    /// Files that the receiver takes, and their bytes, if they are known.
    files: u64,
    total: Option<u64>,
    /// What was last said of the time left.
    time_left: Option<u64>,
    /// What the receiver seems to have.
    had: HashMap<u32, Had>,
    /// Entries that could not be sent, and those that need not be.
    left_out: BTreeSet<u32>,
    same: BTreeSet<u32>,
}

enum Next {
    Happening(Happening),
    /// Where to begin, once that was found out.
    Checked(Start),
    Piece(OwnedPermit<Bytes>, Result<Piece, String>),
    Tick,
}

impl Sender {
    async fn run(&mut self, stop: &mut Stop, tell: &mut dyn FnMut(Event)) -> Result<Summary, Failure> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = tokio::select! {
                happening = self.peer.next() => Next::Happening(happening?),
                piece = Round::next(&mut self.round, &mut self.sources) => piece,
                _ = tick.tick() => Next::Tick,
                () = stopped(stop) => return Err(Failure::Stopped),
            };
            match next {
                Next::Happening(happening) => {
                    let taken = tokio::select! {
                        biased; // most often there is nothing to wait for
                        taken = self.happened(happening, tell) => taken?,
                        () = stopped(stop) => return Err(Failure::Stopped),
                    };
                    if let Some(summary) = taken {
                        return Ok(summary);
                    }
                }
                Next::Checked(start) => self.checked(&start, tell),
                Next::Piece(permit, piece) => self.pass(permit, piece.map_err(Failure::Local)?, tell)?,
                Next::Tick => self.tick(tell),
            }
        }
    }

    async fn happened(
        &mut self,
        happening: Happening,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Option<Summary>, Failure> {
        match happening {
            Happening::Joined => {
                if self.expires.take().is_some() {
                    tell(Event::PeerJoined);
                }
            }
            Happening::Ready { again, .. } => {
                if let Some(master) = &self.peer.master {
                    self.journal.confirmed(master);
                }
                happening.event().into_iter().for_each(&mut *tell);
                if again {
                    tell(Event::Path { direct: false });
                }
                self.had.clear();
                for offer in self.offers.clone() {
                    self.peer.say(&Message::Offer(offer)).await?;
                }
            }
            Happening::Message(message) => return self.heard(message, tell),
            Happening::Moved => {
                if let (Some(round), Some(outbox)) = (&mut self.round, self.peer.outbox()) {
                    round.outbox = outbox;
                }
                happening.event().into_iter().for_each(tell);
            }
            Happening::PeerLost { .. } | Happening::ConnectionLost | Happening::Interrupted => {
                self.round = None;
                happening.event().into_iter().for_each(tell);
            }
            Happening::ConnectionBack | Happening::Stalled(_) => happening.event().into_iter().for_each(tell),
            Happening::Ended { code, by } => return Err(Failure::Ended { code, by }),
        }
        Ok(None)
    }

    fn heard(&mut self, message: Message, tell: &mut dyn FnMut(Event)) -> Result<Option<Summary>, Failure> {
        if self.peer.was_stalled() {
            tell(Event::PeerBack);
        }
        match message {
            Message::Have { files } => self.note_had(files)?,
            Message::Accept(accept) => self.begin(accept, tell)?,
            Message::Decline => return Err(Failure::Ended { code: End::Declined, by: Some(Role::Receiver) }),
            Message::Ack { bytes, window } => {
                let window = window.map(|window| self.window(window));
                if let Some(round) = &mut self.round {
                    if bytes > round.sent || bytes < round.acked {
                        return Err(Failure::Protocol("it confirms what was not sent"));
                    }
                    self.rate.bytes += bytes - round.acked;
                    round.acked = bytes;
                    round.window = window.unwrap_or(round.window);
                    while let Some((_, entry)) = round.unconfirmed.pop_front_if(|(end, _)| *end <= bytes) {
                        let Entry { path, size, folder, .. } = &self.entries[entry as usize];
                        if !folder {
                            tell(Event::FileDone { entry, path: path.clone(), bytes: size.unwrap_or_default() });
                        }
                    }
                }
            }
            Message::Received => {
                let over = self.round.as_ref().filter(|round| round.reading.is_none() && round.checking.is_none());
                let round = over.ok_or(Failure::Protocol("it says that it has what was not sent"))?;
                return Ok(Some(self.summary(round.before + round.sent - round.dropped)));
            }
            Message::Paused { paused } => tell(Event::PeerPaused { paused }),
            Message::Cancel { reason } => return Err(Failure::PeerCancelled(reason)),
            Message::Offer(_) | Message::Data(_) | Message::Skipped { .. } => {
                return Err(Failure::Protocol("a receiver sends what senders send"));
            }
            _ => {}
        }
        Ok(None)
    }

    /// How much may be on its way of what the receiver allows: of a stream, what can be sent again.
    fn window(&self, allowed: u64) -> u64 {
        let has_stream = self.entries.iter().any(|entry| !entry.folder && entry.size.is_none());
        allowed.clamp(PIECE as u64, if has_stream { Window::FIRST } else { u64::MAX })
    }

    /// The receiver has said what it wants, and where to begin.
    fn begin(&mut self, accept: Accept, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let wanted = accept.wanted(self.entries.len());
        let wanted = wanted.ok_or(Failure::Protocol("it accepts what was not offered"))?;
        let Some(outbox) = self.peer.outbox() else { return Ok(()) };
        let size = |entry: &u32| self.entries[*entry as usize].size.unwrap_or_default();
        let files = wanted.iter().map(|entry| &self.entries[*entry as usize]).filter(|entry| !entry.folder);
        let (files, total) = (files.clone().count() as u64, files.map(|entry| entry.size).sum::<Option<u64>>());
        if self.started.is_none() {
            (self.started, self.rate) = (Some(Instant::now()), Rate::new(Instant::now()));
            (self.files, self.total) = (files, total);
            tell(Event::Accepted { files, bytes: total.unwrap_or_default() });
        }
        let start = accept.start.filter(|start| start.entry > 0 || start.offset > 0);
        let first = start.as_ref().map_or(0, |start| start.entry);
        let is_there = |entry: &&u32| **entry < first && !self.left_out.contains(*entry) && !self.same.contains(*entry);
        let before: u64 = wanted.iter().filter(is_there).map(size).sum();
        let mut wanted: VecDeque<u32> = wanted.into_iter().filter(|entry| *entry >= first).collect();
        let start = start.filter(|start| wanted.front() == Some(&start.entry));
        let first = wanted.pop_front();
        let start = start.unwrap_or(Start { entry: first.unwrap_or_default(), offset: 0, digest: None });
        let checking = start.digest.as_ref().map(|_| self.sources[start.entry as usize].check(&start));
        let is_checked = checking.is_none();
        self.round = Some(Round {
            outbox,
            checking: checking.map(|checking| (start.clone(), checking)),
            before,
            dropped: 0,
            reading: None,
            wanted,
            window: self.window(accept.window),
            sent: 0,
            acked: 0,
            unconfirmed: VecDeque::new(),
        });
        if first.is_some() && is_checked {
            self.checked(&start, tell);
        }
        Ok(())
    }

    /// It is clear where to begin.
    fn checked(&mut self, start: &Start, tell: &mut dyn FnMut(Event)) {
        let reading = self.open(start.entry, start.offset);
        if let Some(round) = &mut self.round {
            round.checking = None;
            round.before += reading.offset;
            round.reading = Some(reading);
        }
        if start.offset > 0 {
            self.started(start.entry, start.offset, tell);
        }
    }

    fn open(&self, entry: u32, offset: u64) -> Reading {
        Reading::open(&self.sources[entry as usize], entry, offset, self.had.get(&entry).cloned())
    }

    fn started(&self, entry: u32, offset: u64, tell: &mut dyn FnMut(Event)) {
        let Entry { path, size, folder, .. } = &self.entries[entry as usize];
        if !folder {
            tell(Event::FileStarted { entry, path: path.clone(), size: *size, offset });
        }
    }

    fn note_had(&mut self, files: Vec<Had>) -> Result<(), Failure> {
        self.had.extend(files.into_iter().map(|had| (had.entry, had)));
        match self.had.len() > self.entries.len() {
            true => Err(Failure::Protocol("it has what was not offered")),
            false => Ok(()),
        }
    }

    fn summary(&self, bytes: u64) -> Summary {
        let (skipped, same) = (self.left_out.len() as u64, self.same.len() as u64);
        let seconds = self.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        let is_file = |entry: &&u32| !self.entries[**entry as usize].folder;
        let missing = self.left_out.iter().chain(&self.same).filter(is_file).count() as u64;
        Summary { files: self.files.saturating_sub(missing), bytes, seconds, skipped, same }
    }

    /// Sends a piece, and opens the next entry after the last one of this.
    fn pass(&mut self, permit: OwnedPermit<Bytes>, piece: Piece, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let Piece { buffer, length, last, begins, skipped } = piece;
        let Some(sealed) = self.peer.seal(buffer)? else { return Ok(()) };
        permit.send(sealed);
        let Some(round) = &mut self.round else { return Ok(()) };
        round.sent += length as u64;
        let Some(entry) = round.reading.as_ref().map(|reading| reading.entry) else { return Ok(()) };
        round.before += begins.unwrap_or_default();
        if last {
            round.reading = None;
            match skipped {
                None => round.unconfirmed.push_back((round.sent, entry)),
                Some((_, dropped)) => round.dropped += dropped,
            }
        }
        if let Some(offset) = begins {
            self.started(entry, offset, tell);
        }
        if let Some((reason, _)) = skipped {
            self.skipped(entry, reason, tell);
        }
        if last
            && let Some(round) = &mut self.round
            && let Some(entry) = round.wanted.pop_front()
        {
            let reading = self.open(entry, 0);
            if let Some(round) = &mut self.round {
                round.reading = Some(reading);
            }
        }
        Ok(())
    }

    /// The receiver was told that an entry does not come.
    fn skipped(&mut self, entry: u32, reason: Skip, tell: &mut dyn FnMut(Event)) {
        let set = if reason == Skip::Same { &mut self.same } else { &mut self.left_out };
        if set.insert(entry) {
            let Entry { path, size, .. } = &self.entries[entry as usize];
            self.total = self.total.map(|total| total.saturating_sub(size.unwrap_or_default()));
            tell(Event::FileSkipped { entry, path: path.clone(), reason });
        }
    }

    fn tick(&mut self, tell: &mut dyn FnMut(Event)) {
        let now = Instant::now();
        if let Some(expires) = self.expires {
            let seconds = expires.saturating_duration_since(now).as_secs();
            if self.time_left.replace(seconds) != Some(seconds) {
                tell(Event::TimeLeft { seconds });
            }
        }
        if let Some(round) = &self.round {
            let entry = round.unconfirmed.front().map(|(_, entry)| *entry);
            let entry = entry.or(round.reading.as_ref().map(|reading| reading.entry));
            let bytes = (round.before + round.acked).saturating_sub(round.dropped);
            tell(progress(entry, bytes, self.total, &mut self.rate, now));
        }
    }
}
