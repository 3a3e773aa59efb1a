//! `handover openapi`: the API's document on standard output.

use std::io::{ErrorKind, Write as _};

use super::Outcome;
use crate::http::openapi::document;
use crate::server::endpoints;

pub fn run() -> Outcome {
    let text = serde_json::to_string_pretty(&document(endpoints()))?;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
