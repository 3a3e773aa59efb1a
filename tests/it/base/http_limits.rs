//! What slow, greedy and malformed peers get, over plain TCP. Nothing here waits for the clock but for the server's move.

use std::time::Duration;

use serde_json::Value;

use crate::support::peer::{Answer, Raw, document_of};
use crate::support::*;

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn assert_serves(server: &TestServer) {
    assert_eq!(server.get("/healthz").send().await.unwrap().status(), 200);
}

/// What comes before there is a request is answered in the same form as all else.
#[track_caller]
fn assert_like_all_others(answer: &Answer, status: u16, code: &str) {
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_problem(answer.status.try_into().unwrap(), &problem, status, code, None);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
    assert_eq!(answer.header("x-request-id").unwrap().len(), 16, "{answer:?}");
    assert!(answer.header("date").is_some() && answer.head.matches("content-length").count() == 1, "{answer:?}");
}

#[tokio::test]
async fn slow_heads_are_cut_off_on_every_request_of_a_connection() {
    let server = TestServer::with(&["--head-timeout", "1s", "--keep-alive", "60s"]);
    for requests_before in [0, 1, 2] {
        let mut raw = Raw::connect(server.address).await;
        for _ in 0..requests_before {
            raw.send(HEALTHZ).await;
            assert_eq!(raw.answer().await.status, 200);
        }
        raw.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
        if let Some(answer) = raw.try_answer().await {
            assert_like_all_others(&answer, 408, "request_timeout");
        }
        raw.closed().await;
    }
    assert_serves(&server).await;
}

/// Row "slow clients": one byte now and then does not buy time.
#[tokio::test]
async fn heads_that_trickle_are_cut_off_too() {
    let server = TestServer::with(&["--head-timeout", "1s", "--keep-alive", "60s"]);
    let mut raw = Raw::connect(server.address).await;
    raw.send(HEALTHZ).await;
    assert_eq!(raw.answer().await.status, 200);
    raw.send("GET /healthz HTTP/1.1\r\nX-Slow: ").await;
    let mut sent = 0;
    while raw.stays_open(Duration::from_millis(50)).await {
        if !raw.try_send("x").await {
            break;
        }
        sent += 1;
        assert!(sent < 200, "a head may trickle for ten seconds where it has one");
    }
    raw.closed().await;
}

/// An idle connection is not a slow head: it is kept for its own time, whatever the limit for heads.
#[tokio::test]
async fn idle_connections_are_kept_for_their_time() {
    let server = TestServer::with(&["--head-timeout", "1s", "--keep-alive", "60s"]);
    let token = server.client("carl").await;
    // A handler that answers at once, and one that waits for the database.
    let me = format!("GET /me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    for request in [HEALTHZ, &me] {
        let mut raw = Raw::connect(server.address).await;
        for _ in 0..2 {
            raw.send(request).await;
            assert_eq!(raw.answer().await.status, 200);
            assert!(raw.stays_open(Duration::from_millis(1500)).await, "cut off while idle, after {request:.12}");
        }
        raw.send(HEALTHZ).await;
        assert_eq!(raw.answer().await.status, 200);
    }
}

#[tokio::test]
async fn idle_connections_end_after_their_time() {
    let server = TestServer::with(&["--keep-alive", "1s", "--head-timeout", "1s"]);
    // Silent, or with the beginning of a second head in the first one's packet.
    for more in ["", "GET /healthz HTTP/1.1\r\nX-Slow: "] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("{HEALTHZ}{more}")).await;
        assert_eq!(raw.answer().await.status, 200);
        raw.closed().await;
    }
}

#[tokio::test]
async fn connections_that_never_speak_are_cut_off() {
    let server = TestServer::with(&["--head-timeout", "1s"]);
    Raw::connect(server.address).await.closed().await;
    eventually("the connection is gone", async || server.app().metrics.connections.get() == 0).await;
}

#[tokio::test]
async fn slow_bodies_are_cut_off() {
    let server = TestServer::with(&["--stall-timeout", "1s"]);
    let token = server.operation("olga").await;
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let form = "Content-Type: multipart/form-data; boundary=x\r\n";
    let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.docx\"\r\n\r\nPK\u{3}\u{4}";
    let attempt = async |what: &str, head: String, body: &str| {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("{head}Host: localhost\r\nContent-Length: 5000\r\n\r\n{body}")).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 408, "{what}: {answer:?}");
        assert!(answer.body.contains("\"code\":\"request_timeout\""), "{what}: {answer:?}");
        raw.closed().await;
    };
    tokio::join!(
        attempt("JSON", "POST /login HTTP/1.1\r\n".to_owned(), "{\"username\":"),
        attempt("a form's file", format!("POST /upload HTTP/1.1\r\n{authorization}{form}"), part),
        attempt("a form's head", format!("POST /upload HTTP/1.1\r\n{authorization}{form}"), "--x\r\nContent-Disp"),
        attempt("a file", format!("PUT /upload/a.docx HTTP/1.1\r\n{authorization}"), "PK\u{3}\u{4}"),
    );
    eventually("nothing is left of them", async || server.blobs().is_empty()).await;
    assert_serves(&server).await;
}

#[tokio::test]
async fn readers_that_take_nothing_are_dropped() {
    let server = TestServer::with(&["--stall-timeout", "1s", "--keep-alive", "60s"]);
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let big = document_of(32 << 20);
    assert_eq!(server.upload(&operation, "big.docx", big).await.status(), 201);
    let minted = server.mint(&client, "big.docx").await;
    let path = minted["download_url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    let connections = server.app().metrics.connections.get();

    let mut file = Raw::connect(server.address).await;
    file.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    let mut pipeline = Raw::connect(server.address).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000);
    // The server stops reading once it cannot write, so not all of it may leave.
    let sending = tokio::spawn(async move {
        pipeline.try_send(requests).await;
        pipeline
    });
    eventually("both are connected", async || server.app().metrics.connections.get() >= connections + 2).await;
    assert_serves(&server).await;
    eventually("both are dropped", async || server.app().metrics.connections.get() <= connections).await;
    sending.await.unwrap().closed().await;
    file.closed().await;
    // The link was not used up, so the file can still be had.
    let url = &minted["download_url"];
    eventually("the link is given back", async || {
        server.fetch(url).header("range", "bytes=0-0").send().await.unwrap().status() == 206
    })
    .await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_are_refused() {
    let server = TestServer::start();
    let long = "x".repeat(300_000);
    let many = (0..5000).map(|i| format!("X-{i}: y\r\n")).collect::<String>();
    for (what, head) in [
        ("a huge header", format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n")),
        ("a huge path", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("many headers", format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")),
        ("a head without end", format!("GET /healthz HTTP/1.1\r\nX-Long: {long}")),
        ("no HTTP", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\r\n\r\n".to_owned()),
        ("an old protocol", "GET /healthz HTTP/9.9\r\n\r\n".to_owned()),
        (
            "two lengths",
            "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_owned(),
        ),
        ("a negative length", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned()),
        (
            "a length and chunks",
            "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
        ("a NUL in a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Nul: a\0b\r\n\r\n".to_owned()),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.try_send(&head).await;
        // A server that hangs up while bytes are on their way may not be heard any more.
        match raw.try_answer().await {
            Some(answer) if answer.status == 431 => assert_like_all_others(&answer, 431, "head_too_large"),
            Some(answer) => assert_like_all_others(&answer, 400, "bad_request"),
            None => assert!(head.len() > 100_000, "{what}: no answer"),
        }
        raw.closed().await;
        assert_serves(&server).await;
    }
}

/// Rows 15 and 16 of the usual faults: what is declared is not believed, and what is refused is not read on and on,
/// whether its sender falls silent or goes on.
#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read_to_its_end() {
    let server = TestServer::with(&["--head-timeout", "1s"]);
    let attempt = async |method: &str, path: &str, status: u16, framing: &str, more: bool| {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{framing}")).await;
        raw.try_send(vec![b'x'; 70_000]).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status, "{path} {framing}: {answer:?}");
        while more && raw.try_send(vec![b'x'; 70_000]).await {}
        raw.closed().await;
    };
    let mut attempts = Vec::new();
    for framing in ["Content-Length: 1073741824\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n40000000\r\n"] {
        for (method, path, status) in [("POST", "/register", 413), ("GET", "/me", 401), ("POST", "/nothing", 404)] {
            attempts.extend([true, false].map(|more| attempt(method, path, status, framing, more)));
        }
    }
    futures_util::future::join_all(attempts).await;
}

/// A body that nobody reads is no body of the next request: the connection ends with the answer, however it is framed.
#[tokio::test]
async fn unread_bodies_are_never_taken_for_requests() {
    let server = TestServer::start();
    let head = "POST /logout HTTP/1.1\r\nHost: localhost\r\n";
    for framed in [
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{HEALTHZ}\r\n", HEALTHZ.len()),
        format!("Content-Length: {}\r\n\r\n{HEALTHZ}", HEALTHZ.len() + 1),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("{head}{framed}")).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
        assert!(raw.try_answer().await.is_none(), "the body was taken for a request");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let workers = std::thread::available_parallelism().unwrap().get();
    let server = TestServer::with(&["--max-connections", &workers.to_string(), "--keep-alive", "60s"]);
    let mut held = Vec::new();
    for _ in 0..workers {
        let mut raw = Raw::connect(server.address).await;
        raw.send(HEALTHZ).await;
        assert_eq!(raw.answer().await.status, 200);
        held.push(raw);
    }
    let mut waiting = Raw::connect(server.address).await;
    waiting.send(HEALTHZ).await;
    assert!(waiting.stays_open(Duration::from_millis(300)).await, "one connection too many was served");
    assert_eq!(server.app().metrics.connections.get(), workers as i64);
    drop(held);
    assert_eq!(waiting.answer().await.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start();
    let mut raw = Raw::connect(server.address).await;
    let requests = ["/healthz", "/nothing", "/me", "/healthz"];
    raw.send(requests.map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).concat()).await;
    for status in [200, 404, 401, 200] {
        let answer = raw.answer().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-request-id").unwrap().len(), 16);
    }
}
