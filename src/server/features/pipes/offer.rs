//! What the sender says of the file, and what of that the receiver is told.

use crate::server::refusals::bad_request;
use actix_web::HttpRequest;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue,
    TRANSFER_ENCODING,
};

use crate::protocol::disposition::{attachment, name_of};
use crate::protocol::file_name::FileName;
use crate::server::error::Result;

const OCTETS: &str = "application/octet-stream";
/// Longest media type that is passed on.
const LONGEST: usize = 127;

#[derive(Clone, Debug)]
pub struct Offer {
    /// In bytes, where the sender knows it.
    pub length: Option<u64>,
    name: Option<FileName>,
    media_type: String,
}

impl Offer {
    /// Reads the head of the sender's request; `filename` is what its query says.
    ///
    /// # Errors
    /// [`bad_request`] for a part of a file, which cannot be told from all of it here.
    pub fn of(req: &HttpRequest, filename: Option<&str>) -> Result<Offer> {
        let headers = req.headers();
        if headers.contains_key(CONTENT_RANGE) {
            return Err(bad_request("A pipe passes on whole files: send it without Content-Range.".into()));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let length = if headers.contains_key(TRANSFER_ENCODING) { None } else { Some(length.unwrap_or(0)) };
        let disposition = headers.get(CONTENT_DISPOSITION).map(|value| value.as_bytes());
        let given = filename.map(str::to_owned).or_else(|| disposition.and_then(name_of));
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Offer { length, name: given.as_deref().and_then(FileName::new), media_type: harmless(media_type) })
    }

    /// The headers of the answer to the receiver, without its length.
    pub fn headers(&self) -> HeaderMap {
        let disposition = match &self.name {
            Some(name) => attachment(name.as_str()),
            None => HeaderValue::from_static("attachment"),
        };
        let media_type = HeaderValue::from_str(&self.media_type).unwrap_or_else(|_| HeaderValue::from_static(OCTETS));
        [
            (CONTENT_TYPE, media_type),
            (CONTENT_DISPOSITION, disposition),
            (ACCEPT_RANGES, HeaderValue::from_static("none")),
        ]
        .into_iter()
        .collect()
    }
}

/// Types that are passed on, whole or by what is before their last star: what people see, hear and unpack. With any other,
/// a browser or the system behind it might run what has come, or ask to (row 6 of the usual faults; the headers of all
/// answers say the rest).
const PASSED_ON: &[&str] = &[
    "application/gzip",
    "application/json",
    "application/msword",
    "application/octet-stream",
    "application/rtf",
    "application/vnd.oasis.opendocument.*",
    "application/vnd.openxmlformats-officedocument.*",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-tar",
    "application/x-xz",
    "application/zip",
    "application/zstd",
    "audio/*",
    "font/*",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/calendar",
    "text/csv",
    "text/markdown",
    "text/plain",
    "text/vcard",
    "video/*",
];

/// The sender's media type without its parameters, if it is one of [`PASSED_ON`].
fn harmless(given: Option<&str>) -> String {
    let essence = given
        .and_then(|given| given.split(';').next())
        .unwrap_or_default()
        .trim_matches([' ', '\t'])
        .to_ascii_lowercase();
    let is_token = essence.len() <= LONGEST
        && essence.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/!#$&-^_.+".contains(&byte));
    let is_of = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => essence.strip_prefix(start).is_some_and(|rest| {
            // Nothing that ends like markup, whoever it is registered for.
            !rest.is_empty() && !rest.contains(['/', '+'])
        }),
        None => essence == **pattern,
    };
    if is_token && PASSED_ON.iter().any(is_of) { essence } else { OCTETS.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn types_that_browsers_would_run_are_octets() {
        for kept in [
            "text/plain",
            "image/png",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ] {
            assert_eq!(harmless(Some(&format!("{}; charset=utf-8", kept.to_uppercase()))), kept);
        }
        for active in [
            "text/html",
            "text/javascript1.5",
            "application/hta",
            "application/x-msdownload",
            "application/x-sh",
            "application/java-archive",
            "application/vnd.ms-word.document.macroenabled.12",
            "application/vnd.openxmlformats-officedocument.x+xml",
            "image/svg",
            "audio/x/y",
            "audio/",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "application/javascript",
            "text/ecmascript",
            "application/pdf",
            "application/x-mimearchive/../x",
            "multipart/related",
            "message/rfc822",
            "application/x-www-form-urlencoded",
            "text/plain\u{b}",
            "text",
            "/",
            "",
        ] {
            assert_eq!(harmless(Some(active)), OCTETS, "{active}");
        }
        assert_eq!(harmless(None), OCTETS);
    }

    #[test]
    fn names_come_from_the_query_or_the_header_and_lose_what_harms() {
        let disposition = |header: &'static str, query: Option<&str>| {
            let request = TestRequest::put().insert_header((CONTENT_DISPOSITION, header)).to_http_request();
            let headers = Offer::of(&request, query).unwrap().headers();
            headers.get(CONTENT_DISPOSITION).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(disposition("attachment; filename=\"a.docx\"", None), "attachment; filename=\"a.docx\"");
        assert_eq!(disposition("attachment; filename=\"a\"", Some("../b")), "attachment; filename=\"b\"");
        assert_eq!(
            disposition("inline; filename=\"a\"; filename*=UTF-8''%C5%BC%2F%C3%B3", None),
            "attachment; filename=\"_\"; filename*=UTF-8''%C3%B3"
        );
        assert_eq!(disposition("nonsense", None), "attachment");
        assert_eq!(disposition("attachment", Some("..")), "attachment");
    }
}
