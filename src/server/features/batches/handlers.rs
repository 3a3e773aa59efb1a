//! Looking at a batch, changing and ending it.

use crate::server::refusals::bad_request;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Settings;
use super::guard::{self, Known, Managed, Open, check_password};
use super::model::{self, fetches, files};
use super::upload::{BatchFile, expiry, title};
use super::{events, urls};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::Result;
use crate::server::http::json::Json;
use crate::server::http::paging::{Paging, cut};

#[derive(Serialize, ToSchema)]
pub struct Batch {
    batch_id: String,
    title: String,
    /// Null where a guest has made it
    made_by: Option<String>,
    made_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether it asks for a password
    password: bool,
    /// Complete copies of each file that may be fetched, if there is a limit
    max_downloads: Option<i32>,
    /// Bytes of all files
    size: u64,
    /// In the order in which they were added
    files: Vec<BatchFile>,
    receiver_url: String,
    qr_url: String,
    zip_url: String,
    /// Complete downloads so far; for the sender, null for others
    fetches: Option<i64>,
}

pub async fn show(req: HttpRequest, app: web::Data<App>, open: Open) -> Result<HttpResponse> {
    let Open { known: Known { batch, address, made_by }, is_sender } = open;
    let id = batch.id.clone();
    let files = app.db.read(move |conn| files::list(conn, &id)).await?;
    let urls = urls::of(&req, &app, &address)?;
    Ok(HttpResponse::Ok().json(Batch {
        batch_id: address,
        title: batch.title,
        made_by,
        made_at: batch.made_at.and_utc(),
        expires_at: batch.expires_at.and_utc(),
        password: batch.password_hash.is_some(),
        max_downloads: batch.max_downloads,
        size: files.iter().map(files::File::size_bytes).sum(),
        files: files.into_iter().map(|file| BatchFile::new(file, batch.max_downloads)).collect(),
        receiver_url: urls.receiver,
        qr_url: urls.qr,
        zip_url: urls.zip,
        fetches: is_sender.then_some(batch.fetches),
    }))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct Change {
    title: Option<String>,
    /// Seconds from now, up to the server's ceiling
    expires_in: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub struct Changed {
    title: String,
    expires_at: DateTime<Utc>,
}

pub async fn change(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    Managed(known): Managed,
    Json(change): Json<Change>,
) -> Result<HttpResponse> {
    let (id, now, origin) = (known.batch.id, app.clock.now(), Origin::of(&req, None));
    if change.title.is_none() && change.expires_in.is_none() {
        return Err(bad_request("Give what is to change: `title` or `expires_in`, as JSON.".into()));
    }
    let title = change.title.map(title).transpose()?;
    let expires_at = change.expires_in.map(|seconds| expiry(&settings, seconds, now)).transpose()?;
    let batch = app
        .db
        .write(move |conn| {
            let batch = model::change(conn, &id, title.as_deref(), expires_at, now)?;
            origin.record(conn, now, Entry::new(Action::BatchChanged, batch.topic()))?;
            Ok(batch)
        })
        .await?;
    let changed = Changed { expires_at: batch.expires_at.and_utc(), title: batch.title };
    events::publish(&app, &batch.id, "changed", &changed);
    Ok(HttpResponse::Ok().json(changed))
}

pub async fn end(req: HttpRequest, app: web::Data<App>, Managed(known): Managed) -> Result<HttpResponse> {
    let (id, now, origin) = (known.batch.id, app.clock.now(), Origin::of(&req, None));
    let ended = id.clone();
    app.db
        .write(move |conn| {
            model::end(conn, &id, now)?;
            origin.record(conn, now, Entry::new(Action::BatchEnded, model::topic(&id)))
        })
        .await?;
    events::publish(&app, &ended, events::ENDED, &json!({}));
    let app = app.into_inner();
    actix_rt::spawn(async move {
        if let Err(error) = super::clear(&app).await {
            tracing::warn!(cause = %crate::server::error::Chain(&error), "an ended batch is left for the sweep");
        }
    });
    Ok(HttpResponse::NoContent().finish())
}

pub async fn remove(
    req: HttpRequest,
    app: web::Data<App>,
    Managed(known): Managed,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (now, origin, quota) = (app.clock.now(), Origin::of(&req, None), *app.blobs.space().quota());
    let (id, (_, file)) = (known.batch.id, path.into_inner());
    let (batch, removed) = app
        .db
        .write(move |conn| {
            let batch = model::still_open(conn, &id, now)?;
            let removed = files::remove(conn, &batch, &file, &quota)?;
            let entry = Entry::new(Action::BatchFileRemoved, &removed.name).detail(batch.topic());
            origin.record(conn, now, entry)?;
            Ok((batch, removed))
        })
        .await?;
    app.blobs.discard(vec![removed.blob]);
    events::publish(&app, &batch.id, "removed", &json!({"file_id": removed.id}));
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Default, Deserialize, ToSchema)]
pub struct Password {
    password: Option<String>,
}

pub async fn unlock(
    req: HttpRequest,
    app: web::Data<App>,
    known: Known,
    Json(given): Json<Password>,
) -> Result<HttpResponse> {
    check_password(&req, &known.batch, given.password).await?;
    let mut response = HttpResponse::NoContent();
    if let Some(cookie) = guard::grant(&app, &known) {
        response.insert_header((SET_COOKIE, cookie));
    }
    Ok(response.finish())
}

#[derive(Serialize, ToSchema)]
pub struct Fetch {
    /// Null for a ZIP
    file_id: Option<String>,
    /// The name of the file, or of the ZIP
    filename: String,
    /// Files in it
    files: i32,
    /// Bytes
    size: i64,
    fetched_at: DateTime<Utc>,
    fetched_from: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Fetches {
    fetches: Vec<Fetch>,
    /// The cursor of the next page, or null
    next: Option<String>,
}

impl From<fetches::Fetch> for Fetch {
    fn from(row: fetches::Fetch) -> Fetch {
        Fetch {
            file_id: row.file_id,
            filename: row.what,
            files: row.files,
            size: row.bytes,
            fetched_at: row.fetched_at.and_utc(),
            fetched_from: row.address,
        }
    }
}

pub async fn list_fetches(
    app: web::Data<App>,
    Managed(known): Managed,
    paging: web::Query<Paging>,
) -> Result<HttpResponse> {
    let (limit, before) = (paging.limit()?, paging.before()?);
    let id = known.batch.id;
    let mut rows = app.db.read(move |conn| fetches::page(conn, &id, &before, limit + 1)).await?;
    let next = cut(&mut rows, limit, |row| &row.id);
    Ok(HttpResponse::Ok().json(Fetches { fetches: rows.into_iter().map(Fetch::from).collect(), next }))
}
