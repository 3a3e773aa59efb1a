//! Tokens: what passes for one, and that rights end with the very next request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use handover::server::auth::Role;
use handover::server::db::Conn;
use handover::server::features::accounts::model;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

use crate::support::answers::expect;
use crate::support::*;

const INVALID: &str = "Invalid or expired token";

async fn is_signed_in(server: &TestServer, token: &str) -> bool {
    let response = server.get("/me").bearer_auth(token).send().await.unwrap();
    match response.status().as_u16() {
        200 => true,
        401 => {
            assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
            let body = json_of(response).await;
            assert_eq!((&body["code"], &body["msg"]), (&json!("invalid_token"), &json!(INVALID)));
            false
        }
        status => panic!("{status}"),
    }
}

/// Changes a user's row, as the command line does beside a running server.
async fn change(
    server: &TestServer,
    name: &'static str,
    work: impl FnOnce(&mut Conn, model::User) -> handover::server::error::Result<()> + Send + 'static,
) {
    let changed = server.app().db.write(move |conn| {
        let user = model::find(conn, name)?.expect("the user exists");
        work(conn, user)
    });
    changed.await.unwrap();
}

#[tokio::test]
async fn what_is_no_bearer_token_is_told_so() {
    let server = TestServer::start();
    let missing = server.get("/me").send().await.unwrap();
    assert_eq!(missing.headers()["www-authenticate"], "Bearer");
    expect("none", server.get("/me"), 401, "missing_authorization", Some("Missing Authorization Header")).await;
    for value in ["Basic YW5uOng=", "Bearer", "Bearer ", "bearer   ", "Token abc", "abc", "", "Bearerabc"] {
        let request = server.get("/me").header("authorization", value);
        expect(value, request, 401, "not_bearer", Some("token must be a Bearer token")).await;
    }
    let high = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff").unwrap();
    expect("not text", server.get("/me").header("authorization", high), 401, "not_bearer", None).await;
    for token in ["abc", "a.b.c", "..", &"x".repeat(4000), "null", "undefined"] {
        expect(token, server.get("/me").bearer_auth(token), 401, "invalid_token", Some(INVALID)).await;
    }
    let token = server.client("ann").await;
    for value in [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer  {token} ")] {
        let response = server.get("/me").header("authorization", value).send().await.unwrap();
        assert_eq!(response.status(), 200, "the scheme's letter case is free (RFC 9110)");
    }
}

/// The header decides before the body is read: a body that would be refused too does not come to it.
#[tokio::test]
async fn the_bearer_is_judged_before_the_body() {
    let server = TestServer::start();
    let request = |path| server.request(Method::POST, path).body("x".repeat(100_000));
    for path in ["/password", "/upload", "/logout"] {
        expect(path, request(path), 401, "missing_authorization", None).await;
        expect(path, request(path).bearer_auth("x.y.z"), 401, "invalid_token", None).await;
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let stronger = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap().replace("operation", "client");
    for forged in [
        format!("{}.{claims}.", encode(r#"{"alg":"none","typ":"JWT"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"None","typ":"JWT"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"HS512","typ":"JWT"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"RS256","typ":"JWT"}"#)),
        format!("{}.{claims}.{signature}", encode(r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#)),
        format!("{header}.{}.{signature}", encode(&stronger)),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{token}A"),
    ] {
        assert!(!is_signed_in(&server, &forged).await, "{forged}");
    }
    let other = TestServer::start();
    assert!(!is_signed_in(&other, &token).await, "another server's token");
    assert!(is_signed_in(&server, &token).await);
}

#[tokio::test]
async fn neither_kind_of_token_passes_for_the_other() {
    let server = TestServer::start();
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "report-python-docx.docx";
    assert_eq!(server.upload(&operation, name, fixture(name)).await.status(), 201);
    let minted = server.mint(&client, name).await;
    let link = minted["download_url"].as_str().unwrap().rsplit('/').next().unwrap();
    assert!(!is_signed_in(&server, link).await, "a link token is no sign-in");
    for method in [Method::GET, Method::POST] {
        for path in [format!("/download_file/{client}"), format!("/d/{client}")] {
            if method == Method::POST && path.starts_with("/download") {
                continue;
            }
            expect(&path, server.request(method.clone(), &path), 404, "unknown_link", Some(INVALID)).await;
        }
    }
    assert_eq!(server.fetch(&minted["download_url"]).send().await.unwrap().status(), 200, "the link is still good");
}

#[tokio::test]
async fn logging_out_ends_this_token_alone() {
    let server = TestServer::start();
    let first = server.client("ann").await;
    let second = server.login("ann").await;
    assert_ne!(first, second);
    let response = server.request(Method::POST, "/logout").bearer_auth(&first).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json_of(response).await, json!({"msg": "Logged out"}));
    assert!(!is_signed_in(&server, &first).await);
    expect("again", server.request(Method::POST, "/logout").bearer_auth(&first), 401, "invalid_token", None).await;
    assert!(is_signed_in(&server, &second).await, "another sign-in of the same user goes on");
}

#[tokio::test]
async fn a_changed_password_ends_all_tokens() {
    let server = TestServer::start();
    let (first, other) = (server.client("ann").await, server.client("bea").await);
    let second = server.login("ann").await;
    let ask = |body: serde_json::Value| server.request(Method::POST, "/password").bearer_auth(&first).json(&body);
    let missing = "Missing required parameters: old_password and new_password are required.";
    for body in [json!({}), json!({"old_password": PASSWORD}), json!({"old_password": "", "new_password": "12345678"})]
    {
        expect("missing", ask(body), 400, "missing_parameters", Some(missing)).await;
    }
    let new = "battery staple";
    expect("short", ask(json!({"old_password": PASSWORD, "new_password": "1234567"})), 400, "weak_password", None)
        .await;
    expect("type", ask(json!({"old_password": 5, "new_password": new})), 400, "bad_request", None).await;
    expect("wrong", ask(json!({"old_password": "x", "new_password": new})), 403, "wrong_password", None).await;
    assert!(is_signed_in(&server, &first).await && is_signed_in(&server, &second).await, "refusals end nothing");

    let response = ask(json!({"old_password": PASSWORD, "new_password": new})).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!is_signed_in(&server, &first).await && !is_signed_in(&server, &second).await);
    assert!(is_signed_in(&server, &other).await, "other users are not touched");
    let old = server.request(Method::POST, "/login").json(&json!({"username": "ann", "password": PASSWORD}));
    expect("old", old, 401, "invalid_credentials", None).await;
    let response = server.post("/login", json!({"username": "ann", "password": new})).await;
    assert_eq!(response.status(), 200);
}

/// Row 3 of the usual faults: whoever is demoted or disabled has no rights at the next request, and an old token does not
/// come back to life with the role or the account.
#[tokio::test]
async fn disabled_and_demoted_users_have_no_rights_left() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let now = server.clock.now();
    change(&server, "olga", |conn, user| model::set_role(conn, &user.id, Role::Client)).await;
    assert!(!is_signed_in(&server, &token).await, "demoted");
    change(&server, "olga", |conn, user| model::set_role(conn, &user.id, Role::Operation)).await;
    assert!(!is_signed_in(&server, &token).await, "promoted again: the old token stays ended");

    let token = server.login("olga").await;
    change(&server, "olga", move |conn, user| model::set_disabled(conn, &user.id, Some(now))).await;
    assert!(!is_signed_in(&server, &token).await, "disabled");
    let upload = server.upload(&token, "a.docx", "x").await;
    assert_eq!(upload.status(), 401);
    change(&server, "olga", |conn, user| model::set_disabled(conn, &user.id, None)).await;
    assert!(!is_signed_in(&server, &token).await, "enabled again: the old token stays ended");
    assert!(is_signed_in(&server, &server.login("olga").await).await);
}

/// The row decides, not the token: even where nothing has ended the sessions.
#[tokio::test]
async fn the_row_decides_at_each_request() {
    use diesel::prelude::*;
    use handover::server::db::schema::users;
    let server = TestServer::start();
    let token = server.operation("olga").await;
    change(&server, "olga", |conn, user| {
        diesel::update(users::table.find(user.id)).set(users::role.eq("client")).execute(conn)?;
        Ok(())
    })
    .await;
    assert!(!is_signed_in(&server, &token).await, "the role in the token is not the user's");
    let token = server.client("carl").await;
    change(&server, "carl", |conn, user| {
        diesel::delete(users::table.find(user.id)).execute(conn)?;
        Ok(())
    })
    .await;
    assert!(!is_signed_in(&server, &token).await, "the user is gone");
}

#[tokio::test]
async fn tokens_end_with_their_time() {
    let server = TestServer::with(&["--session-life", "1h"]);
    let token = server.client("ann").await;
    server.clock.advance(Duration::from_secs(3599));
    assert!(is_signed_in(&server, &token).await);
    server.clock.advance(Duration::from_secs(1));
    assert!(!is_signed_in(&server, &token).await);
}

#[tokio::test]
async fn tokens_outlive_a_restart() {
    let server = TestServer::start();
    let token = server.client("ann").await;
    let again = TestServer::in_folder(server.stop(), &[]);
    assert!(is_signed_in(&again, &token).await);
}
