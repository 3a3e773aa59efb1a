//! Why a pipe passes nothing on.

use actix_web::http::StatusCode;

use crate::server::error::Error;

pub const fn pipe_in_use(message: &'static str) -> Error {
    Error::refusal(StatusCode::CONFLICT, "pipe_in_use", message)
}

pub const PIPE_NOT_FOUND: Error =
    Error::refusal(StatusCode::NOT_FOUND, "pipe_not_found", "Nobody sends under this name right now.");

pub const fn nobody_came(message: &'static str) -> Error {
    Error::refusal(StatusCode::REQUEST_TIMEOUT, "nobody_came", message)
}

pub const fn peer_lost(message: &'static str) -> Error {
    Error::refusal(StatusCode::BAD_GATEWAY, "peer_lost", message)
}

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![
        pipe_in_use("Somebody else is sending under this name."),
        PIPE_NOT_FOUND,
        nobody_came("Nobody came to receive this in time."),
        peer_lost("The receiver went away before it had everything."),
    ]
}
