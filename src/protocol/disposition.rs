//! File names in headers: `Content-Disposition: attachment` (RFC 6266) with the name in every script (RFC 8187).

use actix_web::http::header::{ContentDisposition, HeaderValue};
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

/// The name that somebody else's header gives a download: whatever they like, data and no path.
pub fn name_of(header: &[u8]) -> Option<String> {
    let header = HeaderValue::from_bytes(header).ok()?;
    let given = ContentDisposition::from_raw(&header).ok()?;
    let extended = given.get_filename_ext().map(|name| String::from_utf8_lossy(&name.value).into_owned());
    extended.or_else(|| given.get_filename().map(str::to_owned)).filter(|name| !name.is_empty())
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

    #[test]
    fn names_of_others_are_read_as_they_are_meant() {
        for name in ["report v2.docx", "żółć.docx", "a\"; x=\"b\r\nSet-Cookie: c.docx", "../../etc/passwd", "100%.txt"]
        {
            assert_eq!(name_of(attachment(name).as_bytes()).as_deref(), Some(name));
        }
        for (header, name) in [
            (&b"attachment; filename=plain.txt"[..], Some("plain.txt")),
            (b"attachment; filename=\"a\\\"b.txt\"", Some("a\"b.txt")),
            (b"attachment; filename=\"x\"; filename*=UTF-8''%2e%2e%2fy", Some("../y")),
            (b"attachment; filename*=UTF-8''%ff", Some("\u{fffd}")),
            (b"attachment; filename=\"\"", None),
            (b"attachment", None),
            (b"", None),
            (b"\xff\xfe; filename", None),
        ] {
            assert_eq!(name_of(header).as_deref(), name, "{}", String::from_utf8_lossy(header));
        }
    }
}
