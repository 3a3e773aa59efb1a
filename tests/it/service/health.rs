//! Is it alive, is it ready, what does it count.

use std::collections::BTreeMap;
use std::fs;

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;
use reqwest::Method;
use serde_json::json;

use crate::support::answers::expect;
use crate::support::binary::{one_line, run};
use crate::support::*;

const UNAVAILABLE: &str = "The server cannot reach its database or its storage right now. Try again in a moment.";

async fn assert_ready(server: &TestServer) {
    let response = server.get("/readyz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json_of(response).await, json!({"status": "ready"}));
}

async fn assert_alive(server: &TestServer) {
    let response = server.get("/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json_of(response).await, json!({"status": "alive"}));
}

#[tokio::test]
async fn it_is_not_ready_while_its_files_cannot_be_written() {
    let server = TestServer::start();
    assert_ready(&server).await;
    let (blobs, away) = (server.dir.path().join("data/blobs"), server.dir.path().join("away"));
    fs::rename(&blobs, &away).unwrap();
    expect("no folder", server.get("/readyz"), 503, "unavailable", Some(UNAVAILABLE)).await;
    fs::write(&blobs, "a file in its place").unwrap();
    let response = server.get("/readyz").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert_alive(&server).await;
    fs::remove_file(&blobs).unwrap();
    fs::rename(&away, &blobs).unwrap();
    assert_ready(&server).await;
}

#[tokio::test]
async fn it_is_not_ready_while_its_database_fails() {
    let server = TestServer::start();
    let mut conn = Conn::open_sqlite(&server.dir.path().join("data/handover.db")).unwrap();
    conn.batch_execute("ALTER TABLE users RENAME TO away").unwrap();
    expect("no table", server.get("/readyz"), 503, "unavailable", Some(UNAVAILABLE)).await;
    assert_alive(&server).await;
    let login = server.request(Method::POST, "/login").json(&json!({"username": "ann", "password": "x"}));
    expect("a login", login, 500, "internal_error", None).await;
    conn.batch_execute("ALTER TABLE away RENAME TO users").unwrap();
    assert_ready(&server).await;
}

/// A health check hears of a lock in time, while those who write still wait for its end.
#[tokio::test]
async fn it_is_not_ready_while_nothing_can_be_written() {
    let server = TestServer::start();
    let mut conn = Conn::open_sqlite(&server.dir.path().join("data/handover.db")).unwrap();
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    let body = json!({"username": "ann", "email": "ann@example.org", "password": PASSWORD});
    let (registered, _) = tokio::join!(server.post("/register", body), async {
        eventually("the registration waits", async || server.app().metrics.connections.get() > 0).await;
        expect("locked", server.get("/readyz"), 503, "unavailable", Some(UNAVAILABLE)).await;
        let address = server.address.to_string();
        let live = tokio::task::spawn_blocking(move || run(&["doctor", "--live", "--bind", &address], ""));
        let line = one_line(&live.await.unwrap());
        assert!(line.contains("not ready") && line.contains("cannot reach"), "{line}");
        conn.batch_execute("ROLLBACK").unwrap();
    });
    assert_eq!(registered.status(), 201, "who waited for the lock was not turned away");
    assert_ready(&server).await;
}

/// The samples of a scrape by name and labels.
async fn scrape(server: &TestServer) -> BTreeMap<String, f64> {
    let response = server.get("/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media.starts_with("application/openmetrics-text; version=1.0.0"), "{media}");
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with its mark");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

#[tokio::test]
async fn metrics_tell_what_has_happened() {
    let server = TestServer::start();
    let before = scrape(&server).await;
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "report-python-docx.docx";
    let content = fixture(name);
    assert_eq!(server.upload(&operation, name, content.clone()).await.status(), 201);
    let first = server.mint(&client, name).await;
    server.mint(&client, name).await;
    let fetched = server.fetch(&first["download_url"]).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(fetched.len(), content.len());
    for path in ["/nothing", "/other/thing"] {
        assert_eq!(server.get(path).send().await.unwrap().status(), 404);
    }
    handover::server::features::links::sweep(server.app()).await.unwrap();
    // A line is counted when its answer is over, which may be a moment after the client has it.
    let download =
        "handover_http_requests_total{method=\"GET\",route=\"/download_file/{download_token}\",status=\"200\"}";
    eventually("the download is counted", async || scrape(&server).await.contains_key(download)).await;
    let after = scrape(&server).await;
    let value = |name: &str| *after.get(name).unwrap_or_else(|| panic!("no {name} in {after:#?}"));
    let moved = |name: &str| value(name) - before.get(name).copied().unwrap_or_default();

    assert_eq!(value(download), 1.0);
    assert_eq!(value("handover_http_requests_total{method=\"POST\",route=\"/register\",status=\"201\"}"), 2.0);
    assert_eq!(value("handover_http_requests_total{method=\"POST\",route=\"/login\",status=\"200\"}"), 2.0);
    assert_eq!(value("handover_http_requests_total{method=\"GET\",route=\"(none)\",status=\"404\"}"), 2.0);
    assert_eq!(value("handover_http_request_duration_seconds_count{route=\"/login\"}"), 2.0);
    assert!(value("handover_http_request_duration_seconds_sum{route=\"/login\"}") > 0.0);
    assert_eq!(value("handover_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/login\"}"), 2.0);
    assert!(moved("handover_http_received_bytes_total") > content.len() as f64);
    assert!(moved("handover_http_sent_bytes_total") > content.len() as f64);
    assert!(value("handover_http_connections") >= 1.0, "this scrape's own");
    for direction in ["upload", "download"] {
        assert_eq!(value(&format!("handover_transfers_open{{direction=\"{direction}\"}}")), 0.0, "{direction}");
    }
    assert_eq!(value("handover_password_hashes_waiting"), 0.0);
    assert_eq!(value("handover_password_hashes_running"), 0.0);
    assert_eq!(value("handover_links{state=\"issued\"}"), 1.0);
    assert_eq!(value("handover_links{state=\"consumed\"}"), 1.0);
    assert_eq!(value("handover_links{state=\"expired\"}"), 0.0);
    assert!(value("handover_db_readers{state=\"idle\"}") + value("handover_db_readers{state=\"busy\"}") >= 1.0);
    assert_eq!(value("handover_db_writes_waiting"), 0.0);
    let (commits, writes) = (moved("handover_db_commits_total"), moved("handover_db_writes_total"));
    assert!(commits >= 1.0 && writes >= commits, "{writes} writes in {commits} commits");
    assert!(moved("handover_db_commit_duration_seconds_count") >= 1.0);
}

/// Row 25 of the usual faults: whoever may scrape learns no token and no name, and a client cannot make series.
#[tokio::test]
async fn metrics_hold_nothing_that_clients_choose() {
    let server = TestServer::start();
    let client = server.client("carl").await;
    for path in [format!("/download_file/{client}"), "/files/secret-name.docx".into(), "/made/up?by=me".into()] {
        server.request("BREW".parse().unwrap(), &path).bearer_auth(&client).send().await.unwrap();
        server.get(&path).bearer_auth(&client).send().await.unwrap();
    }
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    for chosen in [client.as_str(), "secret-name", "carl", "made", "BREW", "127.0.0.1"] {
        assert!(!text.contains(chosen), "{chosen}");
    }
}

/// What a server counts tells who does what: this machine is told, and whoever has the token.
#[tokio::test]
async fn metrics_are_for_this_machine_or_for_the_token() {
    let token = "a token for metrics";
    assert!(handover_token_is_refused("short") && handover_token_is_refused(token), "too short, and with spaces");
    let token = "prometheus-4711-secret";
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1", "--metrics-token", token]);
    let from_afar = || server.get("/metrics").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(server.get("/metrics").send().await.unwrap().status(), 200);
    expect("a stranger", from_afar(), 401, "metrics_closed", None).await;
    expect("a wrong token", from_afar().bearer_auth("prometheus-4711-secrex"), 401, "metrics_closed", None).await;
    assert_eq!(from_afar().bearer_auth(token).send().await.unwrap().status(), 200);

    // A proxy on this machine that nobody has told of brings strangers all the same.
    let server = TestServer::start();
    let passed_on = server.get("/metrics").header("x-forwarded-for", "203.0.113.9");
    expect("through a proxy", passed_on, 401, "metrics_closed", None).await;
    let passed_on = server.get("/metrics").header("forwarded", "for=203.0.113.9").bearer_auth("");
    expect("no token is set", passed_on, 401, "metrics_closed", None).await;
    let server = TestServer::with(&["--metrics", "open"]);
    let passed_on = server.get("/metrics").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(passed_on.send().await.unwrap().status(), 200);
}

fn handover_token_is_refused(token: &str) -> bool {
    let output = crate::support::binary::run(&["doctor", "--metrics-token", token], "");
    output.status.code() == Some(2) && !String::from_utf8_lossy(&output.stderr).contains(token)
}
