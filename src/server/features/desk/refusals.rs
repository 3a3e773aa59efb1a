//! Why the desk takes no file.

use actix_web::http::StatusCode;

use crate::server::error::Error;
use crate::server::office;

pub const INVALID_FILE_TYPE: Error = Error::refusal(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "invalid_file_type",
    "Invalid file type. Only .pptx, .docx, and .xlsx are allowed.",
);

/// The gate's verdict on a document.
pub fn not_let_in(refusal: &office::Refusal) -> Error {
    Error::saying(StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal.code(), refusal.to_string())
}

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    let verdicts = office::Refusal::catalogue();
    verdicts.iter().map(not_let_in).chain([INVALID_FILE_TYPE]).collect()
}
