//! JSON bodies: bounded, forgiving of what is unknown, strict about types.

use crate::server::refusals::{REQUEST_TIMEOUT, bad_request, body_too_large};
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytesize::ByteSize;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::server::error::{Error, Result};

/// Largest JSON body.
pub const LIMIT: usize = 64 * 1024;

/// A JSON body read into `T`, all of whose members are optional. No JSON is the same as an empty object, so that the
/// handler's own words say what is missing; an object that cannot be read, and a member of the wrong type, is a 400 of its
/// own. Nesting is bounded by serde_json (128 levels). A byte order mark before it is skipped (RFC 8259 section 8.1).
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut payload = payload.take();
        Box::pin(async move {
            let mut body = Vec::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|error| broken_off(&error))?;
                if body.len() + chunk.len() > LIMIT {
                    return Err(body_too_large(ByteSize(LIMIT as u64)));
                }
                body.extend_from_slice(&chunk);
            }
            parse(&body).map(Json)
        })
    }
}

fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let value: serde_json::Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) if body.trim_ascii_start().starts_with(b"{") => {
            return Err(bad_request(format!("The JSON body cannot be read: {error}.")));
        }
        Err(_) => return Ok(T::default()),
    };
    if value.is_null() {
        return Ok(T::default());
    }
    if !value.is_object() {
        return Err(bad_request("The JSON body is not an object.".into()));
    }
    serde_json::from_value(value).map_err(|error| bad_request(format!("The JSON body does not fit: {error}.")))
}

/// What to say of a request body that ended before its end.
pub fn broken_off(error: &actix_web::error::PayloadError) -> Error {
    match error {
        actix_web::error::PayloadError::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => REQUEST_TIMEOUT,
        _ => bad_request("The request broke off before its end.".into()),
    }
}

/// `value` if it is there and not empty.
pub fn present(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Body {
        name: Option<String>,
        flag: Option<bool>,
    }

    #[test]
    fn no_json_is_an_empty_object_and_wrong_types_are_named() {
        for nothing in ["", "not json", "null", "{}", "{\"other\": 1}", &"[".repeat(100_000), "{\"name\": null}"] {
            assert_eq!(parse::<Body>(nothing.as_bytes()).unwrap(), Body::default(), "{nothing:.20}");
        }
        for unread in ["{\"name\": ", " {\"name\": \"a\",}", "{name: 5}", "{\"name\": \"\u{0}\"}", "\u{FEFF}{"] {
            let error = parse::<Body>(unread.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "bad_request", "{unread}");
            assert!(error.to_string().starts_with("The JSON body cannot be read: "), "{error}");
        }
        let marked = parse::<Body>("\u{FEFF}{\"name\": \"ann\"}".as_bytes()).unwrap();
        assert_eq!(marked.name.as_deref(), Some("ann"));
        for wrong in ["{\"name\": 5}", "{\"flag\": \"yes\"}", "[1]", "[\"x\", true]", "5"] {
            assert_eq!(parse::<Body>(wrong.as_bytes()).err().unwrap().code(), "bad_request", "{wrong}");
        }
    }
}
