//! Who may do what with a room: a handler's signature says which of these it takes, and each repeats the whole check.

use crate::server::features::rooms::refusals::{NOT_A_MEMBER, ROOM_KEY_REQUIRED, ROOM_NOT_FOUND};
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::COOKIE;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::events::Page;
use super::model::members::{self, Member, Secret};
use super::model::{self, Room};
use crate::protocol::rooms::code;
use crate::protocol::secret;
use crate::server::app::App;
use crate::server::auth::Guess;
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::http::gate::Caller;
use crate::server::http::peer::client_address;
use crate::server::http::socket::subprotocols;
use crate::server::places::Holder;

/// Header with the key of whoever made the room.
pub const MANAGE_KEY: &str = "x-manage-key";
/// Header with a member's token.
pub const MEMBER_TOKEN: &str = "x-member-token";

/// A room that is there, for whoever has its code.
#[derive(Clone)]
pub struct Known {
    pub room: Room,
    pub code: String,
    pub caller: Option<Caller>,
    address: IpAddr,
    /// The path of its files, as this server is reached.
    files: String,
}

/// A room for one of its members.
pub struct Inside {
    pub known: Known,
    pub member: Member,
}

/// A room for whoever made it.
pub struct Managed(pub Known);

impl Known {
    fn of(req: &HttpRequest) -> Result<Known> {
        let app = app(req)?;
        let (now, address) = (app.clock.now(), client_address(req)?);
        let code = code::parse(req.match_info().get("room").unwrap_or_default());
        let found = code.ok_or(ROOM_NOT_FOUND).and_then(|code| {
            let room = app.db.lookup(|conn| model::find(conn, &code, now))?;
            Ok((room, code))
        });
        let (room, code) = match found {
            Ok((room, code)) if holds_secret(req, &room)? => (room, code),
            // A code may have been guessed. Whoever has guessed too much is not told whether this one was right.
            found => {
                app.throttle.guess(Guess::Long, address, now)?;
                if !found.as_ref().is_err_and(|error| error.is(&ROOM_NOT_FOUND)) {
                    app.throttle.forgive_guess(Guess::Long, address);
                }
                found?
            }
        };
        let base = app.config.public_url.as_ref().map(|public| public.base_path()).unwrap_or_default();
        let files = format!("{base}/api/rooms/{code}/files");
        let caller = req.extensions().get::<Caller>().cloned();
        Ok(Known { room, code, caller, address, files })
    }

    /// Counts somebody new against the address it comes from.
    ///
    /// # Errors
    /// [`too_many_requests`].
    pub fn admit(&self, app: &App) -> Result<()> {
        app.throttle.admit_member(self.address, app.clock.now())
    }

    /// As whom somebody comes who is nobody's member yet.
    pub fn came_as(&self) -> String {
        members::came_as(self.caller.as_ref().map(|caller| caller.user.id.as_str()), self.address)
    }

    /// The session that this is done in.
    pub fn session(&self) -> Option<String> {
        self.caller.as_ref().map(|caller| caller.session.clone())
    }

    /// Where a file is.
    pub fn file_url(&self, file: &str) -> String {
        format!("{}/{file}", self.files)
    }

    /// Events as members get them: the addresses of files have the code in them, which the database does not know.
    pub fn render(&self, page: Page) -> Result<Vec<Box<RawValue>>> {
        page.into_iter().map(|(_, body)| RawValue::from_string(self.complete(body)).map_err(Error::internal)).collect()
    }

    fn complete(&self, body: String) -> String {
        #[derive(serde::Deserialize)]
        struct File {
            file_id: String,
        }
        // In a name the quotes would be escaped.
        const EMPTY: &str = "\"url\":\"\"";
        match body.starts_with("{\"type\":\"file\"").then(|| serde_json::from_str::<File>(&body)) {
            Some(Ok(file)) => body.replacen(EMPTY, &format!("\"url\":\"{}\"", self.file_url(&file.file_id)), 1),
            _ => body,
        }
    }
}

/// Whether a request brings a secret of the room: whoever has one has not guessed the code.
fn holds_secret(req: &HttpRequest, room: &Room) -> Result<bool> {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    if header(MANAGE_KEY).is_some_and(|key| secret::matches(key, &room.key_digest)) {
        return Ok(true);
    }
    let query = web::Query::<Secrets>::from_query(req.query_string()).map(web::Query::into_inner).unwrap_or_default();
    let token = token_of(req).or(query.token.as_deref()).map(Secret::Token);
    let secret = token.or(query.key.as_deref().map(Secret::Key));
    let app = app(req)?;
    let found = match secret {
        Some(secret) => app.db.lookup(|conn| members::find(conn, &room.id, secret, app.clock.now())),
        None => by_cookie(req, &app, room),
    };
    match found {
        Ok(_) => Ok(true),
        Err(error) if error.is(&NOT_A_MEMBER) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The member's token of a request: in its header or, for the handshake of a WebSocket, which a page can give no such
/// header, in the subprotocol `member.TOKEN` that it offers. Neither stands in the logs of a proxy, as an address does.
pub fn token_of(req: &HttpRequest) -> Option<&str> {
    let header = req.headers().get(MEMBER_TOKEN).and_then(|token| token.to_str().ok());
    header.or_else(|| subprotocols(req.headers()).find_map(|name| name.strip_prefix("member.")))
}

/// Cookie by which a browser fetches the files of one room by itself.
const COOKIE_NAME: &str = "handover-room";
/// How long it lasts without a new handshake. The member must be in the room all the same.
const COOKIE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a member's browser is given with its socket, so that no secret has to stand in the addresses of files.
pub fn cookie(app: &App, known: &Known, member: &Member) -> String {
    let public = app.config.public_url.as_ref();
    let base = public.map(|public| public.base_path()).unwrap_or_default();
    let secure = if public.is_some_and(|public| public.is_https()) { "; Secure" } else { "" };
    let grant = app.keys.sign_grant(&subject(&member.id), after(app.clock.now(), COOKIE_LIFE));
    format!(
        "{COOKIE_NAME}={}.{grant}; Path={base}/api/rooms/{}; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        member.id,
        known.code,
        COOKIE_LIFE.as_secs(),
    )
}

fn subject(member: &str) -> String {
    format!("room member {member}")
}

/// The member in a room that a cookie of ours names.
fn by_cookie(req: &HttpRequest, app: &App, room: &Room) -> Result<Member> {
    let cookies = req.headers().get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    let mut members = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
        let (member, grant) = cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('=')?.split_once('.')?;
        app.keys.verify_grant(&subject(member), grant, app.clock.now()).then_some(member)
    });
    let member = members.next().ok_or(NOT_A_MEMBER)?;
    app.db.lookup(|conn| members::find(conn, &room.id, Secret::Id(member), app.clock.now()))
}

/// Secrets in the address of what a browser asks for by itself.
#[derive(Default, Deserialize)]
struct Secrets {
    token: Option<String>,
    key: Option<String>,
}

impl Inside {
    /// Who a member is where places are shared out.
    pub fn holder(&self) -> Holder {
        match &self.member.session {
            Some(session) => Holder::User(session.clone()),
            None => Holder::Address(self.known.address),
        }
    }
}

impl FromRequest for Known {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Known::of(req))
    }
}

impl FromRequest for Managed {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let managed = || {
            let known = Known::of(req)?;
            let key = req.headers().get(MANAGE_KEY).and_then(|key| key.to_str().ok());
            match key.is_some_and(|key| secret::matches(key, &known.room.key_digest)) {
                true => Ok(Managed(known)),
                false => Err(ROOM_KEY_REQUIRED),
            }
        };
        ready(managed())
    }
}

impl FromRequest for Inside {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let inside = || {
            let known = Known::of(req)?;
            let member = find(req, &known, Secret::Token(token_of(req).ok_or(NOT_A_MEMBER)?))?;
            Ok(Inside { known, member })
        };
        ready(inside())
    }
}

/// The member that may fetch files here, by its token or, for what a browser asks for by itself, the [`cookie`] or, where it
/// takes none, the key in the address.
///
/// # Errors
/// [`NOT_A_MEMBER`].
pub fn fetcher(req: &HttpRequest, known: &Known, key: Option<&str>) -> Result<Member> {
    match (token_of(req), key) {
        (Some(token), _) => find(req, known, Secret::Token(token)),
        (None, Some(key)) => find(req, known, Secret::Key(key)),
        (None, None) => {
            let app = app(req)?;
            by_cookie(req, &app, &known.room)
        }
    }
}

fn find(req: &HttpRequest, known: &Known, secret: Secret<'_>) -> Result<Member> {
    let app = app(req)?;
    app.db.lookup(|conn| members::find(conn, &known.room.id, secret, app.clock.now()))
}

fn app(req: &HttpRequest) -> Result<web::Data<App>> {
    req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App in this server".into()))
}
