//! Register, log in and out, change the password, who am I.

use crate::server::features::accounts::refusals::{
    INVALID_CREDENTIALS, OPERATION_SIGNUP_CLOSED, SIGNUP_CLOSED, WRONG_PASSWORD,
};
use crate::server::refusals::{INVALID_TOKEN, NOT_FOUND, missing_parameters};
use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::model::{self, Email, Login, NewPassword, Username};
use super::settings::{Settings, Signup};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin, post};
use crate::server::auth::password::Verdict;
use crate::server::auth::{Role, create_session, end_session};
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::http::gate::Caller;
use crate::server::http::json::{Json, present};
use crate::server::http::peer::client_address;
use crate::server::places::Holder;
use crate::server::shares::network_of;

/// A new account.
#[derive(Default, Deserialize, ToSchema)]
pub struct Registration {
    #[schema(required = true, nullable = false, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$")]
    username: Option<String>,
    #[schema(required = true, nullable = false, format = "email")]
    email: Option<String>,
    #[schema(required = true, nullable = false, min_length = 8, max_length = 1024)]
    password: Option<String>,
    /// An operation user uploads; left out, a client user is made.
    is_operation_user: Option<bool>,
    /// What `client-signup=code:…` or `operation-signup=code:…` asks for.
    signup_code: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
pub struct Credentials {
    #[schema(required = true, nullable = false, min_length = 1)]
    username: Option<String>,
    #[schema(required = true, nullable = false, min_length = 1)]
    password: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
pub struct PasswordChange {
    #[schema(required = true, nullable = false, min_length = 1)]
    old_password: Option<String>,
    #[schema(required = true, nullable = false, min_length = 8, max_length = 1024)]
    new_password: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Message {
    msg: &'static str,
}

/// A sign-in.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    msg: &'static str,
    /// A JWT for the Authorization header
    access_token: String,
    token_type: &'static str,
    /// Seconds
    expires_in: u64,
}

#[derive(Serialize, ToSchema)]
pub struct Me {
    id: String,
    username: String,
    email: String,
    role: Role,
    created_at: DateTime<Utc>,
}

pub async fn register(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    Json(body): Json<Registration>,
) -> Result<HttpResponse> {
    let (Some(username), Some(email), Some(password)) =
        (present(body.username), present(body.email), present(body.password))
    else {
        return Err(missing_parameters("username, email, and password are"));
    };
    let role = if body.is_operation_user == Some(true) { Role::Operation } else { Role::Client };
    let self_made = check_signup(&req, &app, &settings, role, body.signup_code.as_deref())?;
    let (name, email) = (Username::try_from(username)?, Email::try_from(email)?);
    let password = NewPassword::try_from(password)?;
    let (now, address) = (app.clock.now(), client_address(&req)?);
    app.throttle.sign_up(address, now)?;
    app.db.lookup(|conn| model::check_free(conn, &name, &email))?;
    let hash = app.hasher.hash_of_signup(password.into_inner(), &Holder::Address(address)).await?;
    let mut origin = Origin::of(&req, None);
    app.db
        .write(move |conn| {
            let id = model::add(conn, &name, &email, &hash, role, self_made, now)?;
            let user = model::by_id(conn, &id)?.ok_or(NOT_FOUND)?;
            let entry = Entry::new(Action::Registered, user.username.clone()).detail(role.as_str());
            origin.actor = Some((id, user.username));
            origin.record(conn, now, entry)
        })
        .await?;
    Ok(HttpResponse::Created().json(Message { msg: "User registered successfully" }))
}

/// Whether a user of `role` may register here; then, whether the account is one that anybody could make. Guesses of the
/// code are counted by network: it is too long to be found by all of them together.
fn check_signup(req: &HttpRequest, app: &App, settings: &Settings, role: Role, given: Option<&str>) -> Result<bool> {
    const ACCOUNT: &str = "\0signup"; // no username can be this
    let closed = match role {
        Role::Client => SIGNUP_CLOSED,
        Role::Operation => OPERATION_SIGNUP_CLOSED,
    };
    match settings.signup(role, &app.config) {
        // Whoever is at the machine itself is no stranger.
        Signup::Open => Ok(!app.config.is_local()),
        Signup::Closed => Err(closed),
        Signup::Code(code) => {
            let address = client_address(req)?;
            app.throttle.attempt_secret(ACCOUNT, address, app.clock.now())?;
            if !bool::from(given.unwrap_or_default().as_bytes().ct_eq(code.as_bytes())) {
                return Err(closed);
            }
            app.throttle.forgive_secret(ACCOUNT, address);
            Ok(false)
        }
    }
}

pub async fn login(req: HttpRequest, app: web::Data<App>, Json(body): Json<Credentials>) -> Result<HttpResponse> {
    let (Some(username), Some(password)) = (present(body.username), present(body.password)) else {
        return Err(missing_parameters("username and password are"));
    };
    let name = model::canonical(&username);
    let address = client_address(&req)?;
    let (user, account) = (find_login(&app, name.as_deref(), address)?, account_key(name.as_deref(), &username));
    app.throttle.attempt(&account, address, app.clock.now())?;

    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let holder = Holder::Address(address);
    let verified = app.hasher.verify(password.clone(), hash, &holder).await;
    if verified.is_err() {
        app.throttle.forgive(&account, address); // it was we who failed
    }
    let verdict = verified?;
    // A disabled user is told no more than a wrong password: whoever asks may be somebody else.
    let Some(user) = user.filter(|user| user.disabled_at.is_none() && verdict.is_right()) else {
        // It may be a password that slipped into the wrong field: what can be no username is not written down.
        let subject = name.unwrap_or_else(|| "(no username)".to_owned());
        post(&app, Origin::of(&req, None), Entry::new(Action::LoginFailed, subject));
        return Err(INVALID_CREDENTIALS);
    };
    app.throttle.forgive(&account, address);
    app.throttle.remember(&account, address, app.clock.now());
    let renewed = match verdict {
        Verdict::RightAsTyped => Some(app.hasher.hash(password, &holder).await?),
        _ => None,
    };

    let role: Role = user.role.parse().map_err(|error: String| Error::Internal(error.into()))?;
    let (now, life) = (app.clock.now(), app.config.session_life);
    let end = after(now, life);
    let mut origin = Origin::of(&req, None);
    origin.actor = Some((user.id.clone(), user.username.clone()));
    let id = user.id.clone();
    let session = app
        .db
        .write_from_reserve(move |conn| {
            // The password may have been changed, or the user disabled, while this one was being hashed.
            let current = model::login_of(conn, &user.username)?;
            if !current
                .is_some_and(|current| current.password_hash == user.password_hash && current.disabled_at.is_none())
            {
                return Err(INVALID_CREDENTIALS);
            }
            if let Some(hash) = &renewed {
                model::rehash(conn, &user.id, hash, &user.password_hash)?;
            }
            model::remember_network(conn, &user.id, network_of(address), now)?;
            origin.record(conn, now, Entry::new(Action::LoggedIn, user.username.clone()))?;
            create_session(conn, &user.id, now, end)
        })
        .await?;
    let access_token = app.keys.sign_access(&id, role, &session, now, end)?;
    Ok(HttpResponse::Ok().json(SignedIn {
        msg: "Login successful",
        access_token,
        token_type: "Bearer",
        expires_in: life.as_secs(),
    }))
}

/// The user of that name. That they have signed in from here before is told to the throttle.
fn find_login(app: &App, name: Option<&str>, address: IpAddr) -> Result<Option<Login>> {
    let Some(name) = name else { return Ok(None) };
    let (user, is_known) = app.db.lookup(|conn| {
        let user = model::login_of(conn, name)?;
        let network = network_of(address);
        // Asked for nobody as well: the time tells nothing.
        let id = user.as_ref().map(|user| user.id.as_str()).unwrap_or_default();
        let is_known = model::is_known_from(conn, id, network)?;
        Ok((user, is_known))
    })?;
    if is_known {
        app.throttle.remember(name, address, app.clock.now());
    }
    Ok(user)
}

/// The key that failures of an account are counted under; of what can be no username, a digest, so that nobody makes us
/// keep long ones.
fn account_key(name: Option<&str>, typed: &str) -> String {
    match name {
        Some(name) => name.to_owned(),
        None => blake3::hash(typed.as_bytes()).to_hex().to_string(),
    }
}

pub async fn logout(req: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse> {
    let (now, origin) = (app.clock.now(), Origin::of(&req, Some(&caller)));
    app.db
        .write(move |conn| {
            end_session(conn, &caller.session)?;
            origin.record(conn, now, Entry::new(Action::LoggedOut, caller.user.username))
        })
        .await?;
    Ok(HttpResponse::Ok().json(Message { msg: "Logged out" }))
}

pub async fn change_password(
    req: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    Json(body): Json<PasswordChange>,
) -> Result<HttpResponse> {
    let (Some(old), Some(new)) = (present(body.old_password), present(body.new_password)) else {
        return Err(missing_parameters("old_password and new_password are"));
    };
    let new = NewPassword::try_from(new)?;
    // Whoever has the token is held back by what is done with that token alone.
    app.throttle.attempt_of_holder(&caller.session, app.clock.now())?;
    let user = app.db.lookup(|conn| model::login_of(conn, &caller.user.username))?.ok_or(INVALID_TOKEN)?;
    let holder = Holder::User(user.id.clone());
    let verified = app.hasher.verify(old, Some(user.password_hash.clone()), &holder).await;
    if !matches!(verified, Ok(Verdict::Wrong)) {
        app.throttle.forgive_holder(&caller.session); // right, or it was we who failed
    }
    if !verified?.is_right() {
        return Err(WRONG_PASSWORD);
    }
    let hash = app.hasher.hash(new.into_inner(), &holder).await?;
    let (now, origin) = (app.clock.now(), Origin::of(&req, Some(&caller)));
    app.db
        .write(move |conn| {
            model::set_password(conn, &user.id, &hash, Some(&user.password_hash))?;
            origin.record(conn, now, Entry::new(Action::PasswordChanged, user.username))
        })
        .await?;
    Ok(HttpResponse::Ok().json(Message { msg: "Password changed. Sign in again." }))
}

pub async fn me(app: web::Data<App>, caller: Caller) -> Result<HttpResponse> {
    let user = app.db.lookup(|conn| model::by_id(conn, &caller.user.id))?.ok_or(INVALID_TOKEN)?;
    Ok(HttpResponse::Ok().json(Me {
        id: user.id,
        username: user.username,
        email: user.email,
        role: caller.user.role,
        created_at: user.created_at.and_utc(),
    }))
}
