//! The id that ties an answer to its log lines: `X-Request-Id`.

use rand::RngExt as _;

/// The header's name.
pub const HEADER: &str = "x-request-id";

/// The id of a request, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// A fresh id. What a client sends under this name is not taken over: it would write into our log.
    pub fn new() -> RequestId {
        RequestId(format!("{:016x}", rand::rng().random::<u64>()))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        RequestId::new()
    }
}
