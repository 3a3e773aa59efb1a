//! GET and HEAD /download_file/{download_token}.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use base64::Engine as _;

use super::custody::LinkCustody;
use super::model::{self, Claim, Link, Target};
use super::page;
use crate::app::App;
use crate::audit::{Action, Entry, Origin};
use crate::desk::media_type;
use crate::error::{Error, Result};
use crate::http::disposition::attachment;
use crate::http::file_body::{FileBody, NoBody};
use crate::http::range::Selection;

pub async fn get(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match download(&req, &app, token.into_inner()).await {
        Ok(response) => response,
        Err(error) => refusal(&req, &error),
    }
}

/// A refusal in the form that the client reads: a page for a person, a problem document for a program.
pub fn refusal(req: &HttpRequest, error: &Error) -> HttpResponse {
    let accept = req.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match accept.contains("text/html") {
        true => page::sorry(error),
        false => error.error_response(),
    }
}

async fn download(req: &HttpRequest, app: &web::Data<App>, token: String) -> Result<HttpResponse> {
    let id = app.keys.verify_link(&token).ok_or(Error::UnknownLink)?.jti;
    let (now, origin) = (app.clock.now(), Origin::of(req, None));
    let wanted = Wanted {
        range: req.headers().get(header::RANGE).cloned(),
        if_range: req.headers().get(header::IF_RANGE).cloned(),
    };
    let holder = app.clone();
    let (target, selection, custody) = app
        .db
        .write(move |conn| {
            let (link, target) = model::find(conn, &id, &token)?;
            let Some(target) = target else { return Err(link.refusal(now).unwrap_or(Error::RevokedLink)) };
            let selection = match link.refusal(now) {
                Some(refusal) => return Err(refusal),
                None => wanted.of(&target),
            };
            let start = match &selection {
                Selection::Whole => 0,
                Selection::Part(range) => range.start,
                Selection::Unsatisfiable => return Err(Error::RangeNotSatisfiable(target.size_bytes())),
            };
            let claim = model::claim(conn, &link, start, target.size_bytes(), origin.address.as_deref(), now)?;
            let started = started(&claim, &target, &selection);
            origin.record(conn, now, started.clone())?;
            Ok((target, selection, LinkCustody::new(holder, claim, started, origin)))
        })
        .await?;

    let file = app.blobs.get(&target.blob).map_err(|error| {
        // The row says that it is there: that is our failure, and the dropped custody gives the link back.
        Error::Unavailable(Box::new(error))
    })?;
    let size = target.size_bytes();
    let (mut response, range) = match selection {
        Selection::Part(range) => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1)));
            (response, range)
        }
        _ => (HttpResponse::Ok(), 0..size),
    };
    describe(&mut response, &target);
    response.no_chunking(range.end - range.start);
    Ok(response.body(FileBody::new(req, file, size, range, custody)))
}

/// What the audit is told; the link is named by its id, and the file by its name: the token is nowhere.
fn started(claim: &Claim, target: &Target, selection: &Selection) -> Entry {
    let entry = Entry::new(Action::DownloadStarted, &*target.name);
    match selection {
        Selection::Part(range) => {
            let (last, size) = (range.end - 1, target.size);
            entry.detail(format!("link {}, bytes {}-{last} of {size}", claim.link, range.start))
        }
        _ => entry.detail(format!("link {}", claim.link)),
    }
}

/// What the client asks for of the file; judged once the file is known.
struct Wanted {
    range: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
}

impl Wanted {
    fn of(&self, target: &Target) -> Selection {
        Selection::of(self.range.as_ref(), self.if_range.as_ref(), target.size_bytes(), &target.etag())
    }
}

/// The headers that tell what the file is.
fn describe(response: &mut HttpResponseBuilder, target: &Target) {
    response
        .insert_header((header::CONTENT_TYPE, media_type(&target.name)))
        .insert_header((header::CONTENT_DISPOSITION, attachment(&target.name)))
        .insert_header((header::ETAG, target.etag()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"));
    if let Some(digest) = target.sha256.as_deref().and_then(repr_digest) {
        response.insert_header((HeaderName::from_static("repr-digest"), digest));
    }
}

/// RFC 9530 section 3: the digest of the whole representation, whatever part of it is sent.
fn repr_digest(sha256: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> =
        (0..sha256.len()).step_by(2).map(|i| u8::from_str_radix(sha256.get(i..i + 2)?, 16).ok()).collect();
    Some(format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(bytes?)))
}

pub async fn head(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match look(&app, &token) {
        Ok((_, target)) => {
            let mut response = HttpResponse::build(StatusCode::OK);
            describe(&mut response, &target);
            response.no_chunking(target.size_bytes());
            response.body(NoBody)
        }
        Err(error) => refusal(&req, &error),
    }
}

/// A link that is open and what it leads to, without touching it.
pub fn look(app: &App, token: &str) -> Result<(Link, Target)> {
    let id = app.keys.verify_link(token).ok_or(Error::UnknownLink)?.jti;
    let (link, target) = app.db.lookup(|conn| model::find(conn, &id, token))?;
    match (link.refusal(app.clock.now()), target) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(target)) => Ok((link, target)),
        (None, None) => Err(Error::RevokedLink),
    }
}
