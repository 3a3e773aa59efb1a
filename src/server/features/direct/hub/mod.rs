//! The hub: which nameplate belongs to whom, and who is connected to whom.
//!
//! A small struct behind a mutex, without a wait inside. What passes between two ends does not pass through it: each side's
//! socket has a queue of [`BOUNDS`]`.queue` frames, and the other side's task puts them there itself. So a transfer takes a
//! fixed amount of memory, and a slow reader holds up its own sender and nobody else.
//!
//! ```text
//!             join                    rejoin
//!   waiting ───────► paired ◄─────────────────────► a side is lost
//!      │                │                                │
//!      └── expired      └── ended by a side              └── not back within the grace time
//! ```

mod nameplates;
mod participant;
mod window;

pub use participant::Participant;
pub use window::Place;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::NaiveDateTime;
use tokio::sync::{mpsc, watch};

use self::nameplates::Nameplates;
use self::window::Window;
use crate::protocol::direct::{End, LARGEST_FRAME, Role, Signal};
use crate::protocol::websocket::NORMAL;
use crate::server::byte_budget::{ByteBudget, Spent};
use crate::server::clock::after;
use crate::server::config::Config;
use crate::server::features::direct::Settings;
use crate::server::http::socket::{Bounds, Out, Outgoing};

/// Of each socket: the largest message, and the frames that wait for it.
pub const BOUNDS: Bounds = Bounds { message: LARGEST_FRAME, queue: window::DEPTH };

/// Of the caps below, what one address may have.
const SHARE: usize = 4;

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    limits: Limits,
    state: Mutex<State>,
    budget: ByteBudget,
    window: window::Shared,
}

struct Limits {
    code_life: std::time::Duration,
    grace: std::time::Duration,
    codes: usize,
    transfers: usize,
}

struct State {
    transfers: BTreeMap<u32, Transfer>,
    nameplates: Nameplates,
    /// Numbers connections, so that one that has been replaced does not speak for the next.
    participants: u64,
    stopping: bool,
}

struct Transfer {
    /// The sign-in session that it was made in, where the sender had to sign in, or did.
    sign_in: Option<String>,
    made_at: NaiveDateTime,
    expires_at: NaiveDateTime,
    sender: Side,
    receiver: Option<Side>,
    session: u32,
    spent: Spent,
}

struct Side {
    /// The network it came from. The sender's pays for the transfer.
    address: IpAddr,
    token: blake3::Hash,
    connection: Option<Connection>,
    lost_at: NaiveDateTime,
}

struct Connection {
    participant: u64,
    outgoing: Outgoing,
    /// Tells the task of this side where the other side's frames go; dropped when the transfer is over.
    peer: watch::Sender<Option<mpsc::Sender<Bytes>>>,
}

/// A place at the hub, and what its holder is told first.
pub struct Admitted {
    pub participant: Participant,
    pub token: String,
    pub expires_at: NaiveDateTime,
}

/// What there is now, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub waiting: usize,
    pub paired: usize,
}

impl Hub {
    pub fn new(config: &Config, settings: &Settings, budget: ByteBudget) -> Hub {
        let limits = Limits {
            code_life: config.code_life,
            grace: settings.rejoin_time,
            codes: settings.max_codes as usize,
            transfers: config.max_transfers as usize,
        };
        let state =
            State { transfers: BTreeMap::new(), nameplates: Nameplates::default(), participants: 0, stopping: false };
        Hub(Arc::new(Inner { limits, state: Mutex::new(state), budget, window: window::Shared::default() }))
    }

    /// Makes a code for a sender. Where there are too many that wait, the oldest one of this address, or of all, makes room.
    ///
    /// # Errors
    /// [`End::Stopping`], [`End::QuotaExceeded`].
    pub fn open(
        &self,
        sign_in: Option<String>,
        address: IpAddr,
        outgoing: Outgoing,
        now: NaiveDateTime,
    ) -> Result<Admitted, End> {
        let mut state = self.state();
        if state.stopping {
            return Err(End::Stopping);
        }
        let spent = self.0.budget.of(address, now).filter(|spent| !spent.is_over()).ok_or(End::QuotaExceeded)?;
        state.make_room(address, &self.0.limits);
        let State { nameplates, transfers, .. } = &mut *state;
        let nameplate = nameplates.free(|nameplate| transfers.contains_key(&nameplate), now);
        let (token, digest) = new_token();
        let (participant, connection) = state.enter(self, nameplate, Role::Sender, outgoing, spent.clone());
        let expires_at = after(now, self.0.limits.code_life);
        let sender = Side { address, token: digest, connection: Some(connection), lost_at: now };
        let transfer = Transfer { sign_in, made_at: now, expires_at, sender, receiver: None, session: 0, spent };
        state.transfers.insert(nameplate, transfer);
        Ok(Admitted { participant, token, expires_at })
    }

    /// Lets a receiver in.
    ///
    /// # Errors
    /// [`End::UnknownCode`], [`End::ExpiredCode`], [`End::CodeInUse`], or [`End::Evicted`] when there are as many transfers
    /// as there may be.
    pub fn join(&self, nameplate: u32, from: IpAddr, outgoing: Outgoing, now: NaiveDateTime) -> Result<Admitted, End> {
        let mut state = self.state();
        state.expire(now);
        let Some(transfer) = state.transfers.get(&nameplate) else {
            return Err(state.nameplates.what_was(nameplate, now));
        };
        if transfer.receiver.is_some() {
            return Err(End::CodeInUse);
        }
        let (address, spent, expires_at) = (transfer.sender.address, transfer.spent.clone(), transfer.expires_at);
        let paired = |transfer: &&Transfer| transfer.receiver.is_some();
        let of_address =
            state.transfers.values().filter(paired).filter(|transfer| transfer.sender.address == address).count();
        let most = self.0.limits.transfers;
        if state.stopping
            || state.transfers.values().filter(paired).count() >= most
            || of_address >= (most / SHARE).max(1)
        {
            return Err(if state.stopping { End::Stopping } else { End::Evicted });
        }
        let (token, digest) = new_token();
        let (participant, connection) = state.enter(self, nameplate, Role::Receiver, outgoing, spent);
        if let Some(transfer) = state.transfers.get_mut(&nameplate) {
            transfer.receiver = Some(Side { address: from, token: digest, connection: Some(connection), lost_at: now });
        }
        Ok(Admitted { participant, token, expires_at })
    }

    /// Gives a side its place again; a connection that still has it is ended.
    ///
    /// # Errors
    /// [`End::UnknownCode`] when there is no such place, or the token is not the one for it.
    pub fn rejoin(
        &self,
        nameplate: u32,
        role: Role,
        token: &str,
        outgoing: Outgoing,
        now: NaiveDateTime,
    ) -> Result<Participant, End> {
        let mut state = self.state();
        state.expire(now);
        let digest = blake3::hash(token.as_bytes());
        let transfer = state.transfers.get_mut(&nameplate).ok_or(End::UnknownCode)?;
        let spent = transfer.spent.clone();
        // blake3::Hash compares in constant time.
        let side = transfer.side(role).filter(|side| side.token == digest).ok_or(End::UnknownCode)?;
        if let Some(old) = side.connection.take() {
            old.end(End::Replaced, None);
        }
        let (participant, connection) = state.enter(self, nameplate, role, outgoing, spent);
        if let Some(side) = state.transfers.get_mut(&nameplate).and_then(|transfer| transfer.side(role)) {
            side.connection = Some(connection);
        }
        Ok(participant)
    }

    /// Joins the two sides, if both are there now. Called once the newcomer has been told who it is.
    fn pair(&self, nameplate: u32) {
        if let Some(transfer) = self.state().transfers.get_mut(&nameplate) {
            transfer.pair(self.0.limits.grace.as_secs());
        }
    }

    /// Waits until what is being said and done has been.
    fn settle(&self) {
        drop(self.state());
    }

    /// Ends a transfer, and tells whoever is there. Returns the network of the receiver, if there was one.
    fn end(&self, nameplate: u32, participant: u64, code: End, by: Option<Role>) -> Option<IpAddr> {
        let mut state = self.state();
        let transfer = state.transfers.get(&nameplate).filter(|transfer| transfer.has_participant(participant))?;
        let receiver = transfer.receiver.as_ref().map(|side| side.address);
        state.end(nameplate, code, by);
        receiver
    }

    /// A connection has broken.
    fn leave(&self, nameplate: u32, role: Role, participant: u64, now: NaiveDateTime) {
        let mut state = self.state();
        let grace = self.0.limits.grace.as_secs();
        let Some(transfer) =
            state.transfers.get_mut(&nameplate).filter(|transfer| transfer.has_participant(participant))
        else {
            return;
        };
        if let Some(side) = transfer.side(role) {
            side.connection = None;
            side.lost_at = now;
        }
        if let Some(peer) = transfer.side(role.other()).and_then(|side| side.connection.as_ref()) {
            peer.peer.send_replace(None);
            peer.tell(&Signal::PeerLost { grace });
        }
    }

    /// Ends what time ends. Returns what there is.
    pub fn sweep(&self, now: NaiveDateTime) -> Count {
        let mut state = self.state();
        state.expire(now);
        let grace = self.0.limits.grace;
        let is_lost = |side: &Side| side.connection.is_none() && after(side.lost_at, grace) <= now;
        let lost: Vec<u32> =
            state.transfers.iter().filter(|(_, transfer)| transfer.sides().any(is_lost)).map(|(n, _)| *n).collect();
        for nameplate in lost {
            state.end(nameplate, End::PeerLost, None);
        }
        let paired = state.transfers.values().filter(|transfer| transfer.receiver.is_some()).count();
        Count { waiting: state.transfers.len() - paired, paired }
    }

    /// The sign-in sessions that transfers were made in.
    pub fn sign_ins(&self) -> BTreeSet<String> {
        self.state().transfers.values().filter_map(|transfer| transfer.sign_in.clone()).collect()
    }

    /// Ends what was made in a sign-in session that is over.
    pub fn sign_out(&self, sign_in: &str) {
        let mut state = self.state();
        let is_of = |transfer: &Transfer| transfer.sign_in.as_deref() == Some(sign_in);
        let over: Vec<u32> = state.transfers.iter().filter(|(_, transfer)| is_of(transfer)).map(|(n, _)| *n).collect();
        for nameplate in over {
            state.end(nameplate, End::SignedOut, None);
        }
    }

    /// The server stops: codes that wait are ended, and no more are made. Running transfers go on.
    pub fn close(&self) {
        let mut state = self.state();
        state.stopping = true;
        let waiting = |transfer: &Transfer| transfer.receiver.is_none();
        let codes: Vec<u32> =
            state.transfers.iter().filter(|(_, transfer)| waiting(transfer)).map(|(n, _)| *n).collect();
        for nameplate in codes {
            state.end(nameplate, End::Stopping, None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Maps and counts that are changed without anything that panics between.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(
        &mut self,
        hub: &Hub,
        nameplate: u32,
        role: Role,
        outgoing: Outgoing,
        spent: Spent,
    ) -> (Participant, Connection) {
        self.participants += 1;
        let (peer, peers) = watch::channel(None);
        let window = Window::new(hub.0.window.clone());
        let participant =
            Participant::new(hub.clone(), nameplate, role, self.participants, outgoing.clone(), peers, spent, window);
        (participant, Connection { participant: self.participants, outgoing, peer })
    }

    /// Ends the oldest codes that wait, of one address and of all, until one more fits.
    fn make_room(&mut self, address: IpAddr, limits: &Limits) {
        let oldest = |transfers: &BTreeMap<u32, Transfer>, of: Option<IpAddr>, most: usize| {
            let waiting = transfers.iter().filter(|(_, transfer)| transfer.receiver.is_none());
            let waiting = waiting.filter(|(_, transfer)| of.is_none_or(|address| transfer.sender.address == address));
            let mut waiting: Vec<_> =
                waiting.map(|(nameplate, transfer)| (transfer.made_at, transfer.participant(), *nameplate)).collect();
            waiting.sort_unstable();
            waiting
                .into_iter()
                .rev()
                .skip(most.saturating_sub(1))
                .map(|(_, _, nameplate)| nameplate)
                .collect::<Vec<_>>()
        };
        let mut evicted = oldest(&self.transfers, Some(address), (limits.codes / SHARE).max(1));
        evicted.extend(oldest(&self.transfers, None, limits.codes));
        for nameplate in evicted {
            self.end(nameplate, End::Evicted, None);
        }
    }

    fn expire(&mut self, now: NaiveDateTime) {
        let is_late = |transfer: &Transfer| transfer.receiver.is_none() && transfer.expires_at <= now;
        let late: Vec<u32> = self.transfers.iter().filter(|(_, transfer)| is_late(transfer)).map(|(n, _)| *n).collect();
        for nameplate in late {
            self.end(nameplate, End::ExpiredCode, None);
            self.nameplates.expired(nameplate, now);
        }
    }

    fn end(&mut self, nameplate: u32, code: End, by: Option<Role>) {
        let Some(transfer) = self.transfers.remove(&nameplate) else { return };
        for side in [Some(transfer.sender), transfer.receiver].into_iter().flatten() {
            if let Some(connection) = side.connection {
                connection.end(code, by);
            }
        }
    }
}

impl Transfer {
    fn side(&mut self, role: Role) -> Option<&mut Side> {
        match role {
            Role::Sender => Some(&mut self.sender),
            Role::Receiver => self.receiver.as_mut(),
        }
    }

    fn sides(&self) -> impl Iterator<Item = &Side> {
        [Some(&self.sender), self.receiver.as_ref()].into_iter().flatten()
    }

    /// The number of the sender's participant, which grows with time.
    fn participant(&self) -> u64 {
        self.sender.connection.as_ref().map_or(0, |connection| connection.participant)
    }

    fn has_participant(&self, participant: u64) -> bool {
        self.sides()
            .any(|side| side.connection.as_ref().is_some_and(|connection| connection.participant == participant))
    }

    fn pair(&mut self, grace: u64) {
        let receiver = self.receiver.as_ref().and_then(|side| side.connection.as_ref());
        match (self.sender.connection.as_ref(), receiver) {
            (Some(sender), Some(receiver)) => {
                self.session += 1;
                let paired = Signal::Paired { session: self.session };
                // Told before any frame of the other side can be queued; who answers at once, settles (see Participant::pass_on).
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
    fn tell(&self, signal: &Signal) {
        if !self.outgoing.urgent(Out::Text(text(signal))) {
            tracing::debug!("a signal was not delivered");
        }
    }

    fn end(self, code: End, by: Option<Role>) {
        // The task may still have frames, which belong to nobody now.
        self.peer.send_replace(None);
        self.outgoing.urgent(Out::Farewell(Some(text(&code.ended(by))), NORMAL));
    }
}

/// A signal as it is sent.
pub fn text(signal: &Signal) -> String {
    // Strings and numbers: there is nothing in it that JSON cannot say.
    serde_json::to_string(signal).unwrap_or_default()
}

/// A token of 160 bits, and the form in which it is kept.
fn new_token() -> (String, blake3::Hash) {
    use base64::Engine as _;
    let token = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 20]>());
    let digest = blake3::hash(token.as_bytes());
    (token, digest)
}
