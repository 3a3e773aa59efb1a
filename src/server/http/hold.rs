//! Who asks for a copy: what proves to be its holder, and what is taken for one.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use super::peer::client_address;
use crate::server::leases::HOLD;

/// Names whoever comes from this address with this User-Agent, and tells neither.
pub fn holder_of(req: &HttpRequest) -> String {
    let agent = req.headers().get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
    let address = client_address(req).map(|address| address.to_string()).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    hasher.update(address.as_bytes()).update(b"\n").update(agent);
    hasher.finalize().to_hex().as_str()[..32].to_owned()
}

/// The proof that a request brings.
pub fn proof_of(req: &HttpRequest) -> Option<String> {
    Some(req.headers().get(HOLD)?.to_str().ok()?.to_owned())
}
