//! The gate before uploads: the name decides, before the handler runs and before the file's bytes are read.
//!
//! Of a form only the headers of the parts up to the first file are read; the file itself is still on the socket, and
//! stays there when the name is refused.

use crate::server::features::desk::refusals::INVALID_FILE_TYPE;
use crate::server::refusals::{NO_FILE, file_too_large, malformed_upload};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_multipart::{Field, Multipart};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, ResponseError as _, web};
use bytesize::ByteSize;
use futures_util::{Stream, StreamExt as _};

use crate::protocol::file_name::FileName;
use crate::server::app::App;
use crate::server::audit::Entry;
use crate::server::error::{Error, Result};
use crate::server::http::form::{self, Allowance, FORM_OVERHEAD, content_length, file_name, malformed};
use crate::server::http::gate::Caller;
use crate::server::http::gate::record;
use crate::server::http::slow_body::{Pace, paced};
use crate::server::office::Kind;

/// What may come of a form until the headers of its file have been found, with what is read ahead.
const BEFORE_FILE: usize = 4 * FORM_OVERHEAD as usize;

/// A file that the gate has let through by name.
pub struct Selected {
    pub name: FileName,
    pub kind: Kind,
    /// The part that holds it, and the form that goes on after it; `None` where the body is the file.
    pub part: Option<(Field, Multipart)>,
}

/// The middleware of `POST /upload`.
pub async fn form_names(mut req: ServiceRequest, next: Next<BoxBody>) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let payload = req.take_payload();
    // The name before the size: a wrong one is answered as such, however large the file.
    let Some(app) = req.app_data::<web::Data<App>>() else {
        return Ok(req.into_response(Error::Internal("no App in this server".into()).error_response()));
    };
    let payload = paced(payload, Pace::of(&app.config));
    let selected = match select_part(req.headers(), payload).await {
        Ok(selected) => declared_too_large(req.request(), FORM_OVERHEAD).map(|()| selected),
        Err(error) => Err(error),
    };
    pass(req, next, selected).await
}

/// The middleware of `PUT /upload/{filename}`.
pub async fn path_name(req: ServiceRequest, next: Next<BoxBody>) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let selected = name_in_path(req.request())
        .and_then(|(name, kind)| declared_too_large(req.request(), 0).map(|()| Selected { name, kind, part: None }));
    pass(req, next, selected).await
}

async fn pass(
    req: ServiceRequest,
    next: Next<BoxBody>,
    selected: Result<Selected>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    match selected {
        Ok(selected) => {
            req.extensions_mut().insert(RefCell::new(Some(selected)));
            next.call(req).await
        }
        Err(error) => {
            let caller = req.extensions().get::<Caller>().cloned();
            record(&req, caller.as_ref(), Entry::refusal(&error));
            let response = error.error_response();
            Ok(req.into_response(response))
        }
    }
}

/// The router leaves `%2F` and `%25` as they are, for they would change the path; in a name they are a slash and a percent
/// sign.
fn name_in_path(req: &HttpRequest) -> Result<(FileName, Kind)> {
    let segment = req.match_info().get("filename").unwrap_or_default();
    judge(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy())
}

/// Refuses at once what says itself that it is too large.
fn declared_too_large(req: &HttpRequest, overhead: u64) -> Result<()> {
    let limit = match req.app_data::<web::Data<App>>() {
        Some(app) => app.config.max_file_size.0,
        None => return Err(Error::Internal("no App in this server".into())),
    };
    match content_length(req) {
        Some(length) if length > limit.saturating_add(overhead) => Err(file_too_large(ByteSize(limit))),
        _ => Ok(()),
    }
}

/// Takes what the gate left for the handler.
pub fn take_selected(req: &HttpRequest) -> Result<Selected> {
    req.extensions()
        .get::<RefCell<Option<Selected>>>()
        .and_then(RefCell::take)
        .ok_or_else(|| Error::Internal("an upload reached its handler without passing the gate".into()))
}

/// Reads a form up to the headers of its part `file` and judges the name there.
///
/// # Errors
/// [`NO_FILE`], [`INVALID_FILE_TYPE`], [`malformed_upload`].
pub async fn select_part<S>(headers: &HeaderMap, payload: S) -> Result<Selected>
where
    S: Stream<Item = Result<bytes::Bytes, PayloadError>> + 'static,
{
    // Also what is no part at all, before the first delimiter, comes to an end.
    let allowance = Rc::new(Cell::new(Some(BEFORE_FILE)));
    let meter = allowance.clone();
    let metered = payload.map(move |piece| match (&piece, meter.get()) {
        (Ok(bytes), Some(left)) => match left.checked_sub(bytes.len()) {
            Some(left) => {
                meter.set(Some(left));
                piece
            }
            None => Err(PayloadError::Overflow),
        },
        _ => piece,
    });
    let mut form = form::open(headers, metered)?;
    let mut others = Allowance::default();
    while let Some(part) = form.next().await {
        let mut part = part.map_err(malformed)?;
        if part.name() == Some("file") {
            let (name, kind) = judge(&file_name(&part)?.unwrap_or_default())?;
            allowance.set(None);
            return Ok(Selected { name, kind, part: Some((part, form)) });
        }
        others.skip(&mut part).await?;
    }
    Err(NO_FILE)
}

/// Makes sure that a form ends after its file as a form does, and that no second file would be lost.
pub async fn end_of_form(mut form: Multipart) -> Result<()> {
    let mut others = Allowance::default();
    while let Some(part) = form.next().await {
        let mut part = part.map_err(malformed)?;
        if file_name(&part)?.is_some() {
            return Err(malformed_upload("One upload holds one file. Send the others by themselves.".into()));
        }
        others.skip(&mut part).await?;
    }
    Ok(())
}

fn judge(given: &str) -> Result<(FileName, Kind)> {
    let name = FileName::new(given).ok_or(NO_FILE)?;
    let kind = Kind::of_name(name.as_str()).ok_or(INVALID_FILE_TYPE)?;
    Ok((name, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::form::FIELDS_TOO_LARGE;

    fn form_headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        let kind = "multipart/form-data; boundary=x".parse().unwrap();
        headers.insert(actix_web::http::header::CONTENT_TYPE, kind);
        headers
    }

    /// What the gate says of a form that comes in these pieces, all of which are there already.
    async fn decide(pieces: Vec<&'static [u8]>) -> Result<String> {
        let body = futures_util::stream::iter(pieces).map(|piece| Ok(bytes::Bytes::from_static(piece)));
        let headers = form_headers();
        let deciding = select_part(&headers, body);
        let limit = std::time::Duration::from_secs(20);
        let decided = actix_rt::time::timeout(limit, deciding).await.expect("the gate does not wait for ever");
        decided.map(|selected| selected.name.into_inner())
    }

    const HEAD: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"report.docx\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n";

    /// Wherever a form ends or is cut, and however many pieces are empty, the gate decides.
    #[actix_rt::test]
    async fn no_cut_keeps_the_gate_waiting() {
        for at in 0..=HEAD.len() {
            let (before, after) = HEAD.split_at(at);
            for empty in [0, 1, 16, 100] {
                let broken = decide([&[before][..], &vec![&b""[..]; empty]].concat()).await;
                let whole = decide([&[before][..], &vec![&b""[..]; empty], &[after, b"PK"]].concat()).await;
                assert_eq!(whole.unwrap(), "report.docx", "cut at {at}, {empty} empty pieces");
                match broken {
                    Ok(name) => assert_eq!((at, name.as_str()), (HEAD.len(), "report.docx")),
                    Err(error) => {
                        assert_eq!(error.code(), "malformed_upload", "ended at {at}, {empty} empty pieces")
                    }
                }
            }
        }
    }

    /// Bytes that are no text in the headers of a part, as a fuzzer found them, are no name and no wait.
    #[actix_rt::test]
    async fn part_headers_that_are_no_text_are_malformed() {
        for head in [
            &b"--x\r\nContent-Dispo\xff\xff\xffsition: form-data; name=\"file\"; filename=\"a.docx\"\r\n\r\nPK"[..],
            b"--x\r\nContent-Dispo\xff\xff",
            b"\xff\xff--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.docx\"\r\n\r\nPK",
        ] {
            assert_eq!(decide(vec![head]).await.unwrap_err().code(), "malformed_upload");
        }
    }

    /// Empty parts hold no bytes, a preamble is no part: still they come to an end. They trickle in, so that no buffer
    /// overflows first.
    #[actix_rt::test]
    async fn what_is_before_the_file_does_not_go_on_for_ever() {
        for piece in
            ["--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", "a line that is no delimiter\r\n"]
        {
            let pieces = futures_util::stream::repeat(piece).take(100_000).then(|piece| async move {
                tokio::task::yield_now().await;
                Ok(bytes::Bytes::from(piece))
            });
            let refusal = select_part(&form_headers(), Box::pin(pieces)).await.err().unwrap().to_string();
            assert_eq!(refusal, FIELDS_TOO_LARGE);
        }
    }
}
