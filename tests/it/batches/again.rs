//! Requests that are sent twice because their answer was lost: what they made is there once.

use std::time::Duration;

use diesel::prelude::*;
use handover::server::db::schema::idempotency;
use handover::server::sweeper;
use reqwest::{Method, RequestBuilder};

use crate::support::answers::expect;
use crate::support::batched::*;
use crate::support::raw::Raw;
use crate::support::roomed::{Guest, room};
use crate::support::*;

const KEY: &str = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"";
const OTHER: &str = "0d5e5a52-93c1-4a3e-8f0c-3f6f3a6f9a10";

fn keyed(request: RequestBuilder, key: &str) -> RequestBuilder {
    request.header("idempotency-key", key)
}

/// Sends a request twice and gives back the one answer that both had.
async fn twice(request: impl Fn() -> RequestBuilder) -> serde_json::Value {
    let first = keyed(request(), KEY).send().await.unwrap();
    assert_eq!(first.status(), 201);
    let first = json_of(first).await;
    let second = keyed(request(), KEY).send().await.unwrap();
    assert_eq!(second.status(), 201);
    assert_eq!(second.headers()["content-type"], "application/json");
    assert_eq!(second.headers()["cache-control"], "no-store");
    assert_eq!(json_of(second).await, first);
    first
}

#[tokio::test]
async fn whatever_uploads_is_answered_as_the_first_time() {
    let server = TestServer::start();
    // A batch with its secrets, as a guest.
    let made = twice(|| server.request(Method::POST, "/api/batches").multipart(form(&[("a", b"a")], &[]))).await;
    let batch = Batch {
        id: made["batch_id"].as_str().unwrap().into(),
        key: made["manage_key"].as_str().unwrap().into(),
        made: made.clone(),
    };
    assert_eq!(server.app().db.read(handover::server::features::batches::model::count).await.unwrap(), 1);

    let added = twice(|| batch.manage(&server, Method::POST, "/files").multipart(form(&[("b", b"b")], &[]))).await;
    assert_eq!(added["files"][0]["filename"], "b");
    assert_eq!(batch.names(&server).await, ["a", "b"]);
    keyed(batch.put(&server, "c", "c"), OTHER).send().await.unwrap();
    keyed(batch.put(&server, "c", "c"), OTHER).send().await.unwrap();
    assert_eq!(batch.names(&server).await, ["a", "b", "c"]);
    // Without a key it is another file.
    batch.put(&server, "c", "c").send().await.unwrap();
    assert_eq!(batch.names(&server).await, ["a", "b", "c", "c (2)"]);

    let olga = server.operation("olga").await;
    let document = fixture("report-python-docx.docx");
    let upload = || server.request(Method::PUT, "/upload/q3.docx").bearer_auth(&olga).body(document.clone());
    assert_eq!(twice(upload).await["version"], 1);
    assert_eq!(json_of(upload().send().await.unwrap()).await["version"], 2);

    let talk = room(&server, "talk").await;
    let ann = Guest::join(&server, &talk, "Ann").await;
    let token = ann.token.clone();
    let share = || {
        let form = reqwest::multipart::Form::new()
            .part("file", reqwest::multipart::Part::bytes(b"x".as_slice()).file_name("x.txt"));
        server.request(Method::POST, &talk.path("/files")).header("x-member-token", &token).multipart(form)
    };
    let shared = twice(share).await;
    let again = json_of(share().send().await.unwrap()).await;
    assert_ne!(shared["id"], again["id"]);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let server = TestServer::start();
    let (batch, other) = (make(&server, &[], &[]).await, make(&server, &[], &[]).await);
    keyed(batch.put(&server, "a", "a"), KEY).send().await.unwrap();
    let reused = |request| async move { expect("reused", request, 422, "idempotency_key_reused", None).await };
    reused(keyed(batch.put(&server, "b", "b"), KEY)).await;
    reused(keyed(batch.put(&server, "a", "longer"), KEY)).await;
    reused(keyed(batch.manage(&server, Method::POST, "/files").multipart(form(&[("a", b"a")], &[])), KEY)).await;
    assert_eq!(batch.names(&server).await, ["a"]);
    // Somebody else's key of the same name is another one.
    assert_eq!(keyed(other.put(&server, "a", "a"), KEY).send().await.unwrap().status(), 201);
    assert_eq!(other.names(&server).await, ["a"]);
    for bad in ["", "short", "with spaces in between it", &"x".repeat(129)] {
        expect(bad, keyed(batch.put(&server, "x", "x"), bad), 400, "bad_request", None).await;
    }
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again() {
    let server = TestServer::with(&["--max-batch-size", "10"]);
    let batch = make(&server, &[("a", b"12345678")], &[]).await;
    expect("full", keyed(batch.put(&server, "b", "1234"), KEY), 413, "batch_too_large", None).await;
    batch.manage(&server, Method::DELETE, &format!("/files/{}", batch.file(0))).send().await.unwrap();
    assert_eq!(keyed(batch.put(&server, "b", "1234"), KEY).send().await.unwrap().status(), 201);
    assert_eq!(batch.names(&server).await, ["b"]);
}

/// While the first is still sent, the second is told to come back, and gets its answer then.
#[tokio::test]
async fn of_two_at_once_one_is_done() {
    let server = TestServer::start();
    let batch = make(&server, &[], &[]).await;
    let mut first = Raw::open(server.address).await;
    first.send(head(&batch, "a", 4) + "bo").await;
    let second = || keyed(batch.put(&server, "a", "body"), KEY);
    eventually("the first has begun", async || server.app().uploads.taken() > 0).await;
    let refused = second().send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(json_of(refused).await["code"], "request_running");
    first.send("dy").await;
    assert_eq!(first.head().await.status, 201);
    assert_eq!(second().send().await.unwrap().status(), 201);
    assert_eq!(batch.names(&server).await, ["a"]);
}

/// The head of a request that puts a file of `length` bytes.
fn head(batch: &Batch, name: &str, length: usize) -> String {
    let (path, key) = (batch.path(&format!("/files/{name}")), &batch.key);
    format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\nx-manage-key: {key}\r\nidempotency-key: {KEY}\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// A client that leaves after its last byte has its answer kept.
#[tokio::test]
async fn an_answer_that_nobody_hears_is_kept() {
    let server = TestServer::start();
    let batch = make(&server, &[], &[]).await;
    let mut client = Raw::open(server.address).await;
    client.send(head(&batch, "a", 4) + "body").await;
    drop(client);
    let db = server.data();
    eventually("the answer is kept", async || {
        db.db.read(|conn| Ok(idempotency::table.count().get_result::<i64>(conn)?)).await.unwrap() == 1
    })
    .await;
    assert_eq!(keyed(batch.put(&server, "a", "body"), KEY).send().await.unwrap().status(), 201);
    assert_eq!(batch.names(&server).await, ["a"]);
}

/// A restart forgets nothing, a day does; and the rows hold no secret.
#[tokio::test]
async fn answers_are_kept_for_a_day_and_sealed() {
    let server = TestServer::start();
    let make = |server: &TestServer| keyed(server.request(Method::POST, "/api/batches"), KEY);
    let made = json_of(make(&server).send().await.unwrap()).await;
    let rows = server.app().db.read(|conn| Ok(idempotency::table.select(idempotency::answer).load::<Vec<u8>>(conn)?));
    for answer in rows.await.unwrap() {
        assert!(!String::from_utf8_lossy(&answer).contains("manage_key"));
    }
    let server = TestServer::in_folder(server.stop(), &[]);
    assert_eq!(json_of(make(&server).send().await.unwrap()).await["manage_key"], made["manage_key"]);
    server.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_ne!(json_of(make(&server).send().await.unwrap()).await["manage_key"], made["manage_key"]);
    server.clock.advance(Duration::from_secs(24 * 3600 + 1));
    sweeper::rows(server.app()).await.unwrap();
    let left = server.app().db.read(|conn| Ok(idempotency::table.count().get_result::<i64>(conn)?)).await.unwrap();
    assert_eq!(left, 0);
}
