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
