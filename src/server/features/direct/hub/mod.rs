//! The hub: which nameplate belongs to whom, and who is connected to whom.
//!
//! A small struct behind a mutex, without a wait inside. What passes between two ends does not pass through it: each side's
//! socket has a queue of [`BOUNDS`]`.queue` frames, and the other side's task puts them there itself. So a transfer takes a
//! fixed amount of memory, and a slow reader holds up its own sender and nobody else.
//!
//! ```text
//!             join                    rejoin
//!   waiting ───────► paired ◄─────────────────────► a side is lost
//!      │  ◄───────      │                                │
//!      │     no proof   │                                │
//!      └── expired      └── ended by a side              └── not back within the grace time
//! ```
//!
//! A receiver has the place once both sides' key confirmations have passed (see [`transfer::Proof`]): whoever comes without the
//! code, takes it from nobody. Nothing is kept on disk: after the server was started anew the two ends bring what is needed to
//! go on, in their [`ticket`]s.

mod nameplates;
mod participant;
mod state;
mod ticket;
mod transfer;
mod window;

pub use participant::Participant;
pub use window::Place;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDateTime;

use self::state::State;
use self::ticket::Ticket;
use self::transfer::{Proof, Side, Transfer};
use super::Settings;
use super::ice::ice_servers;
use super::ice_server::IceServer;
use crate::protocol::direct::{End, LARGEST_FRAME, Role, Signal};
use crate::server::app::App;
use crate::server::byte_budget::ByteBudget;
use crate::server::clock::after;
use crate::server::http::socket::{Bounds, Outgoing};

/// Of each socket: the largest message, and the frames that wait for it.
pub const BOUNDS: Bounds = Bounds { message: LARGEST_FRAME, queue: window::DEPTH };

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    limits: Limits,
    ice_servers: Vec<IceServer>,
    state: Mutex<State>,
    budget: ByteBudget,
    window: window::Shared,
    /// Of tickets.
    key: [u8; 32],
    /// Tells this run of the server from others, and when it began.
    boot: u64,
    began_at: NaiveDateTime,
}

pub struct Limits {
    code_life: std::time::Duration,
    grace: std::time::Duration,
    codes: usize,
    transfers: usize,
}

/// A place at the hub, and what its holder is told first.
pub struct Admitted {
    pub participant: Participant,
    pub token: String,
    pub expires_at: NaiveDateTime,
    /// Of a receiver: whether it has shown that it has the code.
    pub is_proven: Arc<AtomicBool>,
}

/// Who comes to the hub.
pub struct Arrival {
    /// The sign-in session, of whoever has one.
    pub sign_in: Option<String>,
    pub address: IpAddr,
    pub outgoing: Outgoing,
    pub now: NaiveDateTime,
}

/// What there is now, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub waiting: usize,
    pub paired: usize,
}

impl Hub {
    pub fn new(app: &App, settings: &Settings) -> Hub {
        let limits = Limits {
            code_life: app.config.code_life,
            grace: settings.rejoin_time,
            codes: settings.max_codes as usize,
            transfers: app.config.max_transfers as usize,
        };
        Hub(Arc::new(Inner {
            limits,
            ice_servers: settings.ice_servers.clone(),
            state: Mutex::default(),
            budget: app.budget.clone(),
            window: window::Shared::default(),
            key: app.keys.derive("handover 2026-11 places of direct transfers"),
            boot: rand::random(),
            began_at: app.clock.now(),
        }))
    }

    /// How long the place of a side is kept whose connection broke.
    pub fn grace(&self) -> std::time::Duration {
        self.0.limits.grace
    }

    /// Makes a code for a sender. Where there are too many that wait, the oldest one of its network, or of all, makes room.
    ///
    /// # Errors
    /// [`End::Stopping`], [`End::QuotaExceeded`].
    pub fn open(&self, who: Arrival) -> Result<Admitted, End> {
        let Arrival { sign_in, address, outgoing, now } = who;
        let mut state = self.state();
        if state.stopping {
            return Err(End::Stopping);
        }
        let spent = self.0.budget.of(address, now);
        if spent.is_over() {
            return Err(End::QuotaExceeded);
        }
        state.make_room(address, sign_in.is_none(), &self.0.limits);
        let nameplate = state.free_nameplate(now);
        let (participant, connection) = state.enter(self, nameplate, Role::Sender, outgoing, spent.clone());
        let expires_at = after(now, self.0.limits.code_life);
        let (id, number) = (rand::random(), rand::random());
        let sender = Side { number: Some(number), address, connection: Some(connection), lost_at: now };
        let transfer = Transfer {
            id,
            sign_in,
            made_at: now,
            expires_at,
            sender,
            receiver: None,
            session: 0,
            proof: Proof::None,
            is_proven: Arc::default(),
            spent,
        };
        let token = self.ticket(&transfer, number, nameplate, Role::Sender);
        state.transfers.insert(nameplate, transfer);
        Ok(Admitted { participant, token, expires_at, is_proven: Arc::default() })
    }

    /// Lets a receiver in.
    ///
    /// # Errors
    /// [`End::UnknownCode`], [`End::ExpiredCode`], [`End::CodeInUse`], or [`End::Evicted`] when there are as many transfers
    /// as there may be.
    pub fn join(&self, nameplate: u32, who: Arrival) -> Result<Admitted, End> {
        let Arrival { address, outgoing, now, .. } = who;
        let mut state = self.state();
        state.expire(now);
        let Some(transfer) = state.transfers.get_mut(&nameplate) else {
            return Err(state.nameplates.what_was(nameplate, now));
        };
        if transfer.is_squatted(true, now) {
            transfer.put_out(End::CodeInUse);
        }
        if !transfer.is_waiting() {
            return Err(End::CodeInUse);
        }
        let (sender, is_guest) = (transfer.sender.address, transfer.sign_in.is_none());
        let (spent, expires_at) = (transfer.spent.clone(), transfer.expires_at);
        if state.stopping {
            return Err(End::Stopping);
        }
        if !state.has_room(sender, is_guest, self.0.limits.transfers) {
            return Err(End::Evicted);
        }
        let (participant, connection) = state.enter(self, nameplate, Role::Receiver, outgoing, spent);
        let (number, is_proven) = (rand::random(), Arc::<AtomicBool>::default());
        let mut token = String::new();
        if let Some(transfer) = state.transfers.get_mut(&nameplate) {
            let connection = Some(connection);
            transfer.receiver = Some(Side { number: Some(number), address, connection, lost_at: now });
            (transfer.proof, transfer.is_proven) = (Proof::None, is_proven.clone());
            token = self.ticket(transfer, number, nameplate, Role::Receiver);
        }
        Ok(Admitted { participant, token, expires_at, is_proven })
    }

    /// Whether a code is in the hands of somebody who has yet to show that it is the right one.
    pub fn is_unproven(&self, nameplate: u32) -> bool {
        let state = self.state();
        state.transfers.get(&nameplate).is_some_and(|transfer| !transfer.is_waiting() && transfer.proof != Proof::Right)
    }

    /// Gives a side its place again; a connection that still has it is ended. After the server was started anew whoever comes
    /// first brings the transfer back, if it is soon enough.
    ///
    /// # Errors
    /// [`End::UnknownCode`] when the token is not one for this place; how the transfer has ended meanwhile, and by whom; and
    /// [`End::Restarted`].
    pub fn rejoin(
        &self,
        (nameplate, role): (u32, Role),
        token: &str,
        is_confirmed: bool,
        who: Arrival,
    ) -> Result<Participant, (End, Option<Role>)> {
        let unknown = (End::UnknownCode, None);
        let ticket =
            Ticket::read(token, &self.0.key).filter(|ticket| ticket.role == role && ticket.nameplate == nameplate);
        let ticket = ticket.ok_or(unknown)?;
        let mut state = self.state();
        state.expire(who.now);
        let nameplate = match state.find(ticket.transfer, ticket.nameplate) {
            Some(nameplate) => nameplate,
            None if ticket.boot == self.0.boot => return Err(state.how_it_ended(ticket.transfer)),
            None => self.revive(&mut state, &ticket, is_confirmed, &who).map_err(|end| (end, None))?,
        };
        let transfer = state.transfers.get_mut(&nameplate).ok_or(unknown)?;
        if role == Role::Receiver && transfer.is_waiting() {
            // It was gone before it had guessed.
            let (number, address, lost_at) = (Some(ticket.side), who.address, who.now);
            transfer.receiver = Some(Side { number, address, connection: None, lost_at });
        }
        let side = transfer.side(role).filter(|side| side.number.is_none_or(|number| number == ticket.side));
        let side = side.ok_or(unknown)?;
        side.number = Some(ticket.side);
        side.address = who.address;
        if let Some(old) = side.connection.take() {
            old.end(End::Replaced, None);
        }
        if role == Role::Sender && ticket.boot != self.0.boot {
            transfer.sign_in = who.sign_in;
        }
        let spent = transfer.spent.clone();
        let (participant, connection) = state.enter(self, nameplate, role, who.outgoing, spent);
        if let Some(side) = state.transfers.get_mut(&nameplate).and_then(|transfer| transfer.side(role)) {
            side.connection = Some(connection);
        }
        Ok(participant)
    }

    /// Brings back a transfer of an earlier run of the server. One that has both ends needs its nameplate no more; a code that
    /// waits does.
    fn revive(&self, state: &mut State, ticket: &Ticket, is_confirmed: bool, who: &Arrival) -> Result<u32, End> {
        let (now, limits) = (who.now, &self.0.limits);
        let is_free = !state.transfers.contains_key(&ticket.nameplate);
        if state.stopping {
            return Err(End::Stopping);
        }
        if now > after(self.0.began_at, limits.grace) || !(is_confirmed || ticket.role == Role::Sender && is_free) {
            return Err(End::Restarted);
        }
        if !is_confirmed && ticket.expires_at <= now {
            return Err(End::ExpiredCode);
        }
        let is_guest = who.sign_in.is_none();
        if is_confirmed && !state.has_room(who.address, is_guest, limits.transfers) {
            return Err(End::Evicted);
        }
        if !is_confirmed {
            state.make_room(who.address, is_guest, limits);
        }
        let nameplate = if is_free { ticket.nameplate } else { state.free_nameplate(now) };
        let away = || Side { number: None, address: who.address, connection: None, lost_at: now };
        let transfer = Transfer {
            id: ticket.transfer,
            sign_in: None,
            made_at: now,
            expires_at: ticket.expires_at,
            sender: away(),
            receiver: is_confirmed.then(away),
            session: 0,
            proof: if is_confirmed { Proof::Right } else { Proof::None },
            is_proven: Arc::default(),
            spent: self.0.budget.of(who.address, now),
        };
        state.transfers.insert(nameplate, transfer);
        Ok(nameplate)
    }

    fn ticket(&self, transfer: &Transfer, side: u64, nameplate: u32, role: Role) -> String {
        let Transfer { id, expires_at, .. } = *transfer;
        Ticket { boot: self.0.boot, transfer: id, side, nameplate, role, expires_at }.write(&self.0.key)
    }

    /// Joins the two sides, if both are there now. Called once the newcomer has been told who it is.
    fn pair(&self, nameplate: u32, now: NaiveDateTime) {
        if let Some(transfer) = self.state().transfers.get_mut(&nameplate) {
            if transfer.proof == Proof::Right {
                self.help(transfer, now);
            }
            transfer.pair(self.0.limits.grace.as_secs());
        }
    }

    /// A frame of the key exchange is to be passed on.
    fn saw(&self, nameplate: u32, participant: u64, role: Role, kind: u8, now: NaiveDateTime) {
        let mut state = self.state();
        let transfer = state.transfers.get_mut(&nameplate).filter(|transfer| transfer.has_participant(participant));
        if let Some(transfer) = transfer.filter(|transfer| !transfer.is_waiting())
            && transfer.saw(role, kind, now)
        {
            self.help(transfer, now);
        }
    }

    /// Tells both sides of the servers that help them to find a direct way, each with credentials of its own.
    fn help(&self, transfer: &Transfer, now: NaiveDateTime) {
        for connection in transfer.sides().filter_map(|side| side.connection.as_ref()) {
            connection.tell(&Signal::Ice { ice_servers: ice_servers(&self.0.ice_servers, now) });
        }
    }

    /// Waits until what is being said and done has been.
    fn settle(&self) {
        drop(self.state());
    }

    /// Ends a transfer, and tells whoever is there. A receiver that has shown nothing ends its own part alone.
    fn end(&self, nameplate: u32, participant: u64, code: End, by: Option<Role>) {
        let mut state = self.state();
        let transfer = state.transfers.get_mut(&nameplate).filter(|transfer| transfer.has_participant(participant));
        match transfer {
            Some(transfer) if by == Some(Role::Receiver) && transfer.is_unguessed() => transfer.put_out(code),
            Some(_) => state.end(nameplate, code, by),
            None => {}
        }
    }

    /// A connection has broken.
    fn leave(&self, nameplate: u32, role: Role, participant: u64, now: NaiveDateTime) {
        let mut state = self.state();
        let grace = self.0.limits.grace.as_secs();
        let transfer = state.transfers.get_mut(&nameplate).filter(|transfer| transfer.has_participant(participant));
        let Some(transfer) = transfer else { return };
        if role == Role::Receiver && transfer.is_unguessed() {
            return transfer.put_out(End::CodeInUse);
        }
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
        for nameplate in state.those(|transfer| transfer.sides().any(is_lost)) {
            state.end(nameplate, End::PeerLost, None);
            state.nameplates.rest(nameplate, End::AwayTooLong, now);
        }
        let paired = state.transfers.values().filter(|transfer| !transfer.is_waiting()).count();
        Count { waiting: state.transfers.len() - paired, paired }
    }

    /// The sign-in sessions that transfers were made in.
    pub fn sign_ins(&self) -> BTreeSet<String> {
        self.state().transfers.values().filter_map(|transfer| transfer.sign_in.clone()).collect()
    }

    /// Ends what was made in a sign-in session that is over.
    pub fn sign_out(&self, sign_in: &str) {
        let mut state = self.state();
        for nameplate in state.those(|transfer| transfer.sign_in.as_deref() == Some(sign_in)) {
            state.end(nameplate, End::SignedOut, None);
        }
    }

    /// The server stops: codes that wait are ended, and no more are made. Running transfers go on.
    pub fn close(&self) {
        let mut state = self.state();
        state.stopping = true;
        for nameplate in state.those(Transfer::is_waiting) {
            state.end(nameplate, End::Stopping, None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Maps and counts that are changed without anything that panics between.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signal as it is sent.
pub fn text(signal: &Signal) -> String {
    // Strings and numbers: there is nothing in it that JSON cannot say.
    serde_json::to_string(signal).unwrap_or_default()
}
