//! Forms (multipart/form-data, RFC 7578) that are read part by part, and come to an end.

use crate::server::refusals::{REQUEST_TIMEOUT, bad_request, malformed_upload};
use std::future::ready;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use super::form_heads::{Heads, UNREADABLE};
use crate::server::error::{Error, Result};

/// What a form may hold beside its files: other fields, part headers, delimiters.
pub const FORM_OVERHEAD: u64 = 64 << 10;

/// What a part costs by itself, so that empty parts do not go on for ever.
const PART_HEADERS: u64 = 512;

const NO_FORM: &str = "An upload is a form of the type multipart/form-data with a part named file.";
pub const FIELDS_TOO_LARGE: &str = "The fields beside the file are too large.";

/// Begins to read a form.
///
/// # Errors
/// [`malformed_upload`] for another type: parts of other multipart types need no name, and so have other rules.
pub fn open<S>(headers: &HeaderMap, payload: S) -> Result<Multipart>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + 'static,
{
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(malformed_upload(NO_FORM.into()));
    }
    // What is no boundary is refused when the form is read.
    let boundary = boundary_of(media).unwrap_or_default();
    // actix-multipart takes up to 16 pieces a turn and goes on by itself only if they brought bytes: after as many empty
    // ones it would wait for ever, even on a stream that has ended.
    let payload = Box::pin(payload.try_filter(|piece| ready(!piece.is_empty())));
    Ok(match boundary.is_empty() {
        true => Multipart::new(headers, payload),
        false => Multipart::new(headers, Heads::new(&boundary, payload)),
    })
}

/// The parameter `boundary` of a form's media type.
fn boundary_of(media: &str) -> Option<String> {
    let media: mime::Mime = media.parse().ok()?;
    media.get_param(mime::BOUNDARY).map(|boundary| boundary.as_str().to_owned())
}

/// What may still come beside the files of a form.
pub struct Allowance(u64);

impl Default for Allowance {
    fn default() -> Self {
        Allowance(FORM_OVERHEAD)
    }
}

impl Allowance {
    fn take(&mut self, bytes: u64) -> Result<()> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(malformed_upload(FIELDS_TOO_LARGE.into())),
        }
    }

    /// Reads past a part that is no file.
    pub async fn skip(&mut self, part: &mut Field) -> Result<()> {
        self.take(PART_HEADERS)?;
        while let Some(chunk) = part.next().await {
            self.take(chunk.map_err(malformed)?.len() as u64)?;
        }
        Ok(())
    }

    /// Reads a part that is a text.
    pub async fn text(&mut self, part: &mut Field) -> Result<String> {
        let mut text = Vec::new();
        self.take(PART_HEADERS)?;
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(malformed)?;
            self.take(chunk.len() as u64)?;
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).map_err(|_| bad_request("A field of the form is not UTF-8.".into()))
    }
}

/// The file name that a part gives, if it gives one.
///
/// # Errors
/// [`malformed_upload`] for a name in bytes that are no text.
pub fn file_name(part: &Field) -> Result<Option<String>> {
    if let Some(shown) = part.headers().get(UNREADABLE) {
        let shown = percent_encoding::percent_decode(shown.as_bytes()).decode_utf8_lossy();
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(malformed_upload(format!(
            "The file's name cannot be read: \"{shown}\" is neither UTF-8 nor ISO 8859-1. Send it in UTF-8."
        )));
    }
    let disposition = part.content_disposition();
    let extended = disposition.and_then(|given| given.get_filename_ext());
    let extended = extended.map(|name| String::from_utf8_lossy(&name.value).into_owned());
    Ok(extended.or_else(|| disposition?.get_filename().map(str::to_owned)))
}

/// The length that a request declares for its body.
pub fn content_length(req: &HttpRequest) -> Option<u64> {
    req.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What to say of a form that cannot be read.
pub fn malformed(error: MultipartError) -> Error {
    let text = match &error {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible
        | MultipartError::BoundaryMissing => NO_FORM,
        MultipartError::Payload(PayloadError::Io(io)) if io.kind() == std::io::ErrorKind::TimedOut => {
            return REQUEST_TIMEOUT;
        }
        MultipartError::Payload(PayloadError::Overflow) => FIELDS_TOO_LARGE,
        MultipartError::Incomplete | MultipartError::Payload(_) => BROKEN_OFF,
        _ => "The form cannot be read. Nothing of it was kept.",
    };
    tracing::debug!(cause = %error, "a malformed upload");
    malformed_upload(text.into())
}

/// What to say of an upload as the request body that cannot be read.
pub fn broken_body(error: &PayloadError) -> Error {
    let broken_off = super::json::broken_off(error);
    if broken_off.is(&REQUEST_TIMEOUT) { broken_off } else { malformed_upload(BROKEN_OFF.into()) }
}

const BROKEN_OFF: &str = "The upload broke off before its end. Nothing of it was kept.";
