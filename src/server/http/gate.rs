//! The gate in front of every route: who may call, under which name and from which page, is decided before the handler runs
//! and before the body is read.

use crate::server::refusals::{
    CLIENT_ONLY, INVALID_TOKEN, MISSING_AUTHORIZATION, NOT_BEARER, SELF_MADE_ACCOUNT, SIGN_IN_REQUIRED, operation_only,
};
use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, ResponseError as _, web};

use crate::server::app::App;
use crate::server::audit::{Entry, Origin, post};
use crate::server::auth::{Role, SessionUser, session_user};
use crate::server::blobs::Account;
use crate::server::config::Guests;
use crate::server::error::{Error, Result};
use crate::server::http::origin::check_request;
use crate::server::http::peer::client_address;
use crate::server::http::request_id::RequestId;
use crate::server::http::socket::subprotocols;
use crate::server::shares::network_of;

/// Who may call a route.
#[derive(Clone, Copy)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever holds the token in the path; the handler checks it.
    Token,
    /// Signed-in users, and whoever sends no token where the setting `guests` allows it.
    Guests,
    /// Any signed-in user.
    SignedIn,
    /// Operation users; others are told this.
    Operation(&'static str),
    /// Client users.
    Client,
}

/// The signed-in user that a request is made by, and the session it is made in.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: SessionUser,
    pub session: String,
}

impl Caller {
    /// Checks that the session still runs; for what goes on for longer than a request takes.
    ///
    /// # Errors
    /// [`INVALID_TOKEN`], or a failure of the database.
    pub fn check(&self, app: &App) -> Result<()> {
        let now = app.clock.now();
        let user = app.db.lookup(|conn| session_user(conn, &self.session, now))?;
        match user {
            Some(user) if user.id == self.user.id && user.role == self.user.role => Ok(()),
            _ => Err(INVALID_TOKEN),
        }
    }
}

/// An operation user. A handler that takes one cannot be reached by anybody else.
pub struct Operation(pub Caller);

/// A client user, likewise.
pub struct Client(pub Caller);

/// The middleware of each route: lets through who may call, and leaves the [`Caller`] for the handler.
///
/// A refusal is an answer, not an `Err`: that would pass by the middleware outside, which adds headers and writes the log.
pub async fn gate(
    access: Access,
    req: ServiceRequest,
    next: Next<BoxBody>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let judged = app(req.request()).and_then(|app| check_request(req.request(), &app));
    if let Err(error) = judged {
        return Ok(req.into_response(error.error_response()));
    }
    let required = match access {
        Access::Public | Access::Token => return next.call(req).await,
        Access::Guests if bearer(req.headers()).is_none() => {
            return match app(req.request()).map(|app| app.config.guests()) {
                Ok(Guests::Allow) => next.call(req).await,
                Ok(Guests::Deny) => Ok(req.into_response(SIGN_IN_REQUIRED.error_response())),
                Err(error) => Ok(req.into_response(error.error_response())),
            };
        }
        Access::Guests | Access::SignedIn => None,
        Access::Operation(_) => Some(Role::Operation),
        Access::Client => Some(Role::Client),
    };
    let caller = match authenticate(req.request()) {
        Ok(caller) => caller,
        Err(error) => return Ok(req.into_response(error.error_response())),
    };
    let role = caller.user.role;
    let guests = app(req.request()).map(|app| app.config.guests());
    let refused = match access {
        Access::Guests if caller.user.self_made && !matches!(guests, Ok(Guests::Allow)) => Some(SELF_MADE_ACCOUNT),
        Access::Operation(why) if required != Some(role) => Some(operation_only(why)),
        Access::Client if required != Some(role) => Some(CLIENT_ONLY),
        _ => None,
    };
    if let Some(refusal) = &refused {
        record(&req, Some(&caller), Entry::refusal(refusal));
    }
    req.extensions_mut().insert(caller);
    match refused {
        Some(refusal) => Ok(req.into_response(refusal.error_response())),
        None => next.call(req).await,
    }
}

/// The caller behind the bearer token (RFC 6750 section 2.1), as the database has it now.
fn authenticate(req: &HttpRequest) -> Result<Caller> {
    let app = app(req)?;
    let token = bearer(req.headers()).ok_or(MISSING_AUTHORIZATION)??;
    let now = app.clock.now();
    let claims = app.keys.verify_access(token, now).ok_or(INVALID_TOKEN)?;
    let user = app.db.lookup(|conn| session_user(conn, &claims.jti, now))?;
    match user {
        Some(user) if user.id == claims.sub && user.role == claims.role => Ok(Caller { user, session: claims.jti }),
        _ => Err(INVALID_TOKEN),
    }
}

/// Whether a request that need not be is made by somebody who is signed in.
pub fn is_signed_in(req: &HttpRequest) -> bool {
    authenticate(req).is_ok()
}

/// Whose room it takes what a caller makes, or somebody without an account; who made their account themselves has none of
/// their own. What guests make is counted.
///
/// # Errors
/// [`too_many_requests`](crate::server::refusals::too_many_requests).
pub fn account_of(req: &HttpRequest, app: &App, caller: Option<&Caller>) -> Result<Account> {
    if let Some(caller) = caller.filter(|caller| !caller.user.self_made) {
        return Ok(Account::user(&caller.user.id));
    }
    let address = client_address(req)?;
    app.throttle.admit_guest(address, app.clock.now())?;
    Ok(Account::guest(network_of(address)))
}

/// The bearer token of a request, if it has one: of the header Authorization or, for the handshake of a WebSocket, which a
/// page can give no such header, of the subprotocol `bearer.TOKEN` that it offers.
fn bearer(headers: &HeaderMap) -> Option<Result<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        let is_socket = headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
        return subprotocols(headers).find_map(|name| name.strip_prefix("bearer.")).filter(|_| is_socket).map(Ok);
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    Some(token.filter(|token| !token.is_empty()).ok_or(NOT_BEARER))
}

fn app(req: &HttpRequest) -> Result<web::Data<App>> {
    req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App in this server".into()))
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            req.extensions()
                .get::<Caller>()
                .cloned()
                .ok_or_else(|| Error::Internal("a handler asks for a caller on a route without the gate".into())),
        )
    }
}

/// A caller of one role, whatever the route says: the gate and the handler must agree.
fn caller_of(role: Role, req: &HttpRequest, payload: &mut Payload) -> Result<Caller> {
    let caller = Caller::from_request(req, payload).into_inner()?;
    if caller.user.role != role {
        return Err(Error::Internal(format!("the gate let a {} user through", caller.user.role).into()));
    }
    Ok(caller)
}

impl FromRequest for Operation {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(caller_of(Role::Operation, req, payload).map(Operation))
    }
}

impl FromRequest for Client {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(caller_of(Role::Client, req, payload).map(Client))
    }
}

impl Origin {
    pub fn of(req: &HttpRequest, caller: Option<&Caller>) -> Origin {
        Origin {
            actor: caller.map(|caller| (caller.user.id.clone(), caller.user.username.clone())),
            address: client_address(req).ok().map(|address| address.to_string()),
            request_id: req.extensions().get::<RequestId>().map(|id| id.0.clone()),
        }
    }
}

/// Records what has no transaction of its own, such as a refusal. Nobody waits for it.
pub fn record(req: &ServiceRequest, caller: Option<&Caller>, entry: Entry) {
    let Some(app) = req.app_data::<web::Data<App>>() else { return };
    post(app, Origin::of(req.request(), caller), entry);
}
