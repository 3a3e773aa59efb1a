//! The rooms in which somebody is: who is there, and what they are told.
//!
//! One small lock a room, without a wait inside. A message is stored first and told then, on the thread of the database's
//! writer, which knows the order: so what anybody sees is on disk, and all see it in the order of its numbers. Each is
//! encoded once, into a channel that all sockets of the room read for themselves; a socket joins what waits for it into
//! one write, and one that falls [`room::BACKLOG`] frames behind is dropped with a reason and may come back for what it
//! missed.
//!
//! When the database fails, whoever said something is told so, nobody else sees it, and the room goes on.

mod presence;
mod room;

pub use presence::{Allowed, Line};
pub use room::{Place, Present, Room};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::NaiveDateTime;

use self::presence::Rate;
use super::model::log::Who;
use super::model::{self, Limits, members};
use crate::server::config::Quota;
use crate::server::db::Db;
use crate::server::error::Result;
use crate::server::features::rooms::Settings;

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

impl Rooms {
    pub fn new(settings: &Settings, quota: Quota) -> Rooms {
        let limits = Limits {
            rooms: settings.max_rooms,
            members: settings.max_room_members,
            bytes: settings.max_room_size.0,
            quiet: settings.room_life,
            quota,
        };
        let rate = Rate::a_second(settings.room_message_rate);
        Rooms(Arc::new(Inner { limits, grace: settings.room_grace, rate, rooms: Mutex::default() }))
    }

    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// The room of this id, as it is in memory, or as the database has it: its members are away then.
    ///
    /// # Errors
    /// [`ROOM_NOT_FOUND`](crate::server::error::Error::RoomNotFound), and those of the database.
    pub fn room(&self, db: &Db, id: &str, now: NaiveDateTime) -> Result<Arc<Room>> {
        let mut rooms = lock(&self.0.rooms);
        if let Some(room) = rooms.get(id).filter(|room| !room.is_over()) {
            return Ok(room.clone());
        }
        // All that changes a room holds it in memory until it is told: what the database has now is all there is.
        let (row, members) = db.lookup(|conn| Ok((model::still_open(conn, id, now)?, members::list(conn, id)?)))?;
        let room = Arc::new(Room::new(row, members, self.0.limits.quiet, now));
        rooms.insert(id.to_owned(), room.clone());
        Ok(room)
    }

    /// The room of this id if it is in memory: in one that is not, nobody can be told anything.
    pub fn in_memory(&self, id: &str) -> Option<Arc<Room>> {
        lock(&self.0.rooms).get(id).cloned()
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
        lock(&self.0.rooms).retain(|_, room| Arc::strong_count(room) > 1 || !room.is_empty());
    }

    /// The server stops: all sockets are closed, and the members come back to the next one.
    pub fn close(&self) {
        for room in self.all() {
            room.close();
        }
    }

    /// Members whose time to come back is over.
    pub fn lost(&self, room: &Room, now: NaiveDateTime) -> Vec<Who> {
        room.away_since(self.0.grace, now)
    }

    /// Whether a member may say one more thing now.
    pub fn allow(&self, room: &Room, member: &str, now: NaiveDateTime) -> Allowed {
        room.allow(self.0.rate, member, now)
    }
}

/// Maps and counts that are changed without anything that panics between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
