//! Headers on every answer: what a browser may do with it, and who else may read it.

use reqwest::{Method, RequestBuilder, Response};

use crate::support::*;

/// One request for each kind of answer there is.
async fn of_every_kind(server: &TestServer) -> Vec<(&'static str, u16, RequestBuilder)> {
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "report-python-docx.docx";
    assert_eq!(server.upload(&operation, name, fixture(name)).await.status(), 201);
    let links = [server.mint(&client, name).await, server.mint(&client, name).await, server.mint(&client, name).await];
    let spent = server.fetch(&links[1]["download_url"]).send().await.unwrap();
    assert_eq!(spent.bytes().await.unwrap(), fixture(name));
    let asked = |path: &str| server.get(path).bearer_auth(&client);
    let huge = server.request(Method::POST, "/login").body("x".repeat(100_000));
    vec![
        ("JSON", 200, asked("/files")),
        ("a minted link", 200, asked(&format!("/generate_download_url/{name}"))),
        ("no content", 404, server.request(Method::DELETE, "/api/links/x").bearer_auth(&client)),
        ("no bearer", 401, server.get("/me")),
        ("bad bearer", 401, server.get("/me").bearer_auth("x")),
        ("wrong role", 403, asked("/api/audit")),
        ("a bad query", 400, asked("/files?limit=x")),
        ("not found", 404, server.get("/nothing")),
        ("wrong method", 405, server.request(Method::PATCH, "/me")),
        ("too large", 413, huge),
        ("no form", 400, server.request(Method::POST, "/upload").bearer_auth(&operation)),
        ("wrong type", 415, server.request(Method::PUT, "/upload/a.exe").bearer_auth(&operation).body("x")),
        ("the document", 200, server.get("/openapi.json")),
        ("the docs", 200, server.get("/docs")),
        ("a screen", 200, server.get("/desk")),
        (
            "the style sheet",
            200,
            server.get(&format!("/assets/{}/base/2-base.css", handover::server::features::page::version())),
        ),
        ("metrics", 200, server.get("/metrics")),
        ("alive", 200, server.get("/healthz")),
        ("HEAD", 200, server.request(Method::HEAD, "/healthz")),
        ("a link's page", 200, server.fetch(&links[0]["page_url"])),
        ("a link's button", 303, server.request(Method::POST, path_of(&links[0]["page_url"], &server.url))),
        ("a link's head", 200, server.request(Method::HEAD, path_of(&links[0]["download_url"], &server.url))),
        ("a spent link, for people", 410, server.fetch(&links[1]["page_url"]).header("accept", "text/html")),
        ("a spent link, for programs", 410, server.fetch(&links[1]["download_url"])),
        ("a part", 206, server.fetch(&links[2]["download_url"]).header("range", "bytes=0-9")),
        ("the file", 200, server.fetch(&links[0]["download_url"])),
        ("the audit as CSV", 200, server.get("/api/audit?format=csv").bearer_auth(&operation)),
    ]
}

fn path_of<'a>(url: &'a serde_json::Value, base: &str) -> &'a str {
    url.as_str().unwrap().strip_prefix(base).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_must_not_do() {
    let server = TestServer::start();
    let mut ids = std::collections::BTreeSet::new();
    for (what, status, request) in of_every_kind(&server).await {
        let response = request.header("x-request-id", "chosen-by-the-client").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{what}");
        let required = |name: &str| header(&response, name).unwrap_or_else(|| panic!("{what} has no {name}"));
        assert_eq!(required("x-content-type-options"), "nosniff", "{what}");
        // The button of a link's page says where it comes from.
        let referrer = if what == "a link's page" { "same-origin" } else { "no-referrer" };
        assert_eq!(required("referrer-policy"), referrer, "{what}");
        assert_eq!(required("x-frame-options"), "DENY", "{what}");
        let policy = required("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        assert!(policy.contains("default-src '"), "{what}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        let page = header(&response, "content-type").is_some_and(|media| media.starts_with("text/html"));
        assert_eq!(page, !policy.contains("sandbox"), "{what}: only pages of ours are more than inert");
        let caching = required("cache-control");
        let public = what == "the style sheet";
        let shared = public || what == "a screen";
        assert_eq!(shared, !caching.contains("no-store"), "{what}: {caching}");
        assert_eq!(public, caching.contains("immutable"), "{what}: {caching}");
        for absent in
            ["strict-transport-security", "access-control-allow-origin", "set-cookie", "server", "x-powered-by"]
        {
            assert_eq!(header(&response, absent), None, "{what}: {absent}");
        }
        let id = required("x-request-id").to_owned();
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{what}: {id}");
        assert!(ids.insert(id), "{what}: an id twice");
        response.bytes().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[tokio::test]
async fn files_are_given_to_be_kept_and_never_shown() {
    let server = TestServer::start();
    for (what, status, request) in of_every_kind(&server).await {
        if !matches!(what, "the file" | "a part") {
            continue;
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{what}");
        let disposition = header(&response, "content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename="), "{what}: {disposition}");
        assert_eq!(header(&response, "cache-control"), Some("private, no-store"), "{what}");
        let media = header(&response, "content-type").unwrap();
        assert!(media.starts_with("application/vnd.openxmlformats-officedocument."), "{what}: {media}");
    }
}

#[tokio::test]
async fn transport_security_is_promised_only_behind_tls() {
    for (public, expected) in
        [("https://files.example.org", Some("max-age=31536000")), ("http://files.example.org", None)]
    {
        let server = TestServer::with(&["--public-url", public]);
        for path in ["/healthz", "/docs", "/nothing", "/me"] {
            let response = server.get(path).send().await.unwrap();
            assert_eq!(header(&response, "strict-transport-security"), expected, "{public} {path}");
        }
    }
}

/// Asks as a browser does before a page of `origin` may call.
async fn preflight(server: &TestServer, origin: &str) -> Response {
    let request = server.request(Method::OPTIONS, "/upload").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization").send().await.unwrap()
}

#[tokio::test]
async fn pages_of_other_sites_may_not_call() {
    let server = TestServer::start();
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", &server.url] {
        let response = preflight(&server, origin).await;
        assert!(response.status().is_client_error(), "{origin}: {}", response.status());
        let allowing: Vec<_> =
            response.headers().keys().filter(|name| name.as_str().starts_with("access-control-allow")).collect();
        assert!(allowing.is_empty(), "{origin}: {allowing:?}");
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"), "{origin}");
        for path in ["/healthz", "/me", "/nothing"] {
            let response = server.get(path).header("origin", origin).send().await.unwrap();
            assert_eq!(header(&response, "access-control-allow-origin"), None, "{origin} {path}");
            assert_ne!(response.status(), 500, "{origin} {path}");
        }
    }
}

#[tokio::test]
async fn pages_of_the_sites_in_the_settings_may() {
    let ours = "https://intranet.example.org";
    let server = TestServer::with(&["--cors-origins", "https://intranet.example.org,https://other.example.org"]);
    for origin in [ours, "https://other.example.org"] {
        let response = preflight(&server, origin).await;
        assert!(response.status().is_success(), "{origin}: {}", response.status());
        assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
        assert!(header(&response, "access-control-allow-methods").unwrap().contains("POST"));
        assert!(header(&response, "access-control-allow-headers").unwrap().contains("authorization"));
        assert_eq!(header(&response, "access-control-allow-credentials"), None);
        assert!(header(&response, "x-request-id").is_some());
    }
    for (path, status) in [("/healthz", 200), ("/me", 401), ("/nothing", 404)] {
        let response = server.get(path).header("origin", ours).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(header(&response, "access-control-allow-origin"), Some(ours), "{path}");
        assert!(header(&response, "access-control-expose-headers").unwrap().contains("etag"), "{path}");
        assert!(header(&response, "vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{path}");
    }
    for origin in ["https://intranet.example.org.evil.example", "http://intranet.example.org", "null"] {
        let response = preflight(&server, origin).await;
        assert!(response.status().is_client_error(), "{origin}");
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"), "{origin}");
        assert_eq!(header(&response, "access-control-allow-origin"), None, "{origin}");
    }
}
