//! Who may register, and what such an account is worth.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::answers::expect;
use crate::support::*;

const CLOSED: &str = "Operation users are added by an administrator.";
const INVITED: &str = "Accounts are made by invitation here.";

fn register(server: &TestServer, name: &str, code: Option<Value>) -> RequestBuilder {
    let mut body = json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": true,
    });
    if let Some(code) = code {
        body["signup_code"] = code;
    }
    server.request(Method::POST, "/register").json(&body)
}

fn register_client(server: &TestServer, name: &str, code: Option<&str>) -> RequestBuilder {
    let body = json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "signup_code": code,
    });
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
    expect("a client", register_client(&server, "carl", None), 403, "signup_closed", Some(INVITED)).await;
    let login = server.request(Method::POST, "/login").json(&json!({"username": "olga", "password": PASSWORD}));
    expect("nothing was made", login, 401, "invalid_credentials", None).await;
}

/// A proxy on the same machine brings the whole world to a loopback address.
#[tokio::test]
async fn behind_a_proxy_sign_up_is_closed_and_guests_are_asked_to_sign_in() {
    for flags in [&["--public-url", "https://files.example.org"][..], &["--trusted-proxies", "127.0.0.1"]] {
        let server = TestServer::as_installed(flags);
        expect("published", register(&server, "olga", None), 403, "operation_signup_closed", Some(CLOSED)).await;
        expect("a client", register_client(&server, "carl", None), 403, "signup_closed", Some(INVITED)).await;
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
    assert_eq!(register_client(&server, "carl", None).send().await.unwrap().status(), 201, "each has its own");
    let server = TestServer::with(&["--client-signup", "closed"]);
    expect("closed", register_client(&server, "carl", None), 403, "signup_closed", Some(INVITED)).await;
    assert_eq!(register(&server, "olga", None).send().await.unwrap().status(), 201);
    let server = exposed(&["--client-signup", "open"]);
    assert_eq!(register_client(&server, "carl", None).send().await.unwrap().status(), 201);
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
    server.clock.advance(Duration::from_secs(seconds));
    assert_eq!(register(&server, "omar", Some(json!("open sesame"))).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_code_opens_the_sign_up_of_clients_too() {
    let server = exposed(&["--client-signup", "code:open sesame"]);
    expect("none", register_client(&server, "carl", None), 403, "signup_closed", Some(INVITED)).await;
    expect("wrong", register_client(&server, "carl", Some("sesame open")), 403, "signup_closed", Some(INVITED)).await;
    assert_eq!(register_client(&server, "carl", Some("open sesame")).send().await.unwrap().status(), 201);
    expect("for clients", register(&server, "olga", Some(json!("open sesame"))), 403, "operation_signup_closed", None)
        .await;
}

/// Whoever guesses the code keeps nobody out who has it, wherever they are.
#[tokio::test]
async fn wrong_codes_cost_the_network_that_they_come_from() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1", "--client-signup", "code:open sesame"]);
    for guess in 0..40 {
        let address = format!("203.0.113.{}", guess % 4);
        let wrong = register_client(&server, "carl", Some("wrong code")).header("x-forwarded-for", address);
        expect("wrong", wrong, 403, "signup_closed", None).await;
    }
    let late = register_client(&server, "carl", Some("open sesame")).header("x-forwarded-for", "203.0.113.1");
    expect("from where it was guessed", late, 429, "too_many_attempts", None).await;
    let right = register_client(&server, "carl", Some("open sesame")).header("x-forwarded-for", "198.51.100.7");
    assert_eq!(right.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn sign_ups_are_throttled_by_network() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1"]);
    let from =
        |name: &str, address: &str| register_client(&server, name, None).header("x-forwarded-for", address.to_owned());
    let made = futures_util::future::join_all((0..70).map(|i| from(&format!("user{i}"), "203.0.113.1").send())).await;
    let statuses: Vec<u16> = made.into_iter().map(|response| response.unwrap().status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 429, 503].contains(status)), "{statuses:?}");
    assert_eq!(from("carl", "198.51.100.7").send().await.unwrap().status(), 201);
    let late = from("late", "203.0.113.1").send().await.unwrap();
    let seconds: u64 = late.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    server.clock.advance(Duration::from_secs(seconds));
    assert_eq!(from("late", "203.0.113.1").send().await.unwrap().status(), 201);
}

/// Where guests may not, whoever makes an account for themselves may not either; whoever was given one may.
#[tokio::test]
async fn a_self_made_account_is_worth_what_a_guest_is() {
    let public = ["--public-url", "http://files.example.org", "--client-signup", "open"];
    let server = TestServer::as_installed(&[&public[..], &["--guests", "deny"]].concat());
    let token = server.client("carl").await;
    assert_eq!(server.get("/files").bearer_auth(&token).send().await.unwrap().status(), 200);
    let msg = "Accounts that people made by themselves may do what guests may, and guests may not do this here.";
    for path in ["/api/batches", "/api/rooms", "/pipe"] {
        let request = server.request(Method::POST, path).bearer_auth(&token).json(&json!({}));
        expect(path, request, 403, "self_made_account", Some(msg)).await;
    }
    let socket = server.get("/api/direct/send").bearer_auth(&token);
    expect("direct", socket, 403, "self_made_account", None).await;
    // Whoever runs the server vouches for it.
    let vouch = server.app().db.write(|conn| {
        let user = handover::server::features::accounts::model::find(conn, "carl")?.unwrap();
        handover::server::features::accounts::model::set_role(conn, &user.id, handover::server::auth::Role::Client)
    });
    vouch.await.unwrap();
    let token = server.login("carl").await;
    assert_eq!(
        server.request(Method::POST, "/api/rooms").bearer_auth(&token).json(&json!({})).send().await.unwrap().status(),
        201
    );

    let server = TestServer::as_installed(&[&public[..], &["--guests", "allow", "--guest-quota", "100KiB"]].concat());
    let token = server.client("carl").await;
    let batch = |size: usize| {
        let part = reqwest::multipart::Part::bytes(vec![7; size]).file_name("a");
        let form = reqwest::multipart::Form::new().part("files", part);
        server.request(Method::POST, "/api/batches").bearer_auth(&token).multipart(form)
    };
    assert_eq!(batch(60_000).send().await.unwrap().status(), 201);
    expect("the guests' quota", batch(60_000), 507, "quota_exceeded", None).await;
}

#[tokio::test]
async fn an_account_by_code_counts_in_full() {
    let flags = ["--public-url", "http://files.example.org", "--client-signup", "code:open sesame"];
    let server = TestServer::as_installed(&flags);
    assert_eq!(register_client(&server, "carl", Some("open sesame")).send().await.unwrap().status(), 201);
    let token = server.login("carl").await;
    assert_eq!(
        server.request(Method::POST, "/api/rooms").bearer_auth(&token).json(&json!({})).send().await.unwrap().status(),
        201
    );
}

#[tokio::test]
async fn names_that_look_like_options_or_paths_are_refused() {
    let server = TestServer::start();
    for name in ["--help", "...", "-rf", ".ssh"] {
        expect(name, register_client(&server, name, None), 400, "invalid_username", None).await;
    }
}
