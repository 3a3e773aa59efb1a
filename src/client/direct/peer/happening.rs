//! What happens between the two ends, as whoever sends or receives is told.

use std::time::Duration;

use crate::client::direct::event::Event;
use crate::protocol::direct::{End, Message, Role};

/// What happens between the two ends.
#[derive(Debug)]
pub enum Happening {
    /// Both are connected; the keys are being agreed on.
    Joined,
    /// The keys are there: a session begins, the first one or another.
    Ready {
        again: bool,
        /// Whether one of the two was said to be out of reach.
        was_missed: bool,
    },
    /// A session is over, and another one is being agreed on: what was not confirmed is to be sent again.
    Interrupted,
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
    /// Whether what is said goes elsewhere from now on, or nowhere.
    pub fn changes_outbox(&self) -> bool {
        matches!(self, Happening::Moved | Happening::Interrupted)
    }

    /// What to tell of a connection that breaks or comes back.
    pub fn event(&self) -> Option<Event> {
        match self {
            Happening::PeerLost { grace } => Some(Event::PeerLost { grace: *grace }),
            Happening::ConnectionLost => Some(Event::ConnectionLost),
            Happening::ConnectionBack => Some(Event::ConnectionBack),
            Happening::Ready { again: false, .. } => Some(Event::Confirmed),
            Happening::Ready { again: true, was_missed } => was_missed.then_some(Event::PeerBack),
            Happening::Moved => Some(Event::Path { direct: true }),
            Happening::Stalled(time) => Some(Event::PeerStalled { seconds: time.as_secs() }),
            _ => None,
        }
    }
}
