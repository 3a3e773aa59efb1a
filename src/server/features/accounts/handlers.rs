//! Register, log in and out, change the password, who am I.

use crate::server::features::accounts::refusals::{INVALID_CREDENTIALS, OPERATION_SIGNUP_CLOSED, WRONG_PASSWORD};
use crate::server::refusals::{INVALID_TOKEN, NOT_FOUND, missing_parameters};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::model::{self, Email, NewPassword, Username};
use super::settings::{OperationSignup, Settings};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin, post};
use crate::server::auth::{Role, create_session, end_session};
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::http::gate::Caller;
use crate::server::http::json::{Json, present};
use crate::server::http::peer::client_address;

/// A new account.
#[derive(Default, Deserialize, ToSchema)]
pub struct Registration {
    #[schema(required = true, nullable = false, pattern = "^[A-Za-z0-9._-]{3,64}$")]
    username: Option<String>,
    #[schema(required = true, nullable = false, format = "email")]
    email: Option<String>,
    #[schema(required = true, nullable = false, min_length = 8, max_length = 1024)]
    password: Option<String>,
    /// An operation user uploads; left out, a client user is made.
    is_operation_user: Option<bool>,
    /// What `operation-signup=code:…` asks for.
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
    if role == Role::Operation {
        check_signup(&req, &app, &settings, body.signup_code.as_deref())?;
    }
    let (name, email) = (Username::try_from(username)?, Email::try_from(email)?);
    let password = NewPassword::try_from(password)?;
    app.db.lookup(|conn| model::check_free(conn, &name, &email))?;
    let hash = app.hasher.hash(password.into_inner()).await?;
    let now = app.clock.now();
    let mut origin = Origin::of(&req, None);
    app.db
        .write(move |conn| {
            let id = model::add(conn, &name, &email, &hash, role, now)?;
            let user = model::by_id(conn, &id)?.ok_or(NOT_FOUND)?;
            let entry = Entry::new(Action::Registered, user.username.clone()).detail(role.as_str());
            origin.actor = Some((id, user.username));
            origin.record(conn, now, entry)
        })
        .await?;
    Ok(HttpResponse::Created().json(Message { msg: "User registered successfully" }))
}

/// Whether an operation user may register here. Guesses of the code are counted like guesses of a password.
fn check_signup(req: &HttpRequest, app: &App, settings: &Settings, given: Option<&str>) -> Result<()> {
    match settings.operation_signup(&app.config) {
        OperationSignup::Open => Ok(()),
        OperationSignup::Closed => Err(OPERATION_SIGNUP_CLOSED),
        OperationSignup::Code(code) => {
            let address = client_address(req).ok_or_else(|| Error::Internal("a request without a peer".into()))?;
            let account = "\0signup"; // no username can be this
            app.throttle.attempt(account, address, app.clock.now())?;
            if !bool::from(given.unwrap_or_default().as_bytes().ct_eq(code.as_bytes())) {
                return Err(OPERATION_SIGNUP_CLOSED);
            }
            app.throttle.forgive(account, address);
            Ok(())
        }
    }
}

pub async fn login(req: HttpRequest, app: web::Data<App>, Json(body): Json<Credentials>) -> Result<HttpResponse> {
    let (Some(username), Some(password)) = (present(body.username), present(body.password)) else {
        return Err(missing_parameters("username and password are"));
    };
    let address = client_address(&req).ok_or_else(|| Error::Internal("a request without a peer".into()))?;
    let account = account_key(&username);
    app.throttle.attempt(&account, address, app.clock.now())?;

    let user = app.db.lookup(|conn| model::login_of(conn, &username))?;
    let verified = app.hasher.verify(password, user.as_ref().map(|user| user.password_hash.clone())).await;
    if verified.is_err() {
        app.throttle.forgive(&account, address); // it was we who failed
    }
    // A disabled user is told no more than a wrong password: whoever asks may be somebody else.
    let user = user.filter(|user| user.disabled_at.is_none()).filter(|_| *verified.as_ref().unwrap_or(&false));
    verified?;
    let Some(user) = user else {
        post(&app, Origin::of(&req, None), Entry::new(Action::LoginFailed, shortened(&username)));
        return Err(INVALID_CREDENTIALS);
    };
    app.throttle.forgive(&account, address);

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

/// The key that failures of an account are counted under; of what can be no username, a digest, so that nobody makes us
/// keep long ones.
fn account_key(username: &str) -> String {
    match username.len() <= 64 {
        true => model::key(username),
        false => blake3::hash(username.as_bytes()).to_hex().to_string(),
    }
}

/// What was typed as a username, for the audit. It may be a password that slipped into the wrong field, so no more of it
/// than any username may have is kept.
fn shortened(username: &str) -> String {
    match Username::try_from(username.to_owned()) {
        Ok(_) => username.to_owned(),
        Err(_) => "(no username)".to_owned(),
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
    let address = client_address(&req).ok_or_else(|| Error::Internal("a request without a peer".into()))?;
    let account = account_key(&caller.user.username);
    app.throttle.attempt(&account, address, app.clock.now())?;
    let user = app.db.lookup(|conn| model::login_of(conn, &caller.user.username))?.ok_or(INVALID_TOKEN)?;
    let verified = app.hasher.verify(old, Some(user.password_hash.clone())).await;
    if !matches!(verified, Ok(false)) {
        app.throttle.forgive(&account, address); // right, or it was we who failed
    }
    if !verified? {
        return Err(WRONG_PASSWORD);
    }
    let hash = app.hasher.hash(new.into_inner()).await?;
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
