//! POST /upload and PUT /upload/{filename}: from the socket to a durable document.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::gate::{self, Selected};
use super::handlers::Told;
use super::model::{self, NewDocument};
use super::refusals::not_let_in;
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::blobs::{Account, receive};
use crate::server::error::{Error, Result};
use crate::server::http::form::{FORM_OVERHEAD, broken_body, content_length, malformed};
use crate::server::http::gate::Operation;
use crate::server::http::slow_body::{Pace, paced};
use crate::server::office::{InspectError, inspect};
use crate::server::places::Holder;
use crate::server::refusals::busy;

/// A document that is stored.
#[derive(Serialize, ToSchema)]
pub struct Stored {
    msg: String,
    filename: String,
    version: i32,
    /// Bytes
    size: u64,
    blake3: String,
    /// Null for a large file until it has been made in the background
    sha256: Option<String>,
    uploaded_at: DateTime<Utc>,
    /// What receivers should know of the document
    notes: Vec<Told>,
}

/// Documents up to this size are inspected in milliseconds, whatever they hold; larger ones wait for their turn.
const LARGE: u64 = 1 << 20;

pub async fn from_form(req: HttpRequest, app: web::Data<App>, caller: Operation) -> Result<HttpResponse> {
    let mut selected = gate::take_selected(&req)?;
    let (part, form) = selected.part.take().ok_or_else(|| Error::Internal("a form without its part".into()))?;
    // The form must be whole before its file counts: its end is read as part of the stream.
    let whole = part
        .map(|chunk| chunk.map_err(malformed))
        .chain(stream::once(gate::end_of_form(form)).filter_map(|end| std::future::ready(end.err().map(Err))));
    store(req, app, caller, selected, whole, FORM_OVERHEAD).await
}

pub async fn from_body(
    req: HttpRequest,
    app: web::Data<App>,
    caller: Operation,
    body: web::Payload,
) -> Result<HttpResponse> {
    let selected = gate::take_selected(&req)?;
    let body = paced(body, Pace::of(&app.config)).map(|chunk| chunk.map_err(|error| broken_body(&error)));
    store(req, app, caller, selected, body, 0).await
}

async fn store(
    req: HttpRequest,
    app: web::Data<App>,
    Operation(caller): Operation,
    selected: Selected,
    content: impl Stream<Item = Result<Bytes>>,
    overhead: u64,
) -> Result<HttpResponse> {
    let Some(_share) = app.uploads.take(&Holder::User(caller.user.id.clone())) else { return Err(busy(2)) };
    let _transfer = app.metrics.transfer("upload");
    let origin = Origin::of(&req, Some(&caller));
    let (account, quota) = (Account::user(&caller.user.id), *app.blobs.space().quota());
    let used = app.db.lookup(|conn| rows::usage(conn, &account, &quota))?;
    let mut reservation = app.blobs.space().reserve(&account, used);
    let declared = content_length(&req).unwrap_or_default().saturating_sub(overhead);
    let (name, kind) = (selected.name, selected.kind);
    // Held until the inspection ends, whether or not the client still waits for it.
    let turn = Arc::new(OnceLock::new());
    let content = content.chain(its_turn(&app, &turn, declared));

    let received = async {
        reservation.grow_to(declared)?;
        receive(&app.blobs, content, app.config.max_file_size.0, &mut reservation, move |file, size| {
            let _turn = turn;
            inspect(file, size, kind).map_err(|error| match error {
                InspectError::Refused(refusal) => not_let_in(&refusal),
                InspectError::Io(cause) => Error::Unavailable(Box::new(cause)),
            })
        })
        .await
    };
    let (content, notes) = match received.await {
        Ok(content) => content,
        Err(error) => {
            let mut entry = Entry::refusal(&error);
            entry.subject = Some(name.into_inner());
            crate::server::audit::post(&app, origin, entry);
            return Err(error);
        }
    };

    let now = app.clock.now();
    let document = NewDocument {
        name: name.as_str().to_owned(),
        blob: NewBlob::from(&content),
        uploaded_by: caller.user.id,
        notes: notes.clone(),
    };
    let mut stored = Stored {
        msg: format!("File {} uploaded successfully", name.as_str()),
        filename: name.into_inner(),
        version: 0,
        size: content.size,
        blake3: content.blake3.clone(),
        sha256: content.sha256.clone(),
        uploaded_at: now.and_utc(),
        notes: notes.into_iter().map(Told::from).collect(),
    };
    let add = app.db.write(move |conn| {
        let name = document.name.clone();
        let version = model::add(conn, document, &quota, now)?;
        origin.record(conn, now, Entry::new(Action::FileUploaded, name).detail(format!("version {version}")))?;
        Ok(version)
    });
    stored.version = content.commit(add).await?;
    if stored.sha256.is_none() {
        app.digester.wake();
    }
    Ok(HttpResponse::Created().json(stored))
}

/// Nothing more of the content: the wait at its end for the turn of a document that is large or does not say.
fn its_turn(
    app: &App,
    turn: &Arc<OnceLock<OwnedSemaphorePermit>>,
    declared: u64,
) -> impl Stream<Item = Result<Bytes>> + use<> {
    let (inspections, turn) = (app.inspections.clone(), turn.clone());
    let small = (1..=LARGE).contains(&declared);
    let wait = async move {
        if small {
            return None;
        }
        match inspections.acquire_owned().await {
            Ok(permit) => turn.set(permit).err().map(|_| Err(Error::Internal("a document had two turns".into()))),
            Err(closed) => Some(Err(Error::internal(closed))),
        }
    };
    stream::once(wait).filter_map(std::future::ready)
}
