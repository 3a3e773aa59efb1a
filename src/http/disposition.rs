//! File names in headers: `Content-Disposition: attachment` (RFC 6266) with the name in every script (RFC 8187).

use actix_web::http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// `attr-char` of RFC 8187 section 3.2.1 stays as it is, everything else is percent-encoded.
const ATTR_CHAR: AsciiSet = NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The header for a download under `name`. A name beyond ASCII is given twice: `filename` with what old clients can
/// show, `filename*` with all of it.
pub fn attachment(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| match c {
            // '%' would be decoded by some browsers, quote and backslash would end or escape the string.
            '"' | '\\' | '%' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    let text = if plain == name {
        format!("attachment; filename=\"{name}\"")
    } else {
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, &ATTR_CHAR))
    };
    // Only visible ASCII is left, which is always a valid value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_in_every_script_and_break_no_header() {
        let header = |name| attachment(name).to_str().unwrap().to_owned();
        assert_eq!(header("report v2.docx"), "attachment; filename=\"report v2.docx\"");
        assert_eq!(
            header("żółć.docx"),
            "attachment; filename=\"____.docx\"; filename*=UTF-8''%C5%BC%C3%B3%C5%82%C4%87.docx"
        );
        assert_eq!(
            header("a\"; x=\"b\r\nSet-Cookie: c.docx"),
            "attachment; filename=\"a_; x=_b__Set-Cookie: c.docx\"; filename*=UTF-8''a%22%3B%20x%3D%22b%0D%0ASet-Cookie%3A%20c.docx"
        );
    }
}
