//! One transfer: its two sides, their connections, and how far the receiver has shown that it has the code.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chrono::{NaiveDateTime, TimeDelta};
use tokio::sync::{mpsc, watch};

use super::text;
use crate::protocol::direct::frame::{CONFIRM, PAKE};
use crate::protocol::direct::{End, Role, Signal};
use crate::protocol::websocket::NORMAL;
use crate::server::byte_budget::Spent;
use crate::server::http::socket::{Out, Outgoing};

/// How long a receiver that the sender has answered may take to show that it has the code; and where somebody else waits
/// for its place.
const UNPROVEN: TimeDelta = TimeDelta::seconds(10);
const UNPROVEN_IN_THE_WAY: TimeDelta = TimeDelta::seconds(3);

/// See the module.
pub struct Transfer {
    pub id: u128,
    /// The sign-in session that it was made in, where the sender had to sign in, or did.
    pub sign_in: Option<String>,
    pub made_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub sender: Side,
    pub receiver: Option<Side>,
    pub session: u32,
    pub proof: Proof,
    /// Whether the present receiver's is right, for the task that serves it.
    pub is_proven: Arc<AtomicBool>,
    pub spent: Spent,
}

/// What the frames of the key exchange tell by their first byte (see [`crate::protocol::direct::exchange`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    None,
    /// The sender has begun, at that time.
    Asked(NaiveDateTime),
    /// The receiver has made its guess.
    Given,
    /// The sender has found it right: the place is the receiver's.
    Right,
}

pub struct Side {
    /// Tells those who had the place one after the other; `None` where the server was started anew and anybody's ticket for
    /// it will do.
    pub number: Option<u64>,
    /// The network it came from. The sender's pays for the transfer.
    pub address: IpAddr,
    pub connection: Option<Connection>,
    pub lost_at: NaiveDateTime,
}

pub struct Connection {
    pub participant: u64,
    pub outgoing: Outgoing,
    /// Tells the task of this side where the other side's frames go; dropped when the transfer is over.
    pub peer: watch::Sender<Option<mpsc::Sender<Bytes>>>,
}

impl Transfer {
    pub fn side(&mut self, role: Role) -> Option<&mut Side> {
        match role {
            Role::Sender => Some(&mut self.sender),
            Role::Receiver => self.receiver.as_mut(),
        }
    }

    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        [Some(&self.sender), self.receiver.as_ref()].into_iter().flatten()
    }

    pub fn is_waiting(&self) -> bool {
        self.receiver.is_none()
    }

    /// The number of the sender's connection, which grows with time.
    pub fn participant(&self) -> u64 {
        self.sender.connection.as_ref().map_or(0, |connection| connection.participant)
    }

    pub fn has_participant(&self, participant: u64) -> bool {
        let has = |side: &Side| side.connection.as_ref().is_some_and(|it| it.participant == participant);
        self.sides().any(has)
    }

    /// Notes a frame of the key exchange. Returns whether it is the one that makes the place the receiver's.
    pub fn saw(&mut self, role: Role, kind: u8, now: NaiveDateTime) -> bool {
        self.proof = match (self.proof, role, kind) {
            (Proof::None, Role::Sender, PAKE) => Proof::Asked(now),
            (Proof::None | Proof::Asked(_), Role::Receiver, CONFIRM) => Proof::Given,
            (Proof::Given, Role::Sender, CONFIRM) => Proof::Right,
            (proof, ..) => proof,
        };
        let is_shown = (role, kind, self.proof) == (Role::Sender, CONFIRM, Proof::Right);
        if is_shown {
            self.is_proven.store(true, Ordering::Relaxed);
        }
        is_shown
    }

    /// Whether the receiver has made no guess of the words.
    pub fn is_unguessed(&self) -> bool {
        matches!(self.proof, Proof::None | Proof::Asked(_))
    }

    /// Whether the receiver does not show that it has the code, though it was asked.
    pub fn is_squatted(&self, is_in_the_way: bool, now: NaiveDateTime) -> bool {
        let patience = if is_in_the_way { UNPROVEN_IN_THE_WAY } else { UNPROVEN };
        matches!(self.proof, Proof::Asked(at) if now.signed_duration_since(at) >= patience)
    }

    /// The receiver has shown nothing, and is gone or has to go: the code waits on.
    pub fn put_out(&mut self, why: End) {
        if let Some(connection) = self.receiver.take().and_then(|side| side.connection) {
            connection.end(why, None);
        }
        self.proof = Proof::None;
        if let Some(sender) = &self.sender.connection {
            sender.peer.send_replace(None);
            sender.tell(&Signal::Waiting);
        }
    }

    pub fn pair(&mut self, grace: u64) {
        let receiver = self.receiver.as_ref().and_then(|side| side.connection.as_ref());
        match (self.sender.connection.as_ref(), receiver) {
            (Some(sender), Some(receiver)) => {
                self.session += 1;
                let paired = Signal::Paired { session: self.session };
                // Told before any frame of the other side can be queued; who answers at once, settles (see
                // Participant::pass_on).
                sender.tell(&paired);
                receiver.tell(&paired);
                sender.peer.send_replace(Some(receiver.outgoing.binary().clone()));
                receiver.peer.send_replace(Some(sender.outgoing.binary().clone()));
            }
            (None, Some(alone)) => alone.tell(&Signal::PeerLost { grace }),
            (Some(alone), None) if self.receiver.is_some() => alone.tell(&Signal::PeerLost { grace }),
            _ => {}
        }
    }
}

impl Connection {
    /// A client that reads nothing, not even this, is dropped by the time limits of its connection.
    pub fn tell(&self, signal: &Signal) {
        if !self.outgoing.urgent(Out::Text(text(signal))) {
            tracing::debug!("a signal was not delivered");
        }
    }

    pub fn end(self, code: End, by: Option<Role>) {
        // The task may still have frames, which belong to nobody now.
        self.peer.send_replace(None);
        self.outgoing.urgent(Out::Farewell(Some(text(&code.ended(by))), NORMAL));
    }
}
