//! `handover openapi`: the API's document on standard output.

use super::{Outcome, say};
use crate::http::openapi::document;
use crate::server::endpoints;

pub fn run() -> Outcome {
    say(&serde_json::to_string_pretty(&document(endpoints()))?)
}
