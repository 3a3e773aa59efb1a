//! What clients send does not decide how much memory the real binary takes.

use futures_util::future::join_all;
use handover::server::endpoints;
use handover::server::http::route::{Endpoint, Request};

use crate::support::crafted::{Entry, TYPES, archive, docx_with};
use crate::support::process::{Process, peak};
use crate::support::raw::Raw;
use crate::support::*;

/// The peak of a server that answers, hashes a password or two, and receives some uploads at once.
const MOST: u64 = 64 << 20;

/// Each JSON route is sent a GiB, or as much of it as it takes, and nesting without end, many times at once.
#[tokio::test]
async fn json_bodies_take_no_more_than_their_limit() {
    let dir = tempfile::tempdir().unwrap();
    // So many floods at once leave little time for heads, ours among them.
    let server = Process::start(&dir.path().join("data"), &["--head-timeout", "60s"], None);
    let token = server.user("olga", true).await;
    let routes: Vec<_> =
        endpoints().iter().filter(|endpoint| matches!(endpoint.doc.request, Request::Json(_))).collect();
    assert!(routes.len() >= 3);
    // What a path names is there, and may be changed.
    let made = server.http.post(format!("{}/api/batches", server.url)).send().await.unwrap();
    let batch: serde_json::Value = made.json().await.unwrap();
    let (id, key) = (batch["batch_id"].as_str().unwrap(), batch["manage_key"].as_str().unwrap());
    let made = server.http.post(format!("{}/api/rooms", server.url)).send().await.unwrap();
    let room: serde_json::Value = made.json().await.unwrap();
    let (code, room_key) = (room["room"].as_str().unwrap(), room["manage_key"].as_str().unwrap());
    let path_of = |endpoint: &Endpoint| endpoint.path.replace("{id}", id).replace("{room}", code);
    let send = async |route: &str, framing: &str, begin: &str, more: String| {
        let mut client = Raw::open(server.address).await;
        let key = if route.contains("/rooms/") { room_key } else { key };
        let head = format!(
            "{route} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nX-Manage-Key: {key}\r\n\
            {framing}\r\n\r\n"
        );
        client.send(head + begin).await;
        client.send_until_cut(more.as_bytes()).await;
        let (head, body) = client.answer().await;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((head.status, problem["code"].as_str()), (413, Some("body_too_large")), "{route} {framing} {begin}");
    };
    let mut floods = Vec::new();
    for endpoint in &routes {
        let route = format!("{} {}", endpoint.method, path_of(endpoint));
        let shapes = [("{\"username\": \"", "x"), ("", "["), ("", "{\"a\":"), ("{\"a\": [", "0,"), ("", " ")];
        for (index, (begin, piece)) in shapes.into_iter().enumerate() {
            let (route, send, more) = (route.clone(), &send, piece.repeat((64 << 10) / piece.len()));
            floods.push(async move {
                if index % 2 == 0 {
                    return send(&route, "Content-Length: 1073741824", begin, more).await;
                }
                let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
                let first = if begin.is_empty() { String::new() } else { chunk(begin) };
                send(&route, "Transfer-Encoding: chunked", &first, chunk(&more)).await;
            });
        }
    }
    join_all(floods).await;
    // What is just small enough is read, and is no less deep.
    for endpoint in &routes {
        for deep in ["[".repeat(65_000), "{\"a\":".repeat(13_000), format!("{{\"username\": {}", "[".repeat(60_000))] {
            let (url, is_object) = (format!("{}{}", server.url, path_of(endpoint)), deep.starts_with('{'));
            let request = server.http.request(endpoint.method.as_str().parse().unwrap(), url);
            let key = if endpoint.path.contains("{room}") { room_key } else { key };
            let answer = request.bearer_auth(&token).header("X-Manage-Key", key).body(deep).send().await.unwrap();
            // Where all may be left out it may be no JSON as well; an object is one that can be read.
            let expected = match endpoint.path {
                _ if is_object => 400,
                "/api/rooms" => 201,
                path if path.ends_with("/unlock") => 204,
                _ => 400,
            };
            assert_eq!(answer.status(), expected, "{} {}", endpoint.method, endpoint.path);
        }
    }
    let peak = peak(&server);
    assert!(peak < MOST, "{} MiB", peak >> 20);
}

/// Documents that expand, or hold very much of very little, cost no memory; nor is time spent on inflating them.
#[tokio::test]
async fn documents_that_expand_take_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&dir.path().join("data"), &[], None);
    let token = server.user("olga", true).await;
    let spaces = TYPES.to_owned() + &" ".repeat(256 << 20);
    let list = |expanded: u32| archive(&[Entry::deflated("[Content_Types].xml", spaces.as_bytes(), expanded)]);
    let inner = docx_with(vec![Entry::deflated("a.bin", &vec![0; 64 << 20], 64 << 20)]);
    let crowd = (0..65_000).map(|n| Entry::stored(format!("p/{n}.bin"), ""));
    for (what, content, status) in [
        ("as a fixture", fixture("hostile-bomb.docx"), 415),
        ("in the list of types", list(spaces.len() as u32), 415),
        ("in a list that says it is small", list(TYPES.len() as u32), 415),
        ("4 GiB in a MiB", docx_with(vec![Entry::deflated("a.bin", &vec![0; 1 << 30], u32::MAX - 1)]), 415),
        ("in a document in a document", docx_with(vec![Entry::stored("a.docx.bin", inner)]), 201),
        ("as a crowd", docx_with(crowd.collect()), 201),
    ] {
        let uploads = ["a.docx", "b.docx", "c.docx", "d.docx"].map(|name| server.put(&token, name, content.clone()));
        for response in join_all(uploads).await {
            let response = response.unwrap();
            let (found, text) = (response.status(), response.text().await.unwrap());
            assert_eq!(found, status, "{what}: {text}");
        }
        let peak = peak(&server);
        assert!(peak < MOST, "{what}: {} MiB", peak >> 20);
    }
}
