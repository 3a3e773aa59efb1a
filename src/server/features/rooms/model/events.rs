//! Events of a room as rows, with the JSON that its members get.

use crate::server::features::rooms::refusals::{EVENT_NOT_FOUND, NOT_A_MEMBER};
use diesel::prelude::*;

use super::log::{Who, add};
use super::{At, Cost, files, free, members, still_open};
use crate::protocol::rooms::event::Event;
use crate::server::blobs::rows;
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{room_events as events, rooms};
use crate::server::error::{Error, Result};

/// What a member has said.
pub enum Spoken {
    New(Event),
    /// It had said this before, by the name that it gives it: the number of that event.
    Before(i64),
}

/// A member says something.
///
/// # Errors
/// [`NOT_A_MEMBER`] when it has left, and those of [`next`].
pub fn say(conn: &mut Conn, at: At<'_>, who: &Who, text: String, nonce: Option<String>) -> Result<Spoken> {
    if !members::is_present(conn, at.room, &who.id)? {
        return Err(NOT_A_MEMBER);
    }
    if let Some(nonce) = &nonce {
        let same = events::table.filter(events::room_id.eq(at.room)).filter(events::member_id.eq(&who.id));
        let same = same.filter(events::nonce.eq(nonce)).select(events::seq);
        if let Some(seq) = conn.first(same).optional()? {
            return Ok(Spoken::Before(seq));
        }
    }
    let (bytes, time, named) = (text.len() as u64, at.now.and_utc(), nonce.clone());
    let (from, from_id) = (who.name.clone(), who.id.clone());
    let event = |id| Event::Message { id, from, from_id, text, at: time, nonce: named };
    add(conn, at, Some(&who.id), nonce.as_deref(), Cost::Message(bytes), event).map(Spoken::New)
}

/// What is removed with an event: the file's blob, if it was one.
pub struct Removed {
    pub event: Event,
    pub blob: Option<String>,
}

/// Takes a message or a file away. Its place in the history stays, its content goes.
///
/// # Errors
/// [`EVENT_NOT_FOUND`] when there is none of this number, or it is neither.
pub fn remove(conn: &mut Conn, at: At<'_>, seq: i64, quota: &Quota) -> Result<Removed> {
    let At { room, now, .. } = at;
    let row = events::table.find((room, seq)).select((events::kind, events::body));
    let (kind, body): (String, String) = row.first(conn).optional()?.ok_or(EVENT_NOT_FOUND)?;
    let open = still_open(conn, room, now)?;
    let (bytes, blob) = match kind.as_str() {
        "message" => {
            let bytes = text_length(&body);
            rows::book(conn, &open.account(), quota, -bytes)?;
            (bytes, None)
        }
        "file" => {
            let (bytes, blob) = files::remove(conn, &open, seq, quota)?;
            (bytes, Some(blob))
        }
        _ => return Err(EVENT_NOT_FOUND),
    };
    free(conn, room, bytes)?;
    let time = now.and_utc();
    let emptied = Event::Removed { id: seq, of: seq, at: time };
    diesel::update(events::table.find((room, seq)))
        .set((events::kind.eq(emptied.kind()), events::body.eq(emptied.json().map_err(Error::internal)?)))
        .execute(conn)?;
    let event = add(conn, at, None, None, Cost::End, |id| Event::Removed { id, of: seq, at: time })?;
    Ok(Removed { event, blob })
}

fn text_length(body: &str) -> i64 {
    #[derive(serde::Deserialize)]
    struct ClientMessage {
        text: String,
    }
    serde_json::from_str::<ClientMessage>(body).map_or(0, |said| said.text.len() as i64)
}

/// Changes what a room is called, and whether it is locked.
pub fn change(conn: &mut Conn, at: At<'_>, title: Option<String>, locked: Option<bool>) -> Result<Event> {
    let At { room, now, .. } = at;
    let before = still_open(conn, room, now)?;
    let (title, locked) = (title.unwrap_or(before.title), locked.unwrap_or(before.locked));
    diesel::update(rooms::table.find(room)).set((rooms::title.eq(&title), rooms::locked.eq(locked))).execute(conn)?;
    add(conn, at, None, None, Cost::Notice, |id| Event::Changed { id, title, locked, at: now.and_utc() })
}

/// Events of a room as JSON, in their order, with their numbers.
pub type Page = Vec<(i64, String)>;

/// Up to `limit` events past `after` and up to `head`.
pub fn after(conn: &mut Conn, room: &str, after: i64, head: i64, limit: i64) -> Result<Page> {
    Ok(events::table
        .filter(events::room_id.eq(room))
        .filter(events::seq.gt(after))
        .filter(events::seq.le(head))
        .order(events::seq)
        .limit(limit)
        .select((events::seq, events::body))
        .load(conn)?)
}

/// The newest events below `before`, in their order.
pub fn before(conn: &mut Conn, room: &str, before: i64, limit: i64) -> Result<Page> {
    let mut page: Page = events::table
        .filter(events::room_id.eq(room))
        .filter(events::seq.lt(before))
        .order(events::seq.desc())
        .limit(limit)
        .select((events::seq, events::body))
        .load(conn)?;
    page.reverse();
    Ok(page)
}
