//! GET …/files/{file} and GET …/zip: the bytes of a batch.

use crate::server::refusals::{FILE_NOT_FOUND, bad_request};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDateTime;
use serde::Deserialize;

use super::archive::{Archive, Entry, Piece};
use super::guard::Open;
use super::lease::{BatchBooks, FreeLease, LimitedLease};
use super::model::copies::{self, Copy, Which};
use super::model::fetches::NewFetch;
use super::model::{Batch, files};
use super::refusals::DOWNLOADS_BUSY;
use crate::protocol::file_name::FileName;
use crate::server::app::App;
use crate::server::audit::Origin;
use crate::server::blobs::Blobs;
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::features::page::error_page;
use crate::server::http::download::{Download, Wanted};
use crate::server::http::file_body::{FileBody, Lease, Segment};
use crate::server::http::hold::{holder_of, proof_of};
use crate::server::leases::{Ask, FINISH, HOLD, Ledger};

/// Files that `?files=` may name.
const MOST_NAMED: usize = 1000;

pub async fn file(
    req: HttpRequest,
    app: web::Data<App>,
    open: Open,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    let answer = bring_file(&req, &app, &open, &path.1).await;
    answer.unwrap_or_else(|error| error_page::refusal(&req, &error))
}

async fn bring_file(req: &HttpRequest, app: &web::Data<App>, open: &Open, file: &str) -> Result<HttpResponse> {
    let batch = &open.known.batch;
    let file = app.db.lookup(|conn| files::find(conn, &batch.id, file))?;
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
    let range = Wanted::of(req).range_of(&download)?;
    let fetch = NewFetch {
        batch: batch.id.clone(),
        file: Some(file.id.clone()),
        what: file.name.clone(),
        files: 1,
        bytes: download.size,
        address: None,
    };
    let which = Which::These(vec![file.id]);
    let (lease, hold) =
        take(req, app, open, Wish { fetch, which, content: &download.etag, range: range.clone() }).await?;
    let contents = app.blobs.get(&file.blob).map_err(|error| gone(app, batch, error))?;
    let (mut response, range) = download.head(range);
    hold.map(|hold| response.insert_header((HOLD, hold)));
    Ok(response.body(FileBody::new(req, contents, range, lease)))
}

#[derive(Deserialize)]
pub struct ZipQuery {
    files: Option<String>,
}

pub async fn zip(req: HttpRequest, app: web::Data<App>, open: Open, query: web::Query<ZipQuery>) -> HttpResponse {
    let answer = bring_zip(&req, &app, &open, query.files.as_deref()).await;
    answer.unwrap_or_else(|error| error_page::refusal(&req, &error))
}

async fn bring_zip(req: &HttpRequest, app: &web::Data<App>, open: &Open, named: Option<&str>) -> Result<HttpResponse> {
    let batch = &open.known.batch;
    let id = batch.id.clone();
    let mut files = app.db.read(move |conn| files::list(conn, &id)).await?;
    let mut which = Which::UpTo(files.last().map_or_else(String::new, |file| file.id.clone()));
    if let Some(named) = named {
        which = Which::These(pick(&mut files, named)?);
    }
    let etag = etag(&files);
    let (entries, blobs): (Vec<_>, Vec<_>) = files.into_iter().map(|file| (entry(&file), file.blob)).unzip();
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
    let range = Wanted::of(req).range_of(&download)?;
    let fetch = NewFetch {
        batch: batch.id.clone(),
        file: None,
        what: download.name.clone(),
        files: blobs.len(),
        bytes: download.size,
        address: None,
    };
    let (lease, hold) =
        take(req, app, open, Wish { fetch, which, content: &download.etag, range: range.clone() }).await?;
    let (mut response, range) = download.head(range);
    hold.map(|hold| response.insert_header((HOLD, hold)));
    let store = app.blobs.clone();
    let segments = archive.pieces(range.clone()).map(move |piece| segment(&store, &blobs, piece));
    Ok(response.body(FileBody::of_segments(req, segments, range, lease)))
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

fn entry(file: &files::File) -> Entry {
    Entry {
        name: file.name.clone(),
        size: file.size_bytes(),
        crc32: u32::try_from(file.crc32).unwrap_or_default(),
        modified: file.added_at,
    }
}

/// A strong entity tag: all that the bytes of the archive are made of.
fn etag(files: &[files::File]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        for part in [file.name.as_str(), &file.blake3, &file.added_at.and_utc().timestamp().to_string()] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    format!("\"{}\"", hasher.finalize().to_hex())
}

fn zip_name(title: &str) -> String {
    FileName::new(&title.replace(['/', '\\'], "-"))
        .map_or_else(|| "files.zip".to_owned(), |title| format!("{}.zip", title.as_str()))
}

/// What somebody wants to download.
struct Wish<'a> {
    fetch: NewFetch,
    which: Which,
    content: &'a str,
    range: Option<Range<u64>>,
}

/// Puts a download under a lease: of a copy, and with a proof of holding it, where the batch limits downloads. What its
/// sender fetches is not counted.
async fn take(
    req: &HttpRequest,
    app: &web::Data<App>,
    open: &Open,
    wish: Wish<'_>,
) -> Result<(Box<dyn Lease>, Option<String>)> {
    let origin = Origin::of(req, None);
    let Wish { mut fetch, which, content, range } = wish;
    fetch.address = origin.address.clone();
    let (batch, size) = (&open.known.batch, fetch.bytes);
    let Some(most) = batch.max_downloads.filter(|_| !open.is_sender && fetch.files > 0) else {
        let to_the_end = range.is_none_or(|range| range.end == size);
        let lease = FreeLease::new(app.clone(), fetch, to_the_end, open.is_sender, origin);
        return Ok((Box::new(lease), None));
    };
    let (now, keys_of, end) = (app.clock.now(), app.clone(), after(batch.expires_at, FINISH));
    let (holder, proof) = (holder_of(req), proof_of(req));
    let proved = proof.as_deref().and_then(|proof| {
        let (id, grant) = proof.split_once('.')?;
        app.keys.verify_grant(&held(id), grant, now).then(|| id.to_owned())
    });
    let copy = Copy { id: crate::server::id::new(), batch: batch.id.clone(), content: content.to_owned(), which, size };
    let (lease, id) = app
        .db
        .write(move |conn| {
            let ask = Asked { in_part: range.is_some(), range: range.unwrap_or(0..size), holder, proved, most };
            claim(&keys_of, conn, BatchBooks { copy, fetch, origin }, &ask, now)
        })
        .await?;
    let hold = format!("{id}.{}", app.keys.sign_grant(&held(&id), end));
    Ok((Box::new(lease), Some(hold)))
}

/// See [`Ask`].
struct Asked {
    range: Range<u64>,
    in_part: bool,
    holder: String,
    /// The copy that is proved to be held.
    proved: Option<String>,
    /// Copies that are allowed.
    most: i32,
}

/// Goes on with the copy of the same holder, or begins one, or takes over one that stands still.
fn claim(
    app: &web::Data<App>,
    conn: &mut Conn,
    mut books: BatchBooks,
    asked: &Asked,
    now: NaiveDateTime,
) -> Result<(LimitedLease, String)> {
    let Copy { batch, content, which, .. } = books.copy.clone();
    let number = books.fetch.files;
    let transfer = crate::server::id::new();
    let Asked { in_part, holder, .. } = asked;
    let ask =
        Ask { id: &transfer, range: asked.range.clone(), in_part: *in_part, holder, proved: asked.proved.is_some() };
    if let Some((id, ledger)) = copies::find(conn, &batch, &content, asked.proved.as_deref(), holder)?
        && (*in_part || asked.proved.is_some() || ledger.lease_until().is_none())
    {
        if ledger.lease_until().is_none() {
            copies::check(conn, &batch, &which, number, asked.most, false)?;
        }
        books.copy.id.clone_from(&id);
        return Ok((LimitedLease::claim(app, conn, books, ledger, &ask)?, id));
    }
    match copies::check(conn, &batch, &which, number, asked.most, true) {
        Ok(()) => {
            let id = books.copy.id.clone();
            copies::begin(conn, &books.copy, holder, now)?;
            Ok((LimitedLease::claim(app, conn, books, Ledger::default(), &Ask { proved: false, ..ask })?, id))
        }
        Err(busy) if busy.is(&DOWNLOADS_BUSY) => {
            let mut refused = busy;
            for (id, ledger) in copies::running(conn, &batch, &content)? {
                books.copy.id.clone_from(&id);
                match LimitedLease::claim(app, conn, books.clone(), ledger, &Ask { proved: false, ..ask.clone() }) {
                    Ok(lease) => return Ok((lease, id)),
                    Err(error) => refused = error,
                }
            }
            Err(refused)
        }
        Err(refused) => Err(refused),
    }
}

/// What a proof of holding a copy is of.
fn held(copy: &str) -> String {
    format!("hold of a copy {copy}")
}

/// A blob that its row says is there: our failure, unless the batch has ended this very moment.
fn gone(app: &App, batch: &Batch, error: io::Error) -> Error {
    match app.db.lookup(|conn| super::model::still_open(conn, &batch.id, app.clock.now())) {
        Ok(_) => Error::Unavailable(Box::new(error)),
        Err(error) => error,
    }
}
