//! One download, in as many requests as it takes.

use std::io::{self, Write};
use std::time::Duration;

use bytesize::ByteSize;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_RANGE, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::address::Address;
use super::content::{Check, Content, Offer};
use super::resume::Journal;
use super::unwritable;
use crate::cli::progress::{Meter, Renderer};
use crate::client::folder::Partial;
use crate::client::{Failure, accepted, printable};
use crate::protocol::disposition;

/// How long a broken connection is tried again without a byte.
const PATIENCE: Duration = Duration::from_secs(120);
/// Before the second try; twice as long before each one after it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A file of more bytes is fetched without its last one first. A one-time link is used up when that byte has left the server,
/// and what is then on its way is lost with the connection; so it is asked for when all else is here.
const IN_TWO: u64 = 1 << 20;

/// Header in which the server gives the proof, and takes it back.
const HOLD: &str = "handover-hold";

/// Where the bytes go.
pub enum Sink<'a> {
    /// May hold what a download before this one has brought.
    File(&'a mut Partial, &'a mut Journal),
    /// Cannot begin again.
    Output(&'a mut (dyn Write + Send)),
}

/// A download that is complete.
pub struct Fetched {
    pub bytes: u64,
    /// The digest that it was compared with.
    pub verified: Option<&'static str>,
}

/// A download that may begin.
pub struct Download {
    address: Address,
    renderer: Renderer,
    /// What the server calls it.
    pub name: String,
    offer: Offer,
    /// Proves to the server that what a connection before had begun is ours to go on with, from whatever address.
    hold: Option<HeaderValue>,
}

impl Download {
    /// Asks what there is, which spends nothing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn open(address: Address, renderer: Renderer) -> Result<Download, Failure> {
        let head =
            address.http.request(Method::HEAD, address.url.clone()).headers(address.headers.clone()).send().await?;
        let head = match head.status().is_success() {
            true => head,
            // A refusal of HEAD has no words.
            false => accepted(address.http.get(address.url.clone()).headers(address.headers.clone()).send().await?)
                .await
                .map_err(in_words)?,
        };
        let name = head.headers().get(CONTENT_DISPOSITION).and_then(|value| disposition::name_of(value.as_bytes()));
        let offer = Offer::of(head.headers());
        Ok(Download { address, renderer, name: name.unwrap_or_else(|| "file".into()), offer, hold: None })
    }

    /// The tag of the content, where parts of it can be had.
    pub fn etag(&self) -> Option<&str> {
        self.offer.etag.as_deref().filter(|_| self.offer.ranges)
    }

    /// Fetches all of it, going on where a connection has broken.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&mut self, sink: &mut Sink<'_>) -> Result<Fetched, Failure> {
        self.renderer.event(&json!({"event": "file_started", "file": self.name, "size": self.offer.size}));
        let mut meter = self.renderer.meter(&self.name, self.offer.size);
        let mut content = self.left(sink).map_err(unwritable)?;
        if content.begun && !self.is_short_of(&content) {
            return self.judge(content);
        }
        let mut moved = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let before = content.bytes;
            let broken = match self.take(sink, &mut content, &mut meter).await {
                Ok(()) if content.bytes > before && self.is_short_of(&content) => continue, // of its last byte
                Ok(()) => break,
                Err(Broken::ForGood(failure)) => return Err(failure),
                Err(Broken::ForNow(failure)) => failure,
            };
            if self.offer.size == Some(content.bytes) && content.begun {
                break; // it broke behind the last byte
            }
            if content.bytes > before {
                (moved, pause) = (Instant::now(), FIRST_PAUSE);
            }
            if !content.begun || moved.elapsed() > PATIENCE {
                return Err(broken);
            }
            self.renderer.event(&json!({"event": "connection_lost", "bytes": content.bytes}));
            meter.note("The connection broke; trying again …");
            let asked = match &broken {
                Failure::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            sleep(pause.max(asked).min(LONGEST_PAUSE)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        drop(meter);
        self.judge(content)
    }

    /// What is there already.
    fn left(&self, sink: &mut Sink<'_>) -> io::Result<Content> {
        let mut content = Content { check: Check::of(&self.offer, self.address.tag_is_digest), ..Content::default() };
        if let Sink::File(partial, _) = sink {
            partial.read_all(|piece| content.add(piece))?;
        }
        if content.bytes == 0 {
            return Ok(Content::default());
        }
        let note = format!("Going on with {}, of which {} are here.", printable(&self.name), ByteSize(content.bytes));
        self.renderer.note(&note);
        self.renderer.event(&json!({"event": "resumed", "bytes": content.bytes}));
        Ok(Content { begun: true, ..content })
    }

    /// One request, and as much as it brings.
    async fn take(&mut self, sink: &mut Sink<'_>, content: &mut Content, meter: &mut Meter) -> Result<(), Broken> {
        let mut response = self.request(content.bytes).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The whole of it: because it is short, has changed, or cannot be had in parts.
            if content.bytes > 0 {
                let Sink::File(partial, _) = sink else {
                    return Err(Broken::ForGood(Failure::Damaged(
                        "the server cannot go on where the connection broke".into(),
                    )));
                };
                partial.restart().map_err(|error| Broken::ForGood(unwritable(error)))?;
            }
            *content = Content::default();
            self.offer = Offer::of(response.headers());
        } else if starts_at(response.headers()) != Some(content.bytes) {
            return Err(Broken::ForGood(Failure::Damaged("the server sends another part than was asked for".into())));
        }
        if !content.begun {
            *content = Content { begun: true, bytes: 0, check: Check::of(&self.offer, self.address.tag_is_digest) };
            if let (Sink::File(partial, journal), Some(etag)) = (&mut *sink, self.etag()) {
                journal.keep(partial, etag, self.offer.size);
            }
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| Broken::ForNow(error.into()))? {
            content.add(&chunk);
            if self.offer.size.is_some_and(|size| content.bytes > size) {
                return Err(Broken::ForGood(Failure::Damaged("more arrives than was announced".into())));
            }
            let written = match sink {
                Sink::File(partial, _) => partial.write_all(&chunk),
                Sink::Output(output) => output.write_all(&chunk),
            };
            written.map_err(|error| Broken::ForGood(unwritable(error)))?;
            meter.at(content.bytes);
        }
        Ok(())
    }

    /// Whether more is known to come.
    fn is_short_of(&self, content: &Content) -> bool {
        self.offer.size.is_some_and(|size| content.bytes < size)
    }

    /// The last byte to ask for in a request that begins at `from`; `None` is the very last one.
    fn asks_up_to(&self, from: u64) -> Option<u64> {
        let in_parts = self.offer.ranges && self.offer.etag.is_some();
        let last = self.offer.size.filter(|size| in_parts && *size > IN_TWO)?.checked_sub(2)?;
        (from <= last).then_some(last)
    }

    async fn request(&mut self, from: u64) -> Result<Response, Broken> {
        let mut request = self.address.http.get(self.address.url.clone()).headers(self.address.headers.clone());
        let last = self.asks_up_to(from);
        if let (true, true, Some(etag)) = (from > 0 || last.is_some(), self.offer.ranges, &self.offer.etag) {
            let last = last.map_or_else(String::new, |last| last.to_string());
            request = request.header(RANGE, format!("bytes={from}-{last}")).header(IF_RANGE, etag);
        }
        if let Some(hold) = &self.hold {
            request = request.header(HOLD, hold);
        }
        let response = request.send().await.map_err(|error| Broken::ForNow(error.into()))?;
        if let Some(hold) = response.headers().get(HOLD) {
            self.hold = Some(hold.clone());
        }
        accepted(response).await.map_err(|failure| match failure {
            Failure::Refused { status, ref code, .. }
                if status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    // The server has not noticed yet that our own connection has broken.
                    || matches!(code.as_str(), "link_busy" | "downloads_busy") =>
            {
                Broken::ForNow(failure)
            }
            Failure::Unreachable(_) => Broken::ForNow(failure),
            failure => Broken::ForGood(in_words(failure)),
        })
    }

    /// Compares what has come with what was announced.
    fn judge(&self, content: Content) -> Result<Fetched, Failure> {
        let bytes = content.bytes;
        if self.offer.size.is_some_and(|size| size != bytes) {
            return Err(Failure::Damaged("what arrived is shorter than what was announced".into()));
        }
        match content.check.end() {
            (true, verified) => Ok(Fetched { bytes, verified }),
            (false, _) => Err(Failure::Damaged("what arrived does not have the digest that was announced".into())),
        }
    }
}

/// Why a request brought no more.
enum Broken {
    /// Worth another try, if the download has begun.
    ForNow(Failure),
    ForGood(Failure),
}

/// Where a part begins, by its Content-Range.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// The server has one text for all links that do not open; its code tells more.
fn in_words(failure: Failure) -> Failure {
    let Failure::Refused { status, code, msg, retry_after } = failure else { return failure };
    let msg = match code.as_str() {
        "unknown_link" => "there is no such link".into(),
        "used_link" => "this link has been used".into(),
        "expired_link" => "this link has expired".into(),
        "revoked_link" => "this link was revoked, or its file deleted".into(),
        _ => msg,
    };
    Failure::Refused { status, code, msg, retry_after }
}
