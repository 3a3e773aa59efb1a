//! What answers look like: problem documents, taken apart and checked.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::*;

/// A refusal, as a program and a person see it.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub code: String,
    pub msg: String,
}

impl Problem {
    pub fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code == code
    }
}

/// Sends a request that must be refused, and checks that the refusal is a whole RFC 9457 document.
pub async fn refused(request: RequestBuilder) -> Problem {
    let response = request.send().await.unwrap();
    let status = response.status();
    assert!(status.is_client_error() || status.is_server_error(), "{status} {}", response.url());
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{status} {}", response.url());
    let body: Value = json_of(response).await;
    let text = |member: &str| body[member].as_str().unwrap_or_else(|| panic!("no {member} in {body}")).to_owned();
    assert_eq!(body["status"], status.as_u16(), "{body}");
    assert_eq!(text("title"), status.canonical_reason().unwrap(), "{body}");
    assert_eq!(text("type"), "about:blank", "{body}");
    assert_eq!(text("detail"), text("msg"), "{body}");
    Problem { status: status.as_u16(), code: text("code"), msg: text("msg") }
}

/// Likewise, with what is expected: status, code and, where it is fixed, the text.
pub async fn expect(what: &str, request: RequestBuilder, status: u16, code: &str, msg: Option<&str>) {
    let problem = refused(request).await;
    assert!(problem.is(status, code), "{what}: {problem:?} instead of {status} {code}");
    if let Some(msg) = msg {
        assert_eq!(problem.msg, msg, "{what}");
    }
}
