//! Who may register as an operation user.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::answers::expect;
use crate::support::*;

const CLOSED: &str = "Operation users are added by an administrator.";

fn register(server: &TestServer, name: &str, code: Option<Value>) -> RequestBuilder {
    let mut body = json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": true,
    });
    if let Some(code) = code {
        body["signup_code"] = code;
    }
    server.request(Method::POST, "/register").json(&body)
}

/// A server that listens on all addresses, reached over loopback.
fn exposed(flags: &[&str]) -> TestServer {
    let mut server = TestServer::with(&[&["--bind", "0.0.0.0:0"], flags].concat());
    server.url = format!("http://127.0.0.1:{}", server.address.port());
    server
}

#[tokio::test]
async fn sign_up_is_open_on_loopback_and_closed_elsewhere() {
    assert_eq!(register(&TestServer::start(), "olga", None).send().await.unwrap().status(), 201);
    let server = exposed(&[]);
    expect("exposed", register(&server, "olga", None), 403, "operation_signup_closed", Some(CLOSED)).await;
    let guess = register(&server, "olga", Some(json!("open sesame")));
    expect("no code opens it", guess, 403, "operation_signup_closed", Some(CLOSED)).await;
    server.register("carl", false).await; // client users may
    let login = server.request(Method::POST, "/login").json(&json!({"username": "olga", "password": PASSWORD}));
    expect("nothing was made", login, 401, "invalid_credentials", None).await;
}

/// A proxy on the same machine brings the whole world to a loopback address.
#[tokio::test]
async fn behind_a_proxy_sign_up_is_closed_and_guests_are_asked_to_sign_in() {
    for flags in [&["--public-url", "https://files.example.org"][..], &["--trusted-proxies", "127.0.0.1"]] {
        let server = TestServer::as_installed(flags);
        expect("published", register(&server, "olga", None), 403, "operation_signup_closed", Some(CLOSED)).await;
        for path in ["/api/batches", "/api/rooms", "/pipe"] {
            let guest = server.request(Method::POST, path).json(&json!({}));
            expect(path, guest, 401, "sign_in_required", None).await;
        }
    }
    let server = TestServer::as_installed(&["--public-url", "http://localhost:5000", "--trusted-proxies", "127.0.0.1"]);
    assert_eq!(register(&server, "olga", None).send().await.unwrap().status(), 201, "it leads to this machine");
}

#[tokio::test]
async fn the_setting_wins_over_the_address() {
    assert_eq!(register(&exposed(&["--operation-signup", "open"]), "olga", None).send().await.unwrap().status(), 201);
    let server = TestServer::with(&["--operation-signup", "closed"]);
    expect("closed", register(&server, "olga", None), 403, "operation_signup_closed", Some(CLOSED)).await;
}

#[tokio::test]
async fn a_code_opens_the_sign_up_and_guesses_are_counted() {
    let server = exposed(&["--operation-signup", "code:open sesame"]);
    let response = register(&server, "olga", Some(json!("open sesame"))).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let token = server.login("olga").await;
    let me = json_of(server.get("/me").bearer_auth(token).send().await.unwrap()).await;
    assert_eq!(me["role"], "operation");

    expect("a number", register(&server, "omar", Some(json!(5))), 400, "bad_request", None).await;
    let wrong = [None, Some(json!(null)), Some(json!("")), Some(json!("open")), Some(json!("Open Sesame"))];
    for code in wrong.iter().cycle().take(10) {
        let what = format!("{code:?}");
        expect(&what, register(&server, "omar", code.clone()), 403, "operation_signup_closed", Some(CLOSED)).await;
    }
    let late = register(&server, "omar", Some(json!("open sesame"))).send().await.unwrap();
    assert_eq!(late.status(), 429);
    let seconds: u64 = late.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    server.register("carl", false).await; // nobody else is held back
    server.clock.advance(Duration::from_secs(seconds));
    assert_eq!(register(&server, "omar", Some(json!("open sesame"))).send().await.unwrap().status(), 201);
}
