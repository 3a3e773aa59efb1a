//! Who may do what with a room: a handler's signature says which of these it takes, and each repeats the whole check.

use crate::server::features::rooms::refusals::{NOT_A_MEMBER, ROOM_KEY_REQUIRED, ROOM_NOT_FOUND};
use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
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
use crate::server::error::{Error, Result};
use crate::server::http::gate::Caller;
use crate::server::http::peer::client_address;
use crate::server::shares::Holder;

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
    let token = header(MEMBER_TOKEN).or(query.token.as_deref()).map(Secret::Token);
    let Some(secret) = token.or(query.key.as_deref().map(Secret::Key)) else { return Ok(false) };
    let app = app(req)?;
    match app.db.lookup(|conn| members::find(conn, &room.id, secret, app.clock.now())) {
        Ok(_) => Ok(true),
        Err(error) if error.is(&NOT_A_MEMBER) => Ok(false),
        Err(error) => Err(error),
    }
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
            let token = req.headers().get(MEMBER_TOKEN).and_then(|token| token.to_str().ok());
            let member = find(req, &known, Secret::Token(token.ok_or(NOT_A_MEMBER)?))?;
            Ok(Inside { known, member })
        };
        ready(inside())
    }
}

/// The member that may fetch files here, by its token or, for what a browser asks for by itself, the key in the address.
///
/// # Errors
/// [`NOT_A_MEMBER`].
pub fn fetcher(req: &HttpRequest, known: &Known, key: Option<&str>) -> Result<Member> {
    match (req.headers().get(MEMBER_TOKEN).and_then(|token| token.to_str().ok()), key) {
        (Some(token), _) => find(req, known, Secret::Token(token)),
        (None, Some(key)) => find(req, known, Secret::Key(key)),
        (None, None) => Err(NOT_A_MEMBER),
    }
}

fn find(req: &HttpRequest, known: &Known, secret: Secret<'_>) -> Result<Member> {
    let app = app(req)?;
    app.db.lookup(|conn| members::find(conn, &known.room.id, secret, app.clock.now()))
}

fn app(req: &HttpRequest) -> Result<web::Data<App>> {
    req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App in this server".into()))
}
