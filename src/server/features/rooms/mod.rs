//! Rooms: people with a code talk and share files.
//!
//! [`model`] is what is stored: a room is a list of numbered events, and lives as long as something is said in it. [`hub`] is
//! who is there now and what they are told. What members see is on disk, in one order; see [`hub`] for how. [`client`] is the
//! other end of a member's socket.

mod fetch;
mod guard;
mod handlers;
pub mod hub;
pub mod model;
pub mod refusals;
mod routes;
pub mod settings;
mod share;
mod socket;

pub use settings::Settings;

pub use guard::{MANAGE_KEY, MEMBER_TOKEN};
pub use routes::endpoints;

use crate::server::features::rooms::refusals::{MEMBER_NOT_FOUND, ROOM_NOT_FOUND};
use std::time::Duration;

use actix_web::web;

use crate::protocol::rooms::event::{Event, Leaving};
use crate::server::app::App;
use crate::server::auth::is_running;
use crate::server::db::Conn;
use crate::server::error::{Chain, Result};
use hub::Rooms;
use model::At;
use model::log::Who;
use model::members;

/// Removes what is left of rooms that have ended or expired.
pub async fn clear(app: &App, rooms: &Rooms) -> Result<()> {
    loop {
        let (now, quota) = (app.clock.now(), *app.blobs.space().quota());
        let Some(cleared) = app.db.write(move |conn| model::clear(conn, &quota, now)).await? else { return Ok(()) };
        rooms.ended(&cleared.room, "expired");
        app.blobs.discard(cleared.blobs);
    }
}

/// A member leaves: stored, then told to the others.
async fn leave(app: &App, rooms: &Rooms, room: &str, who: Who, reason: Leaving) -> Result<()> {
    let (now, limits, id) = (app.clock.now(), rooms.limits(), room.to_owned());
    let room = rooms.room(&app.db, room, now)?;
    let member = who.id.clone();
    let leave = move |conn: &mut Conn| members::leave(conn, At { room: &id, limits: &limits, now }, &who, reason);
    let tell = move |left: Result<Event>| {
        let event = left?;
        let farewell = match reason {
            Leaving::Removed => Some(("removed", "You were sent away from this room.".to_owned())),
            Leaving::Left | Leaving::Lost => None,
        };
        room.left(&member, farewell);
        room.tell(&event, now)
    };
    app.db.writer().write_then(leave, tell).await
}

/// Takes up the rooms in which somebody was when the server stopped: members may come back for a while.
pub async fn recover(app: &App, rooms: &Rooms) -> Result<()> {
    let now = app.clock.now();
    for room in app.db.read(move |conn| members::inhabited(conn, now)).await? {
        rooms.room(&app.db, &room, now)?;
    }
    Ok(())
}

/// Ends what time ends, and what ends with a session, until the runtime ends.
pub async fn watch(app: web::Data<App>, rooms: Rooms) {
    const TICK: Duration = Duration::from_millis(500);
    /// Turns after which rooms are looked for in which nobody is.
    const EMPTY: u32 = 60;
    let mut turn = 0;
    if let Err(error) = recover(&app, &rooms).await {
        tracing::error!(cause = %Chain(&error), "the rooms of the last run cannot be taken up");
    }
    loop {
        let swept = match turn {
            0 => clear(&app, &rooms).await,
            _ => sweep(&app, &rooms).await,
        };
        if let Err(error) = swept {
            tracing::warn!(cause = %Chain(&error), "the rooms could not be swept");
        }
        turn = (turn + 1) % EMPTY;
        actix_rt::time::sleep(TICK).await;
    }
}

async fn sweep(app: &App, rooms: &Rooms) -> Result<()> {
    let now = app.clock.now();
    let mut members = 0;
    let all = rooms.all();
    // First what needs no database: it may fail.
    all.iter().for_each(|room| room.beat(now));
    for room in all {
        if room.expire(now) {
            clear(app, rooms).await?;
            continue;
        }
        for who in rooms.lost(&room, now) {
            gone(leave(app, rooms, &room.id, who, Leaving::Lost).await)?;
        }
        for (session, who) in room.sessions() {
            if !app.db.lookup(|conn| is_running(conn, &session, now))? {
                gone(leave(app, rooms, &room.id, who, Leaving::Removed).await)?;
            }
        }
        members += room.present().len();
    }
    rooms.forget_empty();
    app.metrics.rooms.set(rooms.all().len() as i64);
    app.metrics.room_members.set(members as i64);
    Ok(())
}

/// Somebody who has left already, or whose room has ended, needs no more.
fn gone(left: Result<()>) -> Result<()> {
    match left {
        Err(error) if error.is(&MEMBER_NOT_FOUND) || error.is(&ROOM_NOT_FOUND) => Ok(()),
        other => other,
    }
}
