//! Members of a room as rows: present from joining to leaving, whether connected or for a moment not.

use crate::server::features::rooms::refusals::{
    MEMBER_NOT_FOUND, NOT_A_MEMBER, ROOM_LOCKED, SENT_AWAY, room_crowded, room_full,
};
use std::net::IpAddr;

use bytesize::ByteSize;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::log::{self, Who};
use super::{At, Cost, still_open};
use crate::protocol::names;
use crate::protocol::rooms::event::{Event, Leaving};
use crate::protocol::secret::digest;
use crate::server::auth::is_running;
use crate::server::db::Conn;
use crate::server::db::schema::{room_exiles, room_members as members, rooms};
use crate::server::error::Result;
use crate::server::shares::network_of;

/// A member that is in the room.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct Member {
    pub id: String,
    pub name: String,
    pub joined_at: NaiveDateTime,
    /// The session that it is there with, if it has signed in.
    pub session: Option<String>,
}

impl Member {
    pub fn who(&self) -> Who {
        Who { id: self.id.clone(), name: self.name.clone() }
    }
}

/// A member about to join, with its two secrets.
#[derive(Clone, Debug)]
pub struct NewMember {
    pub name: String,
    pub token: String,
    pub key: String,
    pub session: Option<String>,
    /// See [`came_as`].
    pub came_as: String,
}

/// What somebody is kept out by who was sent away: the account, or for a guest the network.
pub fn came_as(user: Option<&str>, address: IpAddr) -> String {
    match user {
        Some(user) => format!("user:{user}"),
        None => format!("network:{}", network_of(address)),
    }
}

/// Keeps out as whom a member came, until [`pardon`].
pub fn exile(conn: &mut Conn, room: &str, member: &str) -> Result<()> {
    let came_as: Option<Option<String>> =
        conn.first(members::table.find(member).select(members::came_as)).optional()?;
    let Some(came_as) = came_as.flatten() else { return Ok(()) };
    if !is_exiled(conn, room, &came_as)? {
        conn.insert(room_exiles::table, (room_exiles::room_id.eq(room), room_exiles::came_as.eq(came_as)))?;
    }
    Ok(())
}

/// Lets everybody with the code in again.
pub fn pardon(conn: &mut Conn, room: &str) -> Result<()> {
    diesel::delete(room_exiles::table.filter(room_exiles::room_id.eq(room))).execute(conn)?;
    Ok(())
}

fn is_exiled(conn: &mut Conn, room: &str, came_as: &str) -> Result<bool> {
    let row = room_exiles::table.find((room, came_as));
    Ok(conn.first::<_, String>(row.select(room_exiles::came_as)).optional()?.is_some())
}

/// Whether somebody new is let in who comes as that.
///
/// # Errors
/// [`ROOM_NOT_FOUND`], [`ROOM_LOCKED`], [`SENT_AWAY`], [`room_crowded`], [`room_full`].
pub fn may_join(conn: &mut Conn, At { room, limits, now }: At<'_>, came_as: &str) -> Result<()> {
    let open = still_open(conn, room, now)?;
    if open.locked {
        return Err(ROOM_LOCKED);
    }
    if is_exiled(conn, room, came_as)? {
        return Err(SENT_AWAY);
    }
    if open.bytes > Cost::Notice.most_before(limits) {
        return Err(room_full(ByteSize(limits.bytes)));
    }
    let present = members::table.filter(members::room_id.eq(room)).filter(members::left_at.is_null());
    match present.count().get_result::<i64>(conn)? >= i64::from(limits.members) {
        true => Err(room_crowded(limits.members)),
        false => Ok(()),
    }
}

/// Lets a member in, under a name that nobody else has there.
///
/// # Errors
/// Those of [`may_join`].
pub fn join(conn: &mut Conn, at: At<'_>, new: &NewMember) -> Result<(Member, Event)> {
    may_join(conn, at, &new.came_as)?;
    let At { room, now, .. } = at;
    let name = free_name(conn, room, &new.name)?;
    let member = Member { id: crate::server::id::new(), name, joined_at: now, session: new.session.clone() };
    conn.insert(
        members::table,
        (
            members::id.eq(&member.id),
            members::room_id.eq(room),
            members::name.eq(&member.name),
            members::name_key.eq(names::key(&member.name)),
            members::token_digest.eq(digest(&new.token)),
            members::key_digest.eq(digest(&new.key)),
            members::joined_at.eq(now),
            members::session.eq(&member.session),
            members::came_as.eq(&new.came_as),
        ),
    )?;
    let (id, name, time) = (member.id.clone(), member.name.clone(), now.and_utc());
    let event = |seq| Event::Joined { id: seq, member: id, name, at: time };
    let event = log::add(conn, at, Some(&member.id), None, Cost::Notice, event)?;
    Ok((member, event))
}

/// `name`, or with a number behind it where somebody has it already.
fn free_name(conn: &mut Conn, room: &str, name: &str) -> Result<String> {
    let mut free = name.to_owned();
    for number in 2.. {
        let taken = members::table
            .filter(members::room_id.eq(room))
            .filter(members::name_key.eq(names::key(&free)))
            .filter(members::left_at.is_null());
        if conn.first::<_, String>(taken.select(members::id)).optional()?.is_none() {
            break;
        }
        free = format!("{name} ({number})");
    }
    Ok(free)
}

/// A member leaves.
///
/// # Errors
/// [`MEMBER_NOT_FOUND`] when it has left already.
pub fn leave(conn: &mut Conn, at: At<'_>, who: &Who, reason: Leaving) -> Result<Event> {
    let now = at.now;
    let present = members::table.find(&who.id).filter(members::room_id.eq(at.room)).filter(members::left_at.is_null());
    if conn.update(present, members::left_at.eq(now))? == 0 {
        return Err(MEMBER_NOT_FOUND);
    }
    let (member, name) = (who.id.clone(), who.name.clone());
    log::add(conn, at, Some(&who.id), None, Cost::End, |id| Event::Left { id, member, name, reason, at: now.and_utc() })
}

/// Whether a member is still in the room.
pub fn is_present(conn: &mut Conn, room: &str, member: &str) -> Result<bool> {
    let present = members::table.find(member).filter(members::room_id.eq(room)).filter(members::left_at.is_null());
    Ok(conn.first::<_, String>(present.select(members::id)).optional()?.is_some())
}

/// A secret of a member's.
#[derive(Clone, Copy, Debug)]
pub enum Secret<'a> {
    /// Gives its place back, and does all that it may do.
    Token(&'a str),
    /// Fetches files.
    Key(&'a str),
    /// Its id, which somebody else has vouched for.
    Id(&'a str),
}

/// The member in a room that a secret belongs to.
///
/// # Errors
/// [`NOT_A_MEMBER`], also for one that has left, or whose session has ended.
pub fn find(conn: &mut Conn, room: &str, secret: Secret<'_>, now: NaiveDateTime) -> Result<Member> {
    let present = members::table.filter(members::room_id.eq(room)).filter(members::left_at.is_null());
    let member = match secret {
        Secret::Token(token) => {
            conn.first(present.filter(members::token_digest.eq(digest(token))).select(Member::as_select()))
        }
        Secret::Id(id) => conn.first(present.filter(members::id.eq(id)).select(Member::as_select())),
        Secret::Key(key) => conn.first(present.filter(members::key_digest.eq(digest(key))).select(Member::as_select())),
    };
    let member: Member = member.optional()?.ok_or(NOT_A_MEMBER)?;
    match &member.session {
        Some(session) if !is_running(conn, session, now)? => Err(NOT_A_MEMBER),
        _ => Ok(member),
    }
}

/// A member has come back with another session.
pub fn sign_in(conn: &mut Conn, member: &str, session: &str) -> Result<()> {
    conn.update(members::table.find(member), members::session.eq(session))?;
    Ok(())
}

/// A member in a room by its id.
///
/// # Errors
/// [`MEMBER_NOT_FOUND`].
pub fn get(conn: &mut Conn, room: &str, id: &str) -> Result<Member> {
    let present = members::table.find(id).filter(members::room_id.eq(room)).filter(members::left_at.is_null());
    conn.first(present.select(Member::as_select())).optional()?.ok_or(MEMBER_NOT_FOUND)
}

/// Who is in a room, in the order in which they came.
pub fn list(conn: &mut Conn, room: &str) -> Result<Vec<Member>> {
    Ok(members::table
        .filter(members::room_id.eq(room))
        .filter(members::left_at.is_null())
        .order(members::id)
        .select(Member::as_select())
        .load(conn)?)
}

/// Rooms that are open and not empty, after a start: their members have been cut off.
pub fn inhabited(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<String>> {
    Ok(rooms::table
        .inner_join(members::table)
        .filter(rooms::ended_at.is_null())
        .filter(rooms::expires_at.gt(now))
        .filter(members::left_at.is_null())
        .select(rooms::id)
        .distinct()
        .load(conn)?)
}
