//! Rooms: who is there, and what is said, in one order.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::roomed::*;
use crate::support::*;

#[tokio::test]
async fn people_join_talk_and_leave() {
    let server = TestServer::start();
    let room = room(&server, "Tender").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    assert_eq!((&ann.welcome["room"]["title"], &ann.welcome["room"]["locked"]), (&json!("Tender"), &json!(false)));
    assert_eq!(ann.welcome["members"][0]["name"], "Ann");
    let mut bob = Guest::join(&server, &room, "Bob").await;
    assert_eq!(ann.next("joined").await["name"], "Bob");
    ann.say("hello <b>you</b>").await;
    for member in [&mut ann, &mut bob] {
        let message = member.next("message").await;
        assert_eq!((&message["from"], &message["text"]), (&json!("Ann"), &json!("hello <b>you</b>")));
    }
    bob.send(json!({"type": "typing"})).await;
    assert_eq!(ann.next("typing").await["from"], "Bob");
    bob.send(json!({"type": "leave"})).await;
    assert_eq!(bob.farewell().await["type"], "typing", "its own, and no error");
    let left = ann.next("left").await;
    assert_eq!((&left["name"], &left["reason"]), (&json!("Bob"), &json!("left")));
    let late = Guest::join(&server, &room, "Late").await;
    let kinds: Vec<_> = late.log.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["joined", "joined", "message", "left", "joined"], "the history is for those who come later");
    let seen: Value = server.get(&room.path("")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&seen["title"], &seen["members"]), (&json!("Tender"), &json!(2)));
}

#[tokio::test]
async fn equal_names_are_told_apart_and_bad_ones_refused() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let ann = Guest::join(&server, &room, "Ann").await;
    let second = Guest::join(&server, &room, "%20ann%20").await;
    let third = Guest::join(&server, &room, "A%E2%80%8Bnn").await; // a space of no width
    assert_eq!((ann.name(), second.name(), third.name()), ("Ann", "ann (2)", "Ann (3)"));
    for bad in ["", "%20", "%E2%80%8B", &"x".repeat(41)] {
        let refused = Guest::try_join(&server, &room, &format!("name={bad}")).await.err();
        assert_eq!(refused, Some((400, "invalid_name".into())), "{bad}");
    }
    assert_eq!(Guest::join(&server, &room, &"%C5%BC".repeat(40)).await.name(), "ż".repeat(40));
}

/// Who comes back within the grace time neither leaves nor joins.
#[tokio::test]
async fn a_broken_connection_is_no_leaving() {
    let server = TestServer::with(&["--room-grace", "60s"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let bob = Guest::join(&server, &room, "Bob").await;
    ann.next("joined").await;
    let (id, token) = (bob.id().to_owned(), bob.token.clone());
    drop(bob);
    let away = ann.next("away").await;
    assert_eq!((&away["member"], &away["away"]), (&json!(id), &json!(true)));
    ann.say("one").await;
    ann.say("two").await;
    ann.next("message").await;
    let query = format!("name=Bob&token={token}&after=2");
    let mut bob = Guest::try_join(&server, &room, &query).await.unwrap();
    assert_eq!((bob.id(), bob.name()), (&*id, "Bob"));
    assert_eq!(ann.next("away").await["away"], false);
    bob.until(4).await;
    assert_eq!(ids(&bob.log), [3, 4], "what it missed, once");
    drop(bob);
    ann.next("away").await;
    server.clock.advance(Duration::from_secs(61));
    let left = ann.next("left").await;
    assert_eq!((&left["name"], &left["reason"]), (&json!("Bob"), &json!("lost")));
    let refused = Guest::try_join(&server, &room, &query).await.err();
    assert_eq!(refused, Some((403, "not_a_member".into())), "its place is gone");
}

#[tokio::test]
async fn a_second_connection_takes_the_place_of_the_first() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let again = Guest::try_join(&server, &room, &format!("token={}&after=1", ann.token)).await.unwrap();
    assert_eq!(ann.farewell().await["code"], "replaced");
    assert_eq!(again.id(), ann.id());
}

#[tokio::test]
async fn what_is_too_long_or_makes_no_sense_is_refused_and_loses_nothing() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    for bad in [
        json!({"type": "message", "text": "x".repeat(8193), "ref": "long"}),
        json!({"type": "message", "text": " ", "ref": "empty"}),
        json!({"type": "message", "text": "x", "ref": "x".repeat(65)}),
        json!({"type": "message"}),
        json!({"text": "x"}),
        json!([]),
    ] {
        ann.send(bad.clone()).await;
        let error = ann.next("error").await;
        assert_eq!(error["code"], "bad_request", "{bad}");
        assert_eq!(error["ref"], bad["ref"], "{bad}");
    }
    ann.send(json!({"type": "ping"})).await;
    ann.next("pong").await;
    ann.send(json!({"type": "of a newer client"})).await;
    ann.send(json!({"type": "message", "text": "\u{1}".repeat(8192), "ref": "fits"})).await;
    assert_eq!(ann.next("message").await["ref"], "fits");
    assert_eq!(ids(&ann.log), [1, 2]);
}

/// Whoever does not know whether a message arrived sends it again.
#[tokio::test]
async fn a_message_that_is_sent_twice_is_there_once() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    for _ in 0..3 {
        ann.send(json!({"type": "message", "text": "once", "ref": "1"})).await;
    }
    ann.send(json!({"type": "message", "text": "next", "ref": "2"})).await;
    ann.until(3).await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    bob.send(json!({"type": "message", "text": "his", "ref": "1"})).await;
    ann.until(5).await;
    let texts: Vec<_> = ann.log.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, ["once", "next", "his"]);
    // It is told that it is stored, it alone, and also after it was taken away.
    let answers =
        |guest: &Guest| guest.words.iter().filter(|word| word["type"] == "stored").cloned().collect::<Vec<_>>();
    let once = json!({"type": "stored", "of": 2, "ref": "1"});
    assert_eq!(answers(&ann), [once.clone(), once.clone()]);
    assert_eq!(room.manage(&server, Method::DELETE, "/events/2").send().await.unwrap().status(), 204);
    let mut ann = ann.rejoin(&server, &room).await;
    ann.send(json!({"type": "message", "text": "once", "ref": "1"})).await;
    assert_eq!(ann.next("stored").await, once);
    ann.say("last").await;
    bob.until(7).await;
    assert!(answers(&bob).is_empty());
    assert_eq!(bob.log.last().unwrap()["text"], "last");
}

/// Each member's log is the room's log, whatever breaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_members_see_the_same_whatever_breaks() {
    const MEMBERS: usize = 8;
    const EACH: usize = 1000;
    let server = TestServer::with(&["--room-message-rate", "1000000"]);
    let room = room(&server, "").await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let last = (MEMBERS + MEMBERS * EACH) as i64;
    let talk = async |number: usize| {
        let mut rng = SmallRng::seed_from_u64(seed + number as u64);
        let mut guest = Guest::join(&server, &room, &format!("m{number}")).await;
        let mut sent = 0;
        let mut unconfirmed: Vec<usize> = Vec::new();
        let mut over = false;
        while sent < EACH || !unconfirmed.is_empty() || guest.last() < last {
            if sent < EACH && unconfirmed.len() < 5 {
                guest
                    .send(json!({"type": "message", "text": format!("{number}/{sent}"), "ref": sent.to_string()}))
                    .await;
                unconfirmed.push(sent);
                sent += 1;
                continue;
            }
            if over || rng.random_range(0..400) == 0 {
                guest = guest.rejoin(&server, &room).await;
                let arrived = |guest: &Guest, n: usize| {
                    let text = format!("{number}/{n}");
                    guest.log.iter().rev().any(|event| event["text"] == text.as_str())
                };
                unconfirmed.retain(|n| !arrived(&guest, *n));
                for n in unconfirmed.clone() {
                    guest.send(json!({"type": "message", "text": format!("{number}/{n}"), "ref": n.to_string()})).await;
                }
            }
            let before = guest.log.len();
            let next = guest.last() + 1;
            // One that is too slow is dropped, and comes back.
            over = next <= last && !guest.try_until(next).await;
            for event in &guest.log[before..] {
                if event["from_id"] == guest.id() {
                    let own: usize = event["ref"].as_str().unwrap().parse().unwrap();
                    unconfirmed.retain(|n| *n != own);
                }
            }
        }
        guest.log
    };
    let logs = futures_util::future::join_all((0..MEMBERS).map(talk)).await;
    let reader = Guest::join(&server, &room, "reader").await;
    let mut whole = stored(&server, &room, &reader.token).await;
    assert_eq!(whole.pop().unwrap()["type"], "joined", "the reader");
    assert_eq!(ids(&whole), (1..=last).collect::<Vec<_>>());
    let messages = whole.iter().filter(|event| event["type"] == "message").count();
    assert_eq!(messages, MEMBERS * EACH, "each one once");
    for log in logs {
        let first = log[0]["id"].as_i64().unwrap() as usize;
        assert!(first <= MEMBERS);
        assert!(log == whole[first - 1..], "a member saw something else than the room");
    }
}

/// Events are stored: the room is there after a restart, and members come back to their places.
#[tokio::test]
async fn a_room_survives_a_restart() {
    let server = TestServer::start();
    let room = room(&server, "Kept").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let bob = Guest::join(&server, &room, "Bob").await;
    ann.say("before").await;
    ann.next("message").await;
    let (ann_token, bob_token) = (ann.token.clone(), bob.token.clone());
    let folder = server.stop();
    while ann.frame().await.is_some() {}
    let server = TestServer::in_folder(folder, &[]);
    let mut ann = Guest::try_join(&server, &room, &format!("token={ann_token}&after=2")).await.unwrap();
    assert_eq!(ann.name(), "Ann");
    assert_eq!(ids(&ann.log), [3], "the message, and neither left nor joined");
    ann.say("after").await;
    assert_eq!(ann.next("message").await["id"], 4);
    let mut bob = Guest::try_join(&server, &room, &format!("token={bob_token}&after=3")).await.unwrap();
    bob.until(4).await;
    assert_eq!(ids(&bob.log), [4]);
    // Who does not come back has left in the end.
    let carl = Guest::join(&server, &room, "Carl").await;
    ann.next("joined").await;
    let folder = server.stop();
    let server = TestServer::in_folder(folder, &[]);
    let mut ann = Guest::try_join(&server, &room, &format!("token={ann_token}&after=5")).await.unwrap();
    server.clock.advance(Duration::from_secs(61));
    let names = [ann.next("left").await["name"].clone(), ann.next("left").await["name"].clone()];
    assert_eq!(names, ["Bob", "Carl"]);
    drop(carl);
}

#[tokio::test]
async fn rooms_do_not_hear_each_other() {
    let server = TestServer::start();
    let (one, two) = (room(&server, "one").await, room(&server, "two").await);
    let (mut ann, mut bob) = (Guest::join(&server, &one, "Ann").await, Guest::join(&server, &two, "Bob").await);
    ann.say("for one").await;
    ann.send(json!({"type": "typing"})).await;
    let shared = ann.share(&server, &one, "a.txt", b"for one").await;
    let file: Value = shared.json().await.unwrap();
    bob.say("for two").await;
    assert_eq!(bob.next("message").await["text"], "for two");
    assert_eq!(ids(&bob.log), [1, 2], "nothing of the other room");
    let id = file["file_id"].as_str().unwrap();
    let foreign = server.get(&two.path(&format!("/files/{id}"))).header("x-member-token", &bob.token);
    expect("a file of another room", foreign, 404, "file_not_found", None).await;
    let foreign = server.get(&one.path(&format!("/files/{id}"))).header("x-member-token", &bob.token);
    expect("a member of another room", foreign, 403, "not_a_member", None).await;
    let removed = two.manage(&server, Method::DELETE, "/events/2").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let foreign = server.request(Method::DELETE, &one.path("/events/2")).header("x-manage-key", &two.key);
    expect("the key of another room", foreign, 403, "manage_key_required", None).await;
}
