//! Making batches and putting files into them.

use crate::protocol::names;
use crate::server::refusals::{NO_FILE, bad_request};
use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDateTime, Utc};
use futures_util::StreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::Settings;
use super::guard::{Known, Managed};
use super::incoming::{Fields, Incoming};
use super::model::{self, NewBatch, files};
use super::{secret, urls};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::blobs::{Account, commit_all};
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::http::form::broken_body;
use crate::server::http::gate::{Caller, account_of};
use crate::server::http::peer::client_address;
use crate::server::http::slow_body::{Pace, paced};

/// Longest title and password, and shortest password, in characters.
const TITLE: usize = 200;
const PASSWORD: std::ops::RangeInclusive<usize> = 4..=1024;

/// A file of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BatchFile {
    file_id: String,
    /// May have folders: a/b/c.txt
    filename: String,
    /// Bytes
    size: u64,
    blake3: String,
    /// Null for a large file until it has been made in the background
    sha256: Option<String>,
    added_at: DateTime<Utc>,
    /// Complete copies that may still be fetched, where the batch has a limit
    downloads_left: Option<i32>,
}

impl BatchFile {
    pub fn new(file: files::File, max_downloads: Option<i32>) -> BatchFile {
        BatchFile {
            size: file.size_bytes(),
            file_id: file.id,
            filename: file.name,
            blake3: file.blake3,
            sha256: file.sha256,
            added_at: file.added_at.and_utc(),
            downloads_left: max_downloads.map(|most| (most - file.complete).max(0)),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Made {
    batch_id: String,
    /// Whoever has it may add, remove and end; it is told here and never again
    manage_key: String,
    receiver_url: String,
    /// The page for the sender, with the manage key in its fragment
    sender_url: String,
    qr_url: String,
    expires_at: DateTime<Utc>,
    files: Vec<BatchFile>,
}

#[derive(Serialize, ToSchema)]
pub struct Added {
    files: Vec<BatchFile>,
}

pub async fn make(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    caller: Option<Caller>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (account, address) = (account_of(&req, &app, caller.as_ref())?, client_address(&req)?);
    let mut incoming = Incoming::new(&app, &settings, account.clone(), (0, 0), &account.holder(address))?;
    let fields = incoming.read_form(&req, payload).await?;
    let now = app.clock.now();
    let new = new_batch(&app, &settings, fields, caller.as_ref(), (account, address), now).await?;
    let urls = urls::of(&req, &app, &new.address)?;
    let mut made = Made {
        batch_id: new.address.clone(),
        sender_url: format!("{}#{}", urls.receiver, new.key),
        manage_key: new.key.clone(),
        receiver_url: urls.receiver,
        qr_url: urls.qr,
        expires_at: new.expires_at.and_utc(),
        files: Vec::new(),
    };
    let (origin, id) = (Origin::of(&req, caller.as_ref()), new.id.clone());
    let rows = move |conn: &mut Conn| {
        model::make(conn, &new, now)?;
        origin.record(conn, now, Entry::new(Action::BatchMade, model::topic(&new.id)))
    };
    made.files = store(&app, incoming, id, None, Origin::of(&req, caller.as_ref()), rows).await?;
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::Created().insert_header(no_store).json(made))
}

async fn new_batch(
    app: &App,
    settings: &Settings,
    fields: Fields,
    caller: Option<&Caller>,
    (account, address): (Account, IpAddr),
    now: NaiveDateTime,
) -> Result<NewBatch> {
    let title = title(fields.title.unwrap_or_default())?;
    let expires_at = match fields.expires_in {
        None => after(now, settings.batch_life),
        Some(seconds) => expiry(settings, number(&seconds, "expires_in")?, now)?,
    };
    let max_downloads = match fields.max_downloads {
        None => None,
        Some(given) => match i32::try_from(number(&given, "max_downloads")?) {
            Ok(most @ 1..) => Some(most),
            _ => return Err(bad_request("max_downloads is at least 1.".into())),
        },
    };
    let password_hash = match fields.password {
        None => None,
        Some(password) if PASSWORD.contains(&password.chars().count()) => {
            Some(app.hasher.hash(password, &account.holder(address)).await?)
        }
        Some(_) => return Err(bad_request("The password of a batch has 4 to 1,024 characters.".into())),
    };
    Ok(NewBatch {
        id: crate::server::id::new(),
        address: secret::new_address(),
        key: secret::new_key(),
        title,
        password_hash,
        made_by: caller.map(|caller| caller.user.id.clone()),
        account,
        expires_at,
        max_downloads,
    })
}

/// A title as it may be shown.
pub fn title(given: String) -> Result<String> {
    let title = names::plain(&given);
    match title.trim() {
        title if title.chars().count() <= TITLE => Ok(title.to_owned()),
        _ => Err(bad_request(format!("A title has {TITLE} characters at most."))),
    }
}

/// The end of a batch that is to live for so many seconds from now, up to the ceiling.
pub fn expiry(settings: &Settings, seconds: u64, now: NaiveDateTime) -> Result<NaiveDateTime> {
    match seconds {
        0 => Err(bad_request("A batch lives for at least one second.".into())),
        seconds => Ok(after(now, Duration::from_secs(seconds).min(settings.max_batch_life))),
    }
}

fn number(text: &str, field: &str) -> Result<u64> {
    text.trim().parse().map_err(|_| bad_request(format!("{field} is a whole number.")))
}

pub async fn add(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    Managed(known): Managed,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let mut incoming = begin(&req, &app, &settings, &known)?;
    incoming.read_form(&req, payload).await?;
    finish(&req, &app, known, incoming).await
}

pub async fn put(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    Managed(known): Managed,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let mut incoming = begin(&req, &app, &settings, &known)?;
    incoming.declared(&req)?;
    // The router leaves %2F as it is: in a name it is a slash.
    let segment = req.match_info().get("file").unwrap_or_default();
    let given = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    incoming
        .read_file(
            &given,
            paced(payload, Pace::of(&app.config)).map(|chunk| chunk.map_err(|error| broken_body(&error))),
        )
        .await?;
    finish(&req, &app, known, incoming).await
}

fn begin<'a>(req: &HttpRequest, app: &'a App, settings: &Settings, known: &Known) -> Result<Incoming<'a>> {
    let (batch, account) = (&known.batch, known.batch.account());
    let holder = account.holder(client_address(req)?);
    let held = (u32::try_from(batch.files).unwrap_or_default(), batch.bytes());
    Incoming::new(app, settings, account, held, &holder)
}

async fn finish(req: &HttpRequest, app: &web::Data<App>, known: Known, incoming: Incoming<'_>) -> Result<HttpResponse> {
    let batch = known.batch;
    let origin = Origin::of(req, None);
    let files = store(app, incoming, batch.id, batch.max_downloads, origin, |_| Ok(())).await?;
    if files.is_empty() {
        return Err(NO_FILE);
    }
    Ok(HttpResponse::Created().json(Added { files }))
}

/// Adds what has arrived, after `before` in the same transaction, and tells whoever looks at the batch. It goes on when
/// the client has left meanwhile: what is stored is told of.
async fn store(
    app: &web::Data<App>,
    incoming: Incoming<'_>,
    batch: String,
    max_downloads: Option<i32>,
    origin: Origin,
    before: impl FnOnce(&mut Conn) -> Result<()> + Send + 'static,
) -> Result<Vec<BatchFile>> {
    let (app, limits, now) = (app.clone(), incoming.limits(), app.clock.now());
    let (contents, new, reservations) = incoming.into_parts();
    let stored = actix_rt::spawn(async move {
        let id = batch.clone();
        let write = app.db.write(move |conn| {
            before(conn)?;
            let added = files::add(conn, &id, new, &limits, now)?;
            for file in &added {
                origin.record(conn, now, Entry::new(Action::BatchFileAdded, &file.name).detail(model::topic(&id)))?;
            }
            Ok(added)
        });
        let added = commit_all(contents, write).await?;
        drop(reservations);
        if added.iter().any(|file| file.sha256.is_none()) {
            app.digester.wake();
        }
        let files: Vec<_> = added.into_iter().map(|file| BatchFile::new(file, max_downloads)).collect();
        if !files.is_empty() {
            super::events::publish(&app, &batch, "added", &serde_json::json!({"files": files}));
        }
        Ok(files)
    });
    stored.await.map_err(Error::internal)?
}
