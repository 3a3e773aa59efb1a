//! Uploads whose answer is lost: sent again under one key, by which the server knows what it has stored already
//! (draft-ietf-httpapi-idempotency-key-header).

use std::time::Duration;

use reqwest::StatusCode;

use super::Failure;
use crate::protocol::secret;

/// Header with the key of a request.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Signs of a key: 160 bits.
const KEY: usize = 32;

/// Pauses before the second try and those after it.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2)];

/// Does it until there is an answer, or the server has not been reached a few times.
///
/// # Errors
/// The last failure.
pub async fn until_answered<T, F>(act: impl Fn(String) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let key = secret::random(KEY);
    for pause in PAUSES {
        match act(key.clone()).await {
            Err(failure) if is_unanswered(&failure) => tokio::time::sleep(pause).await,
            answered => return answered,
        }
    }
    act(key).await
}

/// Whether nobody knows what has become of it.
fn is_unanswered(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable(_) => true,
        Failure::Refused { status, code, .. } => {
            code == "request_running"
                || matches!(
                    *status,
                    StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
                )
        }
        _ => false,
    }
}
