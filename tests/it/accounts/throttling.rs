//! Brakes on guessing, over HTTP; and whose address is counted.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::answers::{expect, refused};
use crate::support::*;

fn login(server: &TestServer, name: &str, password: &str) -> RequestBuilder {
    server.request(Method::POST, "/login").json(&json!({"username": name, "password": password}))
}

/// Books failures for `address` until no more fit.
fn exhaust(server: &TestServer, address: &str) {
    let (address, now): (IpAddr, _) = (address.parse().unwrap(), server.clock.now());
    let mut attempts = 0;
    while server.app().throttle.attempt(&format!("nobody{attempts}"), address, now).is_ok() {
        attempts += 1;
        assert!(attempts < 1000, "an address may fail as often as it likes");
    }
}

#[tokio::test]
async fn an_account_is_held_back_and_let_in_again() {
    let server = TestServer::start();
    server.register("ann", false).await;
    server.register("bea", false).await;
    // Side by side: what runs at once cannot all slip through.
    let guesses = (0..30).map(|_| refused(login(&server, "ann", "wrong horse")));
    let guesses = futures_util::future::join_all(guesses).await;
    let (wrong, late): (Vec<_>, Vec<_>) = guesses.iter().partition(|guess| guess.status == 401);
    assert_eq!((wrong.len(), late.len()), (10, 20), "{guesses:?}");
    assert!(late.iter().all(|guess| guess.is(429, "too_many_attempts")), "{late:?}");

    for name in ["ann", "ANN", "ａｎｎ"] {
        let response = login(&server, name, PASSWORD).send().await.unwrap();
        assert_eq!(response.status(), 429, "even the right password has to wait");
        let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=31).contains(&seconds), "{seconds}");
        let msg = json_of(response).await["msg"].as_str().unwrap().to_owned();
        assert!(msg.contains(&format!("{seconds} seconds")), "{msg}");
    }
    assert_eq!(login(&server, "bea", PASSWORD).send().await.unwrap().status(), 200, "others are not held back");
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(login(&server, "ann", PASSWORD).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_unknown_account_is_held_back_like_a_known_one() {
    let server = TestServer::start();
    let guesses = (0..12).map(|_| refused(login(&server, "nobody", "wrong horse")));
    let guesses = futures_util::future::join_all(guesses).await;
    assert_eq!(guesses.iter().filter(|guess| guess.is(401, "invalid_credentials")).count(), 10, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|guess| guess.is(429, "too_many_attempts")).count(), 2, "{guesses:?}");
}

#[tokio::test]
async fn right_passwords_cost_nothing() {
    let server = TestServer::start();
    server.register("ann", false).await;
    for _ in 0..15 {
        assert_eq!(login(&server, "ann", PASSWORD).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn guessing_the_old_password_is_held_back_too() {
    let server = TestServer::start();
    let token = server.client("ann").await;
    let change = |old: &str| {
        let body = json!({"old_password": old, "new_password": "battery staple"});
        server.request(Method::POST, "/password").bearer_auth(&token).json(&body)
    };
    let guesses = futures_util::future::join_all((0..12).map(|_| refused(change("wrong horse")))).await;
    assert_eq!(guesses.iter().filter(|guess| guess.is(403, "wrong_password")).count(), 10, "{guesses:?}");
    expect("right", change(PASSWORD), 429, "too_many_attempts", None).await;
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(change(PASSWORD).send().await.unwrap().status(), 200);
}

/// Past the queue for hashing clients are asked to come back, and that it was we who failed is not held against them.
#[tokio::test]
async fn a_flood_of_logins_is_asked_to_come_back() {
    let server = TestServer::with(&["--hash-queue", "1"]);
    let token = server.client("ann").await;
    let flood = futures_util::future::join_all((0..30).map(|_| login(&server, "ann", PASSWORD).send())).await;
    let flood: Vec<_> = flood.into_iter().map(Result::unwrap).collect();
    let of = |status: u16| flood.iter().filter(move |response| response.status().as_u16() == status);
    // Ten attempts at once are all that an account has, right or wrong.
    assert_eq!(of(200).count() + of(503).count() + of(429).count(), 30);
    assert!(of(200).count() >= 1 && of(503).count() >= 1, "{} {}", of(200).count(), of(503).count());
    assert!(of(503).all(|response| response.headers()["retry-after"] == "2"));
    let change = |_| {
        let body = json!({"old_password": "wrong horse", "new_password": "battery staple"});
        server.request(Method::POST, "/password").bearer_auth(&token).json(&body).send()
    };
    let flood = futures_util::future::join_all((0..9).map(change)).await;
    let wrong = flood.iter().filter(|response| response.as_ref().unwrap().status() == 403).count();
    let busy = flood.iter().filter(|response| response.as_ref().unwrap().status() == 503).count();
    assert_eq!(wrong + busy, 9);
    // The wrong ones are counted, the others are not: this many are left.
    for _ in wrong..10 {
        assert_ne!(change(0).await.unwrap().status(), 429);
    }
    assert_eq!(change(0).await.unwrap().status(), 429);
    assert_eq!(login(&server, "ann", PASSWORD).send().await.unwrap().status(), 200, "a sign-in is another thing");
}

#[tokio::test]
async fn an_address_is_held_back_whatever_the_account() {
    let server = TestServer::start();
    server.register("ann", false).await;
    server.register("bea", false).await;
    assert_eq!(login(&server, "bea", PASSWORD).send().await.unwrap().status(), 200);
    exhaust(&server, "127.0.0.1");
    expect("any account", login(&server, "ann", PASSWORD), 429, "too_many_attempts", None).await;
    assert_eq!(login(&server, "bea", PASSWORD).send().await.unwrap().status(), 200, "she has been here before");
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(login(&server, "ann", PASSWORD).send().await.unwrap().status(), 200);
}

/// Row 20 of the usual faults: a client cannot choose the address that it is counted under.
#[tokio::test]
async fn forwarded_addresses_of_strangers_are_ignored() {
    for flags in [&[][..], &["--trusted-proxies", "10.0.0.0/8"]] {
        let server = TestServer::with(flags);
        exhaust(&server, "127.0.0.1");
        for (header, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("cf-connecting-ip", "203.0.113.9"),
        ] {
            let request = login(&server, "nobody", "wrong horse").header(header, value);
            expect(header, request, 429, "too_many_attempts", None).await;
        }
    }
}

#[tokio::test]
async fn of_forwarded_addresses_the_rightmost_untrusted_one_counts() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1/32,10.0.0.0/8"]);
    exhaust(&server, "203.0.113.9");
    let from = |lines: &[&str]| {
        let request = login(&server, "nobody", "wrong horse");
        lines.iter().fold(request, |request, line| request.header("x-forwarded-for", *line))
    };
    for held in [
        &["203.0.113.9"][..],
        &["198.51.100.1, 203.0.113.9"],
        &["198.51.100.1, 203.0.113.9, 10.0.0.7"],
        &["198.51.100.1", "203.0.113.9"],
        &["198.51.100.1", "203.0.113.9, 10.0.0.7"],
        &["::ffff:203.0.113.9"],
    ] {
        expect(&held.join(" | "), from(held), 429, "too_many_attempts", None).await;
    }
    for free in [&[][..], &["203.0.113.9, 198.51.100.1"], &["203.0.113.9", "198.51.100.1"], &["203.0.113.9, nonsense"]]
    {
        expect(&free.join(" | "), from(free), 401, "invalid_credentials", None).await;
    }
}

/// Wrong passwords from wherever, for as long as anybody likes: whoever has signed in before signs in.
#[tokio::test]
async fn strangers_keep_nobody_out() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1"]);
    server.register("ann", false).await;
    let from =
        |address: &str, password: &str| login(&server, "ann", password).header("x-forwarded-for", address.to_owned());
    assert_eq!(from("198.51.100.7", PASSWORD).send().await.unwrap().status(), 200);
    for round in 0..7 {
        let guesses = (0..30).map(|i| refused(from(&format!("203.0.113.{}", (7 * round + i) % 64), "wrong horse")));
        futures_util::future::join_all(guesses).await;
        assert_eq!(from("198.51.100.7", PASSWORD).send().await.unwrap().status(), 200, "round {round}");
        server.clock.advance(Duration::from_secs(30));
    }
    // Nor one stranger another one, while they are few.
    assert_eq!(from("198.51.100.8", PASSWORD).send().await.unwrap().status(), 200);
}

/// After a restart nothing is left of what was in memory.
#[tokio::test]
async fn a_network_is_known_after_a_restart() {
    let flags = ["--trusted-proxies", "127.0.0.1"];
    let server = TestServer::with(&flags);
    server.register("ann", false).await;
    assert_eq!(
        login(&server, "ann", PASSWORD).header("x-forwarded-for", "198.51.100.7").send().await.unwrap().status(),
        200
    );
    let server = TestServer::in_folder(server.stop(), &flags);
    for stranger in 0..100 {
        let now = server.clock.now();
        let address: IpAddr = format!("203.0.113.{stranger}").parse().unwrap();
        server.app().throttle.attempt("ann", address, now).unwrap();
    }
    let from = |address: &str| login(&server, "ann", PASSWORD).header("x-forwarded-for", address.to_owned());
    expect("a stranger", from("203.0.113.200"), 429, "too_many_attempts", None).await;
    assert_eq!(from("198.51.100.7").send().await.unwrap().status(), 200);
}

/// U+212A is a k in lower case: it is no other spelling of a name.
#[tokio::test]
async fn no_spelling_of_a_name_has_a_budget_of_its_own() {
    let server = TestServer::start();
    server.register("mark", false).await;
    futures_util::future::join_all((0..12).map(|_| refused(login(&server, "mark", "wrong horse")))).await;
    for spelling in ["mark", "MARK", "Mark", "ｍａｒｋ", "ＭＡＲＫ"] {
        expect(spelling, login(&server, spelling, PASSWORD), 429, "too_many_attempts", None).await;
    }
    expect("KELVIN SIGN", login(&server, "mar\u{212A}", PASSWORD), 401, "invalid_credentials", None).await;
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(login(&server, "ＭＡＲＫ", PASSWORD).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn others_guesses_do_not_keep_anybody_from_changing_the_password() {
    let server = TestServer::start();
    let token = server.client("ann").await;
    exhaust(&server, "127.0.0.1");
    futures_util::future::join_all((0..12).map(|_| refused(login(&server, "ann", "wrong horse")))).await;
    let body = json!({"old_password": PASSWORD, "new_password": "battery staple"});
    let change = server.request(Method::POST, "/password").bearer_auth(&token).json(&body);
    assert_eq!(change.send().await.unwrap().status(), 200);
}

/// What a Mac types in two parts, and an older hash of it.
#[tokio::test]
async fn passwords_are_the_same_however_they_are_typed() {
    let server = TestServer::start();
    let typed = "cafe\u{301} au\u{A0}lait";
    let body = json!({"username": "ann", "email": "ann@example.org", "password": typed});
    assert_eq!(server.post("/register", body).await.status(), 201);
    for password in [typed, "caf\u{E9} au lait", "cafe\u{301} au lait"] {
        assert_eq!(login(&server, "ann", password).send().await.unwrap().status(), 200, "{password:?}");
    }
    expect("another", login(&server, "ann", "cafe au lait"), 401, "invalid_credentials", None).await;
}

#[tokio::test]
async fn a_proxy_may_add_the_port() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1"]);
    exhaust(&server, "203.0.113.9");
    exhaust(&server, "2001:db8::9");
    for forwarded in ["203.0.113.9:41000", "[2001:db8::9]:41000", "[2001:db8::9]"] {
        let request = login(&server, "nobody", "wrong horse").header("x-forwarded-for", forwarded);
        expect(forwarded, request, 429, "too_many_attempts", None).await;
    }
}
