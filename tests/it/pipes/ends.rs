//! Pipes that break, stall or are ended: each side is told, nothing looks whole that is not, and the name is free again.

use std::time::Duration;

use reqwest::Method;
use rustix::process::Signal;

use crate::pipes::passing::{content, pipes, waiting};
use crate::support::answers::expect;
use crate::support::binary::Running;
use crate::support::process::{Process, of_unknown_length};
use crate::support::raw::Raw;
use crate::support::*;

/// More than both connections hold.
const LARGE: usize = 32 << 20;

fn put(framing: &str) -> String {
    format!("PUT /pipe/x HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n")
}

/// Waits until the name is free: somebody waits under it, and goes again.
async fn free(server: &TestServer) {
    eventually("nobody is there", async || pipes(server).await == (0, 0)).await;
    let sent = tokio::spawn(server.request(Method::PUT, "/pipe/x").body("free").send());
    waiting(server, 1).await;
    assert_eq!(server.get("/pipe/x").send().await.unwrap().text().await.unwrap(), "free");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_sender_that_breaks_off_never_looks_like_the_end() {
    let server = TestServer::start();
    for (framing, body, version) in [
        ("Content-Length: 1000000", "hello".to_owned(), "1.1"),
        ("Content-Length: 1000000", "x".repeat(999_999), "1.1"),
        ("Content-Length: 1000000", "x".repeat(999_999), "1.0"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n".into(), "1.1"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n5\r\nwor".into(), "1.1"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\nnonsense".into(), "1.1"),
    ] {
        let mut receiver = Raw::open(server.address).await;
        receiver.send(format!("GET /pipe/x HTTP/{version}\r\nHost: localhost\r\n\r\n")).await;
        waiting(&server, 1).await;
        let mut sender = Raw::open(server.address).await;
        sender.send(put(framing) + &body).await;
        let head = receiver.head().await;
        assert_eq!(head.status, 200);
        drop(sender);
        let rest = receiver.rest().await;
        match head.get("content-length") {
            Some(length) => assert!(rest.len() < length.parse::<usize>().unwrap(), "{framing}"),
            None => assert!(!rest.ends_with(b"0\r\n\r\n"), "{framing}: {}", String::from_utf8_lossy(&rest)),
        }
        free(&server).await;
    }
}

/// The dispatcher has not seen the body that went from socket to socket, and would wait for it behind its answer, as it does
/// for the one that nobody reads.
#[tokio::test]
async fn the_senders_connection_ends_with_its_answer() {
    let server = TestServer::start();
    let mut waits = Raw::open(server.address).await;
    waits.send("POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n").await;
    waits.head().await;
    for framing in ["Connection: close\r\n", ""] {
        let receiver = server.get("/pipe/x").send();
        let received = tokio::spawn(async { receiver.await.unwrap().bytes().await.unwrap() });
        waiting(&server, 1).await;
        let mut sender = Raw::open(server.address).await;
        sender.send(put(&format!("{framing}Content-Length: {LARGE}"))).await;
        sender.send(content(LARGE)).await;
        assert_eq!(sender.head().await.status, 200);
        tokio::select! {
            _ = sender.rest() => {}
            _ = waits.rest() => panic!("the sender's connection outlives one that has a body to wait for"),
        }
        assert_eq!(received.await.unwrap().len(), LARGE);
    }
}

/// Without length and without chunks only a reset tells a part from all.
#[tokio::test]
async fn old_receivers_are_reset_when_the_sender_breaks_off() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = TestServer::start();
    let mut receiver = tokio::net::TcpStream::connect(server.address).await.unwrap();
    receiver.write_all(b"GET /pipe/x HTTP/1.0\r\n\r\n").await.unwrap();
    waiting(&server, 1).await;
    let mut sender = Raw::open(server.address).await;
    sender.send(put("Transfer-Encoding: chunked") + "5\r\nhello\r\n").await;
    let mut got = [0; 4096];
    let mut text = Vec::new();
    while !text.ends_with(b"hello") {
        let read = receiver.read(&mut got).await.unwrap();
        text.extend_from_slice(&got[..read]);
    }
    drop(sender);
    let error = receiver.read(&mut got).await.expect_err("no orderly end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_receiver_that_goes_is_told_to_the_sender() {
    let server = TestServer::start();
    for body in [content(LARGE).into(), of_unknown_length(&content(LARGE))] {
        let mut receiver = Raw::open(server.address).await;
        receiver.get("/pipe/x", "").await;
        waiting(&server, 1).await;
        let sent = tokio::spawn(server.request(Method::PUT, "/pipe/x").body(body).send());
        assert_eq!(receiver.head().await.status, 200);
        receiver.take(100_000).await;
        drop(receiver);
        let sent = sent.await.unwrap().unwrap();
        let status = sent.status();
        assert_problem(status, &json_of(sent).await, 502, "peer_lost", None);
        free(&server).await;
    }
}

/// The sender has nothing to say for now; that the receiver has gone is noticed all the same.
#[tokio::test]
async fn a_receiver_that_goes_from_a_silent_sender_is_noticed() {
    let server = TestServer::start();
    for framing in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut sender = Raw::open(server.address).await;
        sender.send(put(framing)).await;
        waiting(&server, 1).await;
        let mut receiver = Raw::open(server.address).await;
        receiver.get("/pipe/x", "").await;
        assert_eq!(receiver.head().await.status, 200);
        drop(receiver);
        assert_eq!(sender.answer().await.0.status, 502, "{framing}");
        free(&server).await;
    }
}

#[tokio::test]
async fn who_goes_while_waiting_leaves_a_free_name() {
    let server = TestServer::start();
    let large = put(&format!("Content-Length: {LARGE}"));
    for request in [
        "GET /pipe/x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        put("Content-Length: 5") + "hello",
        put("Content-Length: 5\r\nExpect: 100-continue"),
        put("Transfer-Encoding: chunked") + "5\r\nhello\r\n",
        // What nobody reads hides the end of the connection from whoever would read it.
        large + &"x".repeat(40_000),
    ] {
        let mut waits = Raw::open(server.address).await;
        waits.send(&request).await;
        waiting(&server, 1).await;
        drop(waits);
        free(&server).await;
    }
}

/// Promise 4: rights end at once, while waiting and while sending.
#[tokio::test]
async fn a_sender_that_is_signed_out_is_cut_off() {
    let server = TestServer::start();
    server.register("carl", false).await;
    for (running, framing) in [(false, "Content-Length"), (true, "Content-Length"), (true, "Transfer-Encoding")] {
        let token = server.login("carl").await;
        let framing = if framing == "Content-Length" { "Content-Length: 10" } else { "Transfer-Encoding: chunked" };
        let mut sender = Raw::open(server.address).await;
        sender.send(put(&format!("Authorization: Bearer {token}\r\n{framing}"))).await;
        waiting(&server, 1).await;
        let mut receiver = Raw::open(server.address).await;
        if running {
            receiver.get("/pipe/x", "").await;
            assert_eq!(receiver.head().await.status, 200);
        }
        assert_eq!(server.request(Method::POST, "/logout").bearer_auth(&token).send().await.unwrap().status(), 200);
        let (head, body) = sender.answer().await;
        assert_eq!(head.status, 401, "{}", String::from_utf8_lossy(&body));
        if running {
            assert_eq!(receiver.rest().await, b"", "no end of the chunks either");
        }
        free(&server).await;
    }
}

#[tokio::test]
async fn silent_sides_are_cut_off_in_time() {
    let server = TestServer::with(&["--stall-timeout", "1s"]);
    for framing in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut sender = Raw::open(server.address).await;
        sender.send(put(framing)).await;
        waiting(&server, 1).await;
        let mut receiver = Raw::open(server.address).await;
        receiver.get("/pipe/x", "").await;
        assert_eq!(sender.answer().await.0.status, 408, "{framing}");
        assert_eq!(receiver.head().await.status, 200);
        assert!(receiver.rest().await.is_empty());
        free(&server).await;
    }
    for body in [content(LARGE).into(), of_unknown_length(&content(LARGE))] {
        let mut receiver = Raw::open(server.address).await;
        receiver.get("/pipe/x", "").await;
        waiting(&server, 1).await;
        // It reads nothing.
        let sent = server.request(Method::PUT, "/pipe/x").body(body).send().await.unwrap();
        assert_eq!(sent.status(), 502);
        drop(receiver);
        free(&server).await;
    }
}

/// A slow reader holds up its sender; the server keeps no more than its buffers.
#[tokio::test]
async fn a_slow_receiver_holds_the_sender_and_not_the_bytes() {
    const SIZE: usize = 256 << 20;
    const PAIRS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&dir.path().join("data"), &[], None);
    let before = crate::support::process::peak(&server);
    let mut pairs = Vec::new();
    for number in 0..PAIRS {
        let mut receiver = Raw::open(server.address).await;
        receiver.get(&format!("/pipe/{number}"), "").await;
        let mut sender = Raw::open(server.address).await;
        let framing = match number % 2 {
            0 => format!("Content-Length: {SIZE}"),
            _ => "Transfer-Encoding: chunked".into(),
        };
        sender.send(put(&framing).replace("/x", &format!("/{number}"))).await;
        assert_eq!(receiver.head().await.status, 200);
        let mut taken = 0;
        let chunk = match number % 2 {
            0 => vec![b'x'; 1 << 20],
            _ => [b"100000\r\n", &vec![b'x'; 1 << 20][..], b"\r\n"].concat(),
        };
        // Until the sender is held up: what then is on the way is in the buffers of both connections.
        while taken < SIZE && tokio::time::timeout(Duration::from_millis(500), sender.send(&chunk)).await.is_ok() {
            taken += 1 << 20;
        }
        assert!(taken < SIZE / 4, "the sender was not held up");
        pairs.push((sender, receiver));
    }
    let grown = crate::support::process::peak(&server) - before;
    // With what a server that has just begun to work takes for itself, and far from what each sender has sent.
    assert!(grown < PAIRS as u64 * (2 << 20), "{PAIRS} transfers took {} KiB", grown >> 10);
}

#[tokio::test]
async fn a_stop_ends_what_waits_and_lets_finish_what_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Running::start(dir.path(), &["--grace", "1h"]);
    let mut sender = Raw::open(server.address).await;
    sender.send(put("Content-Length: 10") + "hello").await;
    let running = server.request(Method::GET, "/pipe/x").send().await.unwrap();
    let mut waits = Raw::open(server.address).await;
    waits.get("/pipe/y", "").await;
    eventually("it waits", async || {
        let metrics = server.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        metrics.contains("handover_pipes{state=\"waiting\"} 1")
    })
    .await;
    server.signal(Signal::TERM);
    let (head, body) = waits.answer().await;
    assert_eq!((head.status, head.get("retry-after")), (503, Some("5")), "{}", String::from_utf8_lossy(&body));
    assert!(String::from_utf8_lossy(&body).contains("\"stopping\""));
    sender.send("world").await;
    assert_eq!(running.text().await.unwrap(), "helloworld");
    assert_eq!(sender.answer().await.0.status, 200);
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

/// Names are secrets: no line has one, nor a file's name, whatever becomes of the pipe.
#[tokio::test]
async fn the_log_names_no_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path(), &["--log", "json", "--log-filter", "trace", "--max-transfers", "4"]);
    let request = |method: Method| server.request(method, "/pipe/secret-name?filename=secret-file");
    let sent = tokio::spawn(request(Method::PUT).body("secret content").send());
    let looked = async || request(Method::HEAD).send().await.unwrap().status() == 200;
    eventually("it waits", looked).await;
    assert_eq!(request(Method::PUT).body("x").send().await.unwrap().status(), 409);
    assert_eq!(request(Method::POST).header("content-range", "x").send().await.unwrap().status(), 400);
    assert_eq!(request(Method::GET).header("range", "x").send().await.unwrap().status(), 400);
    assert_eq!(request(Method::GET).send().await.unwrap().text().await.unwrap(), "secret content");
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    let mut sender = Raw::open(server.address).await;
    sender.send("PUT /pipe/secret-name HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nsecret content").await;
    eventually("it waits", looked).await;
    let mut receiver = request(Method::GET).send().await.unwrap();
    receiver.chunk().await.unwrap();
    drop(sender);
    assert!(receiver.chunk().await.is_err());
    let (_, log) = server.stop().await;
    for secret in ["secret-name", "secret-file", "secret content"] {
        let ours = log.lines().find(|line| line.contains("\"target\":\"handover") && line.contains(secret));
        assert!(ours.is_none(), "{ours:?}");
    }
    let lines = log.lines().filter(|line| line.contains("/pipe/{name}")).count();
    assert!(lines >= 8, "each request has its line: {log}");
}

#[tokio::test]
async fn metrics_count_pipes() {
    let server = TestServer::start();
    let mut sender = Raw::open(server.address).await;
    sender.send(put("Content-Length: 10") + "hello").await;
    waiting(&server, 1).await;
    let got = server.get("/pipe/x").send().await.unwrap();
    eventually("it runs", async || pipes(&server).await == (0, 1)).await;
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("handover_transfers_open{direction=\"pipe\"} 1"), "{metrics}");
    sender.send("world").await;
    assert_eq!(got.text().await.unwrap(), "helloworld");
    eventually("it is over", async || pipes(&server).await == (0, 0)).await;
    expect("nobody is there", server.get("/pipe/x").header("range", "x"), 400, "bad_request", None).await;
}
