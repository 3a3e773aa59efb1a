//! What a server says of a content, and what has come of it.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT_RANGES, CONTENT_LENGTH, ETAG, HeaderMap};

/// What the server says of the content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    pub size: Option<u64>,
    pub etag: Option<String>,
    pub ranges: bool,
    pub sha256: Option<Vec<u8>>,
}

impl Offer {
    pub fn of(headers: &HeaderMap) -> Offer {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Offer {
            size: text(CONTENT_LENGTH).and_then(|size| size.parse().ok()),
            // A weak one does not say that the bytes are the same (RFC 9110 section 13.1.5).
            etag: text(ETAG).filter(|tag| tag.starts_with('"')).map(str::to_owned),
            ranges: text(ACCEPT_RANGES) == Some("bytes"),
            sha256: headers.get("repr-digest").and_then(|value| value.to_str().ok()).and_then(sha256),
        }
    }
}

/// What has come.
#[derive(Default)]
pub struct Content {
    /// The server has answered with some of it at least once.
    pub begun: bool,
    pub bytes: u64,
    pub check: Check,
}

impl Content {
    pub fn add(&mut self, chunk: &[u8]) {
        match &mut self.check {
            Check::Sha256(hasher, _) => hasher.update(chunk),
            Check::Blake3(hasher, _) => drop(hasher.update(chunk)),
            Check::None => {}
        }
        self.bytes += chunk.len() as u64;
    }
}

/// A digest in the making, and what it should be.
#[derive(Default)]
pub enum Check {
    #[default]
    None,
    Sha256(Context, Vec<u8>),
    Blake3(Box<blake3::Hasher>, String),
}

impl Check {
    pub fn of(offer: &Offer, tag_is_digest: bool) -> Check {
        match (&offer.sha256, &offer.etag) {
            (Some(sha256), _) => Check::Sha256(Context::new(&SHA256), sha256.clone()),
            (None, Some(tag)) if tag_is_digest => Check::Blake3(Box::default(), tag.trim_matches('"').to_owned()),
            _ => Check::None,
        }
    }

    /// Whether it is, and the digest's name.
    pub fn end(self) -> (bool, Option<&'static str>) {
        match self {
            Check::None => (true, None),
            Check::Sha256(hasher, expected) => (hasher.finish().as_ref() == expected, Some("sha-256")),
            Check::Blake3(hasher, expected) => (hasher.finalize().to_hex().as_str() == expected, Some("blake3")),
        }
    }
}

/// The SHA-256 of a Repr-Digest (RFC 9530 section 3).
fn sha256(header: &str) -> Option<Vec<u8>> {
    let mut digests = header.split(',').map(str::trim);
    let value = digests.find_map(|digest| digest.strip_prefix("sha-256=:")?.strip_suffix(':'))?;
    STANDARD.decode(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_from_a_list() {
        let digest = STANDARD.encode([7; 32]);
        assert_eq!(sha256(&format!("sha-256=:{digest}:")), Some(vec![7; 32]));
        assert_eq!(sha256(&format!("sha-512=:AAAA:, sha-256=:{digest}:")), Some(vec![7; 32]));
        for none in ["", "sha-256=AAAA", "sha-512=:AAAA:", "sha-256=:?:"] {
            assert_eq!(sha256(none), None, "{none}");
        }
    }
}
