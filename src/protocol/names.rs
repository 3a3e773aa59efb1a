//! Names and titles that people give, as they may be shown beside each other: what steers the text around it goes, and names
//! that look alike count as the same one (Unicode Technical Standard 39, section 4).

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

/// Unicode's explicit directional formatting characters (UAX #9 section 2).
pub fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that are there without being seen, or turn the text around them. The sign that makes an emoji of a character
/// (U+FE0F) is one that is seen.
pub fn is_invisible(c: char) -> bool {
    is_direction_mark(c)
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text without control characters and direction marks, in NFC.
pub fn plain(given: &str) -> String {
    given.chars().filter(|c| !c.is_control() && !is_direction_mark(*c)).nfc().collect()
}

/// The same for all names that look alike, whatever they are made of and in whatever case.
pub fn key(name: &str) -> String {
    let seen = |c: &char| !c.is_whitespace() && !is_invisible(*c) && *c != '\u{fe0f}';
    // A capital of another script may look like one of ours where its small letter does not, and I is like l only as a capital.
    let latin: String = name.nfkc().filter(seen).map(alike).collect();
    let lower = latin.to_lowercase();
    skeleton(&lower).collect::<String>().to_lowercase()
}

fn alike(c: char) -> String {
    let mut bytes = [0; 4];
    let text = c.encode_utf8(&mut bytes);
    if c.is_ascii() { text.to_owned() } else { skeleton(text).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_key() {
        for (one, other) in [
            ("José", "Jose\u{301}"),
            ("Ann", "\u{ff21}nn"),
            ("Ann", "\u{410}nn"),
            ("Ann", "Ann\u{fe0f}"),
            ("Ann", "Ann\u{e0041}"),
            ("Ann", "Ann\u{2800}"),
            ("Ann", "A\u{200b}nn"),
            ("Bob", "B\u{43e}b"),
            ("BOB", "\u{412}\u{41e}\u{412}"),
            ("Ian", "IAN"),
            ("Ann B", "ann  b"),
            ("kim", "\u{212a}im"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [("Ann", "Anna"), ("Jose", "José"), ("Ann", "Ann (2)"), ("見積", "見積書"), ("Ян", "Яна")]
        {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn nothing_turns_the_text_around_it() {
        assert_eq!(plain("x\u{202e}fdp\u{2066}.\u{7}e\u{301}"), "xfdp.é");
        assert_eq!(plain("❤\u{fe0f} שלום"), "❤\u{fe0f} שלום");
    }
}
