//! Sessions: the row behind each access token. Rights end with the row, at the next request.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::Role;
use crate::server::db::Conn;
use crate::server::db::schema::{sessions, users};
use crate::server::error::{Error, Result};

/// The user behind a session, as the database has it now.
#[derive(Clone, Debug)]
pub struct SessionUser {
    pub id: String,
    pub username: String,
    pub role: Role,
    /// Whether they made the account themselves where anybody may: it is worth what a guest is.
    pub self_made: bool,
}

/// Makes a session for `user` and returns its id, the token's `jti`.
pub fn create_session(conn: &mut Conn, user: &str, now: NaiveDateTime, end: NaiveDateTime) -> Result<String> {
    let id = crate::server::id::new();
    conn.insert(
        sessions::table,
        (sessions::id.eq(&id), sessions::user_id.eq(user), sessions::created_at.eq(now), sessions::expires_at.eq(end)),
    )?;
    Ok(id)
}

/// The user of a session that still runs: not logged out, not expired, user neither gone nor disabled.
pub fn session_user(conn: &mut Conn, session: &str, now: NaiveDateTime) -> Result<Option<SessionUser>> {
    let running = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(session))
        .filter(sessions::expires_at.gt(now))
        .filter(users::disabled_at.is_null());
    let row: Option<(String, String, String, bool)> =
        conn.first(running.select((users::id, users::username, users::role, users::self_made))).optional()?;
    row.map(|(id, username, role, self_made)| {
        let role = role.parse().map_err(|error: String| Error::Internal(error.into()))?;
        Ok(SessionUser { id, username, role, self_made })
    })
    .transpose()
}

/// Whether a session still runs, for what goes on after its request: sockets end with it.
pub fn is_running(conn: &mut Conn, session: &str, now: NaiveDateTime) -> Result<bool> {
    Ok(session_user(conn, session, now)?.is_some())
}

/// Ends one session (log out).
pub fn end_session(conn: &mut Conn, session: &str) -> Result<()> {
    diesel::delete(sessions::table.find(session)).execute(conn)?;
    Ok(())
}

/// Ends all sessions of a user (password, role or standing changed).
pub fn end_sessions_of(conn: &mut Conn, user: &str) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(user))).execute(conn)?;
    Ok(())
}
