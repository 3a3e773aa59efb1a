//! What one network may take of what there is for all: uploads, open files; and that nobody keeps a place by crawling.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::answers::expect;
use crate::support::batched::{made, make};
use crate::support::binary::Running;
use crate::support::peer::PATIENCE;
use crate::support::*;

/// A connection from another address of this machine.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// An upload that has begun and does not go on.
async fn begin_upload(from: &str, server: &TestServer, path: &str, key: &str) -> TcpStream {
    let mut stream = connect(from, server.address).await;
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nX-Manage-Key: {key}\r\nContent-Length: 1000000\r\n\r\nx");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn one_network_takes_a_quarter_of_the_uploads_and_users_come_first() {
    let server = TestServer::with(&["--max-uploads", "8"]);
    let batch = make(&server, &[], &[]).await;
    let path = |name: &str| format!("/api/batches/{}/files/{name}", batch.id);
    let mut slow = Vec::new();
    for (address, uploads) in [("127.0.0.2", 4), ("127.0.0.3", 4), ("127.0.0.4", 4)] {
        for name in 0..uploads {
            slow.push(begin_upload(address, &server, &path(&format!("{address}-{name}")), &batch.key).await);
        }
    }
    eventually("two of each are running", async || server.app().uploads.taken() == 6).await;
    let more = server.request(Method::PUT, &path("more")).header("x-manage-key", &batch.key).body("more");
    expect("the rest is kept for users", more, 503, "busy", None).await;
    let operation = server.operation("olga").await;
    let name = "report-python-docx.docx";
    assert_eq!(server.upload(&operation, name, fixture(name)).await.status(), 201);
    let token = server.client("carl").await;
    let form = reqwest::multipart::Form::new().text("title", "x");
    made(server.request(Method::POST, "/api/batches").bearer_auth(token).multipart(form).send().await.unwrap()).await;
    drop(slow);
    eventually("the places are free again", async || server.app().uploads.taken() == 0).await;
    let more = server.request(Method::PUT, &path("more")).header("x-manage-key", &batch.key).body("more");
    assert_eq!(more.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn an_upload_that_crawls_ends() {
    let server = TestServer::with(&["--stall-timeout", "1s", "--least-rate", "1KiB"]);
    let batch = make(&server, &[], &[]).await;
    let mut stream =
        begin_upload("127.0.0.2", &server, &format!("/api/batches/{}/files/a", batch.id), &batch.key).await;
    let mut answer = Vec::new();
    let crawl = async {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        let mut piece = [0; 4096];
        loop {
            tokio::select! {
                read = stream.read(&mut piece) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(read) => answer.extend_from_slice(&piece[..read]),
                },
                _ = pause.tick() => if stream.try_write(b"x").is_err() && !answer.is_empty() { break },
            }
        }
    };
    tokio::time::timeout(PATIENCE, crawl).await.expect("it ends");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    assert!(server.blobs().is_empty(), "nothing of it stays");
}

/// Where the system gives too few files the server says so, and goes on within them.
#[tokio::test]
async fn few_open_files_are_told_and_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::limited(dir.path(), "-n 300");
    let mut idle = Vec::new();
    for address in ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"] {
        for _ in 0..60 {
            idle.push(connect(address, server.address).await);
        }
    }
    let alive = server.request(Method::GET, "/healthz").timeout(PATIENCE).send().await.unwrap();
    assert_eq!(alive.status(), 200);
    drop(idle);
    let (status, log) = server.stop().await;
    assert!(status.success() && log.contains("ulimit -n") && !log.contains("ERROR"), "{log}");

    let dir = tempfile::tempdir().unwrap();
    let server = Running::limited(dir.path(), "-Sn 64");
    let (status, log) = server.stop().await;
    assert!(status.success() && !log.contains("max-connections"), "what may be raised is raised: {log}");
}
