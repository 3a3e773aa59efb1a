//! The STUN and TURN servers of the settings, as the pages of one transfer get them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDateTime;

use super::ice_server::{self, IceAccess};
use crate::protocol::direct::IceServer;
use crate::protocol::secret;

/// How long a credential made of a shared secret opens its server: a transfer may run for that long past us.
const LIFE_SECONDS: i64 = 24 * 60 * 60;

/// What one side is told, with credentials of its own where a secret is shared.
pub fn ice_servers(servers: &[ice_server::IceServer], now: NaiveDateTime) -> Vec<IceServer> {
    let told = |server: &ice_server::IceServer| {
        let (username, credential) = match &server.access {
            IceAccess::Free => (None, None),
            IceAccess::Login { user, password } => (Some(user.clone()), Some(password.clone())),
            IceAccess::Secret(secret) => {
                let (username, credential) = credential(secret, now);
                (Some(username), Some(credential))
            }
        };
        IceServer { urls: server.url.clone(), username, credential }
    };
    servers.iter().map(told).collect()
}

/// A user who ends by itself, and its password (draft-uberti-behave-turn-rest-00 section 2.2, which coturn follows). SHA-1
/// is the draft's; as the hash of an HMAC it is not broken.
fn credential(secret: &str, now: NaiveDateTime) -> (String, String) {
    let username = format!("{}:{}", now.and_utc().timestamp() + LIFE_SECONDS, secret::random(8));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    (username, credential)
}
