//! GET …/files/{file} and GET …/zip: the bytes of a batch.

use crate::server::refusals::{FILE_NOT_FOUND, bad_request};
use std::io;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::archive::{Archive, Entry, Piece, portable};
use super::guard::Open;
use super::lease::BatchLease;
use super::model::claims::{self, Claim, Which};
use super::model::fetches::NewFetch;
use super::model::{Batch, files};
use crate::protocol::file_name::FileName;
use crate::server::app::App;
use crate::server::audit::Origin;
use crate::server::blobs::Blobs;
use crate::server::error::{Error, Result};
use crate::server::http::download::{Download, Wanted};
use crate::server::http::file_body::{FileBody, Segment};

/// Files that `?files=` may name.
const MOST_NAMED: usize = 1000;

pub async fn file(
    req: HttpRequest,
    app: web::Data<App>,
    open: Open,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let batch = &open.known.batch;
    let file = app.db.lookup(|conn| files::find(conn, &batch.id, &path.1))?;
    let download = Download {
        name: FileName::last(&file.name).to_owned(),
        media_type: "application/octet-stream",
        size: file.size_bytes(),
        etag: file.etag(),
        sha256: file.sha256.clone(),
    };
    if req.method() == Method::HEAD {
        return Ok(download.without_body());
    }
    let range = Wanted::of(&req).range_of(&download)?;
    let fetch = NewFetch {
        batch: batch.id.clone(),
        file: Some(file.id.clone()),
        what: file.name.clone(),
        files: 1,
        bytes: download.size,
        address: None,
    };
    let lease = take(&req, &app, &open, fetch, Which::These(vec![file.id])).await?;
    let contents = app.blobs.get(&file.blob).map_err(|error| gone(&app, batch, error))?;
    let (mut response, range) = download.head(range);
    Ok(response.body(FileBody::new(&req, contents, download.size, range, lease)))
}

#[derive(Deserialize)]
pub struct ZipQuery {
    files: Option<String>,
}

pub async fn zip(
    req: HttpRequest,
    app: web::Data<App>,
    open: Open,
    query: web::Query<ZipQuery>,
) -> Result<HttpResponse> {
    let batch = &open.known.batch;
    let id = batch.id.clone();
    let mut files = app.db.read(move |conn| files::list(conn, &id)).await?;
    let mut which = Which::UpTo(files.last().map_or_else(String::new, |file| file.id.clone()));
    if let Some(named) = query.files.as_deref() {
        which = Which::These(pick(&mut files, named)?);
    }
    let etag = etag(&files);
    let names = portable(&files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>());
    let named = files.into_iter().zip(names);
    let (entries, blobs): (Vec<_>, Vec<_>) = named.map(|(file, name)| (entry(&file, name), file.blob)).unzip();
    let archive = Arc::new(Archive::new(entries));
    let download = Download {
        name: zip_name(&batch.title),
        media_type: "application/zip",
        size: archive.size(),
        etag,
        sha256: None,
    };
    if req.method() == Method::HEAD {
        return Ok(download.without_body());
    }
    let range = Wanted::of(&req).range_of(&download)?;
    let fetch = NewFetch {
        batch: batch.id.clone(),
        file: None,
        what: download.name.clone(),
        files: blobs.len(),
        bytes: download.size,
        address: None,
    };
    let lease = take(&req, &app, &open, fetch, which).await?;
    let (mut response, range) = download.head(range);
    let store = app.blobs.clone();
    let segments = archive.pieces(range.clone()).map(move |piece| segment(&store, &blobs, piece));
    Ok(response.body(FileBody::of_segments(&req, segments, download.size, range, lease)))
}

/// Opens a file of the archive when its turn has come: however many there are, one is open.
fn segment(store: &Blobs, blobs: &[String], piece: Piece) -> io::Result<Segment> {
    match piece {
        Piece::Bytes(bytes) => Ok(Segment::Bytes(bytes)),
        Piece::Contents(index, range) => {
            let blob = blobs.get(index).ok_or(io::ErrorKind::NotFound)?;
            Ok(Segment::File(Arc::new(store.get(blob)?), range))
        }
    }
}

/// Keeps the files that are named, in the order of the batch.
fn pick(files: &mut Vec<files::File>, named: &str) -> Result<Vec<String>> {
    let mut ids: Vec<String> = named.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() || ids.len() > MOST_NAMED {
        return Err(bad_request(format!("`files` names 1 to {MOST_NAMED} files, with commas between.")));
    }
    files.retain(|file| ids.binary_search(&file.id).is_ok());
    if files.len() == ids.len() { Ok(ids) } else { Err(FILE_NOT_FOUND) }
}

fn entry(file: &files::File, name: String) -> Entry {
    Entry {
        name,
        size: file.size_bytes(),
        crc32: u32::try_from(file.crc32).unwrap_or_default(),
        modified: file.modified_at.unwrap_or(file.added_at),
    }
}

/// A strong entity tag: all that the bytes of the archive are made of.
fn etag(files: &[files::File]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let date = file.modified_at.unwrap_or(file.added_at).and_utc().timestamp().to_string();
        for part in [file.name.as_str(), &file.blake3, &date] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    format!("\"{}\"", hasher.finalize().to_hex())
}

fn zip_name(title: &str) -> String {
    FileName::new(&title.replace(['/', '\\'], "-"))
        .map_or_else(|| "files.zip".to_owned(), |title| format!("{}.zip", title.as_str()))
}

/// Puts a download under a lease, with a claim where the batch limits downloads. What its sender fetches is not counted.
async fn take(
    req: &HttpRequest,
    app: &web::Data<App>,
    open: &Open,
    mut fetch: NewFetch,
    which: Which,
) -> Result<BatchLease> {
    let origin = Origin::of(req, None);
    fetch.address = origin.address.clone();
    let batch = &open.known.batch;
    let Some(most) = batch.max_downloads.filter(|_| !open.is_sender && fetch.files > 0) else {
        return Ok(BatchLease::new(app.clone(), fetch, None, open.is_sender, origin));
    };
    let (holder, claim) = (app.clone(), Claim { batch: batch.id.clone(), which });
    // Made within the write, so that there is no moment in which a claim stands and nobody would give it back.
    app.db
        .write(move |conn| {
            claims::claim(conn, &claim, fetch.files, most)?;
            Ok(BatchLease::new(holder, fetch, Some(claim), false, origin))
        })
        .await
}

/// A blob that its row says is there: our failure, unless the batch has ended this very moment.
fn gone(app: &App, batch: &Batch, error: io::Error) -> Error {
    match app.db.lookup(|conn| super::model::still_open(conn, &batch.id, app.clock.now())) {
        Ok(_) => Error::Unavailable(Box::new(error)),
        Err(error) => error,
    }
}
