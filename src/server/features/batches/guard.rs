//! Who may do what with a batch: a handler's signature says which of these it takes, and each repeats the whole check.

use crate::server::features::batches::refusals::{
    BATCH_NOT_FOUND, MANAGE_KEY_REQUIRED, PASSWORD_REQUIRED, WRONG_BATCH_PASSWORD,
};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::COOKIE;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::NaiveDateTime;

use super::model::{self, Batch};
use super::secret::{is_address, is_key};
use crate::server::app::App;
use crate::server::audit::{Entry, Origin, post};
use crate::server::auth::password::Verdict;
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::http::peer::client_address;
use crate::server::places::Holder;

/// Header with the key that changes a batch.
pub const MANAGE_KEY: &str = "x-manage-key";
/// Header with the password of a batch, in UTF-8 and percent-encoded where it is not plain ASCII.
pub const PASSWORD: &str = "x-batch-password";
/// Cookie with the grant that [`unlock`] gives.
const COOKIE_NAME: &str = "handover-batch";
/// How long a grant lasts.
const GRANT_LIFE: Duration = Duration::from_secs(12 * 3600);

/// A batch that is there, for what tells neither names nor contents.
pub struct Known {
    pub batch: Batch,
    /// The id in its address.
    pub address: String,
    /// The user who made it, if it was not a guest.
    pub made_by: Option<String>,
}

/// A batch for its receivers: its password, if it has one, was given.
pub struct Open {
    pub known: Known,
    /// The manage key was given too.
    pub is_sender: bool,
}

/// A batch for its sender: the manage key was given.
pub struct Managed(pub Known);

impl Known {
    fn of(req: &HttpRequest) -> Result<Known> {
        let app = app(req)?;
        let address = req.match_info().get("id").unwrap_or_default();
        if !is_address(address) {
            return Err(BATCH_NOT_FOUND);
        }
        let (batch, made_by) = app.db.lookup(|conn| model::find(conn, address, app.clock.now()))?;
        Ok(Known { batch, made_by, address: address.to_owned() })
    }

    /// Whether the manage key was given; a wrong one is refused wherever it is sent.
    fn is_sender(&self, req: &HttpRequest) -> Result<bool> {
        match req.headers().get(MANAGE_KEY) {
            None => Ok(false),
            Some(key) if key.to_str().is_ok_and(|key| is_key(key, &self.batch.key_digest)) => Ok(true),
            Some(_) => Err(MANAGE_KEY_REQUIRED),
        }
    }
}

impl FromRequest for Known {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Known::of(req))
    }
}

impl FromRequest for Managed {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let managed = || {
            let known = Known::of(req)?;
            if known.is_sender(req)? { Ok(Managed(known)) } else { Err(MANAGE_KEY_REQUIRED) }
        };
        std::future::ready(managed())
    }
}

impl FromRequest for Open {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let known = Known::of(&req)?;
            let is_sender = known.is_sender(&req)?;
            if !is_sender && !has_grant(&req, &known.batch)? {
                let given = req.headers().get(PASSWORD).map(|value| percent_encoding::percent_decode(value.as_bytes()));
                let given = given.map(|password| password.decode_utf8_lossy().into_owned());
                check_password(&req, &known.batch, given).await?;
            }
            Ok(Open { known, is_sender })
        })
    }
}

/// Checks the password of a batch, where it has one. Guesses are throttled by batch and network;
/// a network that has unlocked it before is held back by its own mistakes alone.
///
/// # Errors
/// [`PASSWORD_REQUIRED`], [`WRONG_BATCH_PASSWORD`], [`too_many_attempts`].
pub async fn check_password(req: &HttpRequest, batch: &Batch, given: Option<String>) -> Result<()> {
    let Some(hash) = batch.password_hash.clone() else { return Ok(()) };
    let given = given.filter(|given| !given.is_empty()).ok_or(PASSWORD_REQUIRED)?;
    let (app, address, now) = (app(req)?, client_address(req)?, app(req)?.clock.now());
    let account = batch.topic(); // no username has a colon
    app.throttle.attempt(&account, address, now)?;
    let verified = app.hasher.verify(given, Some(hash), &Holder::Address(address)).await;
    if !matches!(verified, Ok(Verdict::Wrong)) {
        app.throttle.forgive(&account, address); // it was right, or it was we who failed
    }
    if verified?.is_right() {
        app.throttle.remember(&account, address, now);
        return Ok(());
    }
    let mut entry = Entry::refusal(&WRONG_BATCH_PASSWORD);
    entry.subject = Some(account);
    post(&app, Origin::of(req, None), entry);
    Err(WRONG_BATCH_PASSWORD)
}

/// The cookie that stands for a password that was given, for what a browser asks for by itself. It opens this batch, with
/// this password, for some hours; `None` where there is no password.
pub fn grant(app: &App, known: &Known) -> Option<String> {
    let subject = subject(&known.batch)?;
    let now = app.clock.now();
    let end: NaiveDateTime = after(now, GRANT_LIFE).min(known.batch.expires_at);
    let public = app.config.public_url.as_ref();
    let base = public.map(|public| public.base_path()).unwrap_or_default();
    let secure = if public.is_some_and(|public| public.is_https()) { "; Secure" } else { "" };
    Some(format!(
        "{COOKIE_NAME}={}; Path={base}/api/batches/{}; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        app.keys.sign_grant(&subject, end),
        known.address,
        (end - now).num_seconds(),
    ))
}

fn has_grant(req: &HttpRequest, batch: &Batch) -> Result<bool> {
    let Some(subject) = subject(batch) else { return Ok(true) };
    let app = app(req)?;
    let cookies = req.headers().get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    let mut grants = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
    Ok(grants.any(|grant| app.keys.verify_grant(&subject, grant, app.clock.now())))
}

/// What a grant is for: it ends with the batch and with the password.
fn subject(batch: &Batch) -> Option<String> {
    let hash = batch.password_hash.as_ref()?;
    Some(format!("batch {} {hash}", batch.id))
}

fn app(req: &HttpRequest) -> Result<web::Data<App>> {
    req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App in this server".into()))
}
