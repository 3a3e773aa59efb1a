//! Server-sent events: who looks at a batch hears of it, and of no other.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::batched::*;
use crate::support::*;

struct Listener {
    response: Response,
    buffer: String,
}

impl Listener {
    async fn of(server: &TestServer, batch: &Batch) -> Listener {
        let response = batch.get(server, "/events").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut listener = Listener { response, buffer: String::new() };
        assert_eq!(listener.block().await.unwrap(), ":", "a sign of life at once");
        listener
    }

    /// What stands before the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.unwrap().unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn event(&mut self) -> (String, Value) {
        let block = self.block().await.unwrap();
        let (event, data) = block.split_once('\n').unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (event.strip_prefix("event: ").unwrap().to_owned(), data)
    }
}

#[tokio::test]
async fn receivers_hear_what_changes_in_their_batch_alone() {
    let server = TestServer::start();
    let (batch, other) = (make(&server, &[("a", b"a")], &[]).await, make(&server, &[("o", b"o")], &[]).await);
    let (mut first, mut second) = (Listener::of(&server, &batch).await, Listener::of(&server, &batch).await);
    let mut outsider = Listener::of(&server, &other).await;

    let added = json_of(batch.put(&server, "b.txt", "bb").send().await.unwrap()).await;
    let removed = batch.manage(&server, Method::DELETE, &format!("/files/{}", batch.file(0))).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let change = batch.manage(&server, Method::PATCH, "").json(&json!({"title": "New"}));
    let changed = json_of(change.send().await.unwrap()).await;
    assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    for listener in [&mut first, &mut second] {
        assert_eq!(listener.event().await, ("added".into(), json!({"files": added["files"]})));
        assert_eq!(listener.event().await, ("removed".into(), json!({"file_id": batch.file(0)})));
        assert_eq!(listener.event().await, ("changed".into(), changed.clone()));
        assert_eq!(listener.event().await, ("ended".into(), json!({})));
        assert_eq!(listener.block().await, None, "the stream ends with the batch");
    }
    assert_eq!(other.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    assert_eq!(outsider.event().await.0, "ended", "and nothing of the other batch before");
}

#[tokio::test]
async fn expiry_is_told_and_listeners_are_counted() {
    let server = TestServer::start();
    let batch = make(&server, &[], &[("expires_in", "60")]).await;
    let mut listener = Listener::of(&server, &batch).await;
    assert_eq!(server.app().bus.subscribers(), 1);
    let head = server.request(Method::HEAD, &batch.path("/events")).send().await.unwrap();
    assert_eq!((head.status().as_u16(), server.app().bus.subscribers()), (200, 1));
    server.clock.advance(Duration::from_secs(61));
    expect("late", batch.get(&server, "/events"), 404, "batch_not_found", None).await;
    handover::server::features::batches::clear(server.app()).await.unwrap();
    assert_eq!(listener.event().await.0, "ended");
    eventually("nobody listens any more", async || server.app().bus.subscribers() == 0).await;
}

#[tokio::test]
async fn so_many_may_listen_and_who_leaves_makes_room() {
    let server = TestServer::with(&["--max-connections", "8"]);
    let batch = make(&server, &[], &[]).await;
    let (first, _second) = (Listener::of(&server, &batch).await, Listener::of(&server, &batch).await);
    expect("a third", batch.get(&server, "/events"), 503, "busy", None).await;
    drop(first);
    eventually("there is room", async || {
        batch.put(&server, "a", "a").send().await.unwrap();
        batch.get(&server, "/events").send().await.unwrap().status() == 200
    })
    .await;
}

/// A stream holds up no stop.
#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let server = TestServer::start();
    let batch = make(&server, &[], &[]).await;
    let mut listener = Listener::of(&server, &batch).await;
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(listener.block().await, None);
    stopping.join().unwrap();
}

/// Whoever looks at a batch that limits downloads sees what is left.
#[tokio::test]
async fn complete_downloads_are_counted_before_everybody() {
    let server = TestServer::start();
    let batch = make(&server, &[("a", b"a"), ("b", b"b")], &[("max_downloads", "2")]).await;
    let mut listener = Listener::of(&server, &batch).await;
    batch.bytes(&server, &format!("/files/{}", batch.file(0))).await;
    let left = json!({"files": [{"file_id": batch.file(0), "downloads_left": 1}]});
    assert_eq!(listener.event().await, ("counted".to_owned(), left));
    batch.bytes(&server, "/zip").await;
    assert_eq!(listener.event().await, ("counted".to_owned(), json!({})));
}
