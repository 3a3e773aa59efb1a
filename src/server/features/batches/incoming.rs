//! Files on their way into a batch: from a form or a request body to blobs on disk, which wait for their rows.

use crate::server::features::batches::refusals::{batch_too_large, too_many_files};
use crate::server::refusals::busy;
use actix_multipart::Field;
use actix_web::error::PayloadError;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use bytesize::ByteSize;
use futures_util::{Stream, StreamExt as _};

use super::Settings;
use super::model::files::{Limits, NewFile};
use crate::protocol::file_name::FileName;
use crate::server::app::App;
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::blobs::{Account, Content, Reservation, receive};
use crate::server::error::Result;
use crate::server::http::form::{self, Allowance, FORM_OVERHEAD, content_length, file_name, malformed};
use crate::server::http::slow_body::{Pace, paced};
use crate::server::metrics::OpenTransfer;
use crate::server::places::{Holder, Share};

/// What a file is called whose name nothing is left of.
const UNNAMED: &str = "unnamed";

/// Files that have arrived. Dropped without being committed, they leave nothing.
pub struct Incoming<'a> {
    app: &'a App,
    account: Account,
    /// What a batch may hold, and what this one holds already.
    limits: Limits,
    held: (u32, u64),
    contents: Vec<(String, Content)>,
    /// Held until the rows are there.
    reservations: Vec<Reservation>,
    bytes: u64,
    _share: Share,
    _transfer: OpenTransfer,
}

/// The fields of a form beside its files.
#[derive(Default)]
pub struct Fields {
    pub title: Option<String>,
    pub expires_in: Option<String>,
    pub password: Option<String>,
    pub max_downloads: Option<String>,
}

/// What a batch may hold here.
fn limits(app: &App, settings: &Settings) -> Limits {
    Limits { files: settings.max_batch_files, bytes: settings.max_batch_size.0, quota: *app.blobs.space().quota() }
}

impl<'a> Incoming<'a> {
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Begins an upload by `holder` for a batch that holds so many files and bytes.
    ///
    /// # Errors
    /// [`busy`] while there are as many uploads as there may be, or as the holder may have.
    pub fn new(
        app: &'a App,
        settings: &Settings,
        account: Account,
        held: (u32, u64),
        holder: &Holder,
    ) -> Result<Incoming<'a>> {
        let share = app.uploads.take(holder).ok_or(busy(2))?;
        Ok(Incoming {
            app,
            account,
            limits: limits(app, settings),
            held,
            contents: Vec::new(),
            reservations: Vec::new(),
            bytes: 0,
            _share: share,
            _transfer: app.metrics.transfer("upload"),
        })
    }

    /// Refuses at once what says itself that it is too large.
    pub fn declared(&self, req: &HttpRequest) -> Result<()> {
        let declared = content_length(req).unwrap_or_default().saturating_sub(FORM_OVERHEAD);
        if declared > self.limits.bytes.saturating_sub(self.held.1) {
            return Err(batch_too_large(ByteSize(self.limits.bytes)));
        }
        self.app.blobs.space().check_disk(declared)
    }

    /// Reads a form to its end. No body is a form without parts.
    pub async fn read_form(&mut self, req: &HttpRequest, payload: web::Payload) -> Result<Fields> {
        let mut fields = Fields::default();
        if !has_body(req) {
            return Ok(fields);
        }
        self.declared(req)?;
        let mut form = form::open(
            req.headers(),
            bounded(paced(payload, Pace::of(&self.app.config)), self.limits.bytes.saturating_add(2 * FORM_OVERHEAD)),
        )?;
        let mut others = Allowance::default();
        while let Some(part) = form.next().await {
            let mut part = part.map_err(malformed)?;
            let field = match part.name() {
                Some("files" | "file") => {
                    self.read_part(part, &mut others).await?;
                    continue;
                }
                Some("title") => &mut fields.title,
                Some("expires_in") => &mut fields.expires_in,
                Some("password") => &mut fields.password,
                Some("max_downloads") => &mut fields.max_downloads,
                _ => {
                    others.skip(&mut part).await?;
                    continue;
                }
            };
            *field = Some(others.text(&mut part).await?).filter(|text| !text.is_empty());
        }
        Ok(fields)
    }

    async fn read_part(&mut self, mut part: Field, others: &mut Allowance) -> Result<()> {
        match file_name(&part)?.unwrap_or_default().as_str() {
            // What a browser sends when nothing was chosen.
            "" => others.skip(&mut part).await,
            given => self.read_file(given, part.map(|chunk| chunk.map_err(malformed))).await,
        }
    }

    /// Reads one file, whatever its name and its type.
    pub async fn read_file(&mut self, given: &str, content: impl Stream<Item = Result<Bytes>>) -> Result<()> {
        let name = FileName::with_folders(given).map_or_else(|| UNNAMED.to_owned(), FileName::into_inner);
        if self.held.0.saturating_add(self.contents.len() as u32) >= self.limits.files {
            return Err(too_many_files(self.limits.files));
        }
        let room = self.limits.bytes.saturating_sub(self.held.1 + self.bytes);
        let largest = self.app.config.max_file_size.0;
        let used = self.app.db.lookup(|conn| rows::usage(conn, &self.account, &self.limits.quota))?;
        let mut reservation = self.app.blobs.space().reserve(&self.account, used);
        let content = receive(&self.app.blobs, content, largest.min(room), &mut reservation, |_, _| Ok(())).await;
        let (content, ()) = content.map_err(|error| match error {
            error if error.code() == "file_too_large" && room < largest => batch_too_large(ByteSize(self.limits.bytes)),
            error => error,
        })?;
        self.bytes += content.size;
        self.contents.push((name, content));
        self.reservations.push(reservation);
        Ok(())
    }

    /// What is on disk and waits for its rows, and the rows; and what keeps the room for them.
    pub fn into_parts(self) -> (Vec<Content>, Vec<NewFile>, Vec<Reservation>) {
        let files =
            self.contents.iter().map(|(name, content)| NewFile { name: name.clone(), blob: NewBlob::from(content) });
        let files = files.collect();
        (self.contents.into_iter().map(|(_, content)| content).collect(), files, self.reservations)
    }
}

fn has_body(req: &HttpRequest) -> bool {
    content_length(req).map_or_else(|| req.headers().contains_key(TRANSFER_ENCODING), |length| length > 0)
}

/// A body that ends in an error after so many bytes: a form is no file, and may go on for ever between its parts.
fn bounded(
    payload: impl Stream<Item = Result<Bytes, PayloadError>>,
    most: u64,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut left = most;
    payload.map(move |chunk| {
        let chunk = chunk?;
        left = left.checked_sub(chunk.len() as u64).ok_or(PayloadError::Overflow)?;
        Ok(chunk)
    })
}
