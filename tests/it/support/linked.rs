//! What the tests of links share.

use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::stored::stored;
use crate::support::*;

/// Bytes of a crafted document beside its picture.
pub fn overhead() -> usize {
    docx(0, 1).len() - 1
}

/// A length of picture that no socket buffers hold together, and whose SHA-256 is still made at once.
pub const LARGE: usize = 12 << 20;

/// The path of an address that the server gave.
pub fn path_of(url: &Value) -> &str {
    let url = url.as_str().unwrap();
    let host = url.find("://").unwrap() + 3;
    &url[host + url[host..].find('/').unwrap()..]
}

pub async fn links(server: &TestServer, token: &str, query: &str) -> Vec<Value> {
    let response = server.get(&format!("/api/links{query}")).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    json_of(response).await["links"].as_array().unwrap().clone()
}

/// The row of a link that was minted; of those alike the newest.
pub async fn link_of(server: &TestServer, token: &str, minted: &Value) -> Value {
    links(server, token, "").await.into_iter().find(|link| link["id"] == minted["link_id"]).expect("the link is listed")
}

/// A server with one document of `length` bytes of picture, and a client user.
pub struct Scene {
    pub server: TestServer,
    pub operation: String,
    pub client: String,
    pub content: Vec<u8>,
}

impl Scene {
    pub async fn new(length: usize, flags: &[&str]) -> Scene {
        let server = TestServer::with(flags);
        let (operation, client) = (server.operation("olga").await, server.client("carl").await);
        let content = docx(7, length);
        stored(&server, &operation, "a.docx", content.clone()).await;
        Scene { server, operation, client, content }
    }

    pub async fn mint(&self) -> Value {
        self.server.mint(&self.client, "a.docx").await
    }

    pub async fn link(&self, minted: &Value) -> Value {
        link_of(&self.server, &self.operation, minted).await
    }

    pub async fn await_state(&self, minted: &Value, state: &str) {
        eventually(&format!("the link is {state}"), async || self.link(minted).await["state"] == state).await;
    }

    /// A GET of a range, whole: its status and its bytes.
    pub async fn range(&self, minted: &Value, range: &str) -> (u16, Vec<u8>) {
        let response = self.server.fetch(&minted["download_url"]).header("range", range).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }
}
