//! A room in memory: its members, and the one channel that they all listen to.

use crate::server::features::rooms::refusals::{NOT_A_MEMBER, ROOM_NOT_FOUND};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use chrono::{NaiveDateTime, TimeDelta};
use tokio::sync::broadcast;

use super::lock;
use super::presence::{Allowed, Connection, Line, Presence, Rate};
use crate::protocol::rooms::event::{Event, ServerMessage};
use crate::protocol::websocket::NORMAL;
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::features::rooms::model;
use crate::server::features::rooms::model::log::Who;
use crate::server::features::rooms::model::members::Member;
use crate::server::http::socket::{Out, Urgent, text_frame};

/// Frames that a room keeps for members who have not taken them yet.
pub const BACKLOG: usize = 256;
/// How long before its end the members of a room are warned, and at most which part of its quiet time.
const WARNING: Duration = Duration::from_secs(600);
const WARNING_PART: u32 = 4;

/// Close codes: a connection that is given up, and a place that is not one's own any more (RFC 6455 section
/// 7.4.1).
const GIVEN_UP: u16 = 1001;
const POLICY: u16 = 1008;

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

impl Room {
    /// A room as the database has it: its members are away.
    pub fn new(row: model::Room, members: Vec<Member>, quiet: Duration, now: NaiveDateTime) -> Room {
        let away = |member: Member| (member.id.clone(), Presence::away(member, now));
        let state = State {
            frames: Some(broadcast::channel(BACKLOG).0),
            head: row.last_event,
            expires_at: row.expires_at,
            warned: false,
            members: members.into_iter().map(away).collect(),
            connections: 0,
        };
        Room { id: row.id, quiet, state: Mutex::new(state) }
    }

    /// A member has joined: the others are told, and it hears what comes from here on. To be called by the writer.
    pub fn joined(self: &Arc<Self>, member: Member, event: &Event, now: NaiveDateTime) -> Result<Place> {
        self.tell(event, now)?;
        let mut state = self.state();
        state.members.insert(member.id.clone(), Presence::away(member.clone(), now));
        let live = state.frames.as_ref().ok_or(ROOM_NOT_FOUND)?.subscribe();
        Ok(Place { room: self.clone(), member, head: state.head, live })
    }

    /// A member is back: it hears what comes from here on.
    ///
    /// # Errors
    /// [`NOT_A_MEMBER`] when it has left meanwhile.
    pub fn rejoined(self: &Arc<Self>, member: &Member) -> Result<Place> {
        let state = self.state();
        let live = state.frames.as_ref().ok_or(ROOM_NOT_FOUND)?.subscribe();
        let presence = state.members.get(&member.id).ok_or(NOT_A_MEMBER)?;
        Ok(Place { room: self.clone(), member: presence.member.clone(), head: state.head, live })
    }

    /// Gives a member its connection; one that it still has is closed. `None` when it has left meanwhile.
    pub fn connect(
        &self,
        member: &str,
        urgent: Urgent,
        session: Option<String>,
        was_away: bool,
        now: NaiveDateTime,
    ) -> Option<Line> {
        let mut state = self.state();
        state.connections += 1;
        let connection = Connection::new(state.connections, urgent, now);
        let line = connection.line();
        let presence = state.members.get_mut(member)?;
        if session.is_some() {
            presence.member.session = session;
        }
        if let Some(old) = presence.connection.replace(connection) {
            old.farewell("replaced", "You have joined again from elsewhere.".into(), NORMAL);
        }
        if was_away {
            state.say(&ServerMessage::Away { member: member.into(), away: false });
        }
        Some(line)
    }

    /// A connection has broken: its member may come back for a while.
    pub fn disconnect(&self, member: &str, line: &Line, now: NaiveDateTime) {
        let mut state = self.state();
        let connection = state.members.get(member).and_then(|presence| presence.connection.as_ref());
        if connection.is_some_and(|connection| connection.number == line.number) {
            state.lose(member, now);
        }
    }

    /// Asks the members now and then whether they are there. Who is not has lost its connection: also one that stands, as
    /// far as the server can see, while nobody is at its other end any more.
    pub fn beat(&self, now: NaiveDateTime) {
        let mut state = self.state();
        let dead = |(id, presence): (&String, &mut Presence)| {
            let lives = presence.connection.as_mut()?.beat(now);
            (!lives).then(|| id.clone())
        };
        let dead: Vec<String> = state.members.iter_mut().filter_map(dead).collect();
        for member in dead {
            state.lose(&member, now);
        }
    }

    /// Members without a connection for at least as long as `grace`.
    pub fn away_since(&self, grace: Duration, now: NaiveDateTime) -> Vec<Who> {
        let state = self.state();
        let away = state.members.values().filter(|presence| presence.connection.is_none());
        away.filter(|presence| after(presence.lost_at, grace) <= now).map(|presence| presence.member.who()).collect()
    }

    pub fn allow(&self, rate: Rate, member: &str, now: NaiveDateTime) -> Allowed {
        self.state().members.get_mut(member).map_or(Allowed::Enough, |presence| presence.allow(rate, now))
    }

    /// Tells everybody of an event that is stored. To be called by the writer, which knows the order.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn tell(&self, event: &Event, now: NaiveDateTime) -> Result<()> {
        let frame = text_frame(&event.json().map_err(Error::internal)?);
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
        let Some(connection) = gone.and_then(|presence| presence.connection) else { return };
        match farewell {
            Some((code, msg)) => connection.farewell(code, msg, POLICY),
            None => connection.urgent.farewell(None, NORMAL),
        }
    }

    /// Somebody types; told once a second at most.
    pub fn typing(&self, member: &str, now: NaiveDateTime) {
        let mut state = self.state();
        let Some(presence) = state.members.get_mut(member) else { return };
        if presence.types(now) {
            let name = presence.member.name.clone();
            state.say(&ServerMessage::Typing { from: name.into(), from_id: member.into() });
        }
    }

    /// Tells one member alone, if it is connected.
    pub fn whisper(&self, member: &str, word: &ServerMessage<'_>) {
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
            state.say(&ServerMessage::Ending { expires_at: state.expires_at.and_utc(), expires_in });
        }
        left <= TimeDelta::zero()
    }

    /// The sessions that members are there with, connected or not.
    pub fn sessions(&self) -> Vec<(String, Who)> {
        let state = self.state();
        let session = |presence: &Presence| Some((presence.member.session.clone()?, presence.member.who()));
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

    pub fn expires_at(&self) -> NaiveDateTime {
        self.state().expires_at
    }

    pub fn is_empty(&self) -> bool {
        self.state().members.is_empty()
    }

    pub fn is_over(&self) -> bool {
        self.state().frames.is_none()
    }

    /// Closes all sockets: the members may come back to the next server.
    pub fn close(&self) {
        self.state().frames = None;
    }

    /// The last word in a room, whose sockets close behind it.
    pub fn over(&self, reason: &'static str) {
        let msg = match reason {
            "expired" => "Nobody has said anything for too long: the room and its files are gone.",
            _ => "The room was ended: it and its files are gone.",
        };
        let mut state = self.state();
        state.say(&ServerMessage::Ended { reason: reason.into(), msg: msg.into() });
        state.frames = None;
        state.members.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// A member's connection is over: nothing of the room goes there any more.
    fn lose(&mut self, member: &str, now: NaiveDateTime) {
        let Some(presence) = self.members.get_mut(member) else { return };
        if let Some(connection) = presence.connection.take() {
            connection.urgent.farewell(None, GIVEN_UP);
            presence.lost_at = now;
            self.say(&ServerMessage::Away { member: member.into(), away: true });
        }
    }

    fn say(&self, word: &ServerMessage<'_>) {
        if let Some(frames) = &self.frames {
            let _ = frames.send(text_frame(&word.json()));
        }
    }
}
