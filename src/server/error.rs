//! What a request can meet instead of its answer: a refusal, which is the client's to mend, or a failure of ours.
//!
//! The body is a problem document (RFC 9457) with two members of ours: `msg`, the text for people (equal to `detail`), and
//! `code`, a word for programs. Causes of our own failures go to the log and never to the client. Which refusals there are
//! is said by whoever refuses: [`crate::server::refusals`] and the `refusals.rs` of each feature.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

/// Media type of a problem document, RFC 9457 section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; its `Display` is the text that people read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(Refusal),
    #[error("The server cannot reach its database or its storage right now. Try again in a moment.")]
    Unavailable(#[source] Cause),
    #[error("Something went wrong on the server. It has been written to its log.")]
    Internal(#[source] Cause),
}

/// The cause of a failure of ours: for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request is not done: what its sender can understand and change.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// What goes along with the status, by the rules of HTTP.
    header: Option<(&'static str, Cow<'static, str>)>,
}

/// Seconds after which it may be worth to try again where the database or the storage fails.
const UNAVAILABLE_FOR: u64 = 5;

impl Error {
    /// A refusal that always reads the same.
    pub const fn refusal(status: StatusCode, code: &'static str, message: &'static str) -> Error {
        Error::Refused(Refusal { status, code, message: Cow::Borrowed(message), header: None })
    }

    /// The same with a header beside it.
    pub const fn refusal_with(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        (name, value): (&'static str, &'static str),
    ) -> Error {
        let header = Some((name, Cow::Borrowed(value)));
        Error::Refused(Refusal { status, code, message: Cow::Borrowed(message), header })
    }

    /// A refusal that says numbers or names.
    pub fn saying(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        Error::Refused(Refusal { status, code, message: message.into(), header: None })
    }

    /// Puts a header beside a refusal.
    pub fn with(mut self, name: &'static str, value: String) -> Error {
        if let Error::Refused(refusal) = &mut self {
            refusal.header = Some((name, Cow::Owned(value)));
        }
        self
    }

    /// A failure of ours, with what led to it.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Error::Internal(cause.into())
    }

    /// The text for those who run the server: with the cause of a failure.
    pub fn in_full(&self) -> String {
        match self {
            Error::Internal(cause) | Error::Unavailable(cause) => {
                format!("the database or the storage failed: {}", Chain(cause.as_ref()))
            }
            Error::Refused(_) => self.to_string(),
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Error::Refused(refusal) => refusal.status,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Refused(refusal) => refusal.code,
            Error::Unavailable(_) => "unavailable",
            Error::Internal(_) => "internal_error",
        }
    }

    /// Whether it is that refusal, whatever numbers it says.
    pub fn is(&self, other: &Error) -> bool {
        (self.status(), self.code()) == (other.status(), other.code())
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = (self.status(), self.code());
        let mut response = HttpResponse::build(status);
        match self {
            Error::Internal(cause) | Error::Unavailable(cause) => {
                tracing::error!(code, cause = %Chain(cause.as_ref()), "request failed");
            }
            Error::Refused(Refusal { header: Some((name, value)), .. }) => {
                if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
                    response.insert_header((HeaderName::from_static(name), value));
                }
            }
            Error::Refused(_) => {}
        }
        if let Error::Unavailable(_) = self {
            response.insert_header((header::RETRY_AFTER, UNAVAILABLE_FOR));
        }
        let msg = self.to_string();
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": msg,
            "msg": msg,
            "code": code,
        });
        response
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)))
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .body(problem.to_string())
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Error::internal(error)
    }
}

/// An error and all that caused it, on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise 9, and nothing of the cause.
    #[actix_rt::test]
    async fn problems_have_one_shape_and_tell_no_causes() {
        let error = Error::internal(std::io::Error::other("/var/lib/secret: SELECT * FROM users"));
        let response = error.error_response();
        assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), PROBLEM_JSON);
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(500), &json!("internal_error")));
        assert_eq!(problem["msg"], problem["detail"]);
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }

    #[test]
    fn a_refusal_is_known_by_status_and_code() {
        let busy = |seconds: u64| Error::saying(StatusCode::SERVICE_UNAVAILABLE, "busy", format!("{seconds}"));
        assert!(busy(1).is(&busy(2)));
        assert!(!busy(1).is(&Error::refusal(StatusCode::CONFLICT, "busy", "1")));
        let response = busy(1).with("retry-after", "7".to_owned()).error_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "7");
    }
}
