//! SHA-256 of large files, made in the background.

use diesel::prelude::*;
use handover::server::db::schema::blobs;
use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::stored::*;
use crate::support::*;

async fn listed(server: &TestServer, token: &str) -> Value {
    list(server, token, "").await["files"][0]["sha256"].clone()
}

#[tokio::test]
async fn a_large_file_gets_its_digest_later_and_after_a_restart_too() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let content = docx(1, (16 << 20) + 1);
    let digest = sha256(&content);
    assert_eq!(stored(&server, &token, "large.docx", content.clone()).await["sha256"], Value::Null);
    eventually("the digest is there", async || listed(&server, &token).await == digest).await;
    let minted = server.mint(&client, "large.docx").await;
    assert_eq!(minted["sha256"], digest);
    let download = server.fetch(&minted["download_url"]).send().await.unwrap();
    assert!(download.headers().contains_key("repr-digest"));
    assert!(download.bytes().await.unwrap() == content);

    // A server that stopped before it had come to this file.
    let forget = |conn: &mut handover::server::db::Conn| {
        Ok(diesel::update(blobs::table).set(blobs::sha256.eq(None::<String>)).execute(conn)?)
    };
    assert_eq!(server.app().db.write(forget).await.unwrap(), 1);
    let server = TestServer::in_folder(server.stop(), &[]);
    let token = server.login("olga").await;
    eventually("the digest is there again", async || listed(&server, &token).await == digest).await;
}

/// Stopped at once after the upload, wherever the digest was then: the next server finishes it.
#[tokio::test]
async fn a_restart_in_between_loses_no_digest() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = docx(2, 20 << 20);
    stored(&server, &token, "large.docx", content.clone()).await;
    let server = TestServer::in_folder(server.stop(), &[]);
    let token = server.login("olga").await;
    eventually("the digest is there", async || listed(&server, &token).await == sha256(&content)).await;
}

#[tokio::test]
async fn a_file_of_sixteen_mebibytes_has_its_digest_at_once() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let overhead = docx(1, 1).len() - 1;
    let content = docx(1, (16 << 20) - overhead);
    assert_eq!(content.len(), 16 << 20);
    assert_eq!(stored(&server, &token, "large.docx", content.clone()).await["sha256"], sha256(&content));
}
