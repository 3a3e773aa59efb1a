//! The receiver's end.

mod begin;
mod existing;
mod files;
mod offer;
mod state;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use self::begin::{begin, spent};
use self::existing::Found;
use self::files::Files;
pub use self::offer::{Choice, Offered};
use self::offer::{Deciding, never};
use self::state::{Journal, State};
use super::event::{Event, Failure, Summary};
use super::peer::{Happening, Peer};
use super::rate::{Rate, Window, progress};
use super::resume_state::ResumeState;
use super::{Pace, Route, Stop, TICK, stopped};
use crate::client::Server;
use crate::protocol::direct::message::{Accept, Data, Had, Offer};
use crate::protocol::direct::{Code, Message};

/// How much is received before it is confirmed: each confirmation wakes both ends and the server. On a slow line the time
/// counts, for the sender's progress.
const CONFIRM: u64 = Window::FIRST / 4;
const CONFIRM_TIME: Duration = Duration::from_millis(200);

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
    /// Where another process finds what it needs to go on; not for [`Target::Output`], which cannot be taken up again.
    pub resume: Option<ResumeState>,
}

/// Where files go.
pub enum Target {
    Folder(PathBuf),
    /// All contents one after another, e.g. to standard output.
    Output(Box<dyn Write + Send>),
}

/// Receives what whoever made the code sends.
///
/// # Errors
/// [`Failure`]. The other side and the server have been told then, if they can be. What has come of an incomplete file stays
/// under a name that says so, unless it was not to be trusted.
pub async fn receive(receiving: Receiving, tell: &mut dyn FnMut(Event)) -> Result<Summary, Failure> {
    let Receiving { server, pace, route, code, target, decide, mut stop, resume } = receiving;
    let resume = resume.filter(|_| matches!(target, Target::Folder(_)));
    let state = resume.as_ref().and_then(ResumeState::load::<State>);
    if let Some(unconfirmed) = state.as_ref().filter(|state| state.master().is_none()) {
        return Err(spent(&server, &pace, &unconfirmed.place, resume).await);
    }
    if state.is_some() {
        tell(Event::Resumed { code: code.to_string() });
    }
    let folder = match (&state, &target) {
        (Some(state), _) => state.folder.clone(),
        (None, Target::Folder(path)) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
        (None, Target::Output(_)) => PathBuf::new(),
    };
    // Before the connection is made: it may take longer than the server bears with a silent one.
    let mut files = Files::open(target, state.as_ref())?;
    let begun = tokio::select! {
        begun = begin(&server, &code, &pace, state.as_ref()) => begun,
        () = stopped(&mut stop) => Err(Failure::Stopped),
    };
    let (link, place) = match begun {
        Ok(begun) => begun,
        Err(failure) => {
            match (&failure, resume) {
                // The server may be there again in a moment.
                (Failure::Unreachable(_) | Failure::Refused(_), Some(_)) => drop(files.leave()),
                (_, resume) => resume.iter().for_each(ResumeState::clear),
            }
            return Err(failure);
        }
    };
    let mut peer = Peer::new(server, pace, route, place, code, link);
    peer.master = state.as_ref().and_then(State::master);
    let wanted = state.as_ref().and_then(State::wanted);
    let mut journal = Journal { resume, state };
    journal.joined(&peer.place, &folder);
    let mut receiver = Receiver {
        peer,
        files,
        journal,
        offer: Offer::default(),
        offered: None,
        decide: Some(decide),
        wanted,
        is_ready: false,
        had: Vec::new(),
        is_dirty: false,
        confirmed: 0,
        confirmed_at: Instant::now(),
        started: Instant::now(),
        rate: Rate::new(Instant::now()),
        window: Window::new(pace.window, Instant::now()),
        total: None,
        complete: None,
        goodbye: pace.goodbye,
    };
    let result = receiver.run(&mut stop, tell).await;
    if result.as_ref().is_err_and(Failure::leaves_what_came)
        && let Some((path, bytes)) = receiver.files.leave()
    {
        tell(Event::Kept { path, bytes });
    }
    receiver.journal.resume.iter().for_each(ResumeState::clear);
    receiver.peer.leave(&result).await;
    result
}

struct Receiver {
    peer: Peer,
    files: Files,
    journal: Journal,
    /// What has come of the offer in this round.
    offer: Offer,
    /// The offer of the first round; all later ones must be the same.
    offered: Option<Offer>,
    decide: Option<Box<dyn FnOnce(Offered) -> Choice + Send>>,
    /// What was chosen of it, once it was.
    wanted: Option<Vec<u32>>,
    /// It is known what of that is there already.
    is_ready: bool,
    had: Vec<Had>,
    /// More is there than was written down for another process.
    is_dirty: bool,
    /// What was confirmed of this round's content.
    confirmed: u64,
    confirmed_at: Instant,
    started: Instant,
    rate: Rate,
    window: Window,
    /// Bytes of all that is wanted, if they are known.
    total: Option<u64>,
    /// When everything was there.
    complete: Option<Instant>,
    goodbye: Duration,
}

enum Next {
    Happening(Happening),
    Chosen((Choice, Found)),
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
                Ok(next) => tokio::select! {
                    biased; // most often there is nothing to wait for
                    taken = self.act(next, &mut deciding, tell) => taken,
                    () = stopped(stop) => Err(Failure::Stopped),
                },
                Err(failure) => Err(failure),
            };
            match (result, self.complete) {
                // It has everything, and nothing takes that away.
                (Err(_), Some(_)) => return Ok(self.files.summary),
                (_, Some(complete)) if complete.elapsed() >= self.goodbye => return Ok(self.files.summary),
                (result, _) => result?,
            }
        }
    }

    async fn act(
        &mut self,
        next: Next,
        deciding: &mut Option<Deciding>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Failure> {
        match next {
            Next::Happening(happening) => self.happened(happening, deciding, tell).await,
            Next::Chosen(choice) => self.chosen(choice, tell).await,
            Next::Tick => self.tick(tell).await,
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
            Happening::Ready { again, .. } => {
                (self.offer, self.files.received, self.confirmed) = (Offer::default(), 0, 0);
                self.window.restart(Instant::now());
                if let Some(master) = &self.peer.master {
                    self.journal.confirmed(master);
                }
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
                    if let Some(asked) = self.consider(tell)? {
                        *deciding = Some(asked);
                    }
                    if self.is_ready {
                        return self.accept().await;
                    }
                }
                Ok(())
            }
            Message::Data(data) => self.take(data, tell).await,
            Message::Skipped { entry, reason } => {
                let wanted = self.wanted.as_deref().unwrap_or_default();
                self.files.skip(entry, reason, wanted, &self.offer.entries, tell)?;
                self.is_dirty = true;
                let size = self.offer.entries.get(entry as usize).and_then(|entry| entry.size).unwrap_or_default();
                self.total = self.total.map(|total| total.saturating_sub(size));
                self.check_complete().await
            }
            Message::Paused { paused } => {
                tell(Event::PeerPaused { paused });
                Ok(())
            }
            Message::Cancel { reason } => Err(Failure::PeerCancelled(reason)),
            Message::Have { .. } | Message::Accept(_) | Message::Decline | Message::Ack { .. } | Message::Received => {
                Err(Failure::Protocol("a sender sends what receivers send"))
            }
            _ => Ok(()),
        }
    }

    /// Says what is wanted, and where to begin.
    async fn accept(&mut self) -> Result<(), Failure> {
        if self.offered.as_ref() != Some(&self.offer) {
            return Err(Failure::Protocol("it offers something else than before"));
        }
        self.say_had().await?;
        let (wanted, count) = (self.wanted.as_deref().unwrap_or_default(), self.offer.entries.len());
        let start = self.files.start(wanted, count as u32);
        self.peer.say(&Message::Accept(Accept::of(wanted, count, self.window.bytes, start))).await?;
        self.check_complete().await
    }

    /// Takes a piece of a file.
    async fn take(&mut self, data: Data, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let wanted = self.wanted.as_deref().unwrap_or_default();
        self.is_dirty |= self.files.take(&data, wanted, &self.offer.entries, tell)?;
        self.rate.bytes += data.content.len() as u64;
        let much = self.files.received - self.confirmed >= CONFIRM;
        if much || self.confirmed_at.elapsed() >= CONFIRM_TIME {
            self.confirm().await?;
        }
        self.check_complete().await
    }

    async fn confirm(&mut self) -> Result<(), Failure> {
        (self.confirmed, self.confirmed_at) = (self.files.received, Instant::now());
        let window = self.window.come(self.files.received, self.confirmed_at);
        self.peer.say(&Message::Ack { bytes: self.files.received, window }).await
    }

    async fn check_complete(&mut self) -> Result<(), Failure> {
        if self.wanted.as_ref().is_some_and(|wanted| self.files.next >= wanted.len()) {
            if self.complete.is_none() && self.files.received > self.confirmed {
                self.confirm().await?;
            }
            self.files.summary.seconds = self.started.elapsed().as_secs_f64();
            self.complete = Some(self.complete.unwrap_or_else(Instant::now));
            self.peer.say(&Message::Received).await?;
        }
        Ok(())
    }

    async fn tick(&mut self, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        if std::mem::take(&mut self.is_dirty) {
            let at = self.files.at().map_err(|error| Failure::Local(error.to_string()))?;
            self.journal.at(at);
        }
        if self.complete.is_none() && self.files.received > self.confirmed {
            self.confirm().await?;
        }
        let under_way = self.wanted.as_ref().filter(|_| self.complete.is_none() && !self.offer.entries.is_empty());
        if let Some(wanted) = under_way {
            let entry = wanted.get(self.files.next).copied();
            tell(progress(entry, self.files.summary.bytes, self.total, &mut self.rate, Instant::now()));
        }
        Ok(())
    }
}
