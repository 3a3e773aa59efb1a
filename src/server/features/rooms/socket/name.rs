//! What members may be called.

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
    let name: String = name.join(" ").chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let name = name.trim();
    match name.chars().count() {
        1..=LONGEST_NAME => Ok(name.to_owned()),
        _ => Err(INVALID_NAME),
    }
}

/// Characters that are there without being seen, or turn the text around them: names would look alike that are not.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}')
}
