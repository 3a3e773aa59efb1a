//! Who may do what in a room, for how long, and how much of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::roomed::*;
use crate::support::*;

#[tokio::test]
async fn the_maker_renames_locks_removes_and_ends() {
    let server = TestServer::start();
    let room = room(&server, "Old").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    let bob_id = bob.id().to_owned();
    ann.next("joined").await;
    ann.say("secret").await;
    let message = bob.next("message").await["id"].clone();
    for (what, method, rest) in [
        ("rename", Method::PATCH, String::new()),
        ("end", Method::DELETE, String::new()),
        ("send away", Method::DELETE, format!("/members/{bob_id}")),
        ("take away", Method::DELETE, format!("/events/{message}")),
    ] {
        expect(what, server.request(method.clone(), &room.path(&rest)), 403, "manage_key_required", None).await;
        for wrong in ["x", &ann.token, &ann.key, &room.code] {
            let request = server.request(method.clone(), &room.path(&rest)).header("x-manage-key", wrong);
            expect(what, request, 403, "manage_key_required", None).await;
        }
    }
    let renamed = room.manage(&server, Method::PATCH, "").json(&json!({"title": "New"})).send().await.unwrap();
    assert_eq!(renamed.status(), 200);
    assert_eq!(ann.next("changed").await["title"], "New");
    room.manage(&server, Method::DELETE, &format!("/events/{message}")).send().await.unwrap();
    assert_eq!(ann.next("removed").await["of"], message);
    let again = room.manage(&server, Method::DELETE, &format!("/events/{message}"));
    expect("twice", again, 404, "event_not_found", None).await;
    expect("who joined", room.manage(&server, Method::DELETE, "/events/1"), 404, "event_not_found", None).await;
    room.manage(&server, Method::DELETE, &format!("/members/{bob_id}")).send().await.unwrap();
    assert_eq!(bob.farewell().await["code"], "removed");
    let left = ann.next("left").await;
    assert_eq!((&left["member"], &left["reason"]), (&json!(bob_id), &json!("removed")));
    let again = room.manage(&server, Method::DELETE, &format!("/members/{bob_id}"));
    expect("twice", again, 404, "member_not_found", None).await;
    room.manage(&server, Method::PATCH, "").json(&json!({"locked": true})).send().await.unwrap();
    assert_eq!(ann.next("changed").await["locked"], true);
    let refused = Guest::try_join(&server, &room, "name=Carl").await.err();
    assert_eq!(refused, Some((403, "room_locked".into())));
    let ann = ann.rejoin(&server, &room).await; // whoever is in stays in
    assert!(!ann.log.is_empty());
    room.manage(&server, Method::PATCH, "").json(&json!({"locked": false})).send().await.unwrap();
    let mut carl = Guest::join(&server, &room, "Carl").await;
    let history = serde_json::to_string(&carl.log).unwrap();
    assert!(!history.contains("secret"), "what was taken away is in nobody's history");
    expect("nothing", room.manage(&server, Method::PATCH, "").json(&json!({})), 400, "bad_request", None).await;
    assert_eq!(room.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    let ended = carl.farewell().await;
    assert_eq!((&ended["type"], &ended["reason"]), (&json!("ended"), &json!("ended")));
    expect("ended", server.get(&room.path("")), 404, "room_not_found", None).await;
    assert_eq!(Guest::try_join(&server, &room, "name=x").await.err(), Some((404, "room_not_found".into())));
}

/// Whoever was sent away does not come back by the same code, under whatever name; the maker may open the room again.
#[tokio::test]
async fn whoever_was_sent_away_is_kept_out() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let bob = Guest::join(&server, &room, "Bob").await;
    ann.next("joined").await;
    let removed = room.manage(&server, Method::DELETE, &format!("/members/{}", bob.id())).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    for name in ["Bob", "Somebody"] {
        let refused = Guest::try_join(&server, &room, &format!("name={name}")).await.err();
        assert_eq!(refused, Some((403, "sent_away".into())));
    }
    let plain = server.get(&room.path("/socket?name=Bob"));
    expect("a page asks why", plain, 403, "sent_away", None).await;
    let other = server.get(&room.path("/socket?name=Cid")).header("x-forwarded-for", "203.0.113.7");
    expect("from elsewhere only the handshake is missing", other, 426, "upgrade_required", None).await;
    let token = server.client("carl").await;
    let signed_in = server.get(&room.path("/socket?name=Carl")).bearer_auth(token);
    expect("whoever is signed in is not that guest", signed_in, 426, "upgrade_required", None).await;
    let mut ann = ann.rejoin(&server, &room).await; // whoever is in stays in
    room.manage(&server, Method::PATCH, "").json(&json!({"locked": false})).send().await.unwrap();
    ann.next("changed").await;
    Guest::join(&server, &room, "Bob").await;
}

/// Wrong codes cost whoever guesses: not those who are inside, nor the maker, nor anybody elsewhere.
#[tokio::test]
async fn guesses_of_codes_keep_nobody_out_who_holds_a_secret() {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1"]);
    let room = room(&server, "").await;
    let ann = Guest::join(&server, &room, "Ann").await;
    let guess = |i: u32| server.get(&format!("/api/rooms/k7qm-xw3h-{}", ["n5b2", "n5b3", "n5b4"][i as usize % 3]));
    for i in 0..20 {
        expect("a guess", guess(i), 404, "room_not_found", None).await;
    }
    expect("one more", guess(1), 429, "too_many_attempts", None).await;
    expect("whether it is right is not told", server.get(&room.path("")), 429, "too_many_attempts", None).await;
    let inside = server.get(&room.path("/events")).header("x-member-token", &ann.token);
    assert_eq!(inside.send().await.unwrap().status(), 200);
    let maker = room.manage(&server, Method::PATCH, "").json(&json!({"title": "New"}));
    assert_eq!(maker.send().await.unwrap().status(), 200);
    ann.rejoin(&server, &room).await;
    // From one site with all of its networks, and more often than all may together.
    for i in 0..5_100_u32 {
        let address = format!("2001:db8:1:{:x}::1", i % 65_536);
        let _ = server.app().throttle.guess(
            handover::server::auth::Guess::Long,
            address.parse().unwrap(),
            server.clock.now(),
        );
    }
    let elsewhere = server.get(&room.path("")).header("x-forwarded-for", "2001:db8:2::1");
    assert_eq!(elsewhere.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn names_that_look_alike_are_told_apart() {
    let server = TestServer::start();
    let room = room(&server, "Offer \u{202E}fdp.exe\u{2066}").await;
    let shown = json_of(server.get(&room.path("")).send().await.unwrap()).await;
    assert_eq!(shown["title"], "Offer fdp.exe");
    Guest::join(&server, &room, "Bob").await;
    for (given, number) in [("\u{FF22}ob", 2), ("B\u{43E}b", 3), ("BOB", 4), ("Bob\u{E0041}", 5)] {
        let query = percent_encoding::utf8_percent_encode(given, percent_encoding::NON_ALPHANUMERIC);
        let guest = Guest::try_join(&server, &room, &format!("name={query}")).await.unwrap();
        let name = guest.welcome["you"]["name"].as_str().unwrap();
        assert!(name.ends_with(&format!(" ({number})")), "{given}: {name}");
    }
}

/// A page is not told why its socket was refused: it asks again without the handshake.
#[tokio::test]
async fn a_refusal_is_told_without_a_handshake_too() {
    let server = TestServer::with(&["--max-room-members", "2"]);
    let room = room(&server, "").await;
    let ask = async |what: &str, query: &str, status: u16, code: &str| {
        expect(what, server.get(&room.path(&format!("/socket?{query}"))), status, code, None).await;
    };
    ask("nothing is in the way", "name=x", 426, "upgrade_required").await;
    ask("no name", "name=", 400, "invalid_name").await;
    ask("a token of nobody's", "name=x&token=aaaaaaaaaaaaaaaaaaaa", 403, "not_a_member").await;
    let ann = Guest::join(&server, &room, "Ann").await;
    ask("a member", &format!("token={}", ann.token), 426, "upgrade_required").await;
    Guest::join(&server, &room, "Bob").await;
    ask("full", "name=x", 409, "room_crowded").await;
    room.manage(&server, Method::PATCH, "").json(&json!({"locked": true})).send().await.unwrap();
    ask("locked", "name=x", 403, "room_locked").await;
}

/// A room ends after its quiet time and takes its files along; members are warned.
#[tokio::test]
async fn a_quiet_room_ends_and_its_members_are_warned() {
    let server = TestServer::with(&["--room-life", "1h", "--room-grace", "2h"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    assert_eq!(ann.share(&server, &room, "a", b"content").await.status(), 201);
    server.clock.advance(Duration::from_secs(51 * 60));
    let warning = ann.next("ending").await;
    assert!((500..=540).contains(&warning["expires_in"].as_u64().unwrap()), "{warning}");
    ann.say("still here").await;
    ann.next("message").await;
    server.clock.advance(Duration::from_secs(49 * 60));
    assert_eq!(server.get(&room.path("")).send().await.unwrap().status(), 200, "its time began anew");
    server.clock.advance(Duration::from_secs(11 * 60));
    let ended = ann.farewell().await;
    assert_eq!((&ended["type"], &ended["reason"]), (&json!("ended"), &json!("expired")));
    expect("expired", server.get(&room.path("")), 404, "room_not_found", None).await;
    eventually("the files are gone", async || stored_blobs(&server) == 0).await;
}

fn stored_blobs(server: &TestServer) -> usize {
    use diesel::prelude::*;
    use handover::server::db::schema::blobs;
    server.app().db.lookup(|conn| Ok(blobs::table.count().get_result::<i64>(conn)?)).unwrap() as usize
}

#[tokio::test]
async fn guests_make_and_join_rooms_where_they_may() {
    let server = TestServer::with(&["--guests", "deny"]);
    let guest = server.request(Method::POST, "/api/rooms").json(&json!({}));
    expect("a guest", guest, 401, "sign_in_required", None).await;
    let token = server.client("carl").await;
    let made = server.request(Method::POST, "/api/rooms").bearer_auth(&token).json(&json!({})).send().await.unwrap();
    let room = Room::made(&json_of(made).await);
    assert_eq!(Guest::try_join(&server, &room, "name=x").await.err(), Some((401, "sign_in_required".into())));
}

/// Row 3: whoever had to sign in to be there is out with the sign-in, connected or for a moment not.
#[tokio::test]
async fn a_member_is_out_with_its_sign_in() {
    let server = TestServer::with(&["--guests", "deny", "--room-grace", "1h"]);
    let token = server.operation("olga").await;
    let made = server.request(Method::POST, "/api/rooms").bearer_auth(&token).json(&json!({})).send().await.unwrap();
    let room = Room::made(&json_of(made).await);
    let mut olga = Guest::signed_in(&server, &room, "name=olga", &token).await.unwrap();
    let file = json_of(olga.share(&server, &room, "a", b"content").await).await;
    let url = file["url"].as_str().unwrap();
    let log_out = async |token: &str| {
        let answer = server.request(Method::POST, "/logout").bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    for (name, is_away) in [("carl", false), ("dora", true)] {
        let first = server.client(name).await;
        let member = Guest::signed_in(&server, &room, &format!("name={name}"), &first).await.unwrap();
        let (id, secret, key) = (member.id().to_owned(), member.token.clone(), member.key.clone());
        // The sign-in with which it has come last counts.
        let second = server.login(name).await;
        let mut again = Guest::signed_in(&server, &room, &format!("token={secret}"), &second).await.unwrap();
        drop(member);
        log_out(&first).await;
        let fetch = || server.get(url).header("x-member-token", &secret);
        assert_eq!(fetch().send().await.unwrap().status(), 200);
        again.say("still here").await;
        while olga.next("message").await["from"] != *name {}
        let mut again = Some(again);
        if is_away {
            again = None;
            while olga.next("away").await["member"] != *id {}
        }
        log_out(&second).await;
        expect("fetching", fetch(), 403, "not_a_member", None).await;
        expect("by its key", server.get(&format!("{url}?key={key}")), 403, "not_a_member", None).await;
        let events = server.get(&room.path("/events")).header("x-member-token", &secret);
        expect("reading", events, 403, "not_a_member", None).await;
        let share = server.request(Method::POST, &room.path("/files")).header("x-member-token", &secret);
        expect("sharing", share, 403, "not_a_member", None).await;
        let left = olga.next("left").await;
        assert_eq!((&left["member"], &left["reason"]), (&json!(id), &json!("removed")));
        if let Some(mut again) = again {
            assert_eq!(again.farewell().await["code"], "removed");
        }
        let third = server.login(name).await;
        let back = Guest::signed_in(&server, &room, &format!("token={secret}"), &third).await;
        assert_eq!(back.err(), Some((403, "not_a_member".into())));
    }
}

#[tokio::test]
async fn codes_are_forgiving_and_cannot_be_guessed() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    for typed in [room.code.to_uppercase(), room.code.replace('-', ""), room.code.replace('-', "%20")] {
        assert_eq!(server.get(&format!("/api/rooms/{typed}")).send().await.unwrap().status(), 200, "{typed}");
    }
    let mut refused = 0;
    for _ in 0..30 {
        let guess = server.get("/api/rooms/aaaa-aaaa-aaaa").send().await.unwrap();
        match guess.status().as_u16() {
            404 => assert_eq!(refused, 0),
            429 => {
                refused += 1;
                assert!(guess.headers().contains_key("retry-after"));
            }
            status => panic!("{status}"),
        }
    }
    assert_eq!(refused, 10);
    expect("even the right one", server.get(&room.path("")), 429, "too_many_attempts", None).await;
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(server.get(&room.path("")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_flood_is_told_then_dropped() {
    let server = TestServer::with(&["--room-message-rate", "2"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    for _ in 0..40 {
        ann.say("flood").await;
    }
    let (mut told, mut last) = (0, Value::Null);
    while let Some(frame) = ann.frame().await {
        told += usize::from(frame["code"] == "too_many_requests");
        last = frame;
    }
    assert_eq!(last["code"], "too_many_requests");
    assert_eq!(told, 11, "ten times told, then dropped");
    bob.say("not in the way").await;
    while bob.next("message").await["from"] != "Bob" {}
    let floods = bob.log.iter().filter(|event| event["text"] == "flood").count();
    assert_eq!(floods, 10);
}

#[tokio::test]
async fn members_and_rooms_are_bounded() {
    let server = TestServer::with(&["--max-room-members", "3", "--max-rooms", "8"]);
    let one = room(&server, "").await;
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(Guest::join(&server, &one, "m").await);
    }
    assert_eq!(Guest::try_join(&server, &one, "name=m").await.err(), Some((409, "room_crowded".into())));
    members.pop().unwrap().send(json!({"type": "leave"})).await;
    members[0].next("left").await;
    Guest::join(&server, &one, "m").await;
    room(&server, "").await;
    let third = server.request(Method::POST, "/api/rooms").json(&json!({}));
    expect("a third one of an address", third, 429, "too_many_rooms", None).await;
    assert_eq!(one.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    room(&server, "").await;
}

/// A page of another site opens no socket here, and what is no client's ends it.
#[tokio::test]
async fn foreign_pages_and_nonsense_are_refused() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let plain = server.get(&room.path("/socket?name=x"));
    expect("no socket", plain, 426, "upgrade_required", None).await;
    let foreign = server.get(&room.path("/socket?name=x")).header("origin", "https://evil.example");
    expect("a foreign page", foreign, 403, "foreign_origin", None).await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    ann.send_raw(tokio_tungstenite::tungstenite::Message::Binary(vec![0; 10].into())).await;
    assert_eq!(ann.farewell().await["code"], "bad_message");
    let mut ann = ann.rejoin(&server, &room).await;
    ann.send_raw(tokio_tungstenite::tungstenite::Message::text("x".repeat(60_000))).await;
    assert_eq!(ann.farewell().await["code"], "bad_message", "a giant frame");
}
