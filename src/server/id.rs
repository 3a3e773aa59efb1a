//! Row ids: UUIDv7 (RFC 9562 section 5.7) as text. They sort by time and are no secrets.

use uuid::Uuid;

pub fn new() -> String {
    Uuid::now_v7().to_string()
}

/// Whether `text` could be an id of ours; what is not need not be looked for.
pub fn is_valid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
