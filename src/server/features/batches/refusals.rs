//! Why a batch is not made, changed or opened.

use actix_web::http::StatusCode;
use bytesize::ByteSize;

use crate::server::error::Error;

pub const BATCH_NOT_FOUND: Error =
    Error::refusal(StatusCode::NOT_FOUND, "batch_not_found", "There is no such batch, or its time is over.");

pub const MANAGE_KEY_REQUIRED: Error =
    Error::refusal(StatusCode::FORBIDDEN, "manage_key_required", "This takes the manage key of the batch.");

pub const PASSWORD_REQUIRED: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "password_required",
    "This batch asks for a password.",
    ("www-authenticate", "BatchPassword"),
);

pub const WRONG_BATCH_PASSWORD: Error =
    Error::refusal(StatusCode::FORBIDDEN, "wrong_password", "The password is wrong.");

pub fn batch_too_large(limit: ByteSize) -> Error {
    Error::saying(
        StatusCode::PAYLOAD_TOO_LARGE,
        "batch_too_large",
        format!("All files of a batch have {limit} together at most."),
    )
}

pub fn too_many_files(most: u32) -> Error {
    Error::saying(StatusCode::PAYLOAD_TOO_LARGE, "too_many_files", format!("A batch has {most} files at most."))
}

pub const DOWNLOADS_USED: Error =
    Error::refusal(StatusCode::GONE, "downloads_used", "This has been downloaded as often as its sender allows.");

pub const DOWNLOADS_BUSY: Error = Error::refusal_with(
    StatusCode::CONFLICT,
    "downloads_busy",
    "All downloads that are left are running right now",
    ("retry-after", "1"),
);

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![
        BATCH_NOT_FOUND,
        MANAGE_KEY_REQUIRED,
        PASSWORD_REQUIRED,
        WRONG_BATCH_PASSWORD,
        batch_too_large(ByteSize::gib(2)),
        too_many_files(10_000),
        DOWNLOADS_USED,
        DOWNLOADS_BUSY,
    ]
}
