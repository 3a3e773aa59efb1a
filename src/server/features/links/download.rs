//! GET and HEAD /download_file/{download_token}.

use crate::server::features::links::refusals::{REVOKED_LINK, UNKNOWN_LINK};
use std::ops::Range;

use actix_web::{HttpRequest, HttpResponse, web};

use super::lease::LinkLease;
use super::model::{self, Claim, Link, Target};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::{Error, Result};
use crate::server::features::desk::media_type;
use crate::server::features::page::error_page;
use crate::server::http::download::{Download, Wanted};
use crate::server::http::file_body::FileBody;

pub async fn get(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match download(&req, &app, token.into_inner()).await {
        Ok(response) => response,
        Err(error) => error_page::refusal(&req, &error),
    }
}

async fn download(req: &HttpRequest, app: &web::Data<App>, token: String) -> Result<HttpResponse> {
    let id = app.keys.verify_link(&token).ok_or(UNKNOWN_LINK)?.jti;
    let (now, origin, wanted) = (app.clock.now(), Origin::of(req, None), Wanted::of(req));
    let holder = app.clone();
    let (target, range, lease) = app
        .db
        .write(move |conn| {
            let (link, target) = model::find(conn, &id, &token)?;
            let Some(target) = target else { return Err(link.refusal(now).unwrap_or(REVOKED_LINK)) };
            let range = match link.refusal(now) {
                Some(refusal) => return Err(refusal),
                None => wanted.range_of(&offer(&target))?,
            };
            let start = range.as_ref().map_or(0, |range| range.start);
            let claim = model::claim(conn, &link, start, target.size_bytes(), origin.address.as_deref(), now)?;
            let started = started(&claim, &target, range.as_ref());
            origin.record(conn, now, started.clone())?;
            Ok((target, range, LinkLease::new(holder, claim, started, origin)))
        })
        .await?;

    let file = app.blobs.get(&target.blob).map_err(|error| {
        // The row says that it is there: that is our failure, and the dropped lease gives the link back.
        Error::Unavailable(Box::new(error))
    })?;
    let (mut response, range) = offer(&target).head(range);
    Ok(response.body(FileBody::new(req, file, target.size_bytes(), range, lease)))
}

/// What the audit is told; the link is named by its id, and the file by its name: the token is nowhere.
fn started(claim: &Claim, target: &Target, range: Option<&Range<u64>>) -> Entry {
    let entry = Entry::new(Action::DownloadStarted, &*target.name);
    match range {
        Some(range) => {
            let (last, size) = (range.end - 1, target.size);
            entry.detail(format!("link {}, bytes {}-{last} of {size}", claim.link, range.start))
        }
        None => entry.detail(format!("link {}", claim.link)),
    }
}

fn offer(target: &Target) -> Download {
    Download {
        name: target.name.clone(),
        media_type: media_type(&target.name),
        size: target.size_bytes(),
        etag: target.etag(),
        sha256: target.sha256.clone(),
    }
}

pub async fn head(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match peek(&app, &token) {
        Ok((_, target)) => offer(&target).without_body(),
        Err(error) => error_page::refusal(&req, &error),
    }
}

/// A link that is open and what it leads to, without touching it.
pub fn peek(app: &App, token: &str) -> Result<(Link, Target)> {
    let id = app.keys.verify_link(token).ok_or(UNKNOWN_LINK)?.jti;
    let (link, target) = app.db.lookup(|conn| model::find(conn, &id, token))?;
    match (link.refusal(app.clock.now()), target) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(target)) => Ok((link, target)),
        (None, None) => Err(REVOKED_LINK),
    }
}
