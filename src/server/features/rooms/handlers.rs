//! Making, looking at, changing and ending a room.

use crate::protocol::names;
use crate::server::refusals::bad_request;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::guard::{Inside, Known, Managed};
use super::hub::Rooms;
use super::leave;
use super::model::{self, At, NewRoom, events, members};
use crate::protocol::rooms::code;
use crate::protocol::rooms::event::{Event, Leaving};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::error::Result;
use crate::server::http::gate::{Caller, account_of};
use crate::server::http::json::Json;
use crate::server::http::paging::MOST;
use crate::server::http::peer::public_url;

/// Longest title, in characters.
const TITLE: usize = 200;

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = MakeRoom)]
pub struct Make {
    title: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MadeRoom)]
pub struct Made {
    /// The code to share
    room: String,
    /// The page
    url: String,
    /// Whoever has it may rename, lock, remove and end; it is told here and never again
    manage_key: String,
    expires_at: DateTime<Utc>,
}

pub async fn make(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    caller: Option<Caller>,
    Json(make): Json<Make>,
) -> Result<HttpResponse> {
    let (now, limits) = (app.clock.now(), rooms.limits());
    let title = title(make.title.unwrap_or_default())?;
    let account = account_of(&req, &app, caller.as_ref())?;
    let new = NewRoom {
        id: crate::server::id::new(),
        code: code::new(),
        key: code::new_key(),
        title,
        made_by: caller.as_ref().map(|caller| caller.user.id.clone()),
        account,
        expires_at: after(now, limits.quiet),
    };
    let made = Made {
        url: public_url(&req, &app, &format!("/r/{}", new.code))?,
        room: new.code.clone(),
        manage_key: new.key.clone(),
        expires_at: new.expires_at.and_utc(),
    };
    let origin = Origin::of(&req, caller.as_ref());
    app.db
        .write(move |conn| {
            model::make(conn, &new, &limits, now)?;
            origin.record(conn, now, Entry::new(Action::RoomMade, model::topic(&new.id)))
        })
        .await?;
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::Created().insert_header(no_store).json(made))
}

/// A title as it may be shown.
fn title(given: String) -> Result<String> {
    let title = names::plain(&given);
    match title.trim() {
        title if title.chars().count() <= TITLE => Ok(title.to_owned()),
        _ => Err(bad_request(format!("A title has {TITLE} characters at most."))),
    }
}

#[derive(Serialize, ToSchema)]
pub struct Room {
    /// The code
    room: String,
    title: String,
    /// How many are in it
    members: usize,
    locked: bool,
    made_at: DateTime<Utc>,
    /// Moves on with each message
    expires_at: DateTime<Utc>,
}

pub async fn show(app: web::Data<App>, known: Known) -> Result<HttpResponse> {
    let id = known.room.id.clone();
    let members = app.db.read(move |conn| members::list(conn, &id)).await?.len();
    Ok(HttpResponse::Ok().json(Room {
        room: known.code,
        title: known.room.title,
        members,
        locked: known.room.locked,
        made_at: known.room.made_at.and_utc(),
        expires_at: known.room.expires_at.and_utc(),
    }))
}

#[derive(Deserialize)]
pub struct Older {
    before: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RoomEvents)]
pub struct Events {
    /// In their order
    #[schema(value_type = Vec<Event>)]
    events: Vec<Box<RawValue>>,
    /// There are events before these
    more: bool,
}

pub async fn older(app: web::Data<App>, inside: Inside, query: web::Query<Older>) -> Result<HttpResponse> {
    let limit = match query.limit {
        None => super::socket::HISTORY,
        Some(limit) if (1..=MOST).contains(&limit) => limit,
        Some(_) => return Err(bad_request(format!("A limit is a number from 1 to {MOST}."))),
    };
    let (id, before) = (inside.known.room.id.clone(), query.before.unwrap_or(i64::MAX));
    let page = app.db.read(move |conn| events::before(conn, &id, before, limit)).await?;
    let more = page.first().is_some_and(|(first, _)| *first > 1);
    Ok(HttpResponse::Ok().json(Events { events: inside.known.render(page)?, more }))
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = ChangeRoom)]
pub struct Change {
    title: Option<String>,
    /// Whether nobody new may join
    locked: Option<bool>,
}

pub async fn change(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    Managed(known): Managed,
    Json(change): Json<Change>,
) -> Result<HttpResponse> {
    if change.title.is_none() && change.locked.is_none() {
        return Err(bad_request("Give what is to change: `title` or `locked`, as JSON.".into()));
    }
    let title = change.title.map(title).transpose()?;
    let (id, limits, now, origin) = (known.room.id.clone(), rooms.limits(), app.clock.now(), Origin::of(&req, None));
    let ((), event) = happen(&app, &rooms, &known, move |conn| {
        let event = events::change(conn, At { room: &id, limits: &limits, now }, title, change.locked)?;
        if change.locked == Some(false) {
            members::pardon(conn, &id)?;
        }
        origin.record(conn, now, Entry::new(Action::RoomChanged, model::topic(&id)))?;
        Ok(((), event))
    })
    .await?;
    Ok(HttpResponse::Ok().json(event))
}

/// Stores what happens in a room, and then tells it to everybody there.
async fn happen<T: Send + 'static>(
    app: &App,
    rooms: &Rooms,
    known: &Known,
    work: impl FnOnce(&mut Conn) -> Result<(T, Event)> + Send + 'static,
) -> Result<(T, Event)> {
    let now = app.clock.now();
    let room = rooms.room(&app.db, &known.room.id, now)?;
    let tell = move |happened: Result<(T, Event)>| {
        let (value, event) = happened?;
        room.tell(&event, now)?;
        Ok((value, event))
    };
    app.db.writer().write_then(work, tell).await
}

pub async fn end(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    Managed(known): Managed,
) -> Result<HttpResponse> {
    let (id, now, origin) = (known.room.id.clone(), app.clock.now(), Origin::of(&req, None));
    app.db
        .write(move |conn| {
            model::end(conn, &id, now)?;
            origin.record(conn, now, Entry::new(Action::RoomEnded, model::topic(&id)))
        })
        .await?;
    rooms.ended(&known.room.id, "ended");
    let (app, rooms) = (app.into_inner(), rooms.get_ref().clone());
    actix_rt::spawn(async move {
        if let Err(error) = super::clear(&app, &rooms).await {
            tracing::warn!(cause = %crate::server::error::Chain(&error), "an ended room is left for the sweep");
        }
    });
    Ok(HttpResponse::NoContent().finish())
}

pub async fn remove_member(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    Managed(known): Managed,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (id, member) = (known.room.id.clone(), path.into_inner().1);
    let who = app.db.lookup(|conn| members::get(conn, &id, &member))?.who();
    let entry = Entry::new(Action::RoomMemberRemoved, &who.name).detail(model::topic(&id));
    let room = id.clone();
    app.db.write(move |conn| members::exile(conn, &room, &member)).await?;
    leave(&app, &rooms, &id, who, Leaving::Removed).await?;
    crate::server::audit::post(&app, Origin::of(&req, None), entry);
    Ok(HttpResponse::NoContent().finish())
}

pub async fn remove_event(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    Managed(known): Managed,
    path: web::Path<(String, i64)>,
) -> Result<HttpResponse> {
    let (id, seq) = (known.room.id.clone(), path.into_inner().1);
    let (limits, quota, now) = (rooms.limits(), *app.blobs.space().quota(), app.clock.now());
    let origin = Origin::of(&req, None);
    let (blob, _) = happen(&app, &rooms, &known, move |conn| {
        let removed = events::remove(conn, At { room: &id, limits: &limits, now }, seq, &quota)?;
        let entry = Entry::new(Action::RoomEventRemoved, seq.to_string()).detail(model::topic(&id));
        origin.record(conn, now, entry)?;
        Ok((removed.blob, removed.event))
    })
    .await?;
    app.blobs.discard(blob.into_iter().collect());
    Ok(HttpResponse::NoContent().finish())
}
