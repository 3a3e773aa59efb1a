//! What is offered, and what of it is wanted.

use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

use super::Receiver;
use crate::client::direct::event::{Event, Failure};
use crate::client::direct::rate::Rate;
use crate::protocol::direct::message::{Entry, MOST_ENTRIES, Offer};
use crate::protocol::direct::{End, Message};

/// Bytes of all paths of an offer.
const LONGEST_LIST: usize = 16 << 20;

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

/// The answer, once there is one.
pub type Deciding = Pin<Box<dyn Future<Output = Choice> + Send>>;

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
        if self.offer.last || self.offer.entries.len() > MOST_ENTRIES || length > LONGEST_LIST {
            return Err(Failure::Protocol("it offers more than fits"));
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
            self.begin(tell);
            return Ok(None);
        }
        if let Some(text) = offer.text {
            tell(Event::Text { text });
        }
        if offer.entries.is_empty() {
            self.wanted = Some(Vec::new());
            return Ok(None);
        }
        let bytes = offer.entries.iter().filter_map(|entry| entry.size).fold(0, u64::saturating_add);
        tell(Event::Offered { entries: offer.entries.clone(), bytes });
        let offered = Offered { entries: offer.entries, bytes };
        let decision = tokio::task::spawn_blocking(move || decide(offered));
        // Whoever cannot be asked wants nothing.
        Ok(Some(Box::pin(async move { decision.await.unwrap_or(Choice::None) })))
    }

    pub(super) async fn chosen(&mut self, choice: Choice, tell: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        let Some(offer) = &self.offered else { return Ok(()) };
        let wanted: Vec<u32> = match choice {
            Choice::All => (0..offer.entries.len() as u32).collect(),
            Choice::Some(wanted) if !wanted.is_empty() => wanted,
            _ => {
                self.peer.say(&Message::Decline).await?;
                return Err(Failure::ended(End::Declined));
            }
        };
        self.journal.chosen(offer, &wanted);
        self.wanted = Some(wanted);
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
