//! Signed tokens: JWT (RFC 7519) with HS256.
//!
//! Access tokens and link tokens are signed with two keys derived from one secret and name two audiences, so neither ever
//! passes for the other. A token only names a row: the row decides whether it still opens anything.

use std::fs;
use std::io;
use std::path::Path;

use chrono::NaiveDateTime;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::server::error::{Error, Result};
use crate::server::folder;

const ISSUER: &str = "handover";
/// Tokens of ours have about 330 bytes; a longer one is not worth a look.
const LONGEST: usize = 1024;
/// Fewest bytes of a secret that was given.
const SHORTEST_SECRET: usize = 32;

/// The signing keys of a server.
pub struct Keys {
    access: SigningKey,
    link: SigningKey,
    /// Of grants, which nobody but this server reads.
    grant: [u8; 32],
    /// What the keys of others are derived from.
    root: [u8; 32],
}

/// What an access token says (RFC 7519 section 4.1).
#[derive(Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The user's id.
    pub sub: String,
    pub role: Role,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Ends at, in seconds since 1970.
    pub exp: i64,
    /// The session's id.
    pub jti: String,
    pub iss: String,
    pub aud: String,
}

/// What a link token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct LinkClaims {
    /// The document's id: one version of one file.
    pub sub: String,
    pub exp: i64,
    /// The link's id.
    pub jti: String,
    pub iss: String,
    pub aud: String,
}

impl Keys {
    /// Derives all keys from `secret` (BLAKE3's key derivation mode, section 2.3 of its paper).
    pub fn new(secret: &[u8]) -> Keys {
        Keys {
            access: SigningKey::new("handover 2026-11 access tokens", "handover:access", secret),
            link: SigningKey::new("handover 2026-11 link tokens", "handover:link", secret),
            grant: blake3::derive_key("handover 2026-11 grants", secret),
            root: blake3::derive_key("handover 2026-11 keys of features", secret),
        }
    }

    /// What tells this server from others, and nothing else of it.
    pub fn identity(&self) -> String {
        let id = self.derive("handover 2026-11 identity of the server");
        id[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A key for one purpose, which `context` names and no other does.
    pub fn derive(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.root)
    }

    pub fn sign_access(
        &self,
        user: &str,
        role: Role,
        session: &str,
        now: NaiveDateTime,
        end: NaiveDateTime,
    ) -> Result<String> {
        self.access.sign(&AccessClaims {
            sub: user.to_owned(),
            role,
            iat: now.and_utc().timestamp(),
            exp: end.and_utc().timestamp(),
            jti: session.to_owned(),
            iss: ISSUER.to_owned(),
            aud: self.access.audience.to_owned(),
        })
    }

    /// The claims of an access token of ours that has not expired at `now`.
    pub fn verify_access(&self, token: &str, now: NaiveDateTime) -> Option<AccessClaims> {
        self.access.verify(token).filter(|claims: &AccessClaims| claims.exp > now.and_utc().timestamp())
    }

    pub fn sign_link(&self, document: &str, link: &str, end: NaiveDateTime) -> Result<String> {
        self.link.sign(&LinkClaims {
            sub: document.to_owned(),
            exp: end.and_utc().timestamp(),
            jti: link.to_owned(),
            iss: ISSUER.to_owned(),
            aud: self.link.audience.to_owned(),
        })
    }

    /// The claims of a link token of ours, expired or not: its row knows, and says so with an answer of its own.
    pub fn verify_link(&self, token: &str) -> Option<LinkClaims> {
        self.link.verify(token)
    }

    /// A grant: proof until `end` that its holder has passed for `subject`, which the grant does not tell.
    pub fn sign_grant(&self, subject: &str, end: NaiveDateTime) -> String {
        let end = end.and_utc().timestamp();
        format!("{end}.{}", self.grant_mac(subject, end).to_hex())
    }

    /// Whether `grant` is one of ours for `subject` that has not ended at `now`.
    pub fn verify_grant(&self, subject: &str, grant: &str, now: NaiveDateTime) -> bool {
        let Some((end, mac)) = grant.split_once('.') else { return false };
        let (Ok(end), Ok(mac)) = (end.parse::<i64>(), blake3::Hash::from_hex(mac)) else { return false };
        // blake3::Hash compares in constant time.
        end > now.and_utc().timestamp() && mac == self.grant_mac(subject, end)
    }

    fn grant_mac(&self, subject: &str, end: i64) -> blake3::Hash {
        blake3::keyed_hash(&self.grant, format!("{end} {subject}").as_bytes())
    }
}

struct SigningKey {
    audience: &'static str,
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl SigningKey {
    fn new(context: &str, audience: &'static str, secret: &[u8]) -> SigningKey {
        let key = blake3::derive_key(context, secret);
        let mut header = Header::new(Algorithm::HS256);
        // Names the key without telling anything about it, so that tokens of an older secret are known as such.
        header.kid = Some(blake3::keyed_hash(&key, b"kid").to_hex()[..16].to_owned());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false; // by the injected clock, above
        SigningKey {
            audience,
            header,
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        }
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.encoding).map_err(Error::internal)
    }

    fn verify<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        if token.len() > LONGEST {
            return None;
        }
        let data = jsonwebtoken::decode::<T>(token, &self.decoding, &self.validation).ok()?;
        (data.header.kid == self.header.kid).then_some(data.claims)
    }
}

/// Why there is no secret to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret in {path} cannot be read: {cause}")]
    Read { path: String, cause: io::Error },
    #[error("the secret in {path} cannot be made: {cause}")]
    Make { path: String, cause: io::Error },
    #[error("the secret in {0} is shorter than {SHORTEST_SECRET} bytes; `head -c 32 /dev/urandom | base64` makes one")]
    Short(String),
    #[error("the secret in {0} is one that anybody would guess; `head -c 32 /dev/urandom | base64` makes one")]
    Known(String),
}

/// The secret in `given`, else the one in `made`, which is made of 256 random bits when it is missing.
pub fn load_secret(given: Option<&Path>, made: &Path) -> Result<Vec<u8>, SecretError> {
    let path = given.unwrap_or(made);
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(secret) => check_secret(secret.trim_ascii(), name),
        Err(error) if error.kind() == io::ErrorKind::NotFound && given.is_none() => {
            make_secret(made).map_err(|cause| SecretError::Make { path: name, cause })
        }
        Err(cause) => Err(SecretError::Read { path: name, cause }),
    }
}

fn check_secret(secret: &[u8], path: String) -> Result<Vec<u8>, SecretError> {
    if secret.len() < SHORTEST_SECRET {
        return Err(SecretError::Short(path));
    }
    let mut distinct = secret.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let text = String::from_utf8_lossy(secret).to_lowercase();
    let known = ["changeme", "change_me", "change-me", "secret", "password", "example", "default"];
    if distinct.len() < 8 || known.iter().any(|word| text.contains(word)) {
        return Err(SecretError::Known(path));
    }
    Ok(secret.to_vec())
}

/// Writes a new secret so that a crash leaves a whole one or none, and nobody else may read it.
fn make_secret(path: &Path) -> io::Result<Vec<u8>> {
    folder::make(path.parent().unwrap_or(Path::new(".")))?;
    let secret = hex::encode(rand::random::<[u8; 32]>());
    folder::write_whole(path, format!("{secret}\n").as_bytes())?;
    Ok(secret.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::{Clock, after};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    fn keys() -> Keys {
        Keys::new(b"0123456789abcdefghijklmnopqrstuvwxyz")
    }

    fn access(keys: &Keys, clock: &Clock) -> String {
        let now = clock.now();
        keys.sign_access("user", Role::Client, "session", now, after(now, Duration::from_secs(60))).unwrap()
    }

    #[test]
    fn tokens_pass_for_what_they_are_and_nothing_else() {
        let (keys, clock) = (keys(), Clock::manual());
        let token = access(&keys, &clock);
        assert_eq!(keys.verify_access(&token, clock.now()).unwrap().jti, "session");
        assert!(keys.verify_link(&token).is_none(), "an access token is no link");
        let link = keys.sign_link("document", "link", clock.now()).unwrap();
        assert_eq!(keys.verify_link(&link).unwrap().jti, "link");
        assert!(keys.verify_access(&link, clock.now()).is_none(), "a link is no access token");
        clock.advance(Duration::from_secs(61));
        assert!(keys.verify_access(&token, clock.now()).is_none(), "expired");
        assert!(Keys::new(b"another secret of enough bytes!!").verify_link(&link).is_none());
    }

    /// Payload and header of one token under the header or signature of another (RFC 8725 section 2).
    #[test]
    fn forged_headers_and_signatures_are_refused() {
        let (keys, clock) = (keys(), Clock::manual());
        let token = access(&keys, &clock);
        let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let header = |json: &str| base64(json.as_bytes());
        for forged in [
            format!("{}.{claims}.", header(r#"{"typ":"JWT","alg":"none"}"#)),
            format!("{}.{claims}.{signature}", header(r#"{"typ":"JWT","alg":"none"}"#)),
            format!("{}.{claims}.{signature}", header(r#"{"typ":"JWT","alg":"HS384"}"#)),
            format!("{}.{claims}.{signature}", header(r#"{"typ":"JWT","alg":"RS256"}"#)),
            format!("{}.{claims}.{signature}", header(r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}"#)),
            format!("{token}x"),
            token[..token.len() - 2].to_owned(),
            String::new(),
            "..".into(),
            "a".repeat(5000),
        ] {
            assert!(keys.verify_access(&forged, clock.now()).is_none(), "{forged}");
        }
        // Signed by us, but without an end, or for somebody else.
        let key = &keys.access;
        let sign = |claims: serde_json::Value| key.sign(&claims).unwrap();
        let whole = serde_json::json!({"sub": "u", "role": "client", "iat": 0, "exp": i64::MAX, "jti": "s", "iss": ISSUER, "aud": "handover:access"});
        assert!(keys.verify_access(&sign(whole.clone()), clock.now()).is_some());
        for (member, value) in [
            ("exp", None),
            ("aud", None),
            ("iss", None),
            ("aud", Some("handover:link")),
            ("iss", Some("other")),
            ("role", Some("admin")),
        ] {
            let mut claims = whole.clone();
            match value {
                None => claims.as_object_mut().unwrap().remove(member),
                Some(value) => claims.as_object_mut().unwrap().insert(member.into(), value.into()),
            };
            assert!(keys.verify_access(&sign(claims), clock.now()).is_none(), "{member} = {value:?}");
        }
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).for_each(|i| text.push(ALPHABET[(word >> (18 - 6 * i) & 63) as usize] as char));
        }
        text
    }

    #[test]
    fn grants_hold_for_their_subject_and_their_time() {
        let (keys, clock) = (keys(), Clock::manual());
        let end = after(clock.now(), Duration::from_secs(60));
        let grant = keys.sign_grant("batch 1", end);
        assert!(keys.verify_grant("batch 1", &grant, clock.now()));
        assert!(!keys.verify_grant("batch 2", &grant, clock.now()));
        assert!(!Keys::new(b"another secret of enough bytes!!").verify_grant("batch 1", &grant, clock.now()));
        let (_, mac) = grant.split_once('.').unwrap();
        for forged in ["", ".", "x.y", &format!("{}.{mac}", i64::MAX), &grant[..grant.len() - 1]] {
            assert!(!keys.verify_grant("batch 1", forged, clock.now()), "{forged}");
        }
        clock.advance(Duration::from_secs(61));
        assert!(!keys.verify_grant("batch 1", &grant, clock.now()), "ended");
    }

    #[test]
    fn the_secret_is_made_once_and_for_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/token.key");
        let first = load_secret(None, &path).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(load_secret(None, &path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn weak_and_missing_secrets_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("given");
        let load = || load_secret(Some(&path), Path::new("unused"));
        assert!(matches!(load(), Err(SecretError::Read { .. })), "a secret that was named must exist");
        for (secret, short) in
            [("too short", true), (&"ab".repeat(40), false), ("this-is-my-secret-key-0123456789abcdef", false)]
        {
            fs::write(&path, secret).unwrap();
            let error = load().unwrap_err();
            assert_eq!(matches!(error, SecretError::Short(_)), short, "{error}");
        }
    }
}
