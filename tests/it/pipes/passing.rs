//! Pipes: the body of one request is that of another's answer, whoever comes first.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Body, Method, RequestBuilder};
use serde_json::Value;

use crate::support::answers::expect;
use crate::support::process::of_unknown_length;
use crate::support::raw::Raw;
use crate::support::*;

/// Bytes that repeat nowhere.
pub fn content(size: usize) -> Vec<u8> {
    let mut content = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut content);
    content
}

/// Who waits and who runs, as the metrics say.
pub async fn pipes(server: &TestServer) -> (u32, u32) {
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    let gauge = |state: &str| {
        let line = format!("handover_pipes{{state=\"{state}\"}} ");
        text.lines().find_map(|text| text.strip_prefix(&line)).map_or(0, |number| number.parse().unwrap())
    };
    (gauge("waiting"), gauge("running"))
}

/// Waits until so many sides wait for their other.
pub async fn waiting(server: &TestServer, number: u32) {
    eventually("the sides that wait", async || pipes(server).await.0 == number).await;
}

fn put(server: &TestServer, path: &str, body: impl Into<Body>) -> RequestBuilder {
    server.request(Method::PUT, path).body(body)
}

/// What a receiver got, all of it.
struct Got {
    length: Option<u64>,
    body: Bytes,
}

/// Sends and receives, one after the other or the other way round; what both were told.
async fn pass(server: &TestServer, name: &str, body: Body, sender_first: bool) -> (Value, Got) {
    let path = format!("/pipe/{name}");
    let (put, get) = (put(server, &path, body), server.get(&path));
    let (first, second) = if sender_first { (put, get) } else { (get, put) };
    let first = tokio::spawn(first.send());
    waiting(server, 1).await;
    let second = tokio::spawn(second.send());
    // The sender is answered when the receiver has all.
    let (sent, got) = if sender_first { (first, second) } else { (second, first) };
    let got = got.await.unwrap().unwrap();
    assert_eq!(got.status(), 200);
    let length = got.headers().get("content-length").map(|length| length.to_str().unwrap().parse().unwrap());
    let body = got.bytes().await.unwrap();
    let sent = sent.await.unwrap().unwrap();
    assert_eq!(sent.status(), 200);
    (json_of(sent).await, Got { length, body })
}

/// Sizes at which something changes: the dispatcher's buffers, the kernel's pipe, all that is in flight at once.
const SIZES: [usize; 9] = [0, 1, 8_191, 32_768, 131_072, 131_073, 524_289, 3_000_000, 20_000_000];

#[tokio::test]
async fn what_is_sent_is_received_in_either_order() {
    let server = TestServer::start();
    for sender_first in [true, false] {
        for size in SIZES {
            let what = format!("{size} bytes, sender first: {sender_first}");
            let content = content(size);
            let (sent, got) = pass(&server, "report", content.clone().into(), sender_first).await;
            assert_eq!(sent["size"], size, "{what}");
            assert_eq!(got.length, Some(size as u64), "{what}");
            assert!(got.body == content, "{what}");

            let (sent, got) = pass(&server, "report", of_unknown_length(&content), sender_first).await;
            assert_eq!(sent["size"], size, "{what}");
            assert_eq!(got.length, None, "{what}");
            assert!(got.body == content, "{what}");
        }
    }
    eventually("no pipe is left", async || pipes(&server).await.0 == 0).await;
}

/// However the bytes of the body come: with the head, in small pieces, or in one go; and when the client asks first.
#[tokio::test]
async fn bodies_that_come_in_pieces() {
    let server = TestServer::start();
    let content = content(300_000);
    for expect in ["", "Expect: 100-continue\r\n"] {
        for (with_head, piece) in [(0, 300_000), (1, 999), (5_000, 70_000), (300_000, 1)] {
            let get = tokio::spawn(server.get("/pipe/x").send());
            waiting(&server, 1).await;
            let mut sender = Raw::open(server.address).await;
            let head = format!("PUT /pipe/x HTTP/1.1\r\nHost: localhost\r\n{expect}Content-Length: 300000\r\n\r\n");
            sender.send([head.as_bytes(), &content[..with_head]].concat()).await;
            let got = tokio::spawn(async move { get.await.unwrap().unwrap().bytes().await.unwrap() });
            for piece in content[with_head..].chunks(piece) {
                sender.send(piece).await;
            }
            let (head, _) = sender.answer().await;
            assert_eq!(head.status, 200);
            assert!(got.await.unwrap() == content, "{expect}{with_head}, then {piece} at a time");
        }
    }
}

/// Whoever asks before sending is told to go on when somebody receives, and not before.
#[tokio::test]
async fn the_body_is_asked_for_once_the_receiver_is_there() {
    let server = TestServer::start();
    let mut sender = Raw::open(server.address).await;
    sender.send("PUT /pipe/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    waiting(&server, 1).await;
    let mut second = Raw::open(server.address).await;
    second.send("PUT /pipe/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(second.any_head().await.status, 409, "and no 100 before it");
    let got = tokio::spawn(server.get("/pipe/x").send());
    assert_eq!(sender.any_head().await.status, 100);
    sender.send("hello").await;
    assert_eq!(sender.any_head().await.status, 200);
    assert_eq!(got.await.unwrap().unwrap().text().await.unwrap(), "hello");
}

/// Row 6 of the usual faults, and what a receiver is told.
#[tokio::test]
async fn name_and_type_are_passed_on_and_nothing_is_run() {
    let server = TestServer::start();
    let answer = async |path: &str, headers: &[(&'static str, &'static str)]| {
        let mut request = put(&server, path, "<script>alert(1)</script>");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = tokio::spawn(request.send());
        waiting(&server, 1).await;
        let got = server.get("/pipe/x").send().await.unwrap();
        assert_eq!(got.headers()["x-content-type-options"], "nosniff");
        assert!(got.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
        assert!(got.headers()["cache-control"].to_str().unwrap().contains("no-store"));
        assert_eq!(got.headers()["accept-ranges"], "none");
        assert!(got.headers().get("etag").is_none());
        let header = |name: &str| got.headers()[name].to_str().unwrap().to_owned();
        let told = (header("content-type"), header("content-disposition"));
        assert_eq!(got.text().await.unwrap(), "<script>alert(1)</script>");
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
        told
    };
    let octets = "application/octet-stream".to_owned();
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let said = [("content-type", docx), ("content-disposition", "attachment; filename=\"a.docx\"")];
    assert_eq!(answer("/pipe/x", &said).await, (docx.into(), "attachment; filename=\"a.docx\"".into()));
    for kind in ["text/html", "image/svg+xml", "application/pdf", "text/xml", "multipart/related", "nonsense"] {
        let told = answer("/pipe/x", &[("content-type", kind), ("content-disposition", "inline")]).await;
        assert_eq!(told, (octets.clone(), "attachment".into()), "{kind}");
    }
    let told = answer("/pipe/x?filename=..%2F%2E%2E%2Fa%22%0D%0AX%3A%20y.html", &[]).await;
    let name = "attachment; filename=\"a_X: y.html\"; filename*=UTF-8''a%22X%3A%20y.html";
    assert_eq!(told, (octets, name.into()));
}

#[tokio::test]
async fn a_name_has_one_sender_and_one_receiver() {
    let server = TestServer::start();
    let first = tokio::spawn(server.get("/pipe/x").send());
    waiting(&server, 1).await;
    expect("a second receiver", server.get("/pipe/x"), 409, "pipe_in_use", None).await;
    let mut sender = Raw::open(server.address).await;
    sender.send("POST /pipe/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello").await;
    let first = first.await.unwrap().unwrap();
    expect("a second sender", put(&server, "/pipe/x", "x"), 409, "pipe_in_use", None).await;
    expect("a late receiver", server.get("/pipe/x"), 409, "pipe_in_use", None).await;
    assert_eq!(server.request(Method::HEAD, "/pipe/x").send().await.unwrap().status(), 409);
    sender.send("world").await;
    assert_eq!(sender.answer().await.0.status, 200);
    assert_eq!(first.text().await.unwrap(), "helloworld");
    // And then it is free at once.
    for _ in 0..20 {
        let (_, got) = pass(&server, "x", "again".into(), true).await;
        assert_eq!(got.body, "again");
    }
}

/// Whoever has the last byte may use the name again, before the sender has been answered.
#[tokio::test]
async fn a_name_is_free_with_the_last_byte() {
    let server = TestServer::start();
    for round in 0..50 {
        let body = format!("round {round}");
        let sent = tokio::spawn(put(&server, "/pipe/x", body.clone()).send());
        let got = server.get("/pipe/x").send().await.unwrap();
        assert_eq!(got.status(), 200, "{body}");
        assert_eq!(got.text().await.unwrap(), body);
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn who_waits_too_long_is_told() {
    let server = TestServer::with(&["--code-life", "5m"]);
    let sender = tokio::spawn(put(&server, "/pipe/a", "x").send());
    let receiver = tokio::spawn(server.get("/pipe/b").send());
    waiting(&server, 2).await;
    server.clock.advance(Duration::from_secs(299));
    let other = tokio::spawn(server.get("/pipe/c").send());
    waiting(&server, 3).await;
    server.clock.advance(Duration::from_secs(2));
    for side in [sender, receiver] {
        let answer = side.await.unwrap().unwrap();
        let status = answer.status();
        assert_problem(status, &json_of(answer).await, 408, "nobody_came", None);
    }
    waiting(&server, 1).await;
    assert_eq!(put(&server, "/pipe/c", "in time").send().await.unwrap().status(), 200);
    assert_eq!(other.await.unwrap().unwrap().text().await.unwrap(), "in time");
}

/// Promise 3: robots take nothing.
#[tokio::test]
async fn looks_and_robots_take_nothing() {
    let server = TestServer::start();
    let head = async || server.request(Method::HEAD, "/pipe/x").send().await.unwrap();
    assert_eq!(head().await.status(), 404);
    let sent =
        tokio::spawn(put(&server, "/pipe/x?filename=a.txt", "hello").header("content-type", "text/plain").send());
    waiting(&server, 1).await;
    for _ in 0..3 {
        let look = head().await;
        assert_eq!((look.status().as_u16(), &look.headers()["content-length"]), (200, &"5".parse().unwrap()));
        assert_eq!(look.headers()["content-disposition"], "attachment; filename=\"a.txt\"");
    }
    for (header, value) in [
        ("user-agent", "Mozilla/5.0 (compatible; Slackbot-LinkExpanding 1.0)"),
        ("user-agent", "facebookexternalhit/1.1"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("range", "bytes=1-"),
    ] {
        expect(value, server.get("/pipe/x").header(header, value), 400, "bad_request", None).await;
    }
    for (site, dest, origin) in [
        ("cross-site", "image", None),
        ("cross-site", "iframe", None),
        ("cross-site", "document", Some("https://evil.example")),
        ("cross-site", "empty", Some("https://evil.example")),
    ] {
        let mut request = server.get("/pipe/x").header("sec-fetch-site", site).header("sec-fetch-dest", dest);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        expect(dest, request, 403, "foreign_origin", None).await;
    }
    for path in ["/pipe", "/pipe/y"] {
        let request = server.request(Method::POST, path).header("origin", "https://evil.example").body("x");
        expect(path, request, 403, "foreign_origin", None).await;
    }
    let part = put(&server, "/pipe/y", "x").header("content-range", "bytes 0-0/5");
    expect("a part", part, 400, "bad_request", None).await;
    // A link that a person follows
    let got = server.get("/pipe/x").header("sec-fetch-site", "cross-site").header("sec-fetch-dest", "document");
    assert_eq!(got.send().await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    assert_eq!(head().await.status(), 404);
}

#[tokio::test]
async fn pages_of_the_origins_in_the_settings_may_use_it() {
    let server = TestServer::with(&["--cors-origins", "https://intranet.example.org"]);
    let origin = ("origin", "https://intranet.example.org");
    let sent = tokio::spawn(put(&server, "/pipe/x", "hello").header(origin.0, origin.1).send());
    let got = server.get("/pipe/x").header(origin.0, origin.1).header("sec-fetch-site", "cross-site").send().await;
    let got = got.unwrap();
    assert_eq!(got.headers()["access-control-allow-origin"], origin.1);
    assert_eq!(got.text().await.unwrap(), "hello");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn hostile_names_are_refused_and_harm_nobody() {
    let server = TestServer::start();
    let long = "x".repeat(129);
    for name in ["no%20name", "%2e%2e%2fx", "a%00b", "a%0d%0ab", "%ff", "%F0%9F%98%80", "a%5Cb", "a:b", &long] {
        for method in [Method::GET, Method::PUT, Method::POST, Method::HEAD] {
            let path = format!("/pipe/{name}");
            let answer = server.request(method.clone(), &path).send().await.unwrap();
            assert!(matches!(answer.status().as_u16(), 400 | 404), "{method} {name}: {}", answer.status());
        }
    }
    assert_eq!(pipes(&server).await, (0, 0));
    for name in ["a", &"x".repeat(128), "report-v1.2_final~.docx", "..."] {
        let (_, got) = pass(&server, name, "hello".into(), true).await;
        assert_eq!(got.body, "hello", "{name}");
    }
}

#[tokio::test]
async fn the_server_offers_names_that_nobody_guesses() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover"]);
    let mut names = std::collections::BTreeSet::new();
    for base in ["", "/handover"] {
        for _ in 0..5 {
            let made = server.request(Method::POST, &format!("{base}/pipe")).send().await.unwrap();
            assert_eq!(made.status(), 201);
            let made = json_of(made).await;
            let name = made["name"].as_str().unwrap();
            // Three groups of five characters out of 32: 75 bits.
            assert!(name.split('-').map(str::len).eq([5, 5, 5]), "{name}");
            assert_eq!(made["url"], format!("https://files.example.org/handover/pipe/{name}"));
            assert_eq!(made["wait"], 600);
            names.insert(name.to_owned());
        }
    }
    assert_eq!(names.len(), 10);
    // Under the path of the public address and without it
    let sent = tokio::spawn(put(&server, "/handover/pipe/x", "hello").send());
    waiting(&server, 1).await;
    assert_eq!(server.get("/pipe/x").send().await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn where_guests_are_denied_senders_sign_in_and_receivers_need_not() {
    let server = TestServer::with(&["--guests", "deny"]);
    for (method, path) in [(Method::PUT, "/pipe/x"), (Method::POST, "/pipe/x"), (Method::POST, "/pipe")] {
        let path = (path, server.request(method, path));
        expect(path.0, path.1, 401, "sign_in_required", None).await;
    }
    let token = server.client("carl").await;
    let sent = tokio::spawn(put(&server, "/pipe/x", "hello").bearer_auth(token).send());
    waiting(&server, 1).await;
    assert_eq!(server.get("/pipe/x").send().await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let server = TestServer::with(&["--max-transfers", "8"]);
    let mut sides = Vec::new();
    for name in ["a", "b"] {
        sides.push(tokio::spawn(server.get(&format!("/pipe/{name}")).send()));
    }
    waiting(&server, 2).await;
    expect("a third receiver", server.get("/pipe/c"), 429, "too_many_requests", None).await;
    expect("a third sender", put(&server, "/pipe/c", "x"), 429, "too_many_requests", None).await;
    // Whoever joins one that is there takes no new place.
    for name in ["a", "b"] {
        assert_eq!(put(&server, &format!("/pipe/{name}"), "x").send().await.unwrap().status(), 200);
    }
    for side in sides {
        assert_eq!(side.await.unwrap().unwrap().text().await.unwrap(), "x");
    }
}

#[tokio::test]
async fn the_bytes_of_a_day_are_shared_with_other_direct_transfers() {
    let server = TestServer::with(&["--direct-quota", "1MiB"]);
    for body in [Body::from(content(5 << 20)), of_unknown_length(&content(5 << 20))] {
        let sent = tokio::spawn(put(&server, "/pipe/x", body).send());
        let got = server.get("/pipe/x").send().await.unwrap();
        assert!(got.bytes().await.is_err(), "it is cut off");
        let sent = sent.await.unwrap().unwrap();
        assert_eq!(sent.status(), 507);
        let problem = json_of(sent).await;
        assert_eq!(problem["code"], "quota_exceeded");
        assert!(problem["msg"].as_str().unwrap().contains("1.0 MiB"), "{problem}");
        expect("the next one", put(&server, "/pipe/x", "x"), 507, "quota_exceeded", None).await;
        server.clock.advance(Duration::from_secs(24 * 3600));
    }
    let (_, got) = pass(&server, "x", "the next day".into(), true).await;
    assert_eq!(got.body, "the next day");
}

/// Whoever reads how to use it reads what it is not.
#[tokio::test]
async fn its_documentation_says_that_it_is_not_encrypted_from_end_to_end() {
    let server = TestServer::start();
    let api = json_of(server.get("/openapi.json").send().await.unwrap()).await;
    let summary = api["paths"]["/pipe/{name}"]["get"]["summary"].as_str().unwrap();
    assert!(summary.contains("not encrypted from end to end"), "{summary}");
}

/// HTTP/1.0 has no chunks: what has a length is whole with it, and what has none with the connection.
#[tokio::test]
async fn old_clients_are_served() {
    let server = TestServer::start();
    let content = content(400_000);
    for known in [true, false] {
        let mut receiver = Raw::open(server.address).await;
        receiver.send("GET /pipe/x HTTP/1.0\r\n\r\n").await;
        waiting(&server, 1).await;
        let body = if known { content.clone().into() } else { of_unknown_length(&content) };
        let sent = tokio::spawn(put(&server, "/pipe/x", body).send());
        let head = receiver.head().await;
        assert!(head.get("transfer-encoding").is_none());
        assert_eq!(head.get("content-length").is_some(), known);
        assert!(receiver.rest().await == content);
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    }
    let got = tokio::spawn(server.get("/pipe/x").send());
    waiting(&server, 1).await;
    let mut sender = Raw::open(server.address).await;
    sender.send("PUT /pipe/x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(sender.answer().await.0.status, 200);
    assert_eq!(got.await.unwrap().unwrap().text().await.unwrap(), "hello");
}
