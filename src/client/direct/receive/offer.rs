//! What is offered, and what of it is wanted.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

use super::Receiver;
use super::existing::Found;
use crate::client::direct::event::{Event, Failure};
use crate::client::direct::rate::Rate;
use crate::protocol::direct::message::{Entry, LARGEST_LIST, LONGEST_PATH, MOST_ENTRIES, MOST_HAD, Offer};
use crate::protocol::direct::{End, Message};

/// What there is to decide on.
#[derive(Clone, Debug)]
pub struct Offered {
    pub entries: Vec<Entry>,
    /// All sizes that are known.
    pub bytes: u64,
    /// What the disk has room for, where that is known.
    pub free: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    All,
    /// These entries, in order.
    Some(Vec<u32>),
    None,
}

impl Choice {
    /// The numbers of what is wanted of so many entries.
    fn of(&self, count: usize) -> Vec<u32> {
        match self {
            Choice::All => (0..u32::try_from(count).unwrap_or(u32::MAX)).collect(),
            Choice::Some(wanted) => wanted.clone(),
            Choice::None => Vec::new(),
        }
    }
}

/// The answer, once there is one, and what is there already.
pub type Deciding = Pin<Box<dyn Future<Output = (Choice, Found)> + Send>>;

/// Nobody is asked.
pub fn never() -> Deciding {
    Box::pin(std::future::pending())
}

impl Receiver {
    /// Adds a part of the offer; `true` when it is whole.
    pub(super) fn gather(&mut self, part: Offer) -> Result<bool, Failure> {
        self.offer.text = self.offer.text.take().or(part.text);
        self.offer.entries.extend(part.entries);
        let length: usize = self.offer.entries.iter().map(|entry| entry.path.len()).sum();
        if self.offer.last || self.offer.entries.len() > MOST_ENTRIES || length > LARGEST_LIST {
            return Err(Failure::Protocol("it offers more than fits"));
        }
        if self.offer.entries.iter().any(|entry| entry.path.len() > LONGEST_PATH) {
            return Err(Failure::Protocol("it offers a name that is longer than any system takes"));
        }
        self.offer.last = part.last;
        Ok(part.last)
    }

    /// Asks what of the offer is wanted, the first time; the answer is used for all rounds.
    pub(super) fn consider(&mut self, tell: &mut dyn FnMut(Event)) -> Result<Option<Deciding>, Failure> {
        let Some(decide) = self.decide.take() else { return Ok(None) };
        let offer = self.offer.clone();
        self.offered = Some(offer.clone());
        if self.wanted.is_some() {
            // It was chosen in another process.
            if !self.journal.state.as_ref().is_some_and(|state| state.is_of(&offer)) {
                return Err(Failure::Protocol("it offers something else than before"));
            }
            let wanted = self.wanted.clone().unwrap_or_default();
            return Ok(Some(self.decided(Choice::Some(wanted))));
        }
        if let Some(text) = offer.text {
            tell(Event::Text { text });
        }
        if offer.entries.is_empty() {
            (self.wanted, self.is_ready) = (Some(Vec::new()), true);
            return Ok(None);
        }
        let bytes = offer.entries.iter().filter_map(|entry| entry.size).fold(0, u64::saturating_add);
        tell(Event::Offered { entries: offer.entries.clone(), bytes });
        let offered = Offered { entries: offer.entries, bytes, free: self.files.free() };
        Ok(Some(self.answer(move || decide(offered))))
    }

    /// Waits for an answer, and looks for what of it is there already.
    fn answer(&self, decide: impl FnOnce() -> Choice + Send + 'static) -> Deciding {
        let existing = self.files.existing();
        let entries = self.offered.as_ref().map(|offer| offer.entries.clone()).unwrap_or_default();
        let decision = tokio::task::spawn_blocking(move || {
            let choice = decide();
            let wanted = choice.of(entries.len());
            let found = existing.map(|existing| existing.look(&wanted, &entries)).unwrap_or_default();
            (choice, found)
        });
        // Whoever cannot be asked wants nothing.
        Box::pin(async move { decision.await.unwrap_or((Choice::None, Found::default())) })
    }

    fn decided(&self, choice: Choice) -> Deciding {
        self.answer(move || choice)
    }

    /// Tells what is there already of what is still to come.
    pub(super) async fn say_had(&mut self) -> Result<(), Failure> {
        let next = self.wanted.as_ref().and_then(|wanted| wanted.get(self.files.next)).copied();
        let had: Vec<_> = self.had.iter().filter(|had| next.is_some_and(|next| had.entry >= next)).cloned().collect();
        for files in had.chunks(MOST_HAD) {
            self.peer.say(&Message::Have { files: files.to_vec() }).await?;
        }
        Ok(())
    }

    pub(super) async fn chosen(
        &mut self,
        (choice, found): (Choice, Found),
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Failure> {
        let Some(offer) = &self.offered else { return Ok(()) };
        self.files.may_go_on_with(found.begun.into_iter());
        self.had = found.had;
        if self.wanted.is_none() {
            let wanted = choice.of(offer.entries.len());
            if wanted.is_empty() {
                self.peer.say(&Message::Decline).await?;
                return Err(Failure::ended(End::Declined));
            }
            self.journal.chosen(offer, &wanted);
            self.wanted = Some(wanted);
        }
        self.is_ready = true;
        self.begin(tell);
        // The offer of this round may still be on its way, if the connection broke meanwhile.
        if self.offer.last { self.accept().await } else { Ok(()) }
    }

    /// It is clear what is to come.
    pub(super) fn begin(&mut self, tell: &mut dyn FnMut(Event)) {
        let entries = self.offered.as_ref().map_or(&[][..], |offer| &offer.entries);
        let wanted = self.wanted.iter().flatten().filter_map(|entry| entries.get(*entry as usize));
        let files: Vec<&Entry> = wanted.filter(|entry| !entry.folder).collect();
        self.total = files.iter().try_fold(0u64, |total, entry| total.checked_add(entry.size?));
        (self.started, self.rate) = (Instant::now(), Rate::new(Instant::now()));
        tell(Event::Accepted { files: files.len() as u64, bytes: self.total.unwrap_or_default() });
    }
}
