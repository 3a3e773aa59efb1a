//! Mint, list and revoke links.

use crate::server::features::links::refusals::LINK_NOT_FOUND;
use crate::server::refusals::{FILE_NOT_FOUND, bad_request};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Settings;
use super::model::{self, Listed, NewLink};
use crate::protocol::file_name::to_look_up;
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::auth::Role;
use crate::server::clock::after;
use crate::server::error::Result;
use crate::server::features::desk;
use crate::server::http::gate::{Caller, Client};
use crate::server::http::paging::{Paging, cut};
use crate::server::http::peer::public_url;

#[derive(Deserialize)]
pub struct MintQuery {
    version: Option<i32>,
    expires_in: Option<u64>,
}

/// A link that was minted.
#[derive(Serialize, ToSchema)]
pub struct Minted {
    message: &'static str,
    /// What the link is called in `/api/links`
    link_id: String,
    /// The file itself, once
    download_url: String,
    /// A page with a Download button, for people
    page_url: String,
    filename: String,
    version: i32,
    /// Bytes
    size: u64,
    blake3: String,
    sha256: Option<String>,
    expires_at: DateTime<Utc>,
}

pub async fn mint(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    Client(caller): Client,
    name: web::Path<String>,
    query: web::Query<MintQuery>,
) -> Result<HttpResponse> {
    let MintQuery { version, expires_in } = query.into_inner();
    let life = match expires_in {
        None => settings.link_life,
        Some(0) => return Err(bad_request("A link lives for at least one second.".into())),
        Some(seconds) => Duration::from_secs(seconds).min(settings.max_link_life),
    };
    let name = to_look_up(&name);
    let document = app.db.lookup(|conn| desk::model::find(conn, &name, version))?.ok_or(FILE_NOT_FOUND)?;

    let now = app.clock.now();
    let end = after(now, life);
    let id = crate::server::id::new();
    let token = app.keys.sign_link(&document.id, &id, end)?;
    let minted = Minted {
        message: "Success",
        link_id: id.clone(),
        download_url: public_url(&req, &app, &format!("/download_file/{token}"))?,
        page_url: public_url(&req, &app, &format!("/d/{token}"))?,
        filename: document.name.clone(),
        version: document.version,
        size: document.size_bytes(),
        blake3: document.blake3,
        sha256: document.sha256,
        expires_at: end.and_utc(),
    };
    let origin = Origin::of(&req, Some(&caller));
    app.db
        .write(move |conn| {
            let new = NewLink { id: &id, token: &token, document: &document.id, user: &caller.user.id, now, end };
            model::issue(conn, &new)?;
            origin.record(conn, now, Entry::new(Action::LinkIssued, document.name).detail(format!("link {id}")))
        })
        .await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).json(minted))
}

#[derive(Deserialize)]
pub struct ListQuery {
    filename: Option<String>,
    state: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Link {
    id: String,
    filename: String,
    version: i32,
    /// The user who minted it
    issued_to: String,
    /// issued, claimed, consumed, expired or revoked
    state: String,
    /// Downloads begun; of those that run side by side each
    starts: i32,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// When the last byte had left
    fetched_at: Option<DateTime<Utc>>,
    /// Address of the latest download
    fetched_from: Option<String>,
    /// Bytes that were acknowledged by whoever fetches it; of a download that runs, as last noted
    fetched_bytes: u64,
    /// Bytes of the file, if it is still there
    size: Option<u64>,
    /// When that was last noted
    last_fetched_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
pub struct Links {
    links: Vec<Link>,
    /// The cursor of the next page, or null
    next: Option<String>,
}

impl From<Listed> for Link {
    fn from(row: Listed) -> Link {
        Link {
            id: row.id,
            filename: row.filename,
            version: row.version,
            issued_to: row.issued_to,
            state: row.state,
            starts: row.starts,
            issued_at: row.issued_at.and_utc(),
            expires_at: row.expires_at.and_utc(),
            fetched_at: row.fetched_at.map(|time| time.and_utc()),
            fetched_from: row.fetched_from,
            fetched_bytes: u64::try_from(row.fetched).unwrap_or_default(),
            size: row.size.and_then(|size| u64::try_from(size).ok()),
            last_fetched_at: row.moved_at.map(|time| time.and_utc()),
        }
    }
}

/// Whose links a caller may see and revoke: all for operation users, else the caller's own.
fn scope(caller: &Caller) -> Option<String> {
    match caller.user.role {
        Role::Operation => None,
        Role::Client => Some(caller.user.id.clone()),
    }
}

pub async fn list(app: web::Data<App>, caller: Caller, query: web::Query<ListQuery>) -> Result<HttpResponse> {
    let ListQuery { filename, state, limit, cursor } = query.into_inner();
    if state.as_deref().is_some_and(|state| !model::STATES.contains(&state)) {
        return Err(bad_request(format!("A state is one of {}.", model::STATES.join(", "))));
    }
    let paging = Paging { limit, cursor };
    let (limit, before) = (paging.limit()?, paging.before()?);
    let filter = model::Filter { owner: scope(&caller), filename, state };
    let mut rows = app.db.read(move |conn| model::page(conn, &filter, &before, limit + 1)).await?;
    let next = cut(&mut rows, limit, |row| &row.id);
    Ok(HttpResponse::Ok().json(Links { links: rows.into_iter().map(Link::from).collect(), next }))
}

pub async fn revoke(
    req: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse> {
    let (id, owner) = (id.into_inner(), scope(&caller));
    let (now, origin) = (app.clock.now(), Origin::of(&req, Some(&caller)));
    app.db
        .write(move |conn| {
            if !model::revoke(conn, &id, owner.as_deref())? {
                return Err(LINK_NOT_FOUND);
            }
            origin.record(conn, now, Entry::new(Action::LinkRevoked, id))
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
