//! Why a one-time link opens nothing.

use actix_web::http::StatusCode;

use crate::server::error::Error;

pub const UNKNOWN_LINK: Error = Error::refusal(StatusCode::NOT_FOUND, "unknown_link", "Invalid or expired token");

pub const USED_LINK: Error = Error::refusal(StatusCode::GONE, "used_link", "Invalid or expired token");

pub const EXPIRED_LINK: Error = Error::refusal(StatusCode::GONE, "expired_link", "Invalid or expired token");

pub const REVOKED_LINK: Error = Error::refusal(StatusCode::GONE, "revoked_link", "Invalid or expired token");

pub const LINK_BUSY: Error = Error::refusal_with(
    StatusCode::CONFLICT,
    "link_busy",
    "This link is being downloaded right now",
    ("retry-after", "1"),
);

pub const LINK_NOT_FOUND: Error = Error::refusal(StatusCode::NOT_FOUND, "link_not_found", "There is no such link.");

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![UNKNOWN_LINK, USED_LINK, EXPIRED_LINK, REVOKED_LINK, LINK_BUSY, LINK_NOT_FOUND]
}
