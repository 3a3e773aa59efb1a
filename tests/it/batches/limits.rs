//! Limits: told before anything is sent, and judged by what a request says of itself before its body comes.

use crate::support::batched::*;
use crate::support::raw::Raw;
use crate::support::roomed::{Guest, room};
use crate::support::*;

/// Sends a head that declares 30 MB and no body, and gives back the code of the answer.
async fn judged(server: &TestServer, head: &str) -> String {
    let mut client = Raw::open(server.address).await;
    client.send(format!("{head}host: localhost\r\ncontent-length: 30000000\r\n\r\n")).await;
    let (_, body) = client.answer().await;
    serde_json::from_slice::<serde_json::Value>(&body).unwrap()["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_says_itself_that_it_is_too_large_is_refused_at_once() {
    for (flags, put, form) in [
        (["--max-file-size", "5MB"], "file_too_large", None),
        (["--guest-quota", "5MB"], "quota_exceeded", Some("quota_exceeded")),
        (["--max-batch-size", "5MB"], "batch_too_large", Some("batch_too_large")),
    ] {
        let server = TestServer::with(&flags);
        let batch = make(&server, &[], &[]).await;
        let key = format!("x-manage-key: {}\r\n", batch.key);
        let head = format!("PUT {} HTTP/1.1\r\n{key}", batch.path("/files/big"));
        assert_eq!(judged(&server, &head).await, put, "{flags:?}");
        // Whoever asks first is told before anything is sent.
        assert_eq!(judged(&server, &format!("{head}expect: 100-continue\r\n")).await, put, "{flags:?}");
        if let Some(form) = form {
            let multipart = "content-type: multipart/form-data; boundary=x\r\n";
            let head = format!("POST {} HTTP/1.1\r\n{key}{multipart}", batch.path("/files"));
            assert_eq!(judged(&server, &head).await, form, "{flags:?}");
        }
    }
}

#[tokio::test]
async fn a_room_judges_likewise() {
    for (flags, code) in [
        (["--max-file-size", "5MB"], "file_too_large"),
        (["--guest-quota", "5MB"], "quota_exceeded"),
        (["--max-room-size", "5MB"], "room_full"),
    ] {
        let server = TestServer::with(&flags);
        let talk = room(&server, "talk").await;
        let ann = Guest::join(&server, &talk, "Ann").await;
        let head = format!(
            "POST {} HTTP/1.1\r\nx-member-token: {}\r\ncontent-type: multipart/form-data; boundary=x\r\n",
            talk.path("/files"),
            ann.token
        );
        assert_eq!(judged(&server, &head).await, code, "{flags:?}");
    }
}

#[tokio::test]
async fn limits_are_told() {
    let server = TestServer::with(&["--max-file-size", "5MB", "--max-batch-files", "7", "--guest-quota", "10000B"]);
    make(&server, &[("a", &[0; 100])], &[]).await;
    // A file takes a whole block.
    let left = 10_000 - 4096;
    let limits = json_of(server.get("/api/limits").send().await.unwrap()).await;
    assert_eq!(limits["max_file_size"], 5_000_000);
    assert_eq!(limits["max_batch_files"], 7);
    assert_eq!(limits["left"], left);
    // A user has a quota of their own.
    let olga = server.operation("olga").await;
    let limits = json_of(server.get("/api/limits").bearer_auth(&olga).send().await.unwrap()).await;
    assert!(limits["left"].as_u64().unwrap() > left);
    let server = TestServer::with(&["--guests", "deny"]);
    crate::support::answers::expect("limits", server.get("/api/limits"), 401, "sign_in_required", None).await;
}
