//! Rooms as rows. Every change of a room is an event with the next number, in the same transaction.

pub mod events;
pub mod files;
pub mod log;
pub mod members;

use crate::server::features::rooms::refusals::{ROOM_NOT_FOUND, TOO_MANY_ROOMS, room_full};
use std::time::Duration;

use bytesize::ByteSize;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::protocol::secret::digest;
use crate::server::blobs::{Account, rows};
use crate::server::clock::after;
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{room_files, rooms, users};
use crate::server::error::Result;

/// A room that is open.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = rooms)]
pub struct Room {
    pub id: String,
    pub key_digest: String,
    pub title: String,
    pub account: String,
    pub made_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub locked: bool,
    pub last_event: i64,
    pub bytes: i64,
}

impl Room {
    /// The largest file that fits.
    pub fn space_left(&self, limits: &Limits) -> u64 {
        u64::try_from(Cost::File(0).most_before(limits).saturating_sub(self.bytes)).unwrap_or_default()
    }

    /// What its files are booked to.
    pub fn account(&self) -> Account {
        Account::of_key(self.account.clone())
    }
}

/// What is recorded in the audit.
pub fn topic(id: &str) -> String {
    format!("room:{id}")
}

/// A room about to be made.
pub struct NewRoom {
    pub id: String,
    pub code: String,
    pub key: String,
    pub title: String,
    /// The user who makes it, if it is not a guest.
    pub made_by: Option<String>,
    pub account: Account,
    pub expires_at: NaiveDateTime,
}

/// What a room may hold, and how long it lives without a word.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rooms: u32,
    pub members: u32,
    pub bytes: u64,
    pub quiet: Duration,
    /// What the account of whoever made it may store.
    pub quota: Quota,
}

/// Where and when something happens.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub room: &'a str,
    pub limits: &'a Limits,
    pub now: NaiveDateTime,
}

/// Of all rooms, what one account may have.
const SHARE: u32 = 4;

/// Makes a room.
///
/// # Errors
/// [`TOO_MANY_ROOMS`].
pub fn make(conn: &mut Conn, new: &NewRoom, limits: &Limits, now: NaiveDateTime) -> Result<()> {
    let open = || rooms::table.filter(rooms::ended_at.is_null());
    let all: i64 = open().count().get_result(conn)?;
    let own: i64 = open().filter(rooms::account.eq(new.account.key())).count().get_result(conn)?;
    if all >= i64::from(limits.rooms) || own >= i64::from((limits.rooms / SHARE).max(1)) {
        return Err(TOO_MANY_ROOMS);
    }
    diesel::insert_into(rooms::table)
        .values((
            rooms::id.eq(&new.id),
            rooms::code_digest.eq(digest(&new.code)),
            rooms::key_digest.eq(digest(&new.key)),
            rooms::title.eq(&new.title),
            rooms::made_by.eq(&new.made_by),
            rooms::account.eq(new.account.key()),
            rooms::made_at.eq(now),
            rooms::expires_at.eq(new.expires_at),
            rooms::locked.eq(false),
            rooms::last_event.eq(0),
            rooms::bytes.eq(0),
        ))
        .execute(conn)?;
    Ok(())
}

/// The open room that a code opens.
///
/// # Errors
/// [`ROOM_NOT_FOUND`]: unknown, ended and expired are the same, and so are those of a disabled user.
pub fn find(conn: &mut Conn, code: &str, now: NaiveDateTime) -> Result<Room> {
    let query = rooms::table
        .left_join(users::table)
        .filter(rooms::code_digest.eq(digest(code)))
        .filter(rooms::ended_at.is_null())
        .filter(rooms::expires_at.gt(now))
        .filter(users::disabled_at.is_null()) // of a guest there is none
        .select(Room::as_select());
    query.first(conn).optional()?.ok_or(ROOM_NOT_FOUND)
}

/// An open room by its row, for what goes on after it was found.
///
/// # Errors
/// [`ROOM_NOT_FOUND`] when it has ended meanwhile.
pub fn still_open(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<Room> {
    let open = rooms::table.find(id).filter(rooms::ended_at.is_null()).filter(rooms::expires_at.gt(now));
    conn.first(open.select(Room::as_select())).optional()?.ok_or(ROOM_NOT_FOUND)
}

/// What a row of an event takes beside its content, about, together with the row that may one day tell of its end. All
/// that begins pays for its end too: a room that is full can be left, and what was said in it be removed.
const ROWS: i64 = 1 << 10;
/// Which part of its bytes a room has once more for notices: one that is full of files can still be joined.
const NOTICES: i64 = 8;

/// What an event takes of its room's bytes.
#[derive(Clone, Copy, Debug)]
pub enum Cost {
    /// A message of so many bytes.
    Message(u64),
    /// A file of so many bytes, which its blob is charged for.
    File(u64),
    /// Who comes, and what the maker changes.
    Notice,
    /// Who leaves, and what is removed: paid for with its beginning.
    End,
}

impl Cost {
    fn bytes(self) -> i64 {
        match self {
            Cost::Message(bytes) | Cost::File(bytes) => i64::try_from(bytes).unwrap_or(i64::MAX).saturating_add(ROWS),
            Cost::Notice => ROWS,
            Cost::End => 0,
        }
    }

    /// What is stored in rows, beside the blob of a file.
    fn row_bytes(self) -> i64 {
        match self {
            Cost::File(_) => ROWS,
            other => other.bytes(),
        }
    }

    /// Books what is stored in rows. A full account stops what is said and shared in its rooms; who comes and goes is let.
    fn charge(self, conn: &mut Conn, account: String, quota: &Quota) -> Result<()> {
        let (account, bytes) = (Account::of_key(account), self.row_bytes());
        match self {
            Cost::Message(_) | Cost::File(_) => rows::charge(conn, &account, quota, bytes.unsigned_abs()),
            Cost::Notice => rows::book(conn, &account, quota, bytes),
            Cost::End => Ok(()),
        }
    }

    /// How many bytes a room may have already for this to fit.
    pub fn most_before(self, limits: &Limits) -> i64 {
        let most = i64::try_from(limits.bytes).unwrap_or(i64::MAX);
        let most = match self {
            Cost::Message(_) | Cost::File(_) => most,
            Cost::Notice => most.saturating_add(most / NOTICES),
            Cost::End => i64::MAX,
        };
        most.saturating_sub(self.bytes())
    }
}

/// The next number of an open room, whose time begins anew; `cost` more is stored in it.
///
/// # Errors
/// [`ROOM_NOT_FOUND`], [`room_full`], [`quota_exceeded`](crate::server::refusals::quota_exceeded).
pub fn next(conn: &mut Conn, at: At<'_>, cost: Cost) -> Result<i64> {
    let At { room: id, limits, now } = at;
    let open = rooms::table.find(id).filter(rooms::ended_at.is_null()).filter(rooms::expires_at.gt(now));
    let fits = open.filter(rooms::bytes.le(cost.most_before(limits)));
    let changed = (
        rooms::last_event.eq(rooms::last_event + 1),
        rooms::bytes.eq(rooms::bytes + cost.bytes()),
        rooms::expires_at.eq(after(now, limits.quiet)),
    );
    if conn.update(fits, changed)? == 0 {
        still_open(conn, id, now)?;
        return Err(room_full(ByteSize(limits.bytes)));
    }
    let (number, account) = conn.first(rooms::table.find(id).select((rooms::last_event, rooms::account)))?;
    cost.charge(conn, account, &limits.quota)?;
    Ok(number)
}

/// Gives the room's bytes back that something took which is gone. What the account was charged for is the room's bytes
/// without those of its files.
pub fn free(conn: &mut Conn, id: &str, bytes: i64) -> Result<()> {
    conn.update(rooms::table.find(id), rooms::bytes.eq(rooms::bytes - bytes))?;
    Ok(())
}

/// Ends a room: from here on nobody finds it. What it holds goes with [`clear`].
pub fn end(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<()> {
    let open = rooms::table.find(id).filter(rooms::ended_at.is_null());
    match conn.update(open, rooms::ended_at.eq(now))? {
        1 => Ok(()),
        _ => Err(ROOM_NOT_FOUND),
    }
}

/// Files that one write of [`clear`] removes, so that others get their turn.
const CLEARED_AT_ONCE: i64 = 500;

/// What [`clear`] has removed.
pub struct Cleared {
    pub room: String,
    pub blobs: Vec<String>,
}

/// Removes some files of a room that has ended or expired; the room itself with the last of them. `None` when there is
/// none any more.
pub fn clear(conn: &mut Conn, quota: &Quota, now: NaiveDateTime) -> Result<Option<Cleared>> {
    let row = (rooms::id, rooms::account);
    let ended = rooms::table.filter(rooms::ended_at.is_not_null()).select(row);
    let expired = rooms::table.filter(rooms::expires_at.le(now)).select(row);
    let over: Option<(String, String)> = match ended.first(conn).optional()? {
        None => expired.first(conn).optional()?,
        over => over,
    };
    let Some((room, account)) = over else { return Ok(None) };
    let files: Vec<(String, String)> = room_files::table
        .filter(room_files::room_id.eq(&room))
        .select((room_files::id, room_files::blob_id))
        .limit(CLEARED_AT_ONCE)
        .load(conn)?;
    let account = Account::of_key(account);
    for (file, blob) in &files {
        diesel::delete(room_files::table.find(file)).execute(conn)?;
        let size = rows::remove(conn, blob, &account, quota)?;
        free(conn, &room, size)?;
    }
    if files.len() < CLEARED_AT_ONCE as usize {
        let left: Option<i64> =
            diesel::delete(rooms::table.find(&room)).returning(rooms::bytes).get_result(conn).optional()?;
        rows::book(conn, &account, quota, -left.unwrap_or_default())?;
    }
    Ok(Some(Cleared { room, blobs: files.into_iter().map(|(_, blob)| blob).collect() }))
}

/// Open rooms, for the metrics.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(rooms::table.filter(rooms::ended_at.is_null()).count().get_result(conn)?)
}
