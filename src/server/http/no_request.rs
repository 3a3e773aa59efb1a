//! The answer to what is no request. actix refuses a head that it cannot read, or that does not come, in a bare head of its
//! own, before there is a request that could go through the application; here that becomes an answer like all others.

use crate::server::refusals::{HEAD_TOO_LARGE, REQUEST_TIMEOUT, bad_request};
use actix_web::ResponseError as _;
use actix_web::body::MessageBody as _;
use bytes::Bytes;

use super::headers::complete;
use super::request_id::{HEADER, RequestId};

/// What to say instead of the bare head `bare`, and a log line about it; `None` if it is no such thing.
pub fn answer(bare: &[u8]) -> Option<Bytes> {
    let bare = std::str::from_utf8(bare).ok()?.strip_suffix("\r\n\r\n")?;
    let status: u16 = bare.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let error = match status {
        400 => bad_request("This is not an HTTP request that can be read.".into()),
        408 => REQUEST_TIMEOUT,
        431 => HEAD_TOO_LARGE,
        _ => return None,
    };
    let id = RequestId::new().0;
    let code = error.code();
    tracing::info!(target: "handover::http", id, status, code, "no request");

    let mut response = error.error_response();
    complete(response.headers_mut());
    let mut head: Vec<&str> = bare.lines().filter(|line| !line.starts_with("content-length:")).collect();
    let stated: Vec<String> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    head.extend(stated.iter().map(String::as_str));
    let body = response.into_body().try_into_bytes().ok()?;
    let (head, length) = (head.join("\r\n"), body.len());
    Some(
        [head.as_bytes(), format!("\r\n{HEADER}: {id}\r\ncontent-length: {length}\r\n\r\n").as_bytes(), &body]
            .concat()
            .into(),
    )
}
