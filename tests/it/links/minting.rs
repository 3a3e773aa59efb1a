//! Links: minting, what a download carries, and what is said of links that open nothing.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::crafted::docx;
use crate::support::linked::*;
use crate::support::raw::Raw;
use crate::support::stored::*;
use crate::support::*;

fn time_of(value: &Value) -> NaiveDateTime {
    DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().naive_utc()
}

#[tokio::test]
async fn minting_describes_the_file_and_its_link() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let content = fixture("ledger-openpyxl.xlsx");
    stored(&server, &token, "q3.xlsx", content.clone()).await;
    for method in [Method::GET, Method::POST] {
        let request = server.request(method, "/generate_download_url/q3.xlsx").bearer_auth(&client);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let minted = json_of(response).await;
        assert_eq!(minted["message"], "Success");
        for (key, value) in [
            ("filename", json!("q3.xlsx")),
            ("version", json!(1)),
            ("size", json!(content.len())),
            ("blake3", json!(blake3::hash(&content).to_hex().as_str())),
            ("sha256", json!(sha256(&content))),
        ] {
            assert_eq!(minted[key], value, "{key}");
        }
        assert_eq!(time_of(&minted["expires_at"]), server.clock.now() + Duration::from_secs(600));
        let (download, page) = (minted["download_url"].as_str().unwrap(), minted["page_url"].as_str().unwrap());
        let opened = download.strip_prefix(&format!("{}/download_file/", server.url)).unwrap();
        assert_eq!(page.strip_prefix(&format!("{}/d/", server.url)).unwrap(), opened);
    }
}

#[tokio::test]
async fn minting_is_for_client_users_and_for_files_that_are_there() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "q3.docx", docx(1, 3000)).await;
    let msg = Some("only client user can download the file");
    for method in [Method::GET, Method::POST] {
        let mint = |path: &str| server.request(method.clone(), &format!("/generate_download_url/{path}"));
        expect_problem(mint("q3.docx").bearer_auth(&token), 403, "client_only", msg).await;
        expect_problem(mint("q3.docx"), 401, "missing_authorization", None).await;
        for path in ["q4.docx", "q3.docx?version=2", "q3.docx?version=0", "Q3.docx", "..%2Fq3.docx"] {
            let request = mint(path).bearer_auth(&client);
            expect_problem(request, 404, "file_not_found", Some("File not found")).await;
        }
        for query in ["version=x", "expires_in=0", "expires_in=-5", "expires_in=soon"] {
            let request = mint(&format!("q3.docx?{query}")).bearer_auth(&client);
            expect_problem(request, 400, "bad_request", None).await;
        }
    }
}

#[tokio::test]
async fn a_client_shortens_the_life_of_a_link_and_the_settings_bound_it() {
    let server = TestServer::with(&["--link-life", "2m", "--max-link-life", "1h"]);
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "q3.docx", docx(1, 3000)).await;
    let now = server.clock.now();
    for (query, seconds) in [("", 120), ("?expires_in=5", 5), ("?expires_in=3600", 3600), ("?expires_in=999999", 3600)]
    {
        let minted = server.mint(&client, &format!("q3.docx{query}")).await;
        assert_eq!(time_of(&minted["expires_at"]), now + Duration::from_secs(seconds), "{query}");
    }
    let short = server.mint(&client, "q3.docx?expires_in=5").await;
    server.clock.advance(Duration::from_millis(4999));
    assert_eq!(server.fetch(&short["page_url"]).send().await.unwrap().status(), 200);
    server.clock.advance(Duration::from_millis(1));
    expect_problem(server.fetch(&short["download_url"]), 410, "expired_link", Some("Invalid or expired token")).await;
}

#[tokio::test]
async fn links_lead_to_the_public_address_or_to_the_host_that_was_asked() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "q3.docx", docx(1, 3000)).await;
    let asked = async |server: &TestServer, client: &str, host: &str| {
        let mut raw = Raw::open(server.address).await;
        let auth = format!("Authorization: Bearer {client}");
        raw.send(format!("GET /generate_download_url/q3.docx HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n\r\n")).await;
        let (head, body) = raw.answer().await;
        (head.status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let (_, minted) = asked(&server, &client, "localhost:8080").await;
    assert!(minted["page_url"].as_str().unwrap().starts_with("http://localhost:8080/d/"), "{minted}");
    for (host, refused) in [("evil.example", (421, "misdirected_request")), ("user@evil.example", (400, "bad_request"))]
    {
        let (status, problem) = asked(&server, &client, host).await;
        assert_eq!((status, problem["code"].as_str().unwrap()), refused, "{host}");
    }

    let public = TestServer::with(&["--public-url", "https://files.example.org/hand/"]);
    let (token, client) = (public.operation("olga").await, public.client("carl").await);
    stored(&public, &token, "q3.docx", docx(1, 3000)).await;
    let (status, problem) = asked(&public, &client, "evil.example").await;
    assert_eq!((status, &problem["code"]), (421, &json!("misdirected_request")));
    let (_, minted) = asked(&public, &client, "localhost").await;
    for (key, prefix) in [("download_url", "download_file"), ("page_url", "d")] {
        let url = minted[key].as_str().unwrap();
        assert!(url.starts_with(&format!("https://files.example.org/hand/{prefix}/")), "{url}");
    }
    let path = minted["download_url"].as_str().unwrap().strip_prefix("https://files.example.org").unwrap();
    assert_eq!(public.get(path).send().await.unwrap().status(), 200, "the base path may come along");
}

#[tokio::test]
async fn a_download_carries_what_the_contract_says() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let content = fixture("brief-libreoffice.docx");
    stored(&server, &token, "brief.docx", content.clone()).await;
    let minted = server.mint(&client, "brief.docx").await;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    use base64::Engine as _;
    let repr = format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(digest));
    let head = server.request(Method::HEAD, path_of(&minted["download_url"])).send().await.unwrap();
    let get = server.fetch(&minted["download_url"]).send().await.unwrap();
    for response in [&head, &get] {
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("content-length"), content.len().to_string());
        assert_eq!(header("content-type"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
        assert_eq!(header("content-disposition"), "attachment; filename=\"brief.docx\"");
        assert_eq!(header("etag"), format!("\"{}\"", blake3::hash(&content).to_hex()));
        assert_eq!(header("accept-ranges"), "bytes");
        assert_eq!(header("repr-digest"), repr);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "private, no-store");
        assert!(header("content-security-policy").contains("sandbox"));
        assert!(header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(!header("x-request-id").is_empty());
        assert!(!response.headers().contains_key("transfer-encoding"));
    }
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    assert_eq!(get.bytes().await.unwrap(), content);
}

/// Used, expired, revoked and unknown, for programs and for people.
#[tokio::test]
async fn links_that_open_nothing_say_why() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "q3.docx", docx(1, 3000)).await;
    let [used, revoked, expired] = [0; 3].map(|_| server.mint(&client, "q3.docx"));
    let (used, revoked, expired) = (used.await, revoked.await, expired.await);
    let mut unsigned = used.clone();
    let cut = unsigned["download_url"].as_str().unwrap().trim_end_matches(|c: char| c != '.').to_owned();
    unsigned["download_url"] = format!("{cut}AAAA").into();
    assert_eq!(
        server.fetch(&used["download_url"]).send().await.unwrap().bytes().await.unwrap().len(),
        3_000 + overhead()
    );
    let id = link_of(&server, &client, &revoked).await["id"].as_str().unwrap().to_owned();
    let ended = server.request(Method::DELETE, &format!("/api/links/{id}")).bearer_auth(&client).send().await.unwrap();
    assert_eq!(ended.status(), 204);
    server.clock.advance(Duration::from_secs(600));
    for (minted, status, code, words) in [
        (&used, 410, "used_link", "This link has been used"),
        (&revoked, 410, "revoked_link", "This link was withdrawn"),
        (&expired, 410, "expired_link", "This link has expired"),
        (&unsigned, 404, "unknown_link", "There is no such link"),
    ] {
        let path = path_of(&minted["download_url"]);
        let page = path.replace("/download_file/", "/d/");
        for (method, path) in [(Method::GET, path), (Method::GET, page.as_str()), (Method::POST, page.as_str())] {
            let request = server.request(method.clone(), path);
            expect_problem(request, status, code, Some("Invalid or expired token")).await;
            let request = server.request(method, path).header("accept", "text/html,*/*;q=0.8");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{code}");
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            assert!(!response.headers()["content-security-policy"].to_str().unwrap().contains("unsafe"));
            assert!(response.text().await.unwrap().contains(words), "{code}");
        }
        let head = server.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.status(), status, "{code}");
    }
    for path in ["/download_file/x", "/download_file/a.b.c", "/d/x", &format!("/download_file/{client}")] {
        expect_problem(server.get(path), 404, "unknown_link", Some("Invalid or expired token")).await;
    }
    // Nor does a link sign anybody in.
    let token = path_of(&expired["download_url"]).rsplit('/').next().unwrap().to_owned();
    expect_problem(server.get("/files").bearer_auth(token), 401, "invalid_token", None).await;
}

#[tokio::test]
async fn clients_see_and_end_their_own_links_and_operation_users_all() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let (ann, bob) = (server.client("ann").await, server.client("bob").await);
    stored(&server, &token, "q3.docx", docx(1, 3000)).await;
    let (of_ann, of_bob) = (server.mint(&ann, "q3.docx").await, server.mint(&bob, "q3.docx").await);
    let seen = async |token: &str| {
        links(&server, token, "").await.into_iter().map(|link| link["issued_to"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&ann).await, ["ann"]);
    assert_eq!(seen(&bob).await, ["bob"]);
    assert_eq!(seen(&token).await, ["bob", "ann"], "newest first");
    assert_eq!(
        server.fetch(&of_bob["download_url"]).send().await.unwrap().bytes().await.unwrap().len(),
        3_000 + overhead()
    );
    eventually("it is written down", async || !link_of(&server, &bob, &of_bob).await["fetched_at"].is_null()).await;
    let row = links(&server, &token, "?state=consumed&filename=q3.docx").await;
    assert_eq!(row.len(), 1);
    assert_eq!((&row[0]["starts"], &row[0]["fetched_from"]), (&json!(1), &json!("127.0.0.1")));
    assert_eq!(time_of(&row[0]["fetched_at"]), server.clock.now());
    assert!(!row[0].to_string().contains("eyJ"), "no token is shown");

    let id = links(&server, &ann, "").await[0]["id"].as_str().unwrap().to_owned();
    let end = |token: &str| server.request(Method::DELETE, &format!("/api/links/{id}")).bearer_auth(token);
    expect_problem(end(&bob), 404, "link_not_found", None).await;
    assert_eq!(server.fetch(&of_ann["page_url"]).send().await.unwrap().status(), 200, "still open");
    assert_eq!(end(&token).send().await.unwrap().status(), 204, "operation users end any");
    expect_problem(server.fetch(&of_ann["download_url"]), 410, "revoked_link", None).await;
    expect_problem(server.get("/api/links?state=open").bearer_auth(&ann), 400, "bad_request", None).await;
}
