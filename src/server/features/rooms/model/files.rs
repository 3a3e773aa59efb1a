//! Files of a room as rows. Each row holds one blob.

use crate::server::features::rooms::refusals::{EVENT_NOT_FOUND, NOT_A_MEMBER};
use crate::server::refusals::FILE_NOT_FOUND;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::log::{self, Who};
use super::{At, Cost, Room, members, still_open};
use crate::protocol::rooms::event::Event;
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{blobs, room_fetches as fetches, room_files as files};
use crate::server::error::Result;

/// A file, with what its blob is.
#[derive(Clone, Debug, Queryable)]
pub struct File {
    pub id: String,
    pub seq: i64,
    pub name: String,
    pub blob: String,
    pub member: String,
    pub size: i64,
    pub blake3: String,
    pub sha256: Option<String>,
}

impl File {
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }

    /// A strong entity tag (RFC 9110 section 8.8.3).
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.blake3)
    }
}

/// A member shares a file. Limits and quotas have their last word here.
pub fn share(conn: &mut Conn, at: At<'_>, who: &Who, name: String, blob: &NewBlob, quota: &Quota) -> Result<Event> {
    let At { room, now, .. } = at;
    if !members::is_present(conn, room, &who.id)? {
        return Err(NOT_A_MEMBER);
    }
    let open = still_open(conn, room, now)?;
    rows::add(conn, blob, &open.account(), quota, now)?;
    let (id, time) = (crate::server::id::new(), now.and_utc());
    let (file_id, filename, size) = (id.clone(), name.clone(), blob.size);
    let (from, from_id) = (who.name.clone(), who.id.clone());
    let event = |id| Event::File { id, from, from_id, file_id, filename, size, url: String::new(), at: time };
    let event = log::add(conn, at, Some(&who.id), None, Cost::File(blob.size), event)?;
    diesel::insert_into(files::table)
        .values((
            files::id.eq(&id),
            files::room_id.eq(room),
            files::seq.eq(event.id()),
            files::name.eq(&name),
            files::blob_id.eq(&blob.id),
            files::member_id.eq(&who.id),
            files::added_at.eq(now),
        ))
        .execute(conn)?;
    Ok(event)
}

/// A file of a room.
///
/// # Errors
/// [`FILE_NOT_FOUND`].
pub fn find(conn: &mut Conn, room: &str, id: &str) -> Result<File> {
    files::table
        .inner_join(blobs::table)
        .filter(files::id.eq(id))
        .filter(files::room_id.eq(room))
        .select((
            files::id,
            files::seq,
            files::name,
            files::blob_id,
            files::member_id,
            blobs::size,
            blobs::blake3,
            blobs::sha256,
        ))
        .first(conn)
        .optional()?
        .ok_or(FILE_NOT_FOUND)
}

/// Removes the file that an event told of. Returns its size and its blob.
pub fn remove(conn: &mut Conn, room: &Room, seq: i64, quota: &Quota) -> Result<(i64, String)> {
    let of_event = files::table.filter(files::room_id.eq(&room.id)).filter(files::seq.eq(seq));
    let (id, blob): (String, String) =
        of_event.select((files::id, files::blob_id)).first(conn).optional()?.ok_or(EVENT_NOT_FOUND)?;
    diesel::delete(files::table.find(id)).execute(conn)?;
    let size = rows::remove(conn, &blob, &room.account(), quota)?;
    Ok((size, blob))
}

/// Notes that a member has fetched a file; `true` when it is the first time.
pub fn fetched(conn: &mut Conn, file: &str, who: &Who, now: NaiveDateTime) -> Result<bool> {
    let known: i64 = fetches::table.find((file, &who.id)).count().get_result(conn)?;
    let there: i64 = files::table.find(file).count().get_result(conn)?;
    if known > 0 || there == 0 {
        return Ok(false);
    }
    diesel::insert_into(fetches::table)
        .values((
            fetches::file_id.eq(file),
            fetches::member_id.eq(&who.id),
            fetches::name.eq(&who.name),
            fetches::fetched_at.eq(now),
        ))
        .execute(conn)?;
    Ok(true)
}

/// Who has fetched what a member shared.
#[derive(Clone, Debug, Queryable)]
pub struct Fetch {
    pub seq: i64,
    pub file: String,
    pub by: String,
    pub fetched_at: NaiveDateTime,
}

/// The newest fetches of what a member has shared.
pub fn fetches_of(conn: &mut Conn, room: &str, member: &str) -> Result<Vec<Fetch>> {
    const MOST: i64 = 1000;
    Ok(files::table
        .inner_join(fetches::table)
        .filter(files::room_id.eq(room))
        .filter(files::member_id.eq(member))
        .order(fetches::fetched_at.desc())
        .limit(MOST)
        .select((files::seq, files::id, fetches::name, fetches::fetched_at))
        .load(conn)?)
}
