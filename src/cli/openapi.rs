//! `handover openapi`: the API's document on standard output.

use super::{Outcome, say};
use crate::server::api;
use crate::server::http::openapi::document;

pub fn run() -> Outcome {
    say(&serde_json::to_string_pretty(&document(api()))?)
}
