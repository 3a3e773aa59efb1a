//! GET /files, GET and DELETE /files/{filename}.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{self, Document};
use crate::protocol::file_name::to_look_up;
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::Result;
use crate::server::http::gate::{Caller, Operation};
use crate::server::http::paging::{MOST, Paging, cut};
use crate::server::office::{Kind, Note};

#[derive(Deserialize)]
pub struct ListQuery {
    q: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
pub struct VersionQuery {
    version: Option<i32>,
}

#[derive(Serialize, ToSchema)]
pub struct File {
    filename: String,
    version: i32,
    /// Bytes
    size: u64,
    blake3: String,
    /// Null for a large file until it has been made in the background
    sha256: Option<String>,
    content_type: &'static str,
    uploaded_by: String,
    uploaded_at: DateTime<Utc>,
    /// What receivers should know of the document
    notes: Vec<Told>,
}

/// Something that a document holds: for programs, and a sentence for people
#[derive(Serialize, ToSchema)]
pub struct Told {
    code: &'static str,
    msg: String,
}

impl From<Note> for Told {
    fn from(note: Note) -> Told {
        Told { code: note.code(), msg: note.to_string() }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Files {
    files: Vec<File>,
    /// The cursor of the next page, or null
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Versions {
    /// Newest first, 200 at most
    versions: Vec<File>,
}

/// The media type that a document is served with.
pub fn media_type(name: &str) -> &'static str {
    Kind::of_name(name).map_or("application/octet-stream", Kind::media_type)
}

impl From<Document> for File {
    fn from(document: Document) -> File {
        File {
            version: document.version,
            size: document.size_bytes(),
            content_type: media_type(&document.name),
            filename: document.name,
            blake3: document.blake3,
            sha256: document.sha256,
            uploaded_by: document.uploaded_by,
            uploaded_at: document.uploaded_at.and_utc(),
            notes: model::notes(&document.notes).map(Told::from).collect(),
        }
    }
}

pub async fn list(app: web::Data<App>, _: Caller, query: web::Query<ListQuery>) -> Result<HttpResponse> {
    let ListQuery { q, limit, cursor } = query.into_inner();
    let paging = Paging { limit, cursor };
    let (limit, before) = (paging.limit()?, paging.before()?);
    let search = q.filter(|q| !q.is_empty()).map(|q| to_look_up(&q));
    let mut documents = app.db.read(move |conn| model::page(conn, search.as_deref(), &before, limit + 1)).await?;
    let next = cut(&mut documents, limit, |document| &document.id);
    Ok(HttpResponse::Ok().json(Files { files: documents.into_iter().map(File::from).collect(), next }))
}

pub async fn versions(app: web::Data<App>, _: Caller, name: web::Path<String>) -> Result<HttpResponse> {
    let name = to_look_up(&name);
    let found = app.db.read(move |conn| model::versions(conn, &name, MOST)).await?;
    Ok(HttpResponse::Ok().json(Versions { versions: found.into_iter().map(File::from).collect() }))
}

pub async fn delete(
    req: HttpRequest,
    app: web::Data<App>,
    Operation(caller): Operation,
    name: web::Path<String>,
    query: web::Query<VersionQuery>,
) -> Result<HttpResponse> {
    let (name, version) = (to_look_up(&name), query.version);
    let (now, origin, quota) = (app.clock.now(), Origin::of(&req, Some(&caller)), *app.blobs.space().quota());
    let freed = app
        .db
        .write_from_reserve(move |conn| {
            let freed = model::delete(conn, &name, version, &quota, now)?;
            let mut entry = Entry::new(Action::FileDeleted, &*name);
            entry.detail = version.map(|version| format!("version {version}"));
            origin.record(conn, now, entry)?;
            Ok(freed)
        })
        .await?;
    app.blobs.discard(freed);
    Ok(HttpResponse::NoContent().finish())
}
