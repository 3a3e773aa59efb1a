//! Why a client did not get what it wanted.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::printable;

/// However long a server asks to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read or written, or another failure of this side.
    #[error("{0}")]
    Local(String),
    /// Nobody is signed in, or not any more.
    #[error("{0}")]
    SignIn(String),
    /// The server's refusal: its status, its word for programs, its text.
    #[error("{msg}")]
    Refused { status: StatusCode, code: String, msg: String, retry_after: Option<Duration> },
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// What arrived is not what was sent.
    #[error("{0}")]
    Damaged(String),
    #[error("stopped")]
    Stopped,
}

impl Failure {
    /// What an answer says that is no success.
    pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        #[derive(Deserialize)]
        struct Problem {
            code: String,
            msg: String,
        }
        let retry_after = retry_after(headers);
        match serde_json::from_slice::<Problem>(body) {
            Ok(Problem { code, .. }) if status == StatusCode::UNAUTHORIZED && code == "invalid_token" => {
                Failure::SignIn("your sign-in has ended; sign in again with `handover login`".into())
            }
            Ok(Problem { code, msg }) => Failure::Refused { status, code, msg: printable(&msg), retry_after },
            Err(_) if status.is_server_error() => Failure::Refused {
                status,
                code: "unavailable".into(),
                msg: format!("the server answers {status}"),
                retry_after,
            },
            Err(_) => Failure::no_handover(),
        }
    }

    /// A refusal that needs no words of the server's.
    pub fn refused(status: StatusCode, code: &str, msg: impl Into<String>) -> Failure {
        Failure::Refused { status, code: code.into(), msg: msg.into(), retry_after: None }
    }

    pub fn no_handover() -> Failure {
        Failure::Unreachable("what answers there is no Handover server".into())
    }

    /// Whether the same may be done a little later.
    pub fn passes(&self) -> bool {
        match self {
            Failure::Unreachable(_) => true,
            Failure::Refused { status, .. } => {
                status.is_server_error() && *status != StatusCode::INSUFFICIENT_STORAGE
                    || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    /// Whether the same may go well at another time.
    pub fn may_pass(&self) -> bool {
        match self {
            Failure::Stopped | Failure::Unreachable(_) | Failure::Local(_) | Failure::SignIn(_) => true,
            Failure::Refused { status, .. } => !matches!(status.as_u16(), 404 | 410),
            Failure::Damaged(_) => false,
        }
    }

    /// A word for programs.
    pub fn code(&self) -> &str {
        match self {
            Failure::Local(_) => "local",
            Failure::SignIn(_) => "sign_in",
            Failure::Refused { code, .. } => code,
            Failure::Unreachable(_) => "unreachable",
            Failure::Damaged(_) => "damaged",
            Failure::Stopped => "stopped",
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Failure {
        let error = error.without_url(); // which may hold a link's token
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Failure::Unreachable(match error.is_timeout() {
            true => "it does not answer".into(),
            false => with_advice(cause.to_string()),
        })
    }
}

/// What TLS says of a certificate, with what to do about it.
pub fn with_advice(cause: String) -> String {
    let is_unknown = ["UnknownIssuer", "CaUsedAsEndEntity"].iter().any(|word| cause.contains(word));
    match is_unknown {
        true => format!(
            "{cause}: this machine does not know who has signed its certificate. Where you know the server, put the \
             certificate of that authority into a file and its path into SSL_CERT_FILE"
        ),
        false => cause,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}
