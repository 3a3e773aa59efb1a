//! GET and HEAD /download_file/{download_token}.

use crate::server::features::links::refusals::{REVOKED_LINK, UNKNOWN_LINK};
use std::ops::Range;

use actix_web::{HttpRequest, HttpResponse, web};

use super::lease::{LinkBooks, LinkLease};
use super::model::{self, Link, Target};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::features::desk::media_type;
use crate::server::features::page::error_page;
use crate::server::http::download::{Download, Wanted};
use crate::server::http::file_body::FileBody;
use crate::server::http::hold::{holder_of, proof_of};
use crate::server::leases::{Ask, FINISH, HOLD};

pub async fn get(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match download(&req, &app, token.into_inner()).await {
        Ok(response) => response,
        Err(error) => error_page::refusal(&req, &error),
    }
}

async fn download(req: &HttpRequest, app: &web::Data<App>, token: String) -> Result<HttpResponse> {
    let id = app.keys.verify_link(&token).ok_or(UNKNOWN_LINK)?.jti;
    let (now, origin, wanted) = (app.clock.now(), Origin::of(req, None), Wanted::of(req));
    let (holder, proof) = (holder_of(req), proof_of(req));
    let its_app = app.clone();
    let (target, range, lease, hold) = app
        .db
        .write(move |conn| {
            let (link, target) = model::find(conn, &id, &token)?;
            let Some(target) = target else { return Err(link.refusal(now).unwrap_or(REVOKED_LINK)) };
            let ledger = model::parse(&link.ledger)?;
            let proved = proof.is_some_and(|proof| its_app.keys.verify_grant(&hold(&link, ledger.turn()), &proof, now));
            let (refusal, range) = (link.refusal(now), wanted.range_of(&offer(&target)));
            let is_at_it =
                link.is_held(now) && (proved || range.as_ref().is_ok_and(Option::is_some) && ledger.is_holder(&holder));
            // What runs may finish, also by ranges that begin later.
            if let Some(refusal) = refusal.filter(|_| !is_at_it) {
                return Err(refusal);
            }
            let range = range?;
            let started = started(&link, &target, range.as_ref());
            let books = LinkBooks {
                link: link.id.clone(),
                size: target.size_bytes(),
                started: started.clone(),
                origin: origin.clone(),
            };
            let id = crate::server::id::new();
            let in_part = range.is_some();
            let bytes = range.clone().unwrap_or(0..target.size_bytes());
            let ask = Ask { id: &id, range: bytes, in_part, holder: &holder, proved };
            let lease = LinkLease::claim(&its_app, conn, books, ledger, &ask)?;
            model::begun(conn, &link.id, origin.address.as_deref())?;
            origin.record(conn, now, started)?;
            let hold = its_app.keys.sign_grant(&hold(&link, lease.turn), after(link.expires_at, FINISH));
            Ok((target, range, lease, hold))
        })
        .await?;

    let file = app.blobs.get(&target.blob).map_err(|error| {
        // The row says that it is there: that is our failure, and the dropped lease gives the link back.
        Error::Unavailable(Box::new(error))
    })?;
    let (mut response, range) = offer(&target).head(range);
    response.insert_header((HOLD, hold));
    Ok(response.body(FileBody::new(req, file, range, lease)))
}

/// What a proof of holding a link is of: each holder has another one.
fn hold(link: &Link, turn: u32) -> String {
    format!("hold {} {turn}", link.id)
}

/// What the audit is told; the link is named by its id, and the file by its name: the token is nowhere.
fn started(link: &Link, target: &Target, range: Option<&Range<u64>>) -> Entry {
    let entry = Entry::new(Action::DownloadStarted, &*target.name);
    match range {
        Some(range) => {
            let (last, size) = (range.end - 1, target.size);
            entry.detail(format!("link {}, bytes {}-{last} of {size}", link.id, range.start))
        }
        None => entry.detail(format!("link {}", link.id)),
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
