//! Answers that bring a file: what is told before its bytes, and which of them are asked for.

use crate::server::refusals::range_not_satisfiable;
use std::ops::Range;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;

use super::file_body::NoBody;
use super::range::Selection;
use crate::protocol::disposition::attachment;
use crate::server::error::Result;

/// A file, or what is made of several, as it is offered.
#[derive(Clone, Debug)]
pub struct Download {
    pub name: String,
    pub media_type: &'static str,
    /// Bytes
    pub size: u64,
    /// Strong (RFC 9110 section 8.8.3): it changes with the bytes.
    pub etag: String,
    /// Lower-case hex, where it is known.
    pub sha256: Option<String>,
}

impl Download {
    /// The head of an answer that brings `range`, with its length; and the range in numbers.
    pub fn head(&self, range: Option<Range<u64>>) -> (HttpResponseBuilder, Range<u64>) {
        let (mut response, range) = match range {
            None => (HttpResponse::Ok(), 0..self.size),
            Some(range) => {
                let mut response = HttpResponse::PartialContent();
                let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, self.size);
                response.insert_header((header::CONTENT_RANGE, content_range));
                (response, range)
            }
        };
        response
            .insert_header((header::CONTENT_TYPE, self.media_type))
            .insert_header((header::CONTENT_DISPOSITION, attachment(&self.name)))
            .insert_header((header::ETAG, self.etag.as_str()))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CACHE_CONTROL, "private, no-store"));
        if let Some(digest) = self.sha256.as_deref().and_then(repr_digest) {
            response.insert_header((HeaderName::from_static("repr-digest"), digest));
        }
        response.no_chunking(range.end - range.start);
        (response, range)
    }

    /// The answer to HEAD.
    pub fn without_body(&self) -> HttpResponse {
        self.head(None).0.body(NoBody)
    }
}

/// Which bytes a request asks for; judged once it is known of what.
pub struct Wanted {
    range: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
}

impl Wanted {
    pub fn of(req: &HttpRequest) -> Wanted {
        Wanted {
            range: req.headers().get(header::RANGE).cloned(),
            if_range: req.headers().get(header::IF_RANGE).cloned(),
        }
    }

    /// The range that is wanted of a download; `None` is all of it.
    ///
    /// # Errors
    /// [`range_not_satisfiable`].
    pub fn range_of(&self, download: &Download) -> Result<Option<Range<u64>>> {
        match Selection::of(self.range.as_ref(), self.if_range.as_ref(), download.size, &download.etag) {
            Selection::Whole => Ok(None),
            Selection::Part(range) => Ok(Some(range)),
            Selection::Unsatisfiable => Err(range_not_satisfiable(download.size)),
        }
    }
}

/// RFC 9530 section 3: the digest of the whole representation, whatever part of it is sent.
fn repr_digest(sha256: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> =
        (0..sha256.len()).step_by(2).map(|i| u8::from_str_radix(sha256.get(i..i + 2)?, 16).ok()).collect();
    Some(format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(bytes?)))
}
