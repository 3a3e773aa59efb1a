//! GET /api/rooms/{room}/socket: a member's socket, from joining to leaving.

mod history;
mod name;
mod participant;
mod welcome;

pub use history::HISTORY;

use crate::server::features::rooms::refusals::NOT_A_MEMBER;
use crate::server::refusals::UPGRADE_REQUIRED;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use self::history::catch_up;
use self::name::name;
use self::participant::Participant;
use self::welcome::First;
use super::guard::{self, Known};
use super::hub::{Place, Rooms};
use super::model::members::{self, NewMember, Secret};
use super::model::{self, At};
use crate::protocol::rooms::code;
use crate::protocol::rooms::event::{LARGEST_CLIENT_MESSAGE, ServerMessage};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::http::socket::{Handshake, Out};

#[derive(Deserialize)]
pub struct Join {
    #[serde(default)]
    name: String,
    /// The last event that a member who comes back has.
    after: Option<i64>,
    /// What gives a member its place back, where it stands neither in a header nor in a subprotocol.
    token: Option<String>,
}

impl Join {
    fn token<'a>(&'a self, req: &'a HttpRequest) -> Option<&'a str> {
        guard::token_of(req).or(self.token.as_deref()).filter(|token| !token.is_empty())
    }
}

pub async fn join(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    known: Known,
    query: web::Query<Join>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let rooms = rooms.get_ref().clone();
    let handshake = match Handshake::of(&req, &app) {
        // A page is not told why its socket was refused, and asks once more without the handshake.
        Err(error) if error.is(&UPGRADE_REQUIRED) => {
            return Err(refusal(&app, &rooms, &known, query.token(&req), &query.name));
        }
        handshake => handshake?,
    };
    let (place, secrets) = match query.token(&req) {
        Some(token) => (rejoin(&app, &rooms, &known, token).await?, None),
        None => {
            let (name, session) = (name(&query.name)?, known.session());
            let (token, key, came_as) = (code::new_token(), code::new_token(), known.came_as());
            let new = NewMember { name, token, key, session, came_as };
            known.admit(&app)?;
            let origin = Origin::of(&req, known.caller.as_ref());
            (enter(&app, &rooms, &known, new.clone(), origin).await?, Some(new))
        }
    };
    let first = First::of(&app, &known, &place, secrets.as_ref(), query.after).await?;
    let welcome = first.json()?;
    let too_slow = ServerMessage::Error {
        code: "too_slow".into(),
        msg: "You have missed messages: join again with the number of the last one that you have.".into(),
        nonce: None,
    };
    let Place { room, member, head, live } = place;
    let cookie = HeaderValue::try_from(guard::cookie(&app, &known, &member)).map_err(Error::internal)?;
    let (mut response, incoming, urgent, backlog) =
        handshake.open_channel(payload, LARGEST_CLIENT_MESSAGE, live, too_slow.json());
    response.headers_mut().insert(SET_COOKIE, cookie);
    urgent.say(Out::Text(welcome));
    let now = app.clock.now();
    let line = room.connect(&member.id, urgent.clone(), known.session(), secrets.is_none(), now);
    let line = line.ok_or(NOT_A_MEMBER)?;
    if query.after.is_some() {
        let last = first.last.unwrap_or(head);
        actix_rt::spawn(catch_up(app.clone(), known.clone(), last, head, backlog, urgent.clone()));
    }
    let participant = Participant { app, rooms, room, who: member.who(), urgent, line };
    actix_rt::spawn(participant.serve(incoming));
    Ok(response)
}

/// Why somebody would not be let in; if nothing is in the way, that no socket was asked for.
fn refusal(app: &App, rooms: &Rooms, known: &Known, token: Option<&str>, given: &str) -> Error {
    let (id, limits, now) = (&known.room.id, rooms.limits(), app.clock.now());
    let allowed = match token {
        Some(token) => app.db.lookup(|conn| members::find(conn, id, Secret::Token(token), now)).map(drop),
        None => name(given)
            .and_then(|_| {
                app.db.lookup(|conn| members::may_join(conn, At { room: id, limits: &limits, now }, &known.came_as()))
            })
            .and_then(|()| known.admit(app)),
    };
    allowed.err().unwrap_or(UPGRADE_REQUIRED)
}

async fn rejoin(app: &App, rooms: &Rooms, known: &Known, token: &str) -> Result<Place> {
    let (id, now) = (&known.room.id, app.clock.now());
    let room = rooms.room(&app.db, id, now)?;
    let member = app.db.lookup(|conn| members::find(conn, id, Secret::Token(token), now))?;
    if let Some(session) = known.session().filter(|session| member.session.as_ref() != Some(session)) {
        let id = member.id.clone();
        app.db.write(move |conn| members::sign_in(conn, &id, &session)).await?;
    }
    room.rejoined(&member)
}

/// Stores that somebody new is there, and tells the others.
async fn enter(app: &web::Data<App>, rooms: &Rooms, known: &Known, new: NewMember, origin: Origin) -> Result<Place> {
    let (now, limits, id) = (app.clock.now(), rooms.limits(), known.room.id.clone());
    let room = rooms.room(&app.db, &id, now)?;
    let join = move |conn: &mut Conn| {
        let joined = members::join(conn, At { room: &id, limits: &limits, now }, &new)?;
        let entry = Entry::new(Action::RoomJoined, &joined.0.name).detail(model::topic(&id));
        origin.record(conn, now, entry)?;
        Ok(joined)
    };
    let writer = app.db.writer();
    writer.write_then(join, move |joined| joined.and_then(|(member, event)| room.joined(member, &event, now))).await
}
