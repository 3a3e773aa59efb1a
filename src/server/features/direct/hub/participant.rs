//! A connected side's place at the hub.

use bytes::Bytes;
use chrono::NaiveDateTime;
use tokio::sync::{mpsc, watch};

use super::window::{Place, Window};
use super::{Hub, text};
use crate::protocol::direct::frame::SEALED;
use crate::protocol::direct::{End, Role, Signal};
use crate::server::byte_budget::Spent;
use crate::server::http::socket::{Out, Outgoing};

/// See the module. Whoever holds it says [`Participant::leave`] when the connection is over.
pub struct Participant {
    hub: Hub,
    pub nameplate: u32,
    pub role: Role,
    id: u64,
    outgoing: Outgoing,
    peer: watch::Receiver<Option<mpsc::Sender<Bytes>>>,
    spent: Spent,
    window: Window,
}

/// The transfer is over for this connection.
#[derive(Debug)]
pub struct Over;

impl Participant {
    #[expect(clippy::too_many_arguments, reason = "each is a field")]
    pub(super) fn new(
        hub: Hub,
        nameplate: u32,
        role: Role,
        id: u64,
        outgoing: Outgoing,
        peer: watch::Receiver<Option<mpsc::Sender<Bytes>>>,
        spent: Spent,
        window: Window,
    ) -> Participant {
        Participant { hub, nameplate, role, id, outgoing, peer, spent, window }
    }

    /// Says the first word to this side; then the two are joined if the other is there.
    pub fn welcome(&self, signal: &Signal, now: NaiveDateTime) {
        self.outgoing.urgent(Out::Text(text(signal)));
        self.hub.pair(self.nameplate, now);
    }

    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// Sends to this side, before all frames. `false` when it takes nothing.
    pub fn urgent(&self, out: Out) -> bool {
        self.outgoing.urgent(out)
    }

    /// Waits for a place for the next frame of this side.
    pub async fn place(&self) -> Place {
        self.window.place().await
    }

    /// Notes a frame that is to be passed on.
    pub fn note(&self, frame: &[u8], now: NaiveDateTime) {
        if let Some(kind) = frame.first().copied().filter(|kind| *kind != SEALED) {
            self.hub.saw(self.nameplate, self.id, self.role, kind, now);
        }
    }

    /// Passes a frame on to the other side, and waits until there is room. Without another side the frame is dropped: it
    /// belongs to a session that is over.
    ///
    /// # Errors
    /// [`Over`].
    pub async fn pass_on(&mut self, frame: Bytes, place: Place) -> Result<(), Over> {
        self.spent.add(frame.len());
        if self.spent.is_over() {
            self.end(End::QuotaExceeded, None);
            return Err(Over);
        }
        loop {
            if self.peer.borrow_and_update().is_none() {
                // It may be an answer to a word that the hub is just saying to both sides.
                self.hub.settle();
            }
            let Some(peer) = self.peer.borrow_and_update().clone() else { return Ok(()) };
            tokio::select! {
                permit = peer.reserve() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    // While the hub stands still: a participant that another one has replaced meanwhile must put nothing behind
                    // what that one says, which would belong to another session.
                    let _still = self.hub.state();
                    if self.peer.borrow().as_ref().is_some_and(|now| now.same_channel(&peer)) {
                        permit.send(place.take(frame));
                        return Ok(());
                    }
                }
                changed = self.peer.changed() => changed.map_err(|_| Over)?,
            }
        }
    }

    /// Waits until the transfer is over for this connection.
    pub async fn over(&self) {
        let mut peer = self.peer.clone();
        while peer.changed().await.is_ok() {}
    }

    /// Ends the transfer for both sides.
    pub fn end(&self, code: End, by: Option<Role>) {
        self.hub.end(self.nameplate, self.id, code, by);
    }

    /// The connection is over; the transfer waits for the next one.
    pub fn leave(&self, now: NaiveDateTime) {
        self.hub.leave(self.nameplate, self.role, self.id, now);
    }
}
