//! The gate decides from the part headers alone: what it refuses is answered while the file is still on its way.

use crate::support::raw::{BOUNDARY, FORM_TYPE, Raw, file_part};
use crate::support::stored::assert_nothing_stays;
use crate::support::*;

const TEN_GIB: u64 = 10 << 30;

/// A server that takes files of 20 GiB, so that it is not the size that is refused.
fn roomy() -> TestServer {
    TestServer::with(&["--max-file-size", "20GiB"])
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The head of a form of a declared (or chunked) length, and the headers of its file.
fn form_head(headers: &str, name: &str) -> String {
    let part = format!("--{BOUNDARY}\r\n{}\r\n\r\n", file_part(name));
    let head = format!("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM_TYPE}\r\n{headers}");
    match headers.contains("chunked") {
        true => format!("{head}\r\n{:x}\r\n{part}\r\n", part.len()),
        false => format!("{head}\r\n{part}"),
    }
}

/// Sends `request`, whose body never comes, and expects the refusal and the end of the connection.
async fn expect_refusal(server: &TestServer, request: impl AsRef<str>, status: u16, code: &str) {
    let mut client = Raw::open(server.address).await;
    client.send(request.as_ref()).await;
    let (head, body) = client.answer().await;
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((head.status, problem["code"].as_str().unwrap()), (status, code), "{}", request.as_ref());
    assert_eq!(client.rest().await, b"", "nothing follows, and the connection ends");
}

#[tokio::test]
async fn a_wrong_name_is_refused_before_the_file_comes() {
    let server = roomy();
    let token = server.operation("olga").await;
    let declared = format!("{}Content-Length: {TEN_GIB}\r\n", bearer(&token));
    let expecting = format!("{declared}Expect: 100-continue\r\n");
    let put = |headers: &str| format!("PUT /upload/big.exe HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let requests = [form_head(&declared, "big.exe"), form_head(&expecting, "big.exe"), put(&declared), put(&expecting)];
    let refused = requests.iter().map(|request| expect_refusal(&server, request, 415, "invalid_file_type"));
    let unnamed = expect_refusal(&server, form_head(&declared, ""), 400, "no_file");
    tokio::join!(futures_util::future::join_all(refused), unnamed);
    assert_nothing_stays(&server).await;
}

/// The name decides before the size does: a wrong one is answered as such whatever the limit.
#[tokio::test]
async fn a_wrong_name_is_a_wrong_name_whatever_the_size() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let declared = format!("{}Content-Length: {TEN_GIB}\r\n", bearer(&token));
    let put = format!("PUT /upload/big.exe HTTP/1.1\r\nHost: localhost\r\n{declared}\r\n");
    tokio::join!(
        expect_refusal(&server, form_head(&declared, "big.exe"), 415, "invalid_file_type"),
        expect_refusal(&server, &put, 415, "invalid_file_type"),
    );
}

#[tokio::test]
async fn who_may_not_upload_is_refused_before_the_part_headers_come() {
    let server = roomy();
    let client = server.client("carl").await;
    let cases = [
        (bearer(&client), 403, "operation_only"),
        (String::new(), 401, "missing_authorization"),
        ("Authorization: Basic eA==\r\n".into(), 401, "not_bearer"),
        (bearer("x.y.z"), 401, "invalid_token"),
    ];
    let mut refused = Vec::new();
    for (who, status, code) in &cases {
        let headers = format!("{who}Content-Type: {FORM_TYPE}\r\nContent-Length: {TEN_GIB}\r\n");
        for expect in ["", "Expect: 100-continue\r\n"] {
            for line in ["POST /upload", "PUT /upload/good.docx"] {
                let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}{expect}\r\n");
                let server = &server;
                refused.push(async move { expect_refusal(server, &request, *status, code).await });
            }
        }
    }
    futures_util::future::join_all(refused).await;
    assert_nothing_stays(&server).await;
}

#[tokio::test]
async fn what_declares_itself_too_large_is_refused_at_once() {
    let server = TestServer::with(&["--max-file-size", "1MiB"]);
    let token = server.operation("olga").await;
    let headers = format!("{}Content-Length: {}\r\n", bearer(&token), 2 << 20);
    let put = format!("PUT /upload/good.docx HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    tokio::join!(
        expect_refusal(&server, form_head(&headers, "good.docx"), 413, "file_too_large"),
        expect_refusal(&server, &put, 413, "file_too_large"),
    );
    assert_nothing_stays(&server).await;
}

/// A client that goes on sending after its refusal is cut off, by bytes or by time.
#[tokio::test]
async fn whoever_goes_on_after_a_refusal_is_cut_off() {
    let server = TestServer::with(&["--max-file-size", "1MiB"]);
    let token = server.operation("olga").await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let declared = format!("{}Content-Length: {TEN_GIB}\r\n", bearer(&token));
    let chunked = format!("{}Transfer-Encoding: chunked\r\n", bearer(&token));
    let floods = [(&declared, "a.exe", 415), (&chunked, "a.exe", 415), (&chunked, "a.docx", 413)];
    let cut = floods.iter().map(|(headers, name, status)| {
        let (server, chunk) = (&server, &chunk);
        async move {
            let mut client = Raw::open(server.address).await;
            client.send(form_head(headers, name)).await;
            if *status == 413 {
                for _ in 0..32 {
                    client.send(chunk).await;
                }
            }
            assert_eq!(client.answer().await.0.status, *status, "{name}");
            client.send_until_cut(chunk.as_bytes()).await;
        }
    });
    futures_util::future::join_all(cut).await;
    assert_nothing_stays(&server).await;
}

/// Row 15: what is declared small and sent large is a broken request, not a larger file.
#[tokio::test]
async fn declared_small_and_sent_large_is_a_broken_request() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let headers = format!("{}Content-Length: 5000\r\n", bearer(&token));
    let put = format!("PUT /upload/a.docx HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let broken = [(form_head(&headers, "a.docx"), 400), (put, 415)].map(async |(request, status)| {
        let mut client = Raw::open(server.address).await;
        client.send([request.as_bytes(), &content].concat()).await;
        assert_eq!(client.answer().await.0.status, status);
        let rest = String::from_utf8_lossy(&client.rest().await).into_owned();
        assert!(!rest.contains("HTTP/1.1 2"), "what follows is no request: {rest}");
    });
    futures_util::future::join_all(broken).await;
    assert_nothing_stays(&server).await;
}

/// Parts beside the file cost: neither many small ones nor their headers go on for ever.
#[tokio::test]
async fn parts_without_end_are_refused() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM_TYPE}\r\nTransfer-Encoding: chunked\r\n{}\r\n",
        bearer(&token)
    );
    let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n");
    let full = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n", "y".repeat(9000));
    let preamble = "no boundary at all\r\n".to_owned();
    let refused = [part, full, preamble].into_iter().map(async |piece| {
        let mut client = Raw::open(server.address).await;
        client.send(&head).await;
        let many = piece.repeat(1 + (64 << 10) / piece.len());
        let chunk = format!("{:x}\r\n{many}\r\n", many.len());
        client.send_until_cut(chunk.as_bytes()).await;
        let (head, body) = client.answer().await;
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((head.status, problem["code"].as_str().unwrap()), (400, "malformed_upload"), "{piece:.80}");
    });
    futures_util::future::join_all(refused).await;
    assert_nothing_stays(&server).await;
}
