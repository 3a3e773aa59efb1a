//! Register and log in: every row of the API's promises, and what clients send instead.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::answers::{expect, refused};
use crate::support::*;

const MISSING_REGISTER: &str = "Missing required parameters: username, email, and password are required.";
const MISSING_LOGIN: &str = "Missing required parameters: username and password are required.";

fn post(server: &TestServer, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    server.request(Method::POST, path).header("content-type", "application/json").body(body)
}

fn registration(change: Value) -> Value {
    let mut body = json!({"username": "ann", "email": "ann@example.org", "password": PASSWORD});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn registering_makes_a_client_user_unless_the_flag_says_else() {
    let server = TestServer::start();
    let response = server.post("/register", registration(json!({"age": 7, "role": "operation"}))).await;
    assert_eq!(response.status(), 201);
    assert_eq!(json_of(response).await, json!({"msg": "User registered successfully"}));
    for (name, flag, role) in [
        ("ann", None, "client"),
        ("bea", Some(json!(null)), "client"),
        ("cyd", Some(json!(false)), "client"),
        ("dan", Some(json!(true)), "operation"),
    ] {
        if let Some(flag) = flag {
            let email = format!("{name}@example.org");
            let body = registration(json!({"username": name, "email": email, "is_operation_user": flag}));
            assert_eq!(server.post("/register", body).await.status(), 201, "{name}");
        }
        let token = server.login(name).await;
        let me = json_of(server.get("/me").bearer_auth(token).send().await.unwrap()).await;
        assert_eq!((&me["username"], &me["role"]), (&json!(name), &json!(role)), "{me}");
        assert_eq!(me["email"], format!("{name}@example.org"));
        assert!(me["created_at"].as_str().unwrap().ends_with('Z'), "{me}");
        assert!(me.get("password_hash").is_none() && me.get("password").is_none(), "{me}");
    }
}

#[tokio::test]
async fn what_is_missing_from_a_registration_is_said() {
    let server = TestServer::start();
    let mut bodies: Vec<String> =
        ["", "null", "{}", "not json", "\u{FEFF}{}", "username=ann&password=x"].map(str::to_owned).to_vec();
    bodies.push("[".repeat(30_000));
    for member in ["username", "email", "password"] {
        let mut without = registration(json!({}));
        without.as_object_mut().unwrap().remove(member);
        let emptied = [json!(null), json!("")].map(|value| registration(json!({member: value})));
        bodies.extend([without].into_iter().chain(emptied).map(|body| body.to_string()));
    }
    for body in bodies {
        let what = format!("{body:.60}");
        expect(&what, post(&server, "/register", body), 400, "missing_parameters", Some(MISSING_REGISTER)).await;
    }
    // What is meant to be JSON and cannot be read is said to be so.
    let deep = format!("{{\"username\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for body in ["{\"username\": \"ann\"", "\u{FEFF}{\"username\": \"ann\",}", &deep] {
        let problem = refused(post(&server, "/register", body.to_owned())).await;
        assert!(problem.is(400, "bad_request"), "{body:.60}: {problem:?}");
        assert!(problem.msg.starts_with("The JSON body cannot be read: "), "{body:.60}: {problem:?}");
    }
    let marked = format!("\u{FEFF}{}", registration(json!({"username": "bom", "email": "bom@example.org"})));
    assert_eq!(post(&server, "/register", marked).send().await.unwrap().status(), 201);
    expect("no body", server.request(Method::POST, "/register"), 400, "missing_parameters", Some(MISSING_REGISTER))
        .await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_rule() {
    let server = TestServer::start();
    let long = |n: usize| "x".repeat(n);
    for (change, code, word) in [
        (json!({"username": "an"}), "invalid_username", "3 to 64"),
        (json!({"username": long(65)}), "invalid_username", "3 to 64"),
        (json!({"username": "ann smith"}), "invalid_username", "letters"),
        (json!({"username": "аnn"}), "invalid_username", "letters"), // a Cyrillic а
        (json!({"username": "../ann"}), "invalid_username", "letters"),
        (json!({"username": "ann\u{0}"}), "invalid_username", "letters"),
        (json!({"email": "ann"}), "invalid_email", "email"),
        (json!({"email": "ann@"}), "invalid_email", "email"),
        (json!({"email": "ann@x.y\r\nBcc: z@x.y"}), "invalid_email", "email"),
        (json!({"email": format!("{}@example.org", long(250))}), "invalid_email", "email"),
        (json!({"password": "1234567"}), "weak_password", "8"),
        (json!({"password": "żółćżół"}), "weak_password", "8"),
        (json!({"password": long(1025)}), "weak_password", "1,024"),
        (json!({"username": 5}), "bad_request", "JSON"),
        (json!({"email": ["ann@example.org"]}), "bad_request", "JSON"),
        (json!({"password": {"$ne": ""}}), "bad_request", "JSON"),
        (json!({"is_operation_user": "true"}), "bad_request", "JSON"),
        (json!({"is_operation_user": 1}), "bad_request", "JSON"),
    ] {
        let problem = refused(post(&server, "/register", registration(change.clone()).to_string())).await;
        assert!(problem.is(400, code), "{change}: {problem:?}");
        assert!(problem.msg.contains(word), "{change}: {problem:?}");
    }
    for body in ["[]", "5", "\"ann\"", "true"] {
        expect(body, post(&server, "/register", body), 400, "bad_request", None).await;
    }
    // The shortest and the longest that fit, and nothing of all the above is left behind.
    for (name, password) in [("ann", "żółćżółć".to_owned()), ("x".repeat(64).as_str(), long(1024))] {
        let change = json!({"username": name, "email": format!("{name}@example.org"), "password": password});
        assert_eq!(server.post("/register", registration(change)).await.status(), 201, "{name}");
    }
}

#[tokio::test]
async fn names_and_addresses_are_unique_whatever_their_letter_case() {
    let server = TestServer::start();
    server.register("Ann", false).await;
    let taken = |change: Value| post(&server, "/register", registration(change).to_string());
    for name in ["Ann", "ann", "ANN"] {
        let request = taken(json!({"username": name, "email": "other@example.org"}));
        expect(name, request, 409, "username_taken", Some("Username already exists")).await;
    }
    for email in ["Ann@example.org", "ann@example.org", "ANN@EXAMPLE.ORG"] {
        let request = taken(json!({"username": "other", "email": email}));
        expect(email, request, 409, "email_taken", Some("Email already exists")).await;
    }
    // One account, whichever way its name is typed; it is shown the way it was registered.
    for name in ["ann", "ANN"] {
        let token = server.login(name).await;
        let me = json_of(server.get("/me").bearer_auth(token).send().await.unwrap()).await;
        assert_eq!(me["username"], "Ann");
    }
}

#[tokio::test]
async fn of_simultaneous_registrations_one_wins_and_none_fails() {
    let server = TestServer::start();
    for (round, clients) in [2, 20].into_iter().enumerate() {
        let races = (0..clients).map(|i| {
            let name = if i % 2 == 0 { format!("racer{round}") } else { format!("RACER{round}") };
            let body = registration(json!({"username": name, "email": format!("{i}.{round}@example.org")}));
            server.post("/register", body)
        });
        let mut statuses: Vec<_> =
            futures_util::future::join_all(races).await.iter().map(|response| response.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 201, "{statuses:?}");
        assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    }
    let races = (0..20).map(|i| {
        let body = registration(json!({"username": format!("twin{i}"), "email": "twins@example.org"}));
        server.post("/register", body)
    });
    let won = futures_util::future::join_all(races).await;
    assert_eq!(won.iter().filter(|response| response.status() == 201).count(), 1);
    assert_eq!(won.iter().filter(|response| response.status() == 409).count(), 19);
}

#[tokio::test]
async fn logging_in_gives_a_token_that_says_who_and_until_when() {
    let server = TestServer::with(&["--session-life", "30m"]);
    server.register("ann", true).await;
    let response = server.post("/login", json!({"username": "ann", "password": PASSWORD, "otp": 1})).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    let body = json_of(response).await;
    assert_eq!((&body["msg"], &body["token_type"]), (&json!("Login successful"), &json!("Bearer")));
    assert_eq!(body["expires_in"], 1800);
    let parts: Vec<Value> = body["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!((&parts[0]["alg"], &parts[0]["typ"]), (&json!("HS256"), &json!("JWT")));
    assert!(parts[0]["kid"].is_string());
    let claims = &parts[1];
    let now = server.clock.now().and_utc().timestamp();
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 1800)));
    assert_eq!((&claims["role"], &claims["iss"]), (&json!("operation"), &json!("handover")));
    for member in ["sub", "jti", "aud"] {
        assert!(claims[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {claims}");
    }
}

#[tokio::test]
async fn what_is_missing_from_a_login_is_said() {
    let server = TestServer::start();
    for body in [
        "",
        "null",
        "not json",
        "{}",
        r#"{"username": "ann"}"#,
        r#"{"password": "correct horse"}"#,
        r#"{"username": "", "password": "correct horse"}"#,
        r#"{"username": "ann", "password": ""}"#,
        r#"{"username": "ann", "password": null}"#,
    ] {
        expect(body, post(&server, "/login", body), 400, "missing_parameters", Some(MISSING_LOGIN)).await;
    }
    expect("type", post(&server, "/login", r#"{"username": "ann", "password": 1}"#), 400, "bad_request", None).await;
}

/// Row 21 of the usual faults: the answer does not tell whether the user exists, and each of them costs one hash.
#[tokio::test]
async fn unknown_wrong_and_disabled_cannot_be_told_apart() {
    let server = TestServer::start();
    server.register("ann", false).await;
    server.register("gone", false).await;
    let now = server.clock.now();
    let disable = server.app().db.write(move |conn| {
        let user = handover::server::features::accounts::model::find(conn, "gone")?.unwrap();
        handover::server::features::accounts::model::set_disabled(conn, &user.id, Some(now))
    });
    disable.await.unwrap();
    let mut bodies = Vec::new();
    let very_long = "x".repeat(5000);
    for (name, password) in
        [("ann", "wrong horse"), ("nobody", PASSWORD), ("gone", PASSWORD), ("no name at all!", "x"), (&very_long, "x")]
    {
        let login = server.request(Method::POST, "/login").json(&json!({"username": name, "password": password}));
        let metrics = &server.app().metrics;
        let mut hashed = false;
        let mut login = std::pin::pin!(refused(login));
        let problem = loop {
            hashed |= metrics.hashes_running.get() + metrics.hashes_waiting.get() > 0;
            tokio::select! {
                biased;
                problem = &mut login => break problem,
                () = tokio::task::yield_now() => {}
            }
        };
        assert!(hashed, "{name:.20} was answered without a hash");
        bodies.push(problem);
    }
    assert!(bodies[0].is(401, "invalid_credentials"), "{:?}", bodies[0]);
    assert_eq!(bodies[0].msg, "Invalid username or password");
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn json_bodies_have_a_limit() {
    const LIMIT: usize = 64 * 1024;
    let server = TestServer::start();
    let padded = |length: usize| {
        let body = registration(json!({"padding": ""})).to_string();
        body.replace("\"padding\":\"\"", &format!("\"padding\":\"{}\"", "x".repeat(length - body.len())))
    };
    assert_eq!(padded(LIMIT).len(), LIMIT);
    expect("one byte more", post(&server, "/register", padded(LIMIT + 1)), 413, "body_too_large", None).await;
    // Without a declared length.
    let pieces = padded(LIMIT + 1)
        .into_bytes()
        .chunks(1000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    expect("chunked", post(&server, "/register", chunked), 413, "body_too_large", None).await;
    let response = post(&server, "/register", padded(LIMIT)).send().await.unwrap();
    assert_eq!(response.status(), 201, "exactly the limit");
}
