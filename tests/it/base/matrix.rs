//! Route by role, made from the router's own table: whatever is not said to be open is closed.

use std::collections::BTreeSet;

use handover::server::auth::create_session;
use handover::server::clock::after;
use handover::server::features::accounts::model;
use handover::server::http::gate::Access;
use handover::server::http::openapi::document;
use handover::server::http::route::Endpoint;
use handover::server::{api, endpoints};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::answers::expect;
use crate::support::*;

/// What needs no sign-in. A new public route has to be named here.
const OPEN: &[(&str, &str)] = &[
    ("POST", "/register"),
    ("POST", "/login"),
    ("GET", "/download_file/{download_token}"),
    ("HEAD", "/download_file/{download_token}"),
    ("GET", "/d/{download_token}"),
    ("POST", "/d/{download_token}"),
    ("POST", "/api/batches"),
    ("GET", "/api/batches/{id}"),
    ("PATCH", "/api/batches/{id}"),
    ("DELETE", "/api/batches/{id}"),
    ("POST", "/api/batches/{id}/files"),
    ("GET", "/api/batches/{id}/files/{file}"),
    ("PUT", "/api/batches/{id}/files/{file}"),
    ("DELETE", "/api/batches/{id}/files/{file}"),
    ("GET", "/api/batches/{id}/zip"),
    ("GET", "/api/batches/{id}/qr.svg"),
    ("GET", "/api/batches/{id}/qr.png"),
    ("POST", "/api/batches/{id}/unlock"),
    ("GET", "/api/batches/{id}/fetches"),
    ("GET", "/api/batches/{id}/events"),
    ("GET", "/api/direct/send"),
    ("GET", "/api/direct/receive/{nameplate}"),
    ("POST", "/api/rooms"),
    ("GET", "/api/rooms/{room}"),
    ("PATCH", "/api/rooms/{room}"),
    ("DELETE", "/api/rooms/{room}"),
    ("GET", "/api/rooms/{room}/socket"),
    ("GET", "/api/rooms/{room}/events"),
    ("DELETE", "/api/rooms/{room}/events/{event}"),
    ("DELETE", "/api/rooms/{room}/members/{member}"),
    ("POST", "/api/rooms/{room}/files"),
    ("GET", "/api/rooms/{room}/files/{file}"),
    ("POST", "/pipe"),
    ("PUT", "/pipe/{name}"),
    ("POST", "/pipe/{name}"),
    ("GET", "/pipe/{name}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/"),
    ("GET", "/desk"),
    ("GET", "/new"),
    ("GET", "/r/{room}"),
    ("GET", "/room"),
    ("GET", "/b/{id}"),
    ("GET", "/direct"),
    ("GET", "/direct/save/worker.js"),
    ("GET", "/assets/{version}/{folder}/{file}"),
    ("GET", "/assets/{version}/{folder}/{part}/{file}"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Anonymous,
    Garbage,
    Client,
    Operation,
}

/// A path of the table with something in its places.
fn concrete(path: &str) -> String {
    path.replace("{filename}", "nothing.docx")
        .replace(
            "{version}/{folder}/{file}",
            &format!("{}/style/2-base.css", handover::server::features::page::version()),
        )
        .replace(
            "{version}/{folder}/{part}/{file}",
            &format!("{}/direct/engine/code.js", handover::server::features::page::version()),
        )
        .replace("{download_token}", "x.y.z")
        // A good name would be waited under.
        .replace("/pipe/{name}", "/pipe/no%20name")
        .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057")
}

/// All methods that an endpoint answers.
fn methods(endpoint: &Endpoint) -> Vec<Method> {
    let own = Method::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
    if endpoint.answers_head() { vec![own, Method::HEAD] } else { vec![own] }
}

/// A fresh token, without the cost of a login: some of the routes end the one they are called with.
async fn token(server: &TestServer, name: &'static str) -> String {
    let app = server.app();
    let (now, end) = (app.clock.now(), after(app.clock.now(), Duration::from_secs(60)));
    let made = app.db.write(move |conn| {
        let user = model::find(conn, name)?.unwrap();
        Ok((create_session(conn, &user.id, now, end)?, user))
    });
    let (session, user) = made.await.unwrap();
    app.keys.sign_access(&user.id, user.role.parse().unwrap(), &session, now, end).unwrap()
}

#[test]
fn the_open_routes_are_these() {
    let open: BTreeSet<_> = endpoints()
        .iter()
        .filter(|endpoint| matches!(endpoint.access, Access::Public | Access::Token | Access::Guests))
        .map(|endpoint| (endpoint.method.as_str(), endpoint.path))
        .collect();
    assert_eq!(open, OPEN.iter().copied().collect());
}

#[tokio::test]
async fn every_route_lets_in_whom_its_access_says_and_nobody_else() {
    let server = TestServer::start();
    server.register("carl", false).await;
    server.register("olga", true).await;
    let document = document(api());
    let mut seen = 0;
    for endpoint in endpoints() {
        for method in methods(endpoint) {
            for who in [Who::Anonymous, Who::Garbage, Who::Client, Who::Operation] {
                let mut request = server.request(method.clone(), &concrete(endpoint.path));
                request = match who {
                    Who::Anonymous => request,
                    Who::Garbage => request.bearer_auth("garbage"),
                    Who::Client => request.bearer_auth(token(&server, "carl").await),
                    Who::Operation => request.bearer_auth(token(&server, "olga").await),
                };
                let what = format!("{method} {} as {who:?}", endpoint.path);
                let response = request.send().await.unwrap();
                let status = response.status().as_u16();
                let text = response.text().await.unwrap();
                // An answer to HEAD has no body to read the code from.
                let body: Value = serde_json::from_str(&text).unwrap_or_default();
                let code = body["code"].as_str().unwrap_or_default();
                let refusal = match (endpoint.access, who) {
                    (Access::Public | Access::Token, _) | (Access::Guests, Who::Anonymous) => None,
                    (_, Who::Anonymous) => Some((401, "missing_authorization")),
                    (_, Who::Garbage) => Some((401, "invalid_token")),
                    (Access::Operation(_), Who::Client) => Some((403, "operation_only")),
                    (Access::Client, Who::Operation) => Some((403, "client_only")),
                    _ => None,
                };
                match refusal {
                    Some((expected, expected_code)) => {
                        assert_eq!(status, expected, "{what}: {text}");
                        assert!(method == Method::HEAD || code == expected_code, "{what}: {text}");
                    }
                    None => {
                        assert!(!matches!(status, 401 | 403 | 405) && status < 500, "{what}: {status} {text}");
                        assert_ne!(code, "not_found", "{what}");
                    }
                }
                let operation = &document["paths"][endpoint.path][method.as_str().to_lowercase()];
                let documented = &operation["responses"][status.to_string()];
                assert!(documented.is_object(), "{what}: {status} is not in the document");
                if !code.is_empty() {
                    let description = documented["description"].as_str().unwrap();
                    assert!(description.contains(&format!("`{code}`")), "{what}: {code} is not in the document");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 4 * 25, "only {seen} combinations: is this the whole table?");
}

/// Under which name, and from whose page, a route may be called; whoever calls it.
#[tokio::test]
async fn no_route_answers_under_a_foreign_name_or_changes_anything_for_a_foreign_page() {
    let server = TestServer::with(&["--cors-origins", "https://intranet.example.org"]);
    server.register("carl", false).await;
    server.register("olga", true).await;
    let document = document(api());
    let own = server.url.clone();
    let foreign: &[&[(&str, &str)]] = &[
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://intranet.example.org.evil.example")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    let ours: &[&[(&str, &str)]] = &[
        &[],
        &[("origin", &own)],
        &[("origin", &own), ("sec-fetch-site", "same-origin")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://intranet.example.org"), ("sec-fetch-site", "cross-site")],
    ];
    for endpoint in endpoints() {
        for method in methods(endpoint) {
            let ask = |token: Option<String>, headers: &[(&str, &str)]| {
                let mut request = server.request(method.clone(), &concrete(endpoint.path));
                request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                // What a form of a foreign page sends without asking.
                request = request.header("content-type", "text/plain");
                if let Some(token) = token { request.bearer_auth(token) } else { request }
            };
            let operation = &document["paths"][endpoint.path][method.as_str().to_lowercase()];
            for who in ["", "carl", "olga"] {
                let token =
                    || async { if who.is_empty() { None } else { Some(token(&server, who.to_owned().leak()).await) } };
                let what = format!("{method} {} as {who:?}", endpoint.path);
                for host in ["evil.example", "127.0.0.1.evil.example", "192.0.2.7:5000"] {
                    let response = ask(token().await, &[("host", host)]).send().await.unwrap();
                    assert_eq!(response.status(), 421, "{what} under {host}");
                    assert!(operation["responses"]["421"].is_object(), "{what}: 421 is not in the document");
                }
                if method.is_safe() {
                    continue;
                }
                for headers in foreign {
                    let response = ask(token().await, headers).send().await.unwrap();
                    assert!(
                        matches!(response.status().as_u16(), 400 | 403),
                        "{what} with {headers:?}: {}",
                        response.status()
                    );
                    let body = json_of(response).await;
                    // The middleware for other sites may see it first.
                    let is_cors = body["msg"] == "Pages of this origin may not do this here.";
                    assert!(body["code"] == "foreign_origin" || is_cors, "{what} with {headers:?}: {body}");
                }
            }
            if !method.is_safe() {
                for headers in ours {
                    let body = json_of_any(ask(None, headers)).await;
                    assert_ne!(body["code"], "foreign_origin", "{method} {} with {headers:?}", endpoint.path);
                    assert_ne!(body["msg"], "Pages of this origin may not do this here.");
                }
            }
        }
    }
}

/// The body of an answer, null where it is no JSON.
async fn json_of_any(request: reqwest::RequestBuilder) -> Value {
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap_or_default()
}

/// What one address may take: whatever it does, another one is answered, on every route.
#[tokio::test]
async fn no_address_takes_the_connections_of_all() {
    let server = TestServer::with(&["--max-connections", "40"]);
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    let client =
        reqwest::Client::builder().local_address("127.0.0.2".parse::<std::net::IpAddr>().ok()).build().unwrap();
    for endpoint in endpoints() {
        for method in methods(endpoint) {
            let url = format!("{}{}", server.url, concrete(endpoint.path));
            let response = client.request(method.clone(), url).timeout(Duration::from_secs(60)).send().await;
            assert!(response.is_ok(), "{method} {}: {response:?}", endpoint.path);
        }
    }
    drop(idle);
}

#[tokio::test]
async fn every_path_names_its_methods_when_it_is_asked_with_another() {
    let server = TestServer::start();
    let paths: BTreeSet<_> = endpoints().iter().map(|endpoint| endpoint.path).collect();
    for path in paths {
        let of_path = || endpoints().iter().filter(|endpoint| endpoint.path == path);
        let allowed: BTreeSet<_> = of_path().flat_map(methods).map(|method| method.to_string()).collect();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            if allowed.contains(method) {
                continue;
            }
            let what = format!("{method} {path}");
            let request = server.request(method.parse().unwrap(), &concrete(path));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 405, "{what}");
            let allow = response.headers()["allow"].to_str().unwrap();
            assert_eq!(allow.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), allowed, "{what}: {allow}");
            if method != "HEAD" {
                let body = json_of(response).await;
                assert_eq!((&body["status"], &body["code"]), (&json!(405), &json!("method_not_allowed")), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found_whoever_asks() {
    let server = TestServer::start();
    let client = server.client("carl").await;
    for path in [
        "/nothing",
        "/ME",
        "/me/",
        "/files/a/b",
        "/api",
        "/api/",
        "/api/audit/1",
        "/download_file",
        "/download_file/",
        "/upload/",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fCargo.toml",
        "/.git/config",
        "/%ff%fe",
    ] {
        expect(path, server.get(path), 404, "not_found", Some("There is nothing at this address.")).await;
        expect(path, server.get(path).bearer_auth(&client), 404, "not_found", None).await;
        expect(path, server.request(Method::DELETE, path), 404, "not_found", None).await;
    }
}
