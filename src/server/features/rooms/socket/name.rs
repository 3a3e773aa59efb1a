//! What members may be called.

use unicode_normalization::UnicodeNormalization as _;

use crate::protocol::names::is_invisible;
use crate::server::error::Result;
use crate::server::features::rooms::refusals::INVALID_NAME;

/// Longest name of a member, in characters.
const LONGEST_NAME: usize = 40;

/// A name as it may be shown.
///
/// # Errors
/// [`INVALID_NAME`].
pub fn name(given: &str) -> Result<String> {
    let name: Vec<&str> = given.split_whitespace().collect();
    let name: String = name.join(" ").chars().filter(|c| !c.is_control() && !is_invisible(*c)).nfc().collect();
    let name = name.trim();
    match name.chars().count() {
        1..=LONGEST_NAME => Ok(name.to_owned()),
        _ => Err(INVALID_NAME),
    }
}
