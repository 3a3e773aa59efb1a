//! File names in headers: `Content-Disposition: attachment` (RFC 6266) with the name in every script (RFC 8187); and what
//! others write there, which is read as it is meant.

use actix_web::http::header::HeaderValue;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::Encoding;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

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
        format!("attachment; filename=\"{plain}\"; filename*={}", extended(name))
    };
    // Only visible ASCII is left, which is always a valid value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// The name that somebody else's header gives a download: whatever they like, data and no path.
pub fn name_of(header: &[u8]) -> Option<String> {
    Disposition::parse(header).file_name().ok()?.filter(|name| !name.is_empty())
}

/// A name percent-encoded, as `filename*` has it.
pub fn extended(name: &str) -> String {
    format!("UTF-8''{}", utf8_percent_encode(name, &ATTR_CHAR))
}

/// A file's name in bytes of no character set that can be told; what of it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// A Content-Disposition as anybody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Lower case: `attachment`, `inline`, `form-data` or whatever is there.
    pub kind: String,
    /// Names in lower case, and values without their quotes.
    parameters: Vec<(String, Vec<u8>)>,
}

impl Disposition {
    /// Reads what can be read; the rest is left out. A backslash escapes a quote or another one and is a backslash before
    /// anything else: many write Windows paths as they are (WHATWG HTML, "multipart/form-data", knows no escapes at all).
    pub fn parse(header: &[u8]) -> Disposition {
        let end = header.iter().position(|byte| *byte == b';').unwrap_or(header.len());
        let kind = String::from_utf8_lossy(header[..end].trim_ascii()).to_ascii_lowercase();
        let mut parameters = Vec::new();
        let mut rest = &header[end..];
        while let Some(start) = rest.iter().position(|byte| !matches!(byte, b';' | b' ' | b'\t')) {
            rest = &rest[start..];
            let end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
            let name = String::from_utf8_lossy(rest[..end].trim_ascii()).to_ascii_lowercase();
            rest = rest[end..].strip_prefix(b"=").unwrap_or(&rest[end..]);
            let value;
            (value, rest) = value_of(rest.trim_ascii_start());
            if parameters.iter().all(|(known, _)| *known != name) {
                parameters.push((name, value));
            }
        }
        Disposition { kind, parameters }
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The name of a form's field.
    pub fn field(&self) -> Option<String> {
        self.get("name").map(|name| undo_browser(&String::from_utf8_lossy(name)))
    }

    /// The file's name: of `filename*` and `filename` the first that can be read. `None` where there is neither.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn file_name(&self) -> Result<Option<String>, Unreadable> {
        let extended = self.get("filename*");
        let plain = self.get("filename");
        let read = extended.and_then(decode_extended).or_else(|| plain.and_then(decode_plain));
        match (read, plain.or(extended)) {
            (Some(name), _) => Ok(Some(name)),
            (None, Some(given)) => Err(Unreadable(String::from_utf8_lossy(given).into_owned())),
            (None, None) => Ok(None),
        }
    }
}

/// The value at the beginning of `text`, and what is behind it.
fn value_of(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = text.split_at(text.iter().position(|byte| *byte == b';').unwrap_or(text.len()));
        return (value.trim_ascii_end().to_vec(), rest);
    };
    let mut value = Vec::new();
    let mut rest = quoted;
    loop {
        match rest {
            [b'\\', escaped @ (b'"' | b'\\'), ..] => {
                value.push(*escaped);
                rest = &rest[2..];
            }
            [b'"', ..] => return (value, &rest[1..]),
            [byte, ..] => {
                value.push(*byte);
                rest = &rest[1..];
            }
            [] => return (value, rest),
        }
    }
}

/// `charset'language'percent-encoded` (RFC 8187 section 3.2); `None` where it is not that, or not of that character set.
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let is_broken = |at: usize| !matches!(encoded.get(at + 1..at + 3), Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    let mut escapes = encoded.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    if escapes.any(|(at, _)| is_broken(at)) {
        return None;
    }
    decode(charset, &percent_decode(encoded).collect::<Vec<_>>())
}

/// A name without a word about its character set: encoded words of mail (RFC 2047), UTF-8, or else ISO 8859-1.
fn decode_plain(value: &[u8]) -> Option<String> {
    let is_encoded = value.starts_with(b"=?") && value.ends_with(b"?=");
    if is_encoded {
        return std::str::from_utf8(value).ok()?.split_ascii_whitespace().map(encoded_word).collect();
    }
    let is_control = |byte: &u8| matches!(byte, 0x80..=0x9F);
    match std::str::from_utf8(value) {
        Ok(text) => Some(undo_browser(text)),
        Err(_) if value.iter().any(is_control) => None,
        Err(_) => Some(undo_browser(&value.iter().map(|byte| char::from(*byte)).collect::<String>())),
    }
}

/// `=?charset?B or Q?text?=`
fn encoded_word(word: &str) -> Option<String> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    // A language may stand behind the character set (RFC 2231 section 5).
    let charset = charset.split('*').next()?;
    let bytes = match encoding {
        "B" | "b" => GeneralPurpose::new(&STANDARD, LENIENT).decode(text).ok()?,
        "Q" | "q" => percent_decode(text.replace('%', "=25").replace('_', " ").replace('=', "%").as_bytes()).collect(),
        _ => return None,
    };
    decode(charset.as_bytes(), &bytes)
}

/// Text of a character set by any of its names.
fn decode(charset: &[u8], bytes: &[u8]) -> Option<String> {
    let text = Encoding::for_label(charset)?.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// What browsers, and curl after them, write for the three characters that would end a name (WHATWG HTML,
/// "multipart/form-data").
fn undo_browser(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
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
            (b"attachment; filename*=UTF-8''%ff", None),
            (b"attachment; filename=\"C:\\Users\\me\\report.docx\"", Some("C:\\Users\\me\\report.docx")),
            (b"attachment; filename=\"..\\..\\a.docx\"", Some("..\\..\\a.docx")),
            (b"attachment; filename=\"\\\\server\\share\\report.docx\"", Some("\\server\\share\\report.docx")),
            (b"attachment; filename=\"=?utf-8?B?w5xiZXJzaWNodC5kb2N4?=\"", Some("Übersicht.docx")),
            (b"attachment; filename=\"=?UTF-8?Q?=C3=9Cbersicht_100%.docx?=\"", Some("Übersicht 100%.docx")),
            (b"attachment; filename=\"=?iso-8859-1?q?=DCber?= =?utf-8?b?c2ljaHQuZG9jeA?=\"", Some("Übersicht.docx")),
            (b"attachment; filename=\"=?utf-8?B?w5xiZXJz\"", Some("=?utf-8?B?w5xiZXJz")),
            (b"attachment; filename=\"\xdcbersicht.docx\"", Some("Übersicht.docx")),
            (b"attachment; filename*=iso-8859-1''%DCbersicht.docx", Some("Übersicht.docx")),
            (b"attachment; filename*=windows-1252''%80uro.docx", Some("€uro.docx")),
            (b"attachment; filename*=Shift_JIS'ja'%8C%A9%90%CF.docx", Some("見積.docx")),
            (b"attachment; filename=\"safe.docx\"; filename*=UTF-8'bad%2", Some("safe.docx")),
            (b"attachment; filename=\"safe.docx\"; filename*=UTF-8''bad%2", Some("safe.docx")),
            (b"attachment; filename=\"safe.docx\"; filename*=UTF-8''%ff.docx", Some("safe.docx")),
            (b"attachment; filename=\"safe.docx\"; filename*=klingon''a.docx", Some("safe.docx")),
            (b"attachment; filename=\"a%22b%0D%0A.docx\"", Some("a\"b\r\n.docx")),
            (b"attachment; filename=\"100%25.docx\"", Some("100%25.docx")),
            (b"ATTACHMENT ;\tFILENAME = \"x\" ; y", Some("x")),
            (b"attachment; filename=\"no end.docx", Some("no end.docx")),
            (b"attachment; filename=\"\"", None),
            (b"attachment", None),
            (b"", None),
            (b"\xff\xfe; filename", None),
        ] {
            assert_eq!(name_of(header).as_deref(), name, "{}", String::from_utf8_lossy(header));
        }
    }

    #[test]
    fn bytes_of_no_character_set_are_told() {
        let mitsumori = b"form-data; name=\"file\"; filename=\"\x8c\xa9\x90\xcf.docx\"";
        let Unreadable(shown) = Disposition::parse(mitsumori).file_name().unwrap_err();
        assert!(shown.ends_with(".docx") && shown.contains('\u{FFFD}'), "{shown}");
        let broken = Disposition::parse(b"form-data; name=\"file\"; filename=\"=?utf-8?B?!!?=\"");
        assert_eq!(broken.file_name(), Err(Unreadable("=?utf-8?B?!!?=".into())));
        assert_eq!(broken.field().as_deref(), Some("file"));
        assert_eq!(Disposition::parse(b"form-data; name=x").file_name(), Ok(None));
    }

    proptest::proptest! {
        /// Whatever is in the header, reading it ends, and what we write ourselves is read again.
        #[test]
        fn anything_is_read(header: Vec<u8>, name in "\\PC{0,40}") {
            let _ = Disposition::parse(&header).file_name();
            let written = attachment(&name);
            proptest::prop_assert_eq!(name_of(written.as_bytes()).unwrap_or_default(), name);
        }
    }
}
