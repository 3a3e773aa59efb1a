//! Passwords of batches: asked for on every way to names and bytes, in whatever form they are given.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::answers::{expect, refused};
use crate::support::batched::*;
use crate::support::*;

const PASSWORD: &str = "żółty koń 100%";

fn encoded(password: &str) -> String {
    percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn locked(server: &TestServer) -> Batch {
    make(server, &[("secret-name.txt", b"content")], &[("password", PASSWORD), ("title", "Secret")]).await
}

/// Every route that tells names or brings bytes, with HEAD and with a range.
fn guarded(server: &TestServer, batch: &Batch) -> Vec<(String, RequestBuilder)> {
    let file = format!("/files/{}", batch.file(0));
    let mut requests = Vec::new();
    for rest in ["", &file, "/zip", &format!("/zip?files={}", batch.file(0)), "/events"] {
        requests.push((rest.to_owned(), batch.get(server, rest)));
        requests.push((format!("{rest}, a range"), batch.get(server, rest).header("range", "bytes=0-3")));
    }
    // What is not there is told only to who may know.
    requests.push(("unknown file".into(), batch.get(server, "/files/x")));
    requests.push(("unknown files".into(), batch.get(server, "/zip?files=x")));
    requests
}

#[tokio::test]
async fn it_is_asked_for_before_any_name_is_shown() {
    let server = TestServer::start();
    let batch = locked(&server).await;
    for (what, request) in guarded(&server, &batch) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{what}");
        assert!(response.headers().contains_key("www-authenticate"), "{what}");
        let text = response.text().await.unwrap();
        assert!(text.contains("\"password_required\"") && !text.to_lowercase().contains("secret"), "{what}: {text}");
    }
    for rest in ["", "/zip", &format!("/files/{}", batch.file(0))] {
        let head = server.request(Method::HEAD, &batch.path(rest)).send().await.unwrap();
        assert_eq!(head.status(), 401);
        assert!(!format!("{:?}", head.headers()).to_lowercase().contains("secret"), "{rest}");
    }
    for (what, request) in guarded(&server, &batch).into_iter().take(4) {
        let request = request.header("x-batch-password", "wrong");
        expect(&what, request, 403, "wrong_password", Some("The password is wrong.")).await;
    }
    // The picture of the address tells neither.
    assert_eq!(batch.get(&server, "/qr.svg").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn header_cookie_and_key_open_it() {
    let server = TestServer::start();
    let batch = locked(&server).await;
    let path = format!("/files/{}", batch.file(0));
    let fetch = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(fetch(batch.get(&server, &path).header("x-batch-password", encoded(PASSWORD))).await, 200);
    assert_eq!(fetch(batch.manage(&server, Method::GET, &path)).await, 200);
    expect("a wrong key", batch.get(&server, &path).header("x-manage-key", "x"), 403, "manage_key_required", None)
        .await;

    let unlock = |body: serde_json::Value| server.request(Method::POST, &batch.path("/unlock")).json(&body);
    expect("nothing", unlock(json!({})), 401, "password_required", None).await;
    expect("wrong", unlock(json!({"password": "wrong"})), 403, "wrong_password", None).await;
    let response = unlock(json!({"password": PASSWORD})).send().await.unwrap();
    assert_eq!(response.status(), 204);
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains(&format!("; Path=/api/batches/{};", batch.id)), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    for rest in ["", &path, "/zip"] {
        assert_eq!(
            fetch(batch.get(&server, rest).header("cookie", format!("a=b; {cookie}; c=d"))).await,
            200,
            "{rest}"
        );
    }
    // It opens this batch alone, also beside one with the same password, and for some hours.
    let other = locked(&server).await;
    expect("another", other.get(&server, "").header("cookie", &cookie), 401, "password_required", None).await;
    let forged = format!("{}0", &cookie[..cookie.len() - 1]);
    let forged = if forged == cookie { format!("{}1", &cookie[..cookie.len() - 1]) } else { forged };
    expect("forged", batch.get(&server, "").header("cookie", &forged), 401, "password_required", None).await;
    server.clock.advance(Duration::from_secs(12 * 3600 + 1));
    expect("late", batch.get(&server, "").header("cookie", &cookie), 401, "password_required", None).await;
    // A batch without a password needs no cookie.
    let open = make(&server, &[], &[]).await;
    let response = server.request(Method::POST, &open.path("/unlock")).json(&json!({})).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().get("set-cookie")), (204, None));
}

#[tokio::test]
async fn the_cookie_follows_the_public_address() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover"]);
    let batch = locked(&server).await;
    let request = server.request(Method::POST, &format!("/handover{}", batch.path("/unlock")));
    let response = request.json(&json!({"password": PASSWORD})).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains(&format!("; Path=/handover/api/batches/{};", batch.id)), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn guesses_are_held_back_by_batch() {
    let server = TestServer::start();
    let (batch, other) = (locked(&server).await, locked(&server).await);
    let guess = |batch: &Batch, n: usize| match n % 2 {
        0 => batch.get(&server, "").header("x-batch-password", n.to_string()),
        _ => server.request(Method::POST, &batch.path("/unlock")).json(&json!({"password": n.to_string()})),
    };
    for n in 0..10 {
        expect("a guess", guess(&batch, n), 403, "wrong_password", None).await;
    }
    let problem = refused(guess(&batch, 10)).await;
    assert!(problem.is(429, "too_many_attempts"), "{problem:?}");
    let right = batch.get(&server, "").header("x-batch-password", encoded(PASSWORD));
    assert!(refused(right).await.is(429, "too_many_attempts"), "even the right one has to wait");
    expect("another batch", guess(&other, 0), 403, "wrong_password", None).await;
    server.clock.advance(Duration::from_secs(31));
    let right = batch.get(&server, "").header("x-batch-password", encoded(PASSWORD));
    assert_eq!(right.send().await.unwrap().status(), 200);
}
