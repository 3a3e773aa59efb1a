//! Requests that may be sent twice (draft-ietf-httpapi-idempotency-key-header): whoever has not heard the answer asks again
//! with the same `Idempotency-Key`, and gets the first answer instead of another file.
//!
//! The answer is kept for a day, for whoever made the request and nobody else: a user, whoever holds the manage key or the
//! member token, else a network. It is sealed with the key, of which only a digest is kept, because it may hold secrets
//! that nobody else keeps. Refusals and failures are not kept: what was not done may be tried again. Two requests with one
//! key at the same time are one too many, and the second is told to come back.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody as _, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, ResponseError as _, web};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::app::App;
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::db::schema::idempotency;
use crate::server::error::{Chain, Error, Result};
use crate::server::http::form::content_length;
use crate::server::http::gate::Caller;
use crate::server::http::peer::client_network;
use crate::server::http::route::Param;
use crate::server::refusals::{KEY_REUSED, REQUEST_RUNNING, bad_request};

const HEADER: &str = "idempotency-key";

/// Headers whose holder is the caller where nobody is signed in.
const HOLDERS: [&str; 2] = ["x-manage-key", "x-member-token"];

/// How long an answer is kept, and how many are: beyond, the oldest go first.
const LIFE: Duration = Duration::from_secs(24 * 3600);
const MOST: i64 = 100_000;

/// Characters of a key: as long as nobody guesses, as a UUID is.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=128;

pub const PARAM: Param = Param {
    name: "Idempotency-Key",
    place: "header",
    what: "A name for this request that nobody guesses, such as a UUID. Sent again with it within a day, the request is \
           answered as the first time and does nothing",
    kind: "string",
};

/// Requests that are being answered.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<String>>>);

impl Running {
    fn begin(&self, id: &str) -> Option<Turn> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_first.then(|| Turn { running: self.clone(), id: id.to_owned() })
    }
}

/// The one request with a key that is being answered.
struct Turn {
    running: Running,
    id: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The middleware of routes that make something.
pub async fn once(req: ServiceRequest, next: Next<BoxBody>) -> actix_web::Result<ServiceResponse<BoxBody>> {
    if !req.headers().contains_key(HEADER) {
        return next.call(req).await;
    }
    match Asked::begin(&req) {
        Err(error) => Ok(req.into_response(error.error_response())),
        Ok(Asked::Again(answer)) => Ok(req.into_response(answer)),
        // It goes on when the client has left meanwhile: the answer is kept for when it comes back.
        Ok(Asked::First(first)) => {
            let answered = actix_rt::spawn(async move { first.keep(next.call(req).await?).await });
            answered.await.map_err(Error::internal)?
        }
    }
}

enum Asked {
    First(First),
    Again(HttpResponse),
}

struct First {
    app: web::Data<App>,
    key: [u8; 32],
    request: String,
    turn: Turn,
}

impl Asked {
    fn begin(req: &ServiceRequest) -> Result<Asked> {
        let app = req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App".into()))?;
        let running = req.app_data::<web::Data<Running>>().ok_or_else(|| Error::Internal("no Running".into()))?;
        let secret = format!("{}\n{}", caller(req)?, given(req)?);
        let id = blake3::hash(secret.as_bytes()).to_hex().to_string();
        let key = blake3::derive_key("handover 2026-11-30 answers that are kept", secret.as_bytes());
        let request = digest_of(req);
        let Some(turn) = running.begin(&id) else { return Err(REQUEST_RUNNING) };
        let now = app.clock.now();
        match app.db.lookup(|conn| find(conn, &id, now))? {
            None => Ok(Asked::First(First { app, key, request, turn })),
            Some(kept) if kept.request == request => kept.answer(&key).map(Asked::Again),
            Some(_) => Err(KEY_REUSED),
        }
    }
}

impl First {
    /// Keeps an answer that says that something was made, before anybody hears it.
    async fn keep(self, response: ServiceResponse<BoxBody>) -> actix_web::Result<ServiceResponse<BoxBody>> {
        if !response.status().is_success() {
            return Ok(response);
        }
        let (response, body) = response.into_parts_with_body().await?;
        let (app, status) = (self.app, response.status());
        let kept = Kept::seal(self.request, status, &body, &self.key);
        let (id, expires_at) = (self.turn.id.clone(), after(app.clock.now(), LIFE));
        let written = match kept {
            Ok(kept) => app.db.write(move |conn| kept.add(conn, &id, expires_at)).await,
            Err(error) => Err(error),
        };
        // What was asked for is done: that it might be done twice is for the log.
        if let Err(error) = written {
            tracing::warn!(cause = %Chain(&error), "an answer could not be kept for whoever asks again");
        }
        Ok(response.map_body(|_, _| body.boxed()))
    }
}

/// Takes a response apart into what is sent, in memory, and the rest.
trait IntoParts {
    async fn into_parts_with_body(self) -> actix_web::Result<(ServiceResponse<()>, bytes::Bytes)>;
}

impl IntoParts for ServiceResponse<BoxBody> {
    async fn into_parts_with_body(self) -> actix_web::Result<(ServiceResponse<()>, bytes::Bytes)> {
        let (req, response) = self.into_parts();
        let (response, body) = response.into_parts();
        let body = to_bytes(body).await.map_err(|error| Error::internal(error.to_string()))?;
        Ok((ServiceResponse::new(req, response), body))
    }
}

/// An answer as it is kept.
#[derive(Queryable)]
struct Kept {
    request: String,
    status: i32,
    sealed: Vec<u8>,
}

impl Kept {
    fn seal(request: String, status: StatusCode, answer: &[u8], key: &[u8]) -> Result<Kept> {
        let failed = |_| Error::Internal("an answer could not be sealed".into());
        let mut sealed = answer.to_vec();
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)?;
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(failed)?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(Kept { request, status: status.as_u16().into(), sealed })
    }

    /// The answer as it was given the first time.
    fn answer(mut self, key: &[u8]) -> Result<HttpResponse> {
        let failed = |_| Error::Internal("an answer that was kept cannot be opened".into());
        let status = u16::try_from(self.status).map_err(Error::internal)?;
        let nonce = self.sealed.split_off(self.sealed.len().saturating_sub(NONCE_LEN));
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(failed)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(failed)?;
        let answer = key.open_in_place(nonce, Aad::empty(), &mut self.sealed).map_err(failed)?.to_vec();
        Ok(HttpResponse::build(StatusCode::from_u16(status).map_err(Error::internal)?)
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .body(answer))
    }

    fn add(self, conn: &mut Conn, id: &str, expires_at: NaiveDateTime) -> Result<()> {
        diesel::delete(idempotency::table.find(id)).execute(conn)?; // one that has expired
        diesel::insert_into(idempotency::table)
            .values((
                idempotency::id.eq(id),
                idempotency::request.eq(self.request),
                idempotency::status.eq(self.status),
                idempotency::answer.eq(self.sealed),
                idempotency::expires_at.eq(expires_at),
            ))
            .execute(conn)?;
        Ok(())
    }
}

fn find(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<Option<Kept>> {
    let row = idempotency::table.find(id).filter(idempotency::expires_at.gt(now));
    Ok(row.select((idempotency::request, idempotency::status, idempotency::answer)).first(conn).optional()?)
}

/// Forgets what was kept for long enough, and the oldest of too many.
pub fn expire(conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
    diesel::delete(idempotency::table.filter(idempotency::expires_at.le(now))).execute(conn)?;
    let newest = idempotency::table.order(idempotency::expires_at.desc()).select(idempotency::expires_at);
    let last: Option<NaiveDateTime> = newest.offset(MOST).first(conn).optional()?;
    if let Some(last) = last {
        diesel::delete(idempotency::table.filter(idempotency::expires_at.le(last))).execute(conn)?;
    }
    Ok(())
}

/// The key of a request. It is a string of RFC 9651; without its quotes it is taken as well.
fn given(req: &ServiceRequest) -> Result<&str> {
    let text = req.headers().get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let fits = LENGTH.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(key).ok_or_else(|| bad_request("An Idempotency-Key has 16 to 128 visible characters.".into()))
}

/// Whose request it is.
fn caller(req: &ServiceRequest) -> Result<String> {
    if let Some(caller) = req.extensions().get::<Caller>() {
        return Ok(format!("user {}", caller.user.id));
    }
    let held = HOLDERS.iter().find_map(|name| Some(format!("{name} {}", req.headers().get(*name)?.to_str().ok()?)));
    match held {
        Some(held) => Ok(held),
        None => client_network(req.request()).map(|network| format!("network {network}")),
    }
}

/// What is asked, as far as it is known before the body comes.
fn digest_of(req: &ServiceRequest) -> String {
    let asked = format!("{} {} {:?}", req.method(), req.uri(), content_length(req.request()));
    blake3::hash(asked.as_bytes()).to_hex().to_string()
}
