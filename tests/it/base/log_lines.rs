//! The log of the real binary: what each line has, and what no line may have (row 25 of the usual faults).

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary::Running;
use crate::support::*;

const CODE: &str = "open sesame";
const NAME: &str = "report-python-docx.docx";

/// What must not be found in a log, and what it is.
type Secrets = Vec<(&'static str, String)>;

/// Does the main job and all that goes wrong on the way; gives the secrets that were used.
async fn main_job(server: &Running) -> (Secrets, String) {
    let mut secrets: Secrets = vec![
        ("a password", PASSWORD.into()),
        ("a wrong password", "wrong horse".into()),
        ("a new password", "battery staple".into()),
        ("the sign-up code", CODE.into()),
        ("a wrong sign-up code", "guessed sesame".into()),
        ("a password typed as a name", "my secret password".into()),
        ("a secret in a query", "secret-in-query".into()),
        ("a Referer", "secret-in-referer".into()),
        ("a file's name", NAME.into()),
    ];
    let post = |path: &str, body: Value| server.request(Method::POST, path).json(&body).send();
    for (name, operation, code) in [("olga", true, "guessed sesame"), ("olga", true, CODE), ("carl", false, "")] {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation, "signup_code": code});
        post("/register", body).await.unwrap();
    }
    let mut tokens = Vec::new();
    for name in ["olga", "carl"] {
        let login = post("/login", json!({"username": name, "password": PASSWORD})).await.unwrap();
        tokens.push(json_of(login).await["access_token"].as_str().unwrap().to_owned());
        post("/login", json!({"username": name, "password": "wrong horse"})).await.unwrap();
    }
    post("/login", json!({"username": "my secret password", "password": "x"})).await.unwrap();
    let upload = server.request(Method::PUT, &format!("/upload/{NAME}")).bearer_auth(&tokens[0]);
    assert_eq!(upload.body(fixture(NAME)).send().await.unwrap().status(), 201);
    let minted = server.request(Method::GET, &format!("/generate_download_url/{NAME}?note=secret-in-query"));
    let minted = json_of(minted.bearer_auth(&tokens[1]).send().await.unwrap()).await;
    let link = minted["download_url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    let page = minted["page_url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    for (method, path, status) in [(Method::GET, page, 200), (Method::POST, page, 303), (Method::HEAD, link, 200)] {
        let request = server.request(method, path).header("referer", "http://x/secret-in-referer");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        assert_eq!(client.execute(request.build().unwrap()).await.unwrap().status(), status, "{path}");
    }
    let file = server.request(Method::GET, link).send().await.unwrap();
    let id = file.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(file.bytes().await.unwrap(), fixture(NAME));
    assert_eq!(server.request(Method::GET, link).send().await.unwrap().status(), 410);
    assert_eq!(server.request(Method::GET, &format!("{link}x")).send().await.unwrap().status(), 404);
    let token_in_query = format!("/files?access_token={}", tokens[0]);
    assert_eq!(server.request(Method::GET, &token_in_query).send().await.unwrap().status(), 401);
    let change = json!({"old_password": PASSWORD, "new_password": "battery staple"});
    let change = server.request(Method::POST, "/password").bearer_auth(&tokens[1]).json(&change);
    assert_eq!(change.send().await.unwrap().status(), 200);
    secrets.push(("a link's token", link.rsplit('/').next().unwrap().to_owned()));
    for token in tokens {
        secrets.push(("a signature", token.rsplit('.').next().unwrap().to_owned()));
        secrets.push(("a token", token));
    }
    (secrets, id)
}

#[tokio::test]
async fn lines_tell_who_asked_for_what_and_no_secret() {
    for form in ["json", "text"] {
        let dir = tempfile::tempdir().unwrap();
        let signup = format!("code:{CODE}");
        // The most that can be asked of our own lines.
        let flags = ["--log", form, "--log-filter", "info,handover=trace", "--operation-signup", &signup];
        let server = Running::start(dir.path(), &flags);
        let (secrets, id) = main_job(&server).await;
        let (status, log) = server.stop().await;
        assert!(status.success(), "{log}");
        for (what, secret) in &secrets {
            assert!(!log.contains(secret.as_str()), "{form}: {what} is in the log: {log}");
        }
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
        assert!(log.contains(&id), "{form}: the answer's id leads to its line");
        if form == "text" {
            assert!(!log.contains('\u{1b}'), "no colours into a pipe");
            continue;
        }
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
        let requests: Vec<_> = lines.iter().filter(|line| line["target"] == "handover::http").collect();
        let mut routes = BTreeMap::new();
        for line in &requests {
            assert_eq!(line["id"].as_str().map(str::len), Some(16), "{line}");
            assert!(line["status"].as_u64().is_some() && line["ms"].as_f64().is_some(), "{line}");
            assert!(line["method"].is_string() && line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
            assert!(line.get("broken").is_none_or(Value::is_null), "nothing broke off: {line}");
            *routes.entry((line["route"].as_str().unwrap(), line["status"].as_u64().unwrap())).or_insert(0) += 1;
        }
        for (route, status, times) in [
            ("/register", 201, 2),
            ("/register", 403, 1),
            ("/login", 200, 2),
            ("/login", 401, 3),
            ("/upload/{filename}", 201, 1),
            ("/generate_download_url/{filename}", 200, 1),
            ("/d/{download_token}", 200, 1),
            ("/d/{download_token}", 303, 1),
            ("/download_file/{download_token}", 200, 2),
            ("/download_file/{download_token}", 410, 1),
            ("/download_file/{download_token}", 404, 1),
            ("/files", 401, 1),
            ("/password", 200, 1),
        ] {
            assert_eq!(routes.get(&(route, status)), Some(&times), "{route} {status} in {routes:?}");
        }
        for line in requests {
            let route = line["route"].as_str().unwrap();
            let signed_in = route.starts_with("/upload") || route.starts_with("/generate") || route == "/password";
            assert_eq!(line["user"].as_str().map(str::len), signed_in.then_some(36), "{line}");
        }
        for line in &lines {
            assert!(["timestamp", "level", "target"].iter().all(|member| line[member].is_string()), "{line}");
        }
    }
}

/// Failures of ours go to the log with their cause, and to the client without it.
#[tokio::test]
async fn causes_go_to_the_log_alone() {
    use diesel::connection::SimpleConnection as _;
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path(), &["--log", "json"]);
    let mut conn = handover::server::db::Conn::open_sqlite(&dir.path().join("handover.db")).unwrap();
    conn.batch_execute("ALTER TABLE users RENAME TO away").unwrap();
    let login = json!({"username": "ann", "password": PASSWORD});
    let response = server.request(Method::POST, "/login").json(&login).send().await.unwrap();
    assert_eq!(response.status(), 500);
    let body = response.text().await.unwrap();
    assert!(!body.contains("users") && !body.contains("table") && !body.contains("SELECT"), "{body}");
    let (_, log) = server.stop().await;
    let failure = log.lines().find(|line| line.contains("internal_error")).unwrap_or_else(|| panic!("{log}"));
    assert!(failure.contains("no such table: users"), "{failure}");
    assert!(!log.contains(PASSWORD), "{log}");
}

/// A connection that breaks in the middle of an answer is told apart from one that has it all.
#[tokio::test]
async fn broken_downloads_are_marked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path(), &["--log", "json"]);
    let path = crate::support::binary::link_to_large_document(&server).await;
    let mut response = server.request(Method::GET, &path).send().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    drop(response);
    eventually("the break is noticed", async || {
        server.request(Method::HEAD, &path).send().await.unwrap();
        let metrics = server.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        metrics.contains("handover_transfers_open{direction=\"download\"} 0")
    })
    .await;
    let (_, log) = server.stop().await;
    let lines = log.lines().filter(|line| line.contains("\"GET\"") && line.contains("/download_file/"));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!((&lines[0]["status"], &lines[0]["broken"]), (&json!(200), &json!(true)), "{}", lines[0]);
}

/// What clients do wrong is not an error of the server: whoever watches for errors would watch for nothing.
#[tokio::test]
async fn clients_faults_are_no_errors() {
    use crate::support::raw::Raw;
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path(), &["--head-timeout", "1s"]);
    for nonsense in [
        "no request\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
        "GET / HTTP/1.1\r\nHos",
    ] {
        let mut raw = Raw::open(server.address).await;
        raw.send(nonsense).await;
        raw.rest().await;
    }
    let link = crate::support::binary::link_to_large_document(&server).await;
    for _ in 0..3 {
        eventually("the link is given back", async || {
            let mut raw = Raw::open(server.address).await;
            raw.get(&link, "").await;
            let is_open = raw.head().await.status == 200;
            if is_open {
                raw.take(1000).await;
            }
            is_open // dropped with bytes unread: a reset
        })
        .await;
    }
    let (status, log) = server.stop().await;
    assert!(status.success());
    assert!(!log.contains("ERROR"), "{log}");
    assert!(log.contains("no request") && log.contains("broken"), "what happened is told: {log}");
}
