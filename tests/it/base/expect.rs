//! `Expect: 100-continue`: whoever asks before sending is refused without being told to send.

use futures_util::future::join_all;

use crate::support::crafted::docx;
use crate::support::linked::*;
use crate::support::raw::{FORM_TYPE, Raw, file_part, form};
use crate::support::stored::assert_nothing_stays;
use crate::support::*;

/// The head of a request that asks first.
fn asking(line: &str, token: &str, headers: &str, length: usize) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{headers}Content-Length: {length}\r\n\
         Expect: 100-continue\r\n\r\n"
    )
}

#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    let server = TestServer::with(&["--max-file-size", "1MiB"]);
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let form = format!("Content-Type: {FORM_TYPE}\r\n");
    // All at once: each connection stays open for some seconds, in case its sender goes on.
    let refused = [
        ("PUT /upload/a.docx", "x.y.z", "", 5_000, 401),
        ("PUT /upload/a.docx", client.as_str(), "", 5_000, 403),
        ("PUT /upload/a.exe", &operation, "", 5_000, 415),
        ("PUT /upload/a.docx", &operation, "", 2 << 20, 413),
        ("POST /upload", &client, &form, 5_000, 403),
        ("PATCH /upload", &operation, &form, 5_000, 405),
        ("POST /nothing", &operation, "", 5_000, 404),
    ];
    join_all(refused.map(async |(line, token, headers, length, status)| {
        let mut asker = Raw::open(server.address).await;
        asker.send(asking(line, token, headers, length)).await;
        let head = asker.any_head().await;
        assert_eq!((head.status, head.get("connection")), (status, Some("close")), "{line}");
        assert_eq!(head.get("x-request-id").unwrap().len(), 16);
        asker.take(head.length()).await;
        assert_eq!(asker.rest().await, b"", "nothing follows, and the connection ends");
    }))
    .await;
    assert_nothing_stays(&server).await;
}

#[tokio::test]
async fn a_body_that_is_wanted_is_asked_for_once() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let mut asker = Raw::open(server.address).await;
    let small = docx(1, 5_000);
    let large = docx(2, LARGE);
    let body = form(&[(&file_part("form.docx"), &large)]);
    let typed = format!("Content-Type: {FORM_TYPE}\r\n");
    let login = format!("{{\"username\": \"olga\", \"password\": \"{PASSWORD}\"}}").into_bytes();
    // All on one connection, so that nothing is left over from one for the next.
    for (line, headers, body, status) in [
        ("PUT /upload/small.docx", "", &small, 201),
        ("POST /login", "", &login, 200),
        ("PUT /upload/large.docx", "", &large, 201),
        ("POST /upload", &typed, &body, 201),
    ] {
        asker.send(asking(line, &token, headers, body.len())).await;
        assert_eq!(asker.any_head().await.status, 100, "{line}");
        asker.send(body).await;
        let head = asker.any_head().await;
        assert_eq!(head.status, status, "{line}");
        asker.take(head.length()).await;
    }
    // Nobody is asked for what is not there.
    asker.send(asking("GET /files", &token, "", 0)).await;
    assert_eq!(asker.any_head().await.status, 200);
}

/// Whoever asks and does not wait is served all the same, and in order.
#[tokio::test]
async fn asking_and_not_waiting_keeps_the_order() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let content = docx(1, 200_000);
    let mut client = Raw::open(scene.server.address).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n");
    let put = asking("PUT /upload/b.docx", &scene.operation, "", content.len());
    let before = get(path_of(&minted["download_url"])) + &put;
    client.send([before.as_bytes(), &content, get("/healthz").as_bytes()].concat()).await;
    let head = client.any_head().await;
    assert_eq!((head.status, head.length()), (200, scene.content.len()));
    assert!(client.take(head.length()).await == scene.content);
    for status in [100, 201, 200] {
        let head = client.any_head().await;
        assert_eq!(head.status, status);
        if status >= 200 {
            client.take(head.length()).await;
        }
    }
}

#[tokio::test]
async fn who_asks_and_then_falls_silent_is_cut_off() {
    let server = TestServer::with(&["--stall-timeout", "1s"]);
    let token = server.operation("olga").await;
    let mut asker = Raw::open(server.address).await;
    asker.send(asking("PUT /upload/a.docx", &token, "", 5_000)).await;
    assert_eq!(asker.any_head().await.status, 100);
    assert_eq!(asker.answer().await.0.status, 408);
    assert_nothing_stays(&server).await;
}
