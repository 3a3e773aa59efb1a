//! Strangers who wait keep nobody out who has signed in.

use handover::server::auth::Role;
use handover::server::features::accounts::model;
use reqwest::Method;

use crate::pipes::passing::waiting;
use crate::support::answers::expect;
use crate::support::*;

#[tokio::test]
async fn a_part_of_the_places_is_kept_for_who_has_signed_in() {
    let server = TestServer::with(&["--max-transfers", "8", "--trusted-proxies", "127.0.0.1"]);
    let self_made = server.client("dora").await;
    server.register("carl", false).await;
    let vouch = server.app().db.write(|conn| {
        let user = model::find(conn, "carl")?.unwrap();
        model::set_role(conn, &user.id, Role::Client)
    });
    vouch.await.unwrap();
    let token = server.login("carl").await;
    let fetch = |number: usize, address: String| {
        server.get(&format!("/pipe/strange{number}")).header("x-forwarded-for", address)
    };
    // Each from another network, so that none has more than its share.
    let strangers: Vec<_> =
        (0..6).map(|number| tokio::spawn(fetch(number, format!("203.0.113.{number}")).send())).collect();
    waiting(&server, 6).await;
    expect("one more", fetch(6, "203.0.113.77".into()), 503, "busy", None).await;
    let put = |token: &str| {
        server
            .request(Method::PUT, "/pipe/mine")
            .bearer_auth(token)
            .header("x-forwarded-for", "198.51.100.1")
            .body("mine")
    };
    expect("who made the account themselves", put(&self_made), 503, "busy", None).await;
    let sent = tokio::spawn(put(&token).send());
    waiting(&server, 7).await;
    let got = server.get("/pipe/mine").header("x-forwarded-for", "203.0.113.77").send().await.unwrap();
    assert_eq!((got.text().await.unwrap().as_str(), sent.await.unwrap().unwrap().status().as_u16()), ("mine", 200));
    strangers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Whoever has many networks inside of one has one.
#[tokio::test]
async fn a_subscriber_is_one_however_many_networks_it_has() {
    let server = TestServer::with(&["--max-transfers", "16", "--trusted-proxies", "127.0.0.1"]);
    let fetch = |number: usize| {
        let address = format!("2001:db8:1:{number:x}::1");
        server.get(&format!("/pipe/strange{number}")).header("x-forwarded-for", address)
    };
    let strangers: Vec<_> = (0..6).map(|number| tokio::spawn(fetch(number).send())).collect();
    waiting(&server, 6).await;
    expect("the seventh /64 of a /56", fetch(6), 429, "too_many_requests", None).await;
    strangers.iter().for_each(tokio::task::JoinHandle::abort);
}
