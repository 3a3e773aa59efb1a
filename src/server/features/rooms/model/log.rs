//! The log of a room: numbered events, in one order.

use diesel::ExpressionMethods as _;

use super::{At, Cost, next};
use crate::protocol::rooms::event::Event;
use crate::server::db::Conn;
use crate::server::db::schema::room_events as events;
use crate::server::error::{Error, Result};

/// A member, as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub id: String,
    pub name: String,
}

/// Adds an event under the next number.
pub fn add(
    conn: &mut Conn,
    at: At<'_>,
    member: Option<&str>,
    nonce: Option<&str>,
    cost: Cost,
    event: impl FnOnce(i64) -> Event,
) -> Result<Event> {
    let event = event(next(conn, at, cost)?);
    conn.insert(
        events::table,
        (
            events::room_id.eq(at.room),
            events::seq.eq(event.id()),
            events::kind.eq(event.kind()),
            events::member_id.eq(member),
            events::nonce.eq(nonce),
            events::body.eq(event.json().map_err(Error::internal)?),
        ),
    )?;
    Ok(event)
}
