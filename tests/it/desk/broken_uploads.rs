//! Clients that stop in the middle of an upload: nothing of it stays.

use crate::support::crafted::docx;
use crate::support::raw::{FORM_TYPE, Raw, file_part, form};
use crate::support::stored::*;
use crate::support::*;

/// An upload of 3 MiB by form and by body, as the bytes of a request.
fn requests(token: &str) -> [Vec<u8>; 2] {
    let content = docx(1, 3 << 20);
    let body = form(&[(&file_part("a.docx"), &content)]);
    let head = |line: &str, length: usize| {
        let bearer = format!("Authorization: Bearer {token}");
        format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM_TYPE}\r\n{bearer}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    [
        [head("POST /upload", body.len()).into_bytes(), body].concat(),
        [head("PUT /upload/a.docx", content.len()).into_bytes(), content].concat(),
    ]
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    for request in requests(&token) {
        for (part, whole) in [(1, 4), (1, 2), (9, 10)] {
            let mut client = Raw::open(server.address).await;
            client.send(&request[..request.len() * part / whole]).await;
            eventually("the upload has begun", async || server.blobs().len() == 1).await;
            assert!(server.blobs()[0].extension().is_some_and(|extension| extension == "part"));
            assert_eq!(list(&server, &token, "").await["files"], serde_json::json!([]), "no half file is listed");
            drop(client);
            assert_nothing_stays(&server).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_stalls_is_told_so_and_leaves_nothing() {
    let server = TestServer::with(&["--stall-timeout", "1s"]);
    let token = server.operation("olga").await;
    for request in requests(&token) {
        let mut client = Raw::open(server.address).await;
        client.send(&request[..request.len() / 2]).await;
        let (head, body) = client.answer().await;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((head.status, problem["code"].as_str().unwrap()), (408, "request_timeout"));
        assert_nothing_stays(&server).await;
    }
}

/// The sweep takes what a crash left, and nothing else.
#[tokio::test]
async fn a_sweep_spares_what_is_stored_and_what_is_being_written() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    stored(&server, &token, "kept.docx", docx(2, 5000)).await;
    let kept = server.blobs();
    let [_, request] = requests(&token);
    let mut client = Raw::open(server.address).await;
    client.send(&request[..request.len() / 2]).await;
    eventually("the upload has begun", async || server.blobs().len() == 2).await;
    let folder = kept[0].parent().unwrap();
    let orphan = folder.join("01a1fc73-7330-70d7-8c28-df702f468bbd");
    for name in [orphan.clone(), orphan.with_extension("part"), folder.join("not ours.txt")] {
        std::fs::write(name, "left by a crash").unwrap();
    }
    assert_eq!(handover::server::sweeper::files(server.app()).await.unwrap(), 2);
    assert_eq!(server.blobs().len(), 3, "kept, running, not ours");
    client.send(&request[request.len() / 2..]).await;
    assert_eq!(client.answer().await.0.status, 201);
    assert_eq!(handover::server::sweeper::files(server.app()).await.unwrap(), 0);
    assert!(kept[0].exists());
}
