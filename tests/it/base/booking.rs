//! Whatever is stored is booked: empty files, and what is said in rooms.

use handover::server::blobs::cost;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::refused;
use crate::support::batched::{form, make};
use crate::support::roomed::{Guest, Room, room};
use crate::support::stored::usage;
use crate::support::*;

#[tokio::test]
async fn empty_files_take_a_block_each() {
    let server = TestServer::with(&["--guest-quota", "400KiB"]);
    let names: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let request = server.request(Method::POST, "/api/batches").multipart(form(&files, &[]));
    let problem = refused(request).await;
    assert!(problem.is(507, "quota_exceeded"), "{problem:?}");
    assert_eq!(usage(&server).await, 0);
    let batch = make(&server, &files[..100], &[]).await;
    assert_eq!(usage(&server).await, 400 << 10);
    assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    eventually("room comes back", async || usage(&server).await == 0).await;
}

/// The answer to something that is said.
async fn said(guest: &mut Guest, text: &str) -> Value {
    guest.say(text).await;
    loop {
        let frame = guest.frame().await.expect("an answer");
        if let Some("message" | "error") = frame["type"].as_str() {
            return frame;
        }
    }
}

/// Says so much until it is refused. Gives how often it was not, and why it was.
async fn fill(server: &TestServer, room: &Room, text: &str) -> (usize, Value) {
    let mut guest = Guest::join(server, room, "Ann").await;
    for stored in 0..100 {
        let answer = said(&mut guest, text).await;
        if answer["type"] == "error" {
            return (stored, answer);
        }
    }
    panic!("a hundred messages were stored");
}

#[tokio::test]
async fn what_is_said_in_a_room_counts_against_the_quota_of_its_maker_and_comes_back_with_it() {
    let server = TestServer::with(&["--guest-quota", "40KiB", "--room-message-rate", "1000"]);
    let room = room(&server, "").await;
    let text = "x".repeat(3 << 10);
    // Each takes its length and a kibibyte for its rows, and so did joining.
    let (stored, answer) = fill(&server, &room, &text).await;
    assert_eq!((stored, &answer["code"]), (9, &json!("quota_exceeded")));
    assert_eq!(usage(&server).await, (1 << 10) + 9 * (4 << 10));
    let mut bob = Guest::join(&server, &room, "Bob").await;
    assert_eq!(said(&mut bob, &text).await["code"], "quota_exceeded", "whoever says it");
    let shared = bob.share(&server, &room, "a.txt", b"content").await;
    assert_eq!(shared.status(), 507);

    // A message that is taken away gives its length back.
    let first = bob.log.iter().find(|event| event["type"] == "message").unwrap()["id"].as_i64().unwrap();
    let before = usage(&server).await;
    let removed = room.manage(&server, Method::DELETE, &format!("/events/{first}")).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(usage(&server).await, before - (3 << 10));

    assert_eq!(room.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    eventually("all of it comes back", async || usage(&server).await == 0).await;
}

#[tokio::test]
async fn a_file_in_a_room_is_booked_once_and_given_back_once() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let ann = Guest::join(&server, &room, "Ann").await;
    let before = usage(&server).await;
    for name in ["a.txt", "b.txt"] {
        assert_eq!(ann.share(&server, &room, name, &[7; 5000]).await.status(), 201);
    }
    assert_eq!(usage(&server).await, before + 2 * (cost(5000) + 1024));
    let removed = room.manage(&server, Method::DELETE, "/events/2").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(usage(&server).await, before + cost(5000) + 2 * 1024, "a row tells of its end");
    assert_eq!(room.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    eventually("all of it comes back", async || usage(&server).await == 0).await;
}

#[tokio::test]
async fn nothing_is_said_where_an_upload_would_not_fit() {
    let server = TestServer::with(&["--free-space-floor", "1PiB"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    assert_eq!(said(&mut ann, "hello").await["code"], "insufficient_storage");
}
