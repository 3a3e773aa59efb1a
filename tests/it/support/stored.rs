//! What is stored: by what clients see, and by what no client can see.

use diesel::prelude::*;
use handover::server::blobs::{EVERYBODY, rows};
use handover::server::db::schema::{blobs, documents};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::*;

/// A path segment with all in it percent-encoded that need be, and more.
pub fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Uploads as the request body.
pub async fn put(server: &TestServer, token: &str, name: &str, content: impl Into<reqwest::Body>) -> Response {
    let path = format!("/upload/{}", segment(name));
    server.request(Method::PUT, &path).bearer_auth(token).body(content).send().await.unwrap()
}

/// Uploads and gives back what the server says of it.
pub async fn stored(server: &TestServer, token: &str, name: &str, content: impl Into<reqwest::Body>) -> Value {
    let response = put(server, token, name, content).await;
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    json_of(response).await
}

pub async fn list(server: &TestServer, token: &str, query: &str) -> Value {
    let response = server.get(&format!("/files{query}")).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    json_of(response).await
}

pub async fn delete(server: &TestServer, token: &str, name: &str, query: &str) -> Response {
    let path = format!("/files/{}{query}", segment(name));
    server.request(Method::DELETE, &path).bearer_auth(token).send().await.unwrap()
}

pub fn sha256(content: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that the server thinks are stored, by all.
pub async fn usage(server: &TestServer) -> u64 {
    server.app().db.read(|conn| rows::used(conn, EVERYBODY)).await.unwrap()
}

/// Nothing of a refused or broken upload: no file, no row, no usage.
pub async fn assert_nothing_stays(server: &TestServer) {
    eventually("no file stays", async || server.blobs().is_empty()).await;
    let rows: (i64, i64) = server
        .app()
        .db
        .read(|conn| Ok((blobs::table.count().get_result(conn)?, documents::table.count().get_result(conn)?)))
        .await
        .unwrap();
    assert_eq!(rows, (0, 0));
    assert_eq!(usage(server).await, 0);
}
