//! The rooms in which somebody is: who is there, and what they are told.
//!
//! One small lock a room, without a wait inside. A message is stored first and told then, on the thread of the database's
//! writer, which knows the order: so what anybody sees is on disk, and all see it in the order of its numbers. Each is
//! encoded once, into a channel that all sockets of the room read for themselves; a socket joins what waits for it into
//! one write, and one that falls [`BACKLOG`] frames behind is dropped with a reason and may come back for what it missed.
//!
//! When the database fails, whoever said something is told so, nobody else sees it, and the room goes on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{NaiveDateTime, TimeDelta};
use tokio::sync::broadcast;

use super::event::{Event, Word};
use super::model::events::Who;
use super::model::members::Member;
use super::model::{self, Limits, members};
use crate::clock::after;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::socket::{Out, Urgent, text_frame};

/// Frames that a room keeps for members who have not taken them yet.
const BACKLOG: usize = 256;
/// How long before its end the members of a room are warned, and at most which part of its quiet time.
const WARNING: Duration = Duration::from_secs(600);
const WARNING_PART: u32 = 4;

/// Close codes: normal, and a place that is not one's own any more (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

struct Inner {
    limits: Limits,
    /// How long a member whose connection broke may take to come back.
    grace: Duration,
    rate: Rate,
    rooms: Mutex<HashMap<String, Arc<Room>>>,
}

/// How much a member may say: a bucket that drains.
#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    drain: TimeDelta,
}

/// A room in which somebody is, or was a moment ago.
pub struct Room {
    pub id: String,
    quiet: Duration,
    state: Mutex<State>,
}

struct State {
    /// `None` once the room is over.
    frames: Option<broadcast::Sender<Bytes>>,
    /// The number of the newest event that was told.
    head: i64,
    expires_at: NaiveDateTime,
    warned: bool,
    members: BTreeMap<String, Presence>,
    connections: u64,
}

/// A member's.
struct Presence {
    member: Member,
    connection: Option<Connection>,
    lost_at: NaiveDateTime,
    /// When the bucket of its messages is empty, and how often it was told that it is full.
    quiet_at: NaiveDateTime,
    told: u32,
    typed_at: NaiveDateTime,
}

struct Connection {
    number: u64,
    urgent: Urgent,
    /// The session that it was opened in, if its member had signed in.
    session: Option<String>,
}

/// What a newcomer needs: what comes after `head` it hears itself.
pub struct Place {
    pub room: Arc<Room>,
    pub member: Member,
    pub head: i64,
    pub live: broadcast::Receiver<Bytes>,
}

/// A member as others see it.
pub struct Present {
    pub member: Member,
    pub away: bool,
}

/// What [`Room::allow`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// Not now; in so many seconds.
    Wait(u64),
    /// It does not listen.
    Enough,
}

impl Rooms {
    pub fn new(config: &Config) -> Rooms {
        let limits = Limits {
            rooms: config.max_rooms,
            members: config.max_room_members,
            bytes: config.max_room_size.0,
            quiet: config.room_life,
        };
        let rate = Rate {
            burst: config.room_message_rate.saturating_mul(5),
            drain: TimeDelta::microseconds(1_000_000 / i64::from(config.room_message_rate.max(1))),
        };
        Rooms(Arc::new(Inner { limits, grace: config.room_grace, rate, rooms: Mutex::default() }))
    }

    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// The room of this id, as it is in memory, or as the database has it: its members are away then.
    ///
    /// # Errors
    /// [`Error::RoomNotFound`], and those of the database.
    pub fn room(&self, db: &Db, id: &str, now: NaiveDateTime) -> Result<Arc<Room>> {
        let mut rooms = lock(&self.0.rooms);
        if let Some(room) = rooms.get(id).filter(|room| room.state().frames.is_some()) {
            return Ok(room.clone());
        }
        // All that changes a room holds it in memory until it is told: what the database has now is all there is.
        let (row, members) = db.lookup(|conn| Ok((model::still_open(conn, id, now)?, members::list(conn, id)?)))?;
        let away = |member: Member| (member.id.clone(), Presence::away(member, now));
        let state = State {
            frames: Some(broadcast::channel(BACKLOG).0),
            head: row.last_event,
            expires_at: row.expires_at,
            warned: false,
            members: members.into_iter().map(away).collect(),
            connections: 0,
        };
        let room = Arc::new(Room { id: id.to_owned(), quiet: self.0.limits.quiet, state: Mutex::new(state) });
        rooms.insert(id.to_owned(), room.clone());
        Ok(room)
    }

    /// A room that is over: whoever is there is told.
    pub fn ended(&self, id: &str, reason: &'static str) {
        let room = lock(&self.0.rooms).remove(id);
        if let Some(room) = room {
            room.over(reason);
        }
    }

    /// All that are in memory.
    pub fn all(&self) -> Vec<Arc<Room>> {
        lock(&self.0.rooms).values().cloned().collect()
    }

    /// Forgets rooms in which nobody is, and which nobody is about to change.
    pub fn forget_empty(&self) {
        lock(&self.0.rooms).retain(|_, room| Arc::strong_count(room) > 1 || !room.state().members.is_empty());
    }

    /// The server stops: all sockets are closed, and the members come back to the next one.
    pub fn close(&self) {
        for room in self.all() {
            room.state().frames = None;
        }
    }

    /// Members whose time to come back is over.
    pub fn lost(&self, room: &Room, now: NaiveDateTime) -> Vec<Who> {
        let state = room.state();
        let lost = state.members.values().filter(|presence| presence.connection.is_none());
        lost.filter(|presence| after(presence.lost_at, self.0.grace) <= now)
            .map(|presence| presence.member.who())
            .collect()
    }

    /// Whether a member may say one more thing now.
    pub fn allow(&self, room: &Room, member: &str, now: NaiveDateTime) -> Allowed {
        let rate = self.0.rate;
        let mut state = room.state();
        let Some(presence) = state.members.get_mut(member) else { return Allowed::Enough };
        let level = (presence.quiet_at - now).max(TimeDelta::zero());
        let over = level + rate.drain - rate.drain * i32::try_from(rate.burst).unwrap_or(i32::MAX);
        if over <= TimeDelta::zero() {
            presence.quiet_at = now + level + rate.drain;
            presence.told = 0;
            return Allowed::Yes;
        }
        presence.told += 1;
        match presence.told > rate.burst {
            true => Allowed::Enough,
            false => Allowed::Wait(over.num_seconds().unsigned_abs() + 1),
        }
    }
}

impl Room {
    /// A member has joined: the others are told, and it hears what comes from here on. To be called by the writer.
    pub fn joined(self: &Arc<Self>, member: Member, event: &Event, now: NaiveDateTime) -> Result<Place> {
        self.tell(event, now)?;
        let mut state = self.state();
        state.members.insert(member.id.clone(), Presence::away(member.clone(), now));
        let live = state.frames.as_ref().ok_or(Error::RoomNotFound)?.subscribe();
        Ok(Place { room: self.clone(), member, head: state.head, live })
    }

    /// A member is back: it hears what comes from here on.
    ///
    /// # Errors
    /// [`Error::NotAMember`] when it has left meanwhile.
    pub fn rejoined(self: &Arc<Self>, member: &Member) -> Result<Place> {
        let state = self.state();
        let live = state.frames.as_ref().ok_or(Error::RoomNotFound)?.subscribe();
        let presence = state.members.get(&member.id).ok_or(Error::NotAMember)?;
        Ok(Place { room: self.clone(), member: presence.member.clone(), head: state.head, live })
    }

    /// Gives a member its connection; one that it still has is closed. Returns the connection's number.
    pub fn connect(&self, member: &str, urgent: Urgent, session: Option<String>, was_away: bool) -> Option<u64> {
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        let presence = state.members.get_mut(member)?;
        if let Some(old) = presence.connection.replace(Connection { number, urgent, session }) {
            old.farewell("replaced", "You have joined again from elsewhere.".into(), NORMAL);
        }
        if was_away {
            state.say(&Word::Away { member: member.into(), away: false });
        }
        Some(number)
    }

    /// A connection has broken: its member may come back for a while.
    pub fn disconnect(&self, member: &str, number: u64, now: NaiveDateTime) {
        let mut state = self.state();
        let Some(presence) = state.members.get_mut(member) else { return };
        if presence.connection.as_ref().is_some_and(|connection| connection.number == number) {
            presence.connection = None;
            presence.lost_at = now;
            state.say(&Word::Away { member: member.into(), away: true });
        }
    }

    /// Tells everybody of an event that is stored. To be called by the writer, which knows the order.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn tell(&self, event: &Event, now: NaiveDateTime) -> Result<()> {
        let frame = text_frame(&event.json()?);
        let mut state = self.state();
        state.head = event.id();
        state.expires_at = after(now, self.quiet);
        state.warned = false;
        if let Some(frames) = &state.frames {
            // An error means that nobody is connected.
            let _ = frames.send(frame);
        }
        Ok(())
    }

    /// A member has left; its connection, if it still has one, is closed with the reason.
    pub fn left(&self, member: &str, farewell: Option<(&'static str, String)>) {
        let gone = self.state().members.remove(member);
        if let (Some(connection), Some((code, msg))) = (gone.and_then(|presence| presence.connection), farewell) {
            connection.farewell(code, msg, POLICY);
        }
    }

    /// Somebody types; told once a second at most.
    pub fn typing(&self, member: &str, now: NaiveDateTime) {
        let mut state = self.state();
        let Some(presence) = state.members.get_mut(member) else { return };
        if now - presence.typed_at < TimeDelta::seconds(1) {
            return;
        }
        presence.typed_at = now;
        let name = presence.member.name.clone();
        state.say(&Word::Typing { from: name.into(), from_id: member.into() });
    }

    /// Tells one member alone, if it is connected.
    pub fn whisper(&self, member: &str, word: &Word<'_>) {
        let state = self.state();
        if let Some(connection) = state.members.get(member).and_then(|presence| presence.connection.as_ref()) {
            connection.urgent.say(Out::Text(word.json()));
        }
    }

    /// Warns everybody, once, when the room ends soon. `true` when it is over.
    pub fn expire(&self, now: NaiveDateTime) -> bool {
        let mut state = self.state();
        let left = state.expires_at - now;
        let early = WARNING.min(self.quiet / WARNING_PART);
        if !state.warned && left.to_std().is_ok_and(|left| left <= early) {
            state.warned = true;
            let expires_in = left.num_seconds().unsigned_abs();
            state.say(&Word::Ending { expires_at: state.expires_at.and_utc(), expires_in });
        }
        left <= TimeDelta::zero()
    }

    /// The sessions that members are connected in, with the members.
    pub fn sessions(&self) -> Vec<(String, Who)> {
        let state = self.state();
        let session =
            |presence: &Presence| Some((presence.connection.as_ref()?.session.clone()?, presence.member.who()));
        state.members.values().filter_map(session).collect()
    }

    /// How long it lives without a word.
    pub fn quiet(&self) -> Duration {
        self.quiet
    }

    /// Who is here, in the order in which they came.
    pub fn present(&self) -> Vec<Present> {
        let state = self.state();
        let present =
            |presence: &Presence| Present { member: presence.member.clone(), away: presence.connection.is_none() };
        state.members.values().map(present).collect()
    }

    pub fn is_away(&self, member: &str) -> bool {
        self.state().members.get(member).is_none_or(|presence| presence.connection.is_none())
    }

    pub fn expires_at(&self) -> NaiveDateTime {
        self.state().expires_at
    }

    fn over(&self, reason: &'static str) {
        let msg = match reason {
            "expired" => "Nobody has said anything for too long: the room and its files are gone.",
            _ => "The room was ended: it and its files are gone.",
        };
        let mut state = self.state();
        state.say(&Word::Ended { reason: reason.into(), msg: msg.into() });
        state.frames = None;
        state.members.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn say(&self, word: &Word<'_>) {
        if let Some(frames) = &self.frames {
            let _ = frames.send(text_frame(&word.json()));
        }
    }
}

impl Presence {
    fn away(member: Member, now: NaiveDateTime) -> Presence {
        let long_ago = NaiveDateTime::MIN;
        Presence { member, connection: None, lost_at: now, quiet_at: now, told: 0, typed_at: long_ago }
    }
}

impl Connection {
    fn farewell(&self, code: &str, msg: String, close: u16) {
        let word = Word::Error { code: code.into(), msg, nonce: None };
        self.urgent.say(Out::Farewell(Some(word.json()), close));
    }
}

/// Maps and counts that are changed without anything that panics between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
