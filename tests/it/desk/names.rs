//! Names are data: whatever a client calls its file, what is stored is a plain name, and no path comes of it.

use reqwest::Method;
use serde_json::Value;

use crate::support::raw::{FORM_TYPE, form};
use crate::support::stored::*;
use crate::support::*;

/// Row 7 of the usual faults: what is given, and what is stored (or that there is no name in it).
fn corpus() -> Vec<(String, Option<String>)> {
    let long = format!("{}.docx", "ż".repeat(200));
    let cut = format!("{}.docx", "ż".repeat(125));
    [
        ("../../../etc/evil.docx", Some("evil.docx")),
        ("..\\..\\evil.docx", Some("evil.docx")),
        ("/absolute/evil.docx", Some("evil.docx")),
        ("C:\\Users\\ann\\q3.docx", Some("q3.docx")),
        ("C:evil.docx", Some("C:evil.docx")),
        ("%2e%2e%2fevil.docx", Some("%2e%2e%2fevil.docx")),
        ("..%5Cevil.docx", Some("..%5Cevil.docx")),
        ("100%.docx", Some("100%.docx")),
        ("100%25.docx", Some("100%25.docx")),
        ("a+b c.docx", Some("a+b c.docx")),
        ("nul\0byte.docx", Some("nulbyte.docx")),
        ("line\r\nbreak.docx", Some("linebreak.docx")),
        ("CON.docx", Some("CON.docx")),
        ("..docx", Some("..docx")),
        ("\u{202E}xcod.gpj.docx", Some("xcod.gpj.docx")),
        ("e\u{301}te\u{301}.docx", Some("été.docx")),
        ("<script>alert(1)</script>.docx", Some("script>.docx")),
        ("a\"b;c=d.docx", Some("a\"b;c=d.docx")),
        ("' OR 1=1 --.docx", Some("' OR 1=1 --.docx")),
        (&long, Some(&cut)),
        ("trailing.docx/", None),
        ("..", None),
    ]
    .map(|(given, stored)| (given.to_owned(), stored.map(str::to_owned)))
    .into()
}

async fn check(
    server: &TestServer,
    token: &str,
    client: &str,
    request: reqwest::RequestBuilder,
    expected: Option<&str>,
) {
    let response = request.bearer_auth(token).send().await.unwrap();
    let status = response.status();
    let body = json_of(response).await;
    let Some(expected) = expected else {
        assert_problem(status, &body, 400, "no_file", Some("No selected file"));
        return;
    };
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["filename"], expected);
    // Under that name (or its decomposed form, as from macOS) it is found, linked, fetched and deleted.
    let listed = list(server, token, &format!("?q={}", segment(expected))).await;
    assert_eq!(listed["files"][0]["filename"], expected);
    let decomposed: String = unicode_normalization::UnicodeNormalization::nfd(expected).collect();
    let minted = server.mint(client, &segment(&decomposed)).await;
    let fetched = server.fetch(&minted["download_url"]).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    let disposition = fetched.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
    assert!(!disposition.contains(['<', '\r', '\n']) || expected.contains('<'), "{disposition}");
    assert_eq!(fetched.bytes().await.unwrap().len(), fixture("report-python-docx.docx").len());
    assert_eq!(delete(server, token, &decomposed, "").await.status(), 204);
}

#[tokio::test]
async fn names_in_forms() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    for (given, expected) in corpus() {
        let header = format!("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''{}", segment(&given));
        let body = form(&[(&header, &fixture("report-python-docx.docx"))]);
        let request = server.request(Method::POST, "/upload").header("content-type", FORM_TYPE).body(body);
        check(&server, &token, &client, request, expected.as_deref()).await;
    }
    assert_only_ids(&server).await;
}

#[tokio::test]
async fn names_in_paths() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    for (given, expected) in corpus().into_iter().filter(|(given, _)| given != "..") {
        let path = format!("/upload/{}", segment(&given));
        let request = server.request(Method::PUT, &path).body(fixture("report-python-docx.docx"));
        check(&server, &token, &client, request, expected.as_deref()).await;
    }
    // What is no UTF-8 is some name or none, and never a failure of ours.
    let response =
        server.request(Method::PUT, "/upload/%ff%fe.docx").bearer_auth(&token).body("x").send().await.unwrap();
    assert!(response.status().is_client_error(), "{}", response.status());
    assert_only_ids(&server).await;
}

/// Everything was deleted, and nothing was ever written under a name that a user gave.
async fn assert_only_ids(server: &TestServer) {
    eventually("deleted contents go", async || server.blobs().is_empty()).await;
    assert_eq!(usage(server).await, 0);
    let is_id = |name: &str| name.len() == 36 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    for file in files_below(server.dir.path()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let is_own = ["lock", "store-id", "token.key"].contains(&name.as_str()) || name.starts_with("handover.db");
        let is_deleted = file.starts_with(server.dir.path().join("data/blobs/trash")) && is_id(&name);
        assert!(is_own || is_deleted, "{file:?}");
    }
}

/// The name in three scripts comes back in the forms of RFC 6266 and RFC 8187.
#[tokio::test]
async fn a_name_in_three_scripts_comes_back_on_download() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "見積書 żółć отчёт.docx";
    stored(&server, &token, name, fixture(name)).await;
    let minted = server.mint(&client, name).await;
    assert_eq!(minted["filename"], Value::from(name));
    let response = server.fetch(&minted["download_url"]).send().await.unwrap();
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"___ ____ _____.docx\"; filename*=UTF-8''\
         %E8%A6%8B%E7%A9%8D%E6%9B%B8%20%C5%BC%C3%B3%C5%82%C4%87%20%D0%BE%D1%82%D1%87%D1%91%D1%82.docx"
    );
}
