//! Files of a room: shared over HTTP, told to all, fetched by members alone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::raw::Raw;
use crate::support::roomed::*;
use crate::support::*;

/// More than the system keeps for a connection.
const LARGE: usize = 30_000_000;

#[tokio::test]
async fn a_file_is_told_to_all_and_fetched_by_members() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    let content = vec![7; 300_000];
    let answer = ann.share(&server, &room, "../plan \"x\".svg", &content).await;
    assert_eq!(answer.status(), 201);
    let answer: Value = answer.json().await.unwrap();
    let told = bob.next("file").await;
    assert_eq!(told, answer);
    assert_eq!((&told["from"], &told["size"]), (&json!("Ann"), &json!(300_000)));
    assert_eq!(told["filename"], "plan \"x\".svg", "a name, and no path");
    let url = told["url"].as_str().unwrap();
    for (what, request) in [
        ("without anything", server.get(url)),
        ("a wrong key", server.get(&format!("{url}?key={}", "a".repeat(20)))),
        ("a wrong token", server.get(url).header("x-member-token", "x")),
        ("a key for a token", server.get(url).header("x-member-token", &bob.key)),
    ] {
        expect(what, request, 403, "not_a_member", None).await;
    }
    let head = server.request(Method::HEAD, &format!("{url}?key={}", bob.key)).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "300000");
    // A look at it, as a page has by itself, is not told.
    let mut carl = Guest::join(&server, &room, "Carl").await;
    for preview in [format!("{url}?key={}&preview=true", bob.key), format!("{url}?preview=true&key={}", carl.key)] {
        assert_eq!(server.get(&preview).send().await.unwrap().bytes().await.unwrap(), content);
    }
    carl.send(json!({"type": "leave"})).await;
    assert_eq!(carl.farewell().await, Value::Null);
    let fetched = server.get(&format!("{url}?key={}", bob.key)).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    let header = |name: &str| fetched.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-disposition").starts_with("attachment; "), "{}", header("content-disposition"));
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(fetched.bytes().await.unwrap(), content);
    let seen = ann.next("fetched").await;
    assert_eq!((&seen["by"], &seen["of"], &seen["file_id"]), (&json!("Bob"), &told["id"], &told["file_id"]));
    let range = server.get(url).header("x-member-token", &bob.token).header("range", "bytes=299990-");
    let range = range.send().await.unwrap();
    assert_eq!((range.status().as_u16(), range.bytes().await.unwrap().len()), (206, 10));
    assert_eq!(ann.words.iter().filter(|word| word["type"] == "fetched").count(), 1);
    // It is told once for each member, and again to a sharer who comes back.
    let ann = ann.rejoin(&server, &room).await;
    assert_eq!(ann.welcome["fetched"].as_array().unwrap().len(), 1);
    assert_eq!(ann.welcome["fetched"][0]["by"], "Bob");
    let late = Guest::join(&server, &room, "Late").await;
    let file = late.log.iter().find(|event| event["type"] == "file").unwrap();
    assert_eq!(file["url"], url, "in the history too");
}

/// A member who has left, a file that was taken away, a room that has ended: the address works no more.
#[tokio::test]
async fn addresses_end_with_the_right_to_them() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let (bob, carl) = (Guest::join(&server, &room, "Bob").await, Guest::join(&server, &room, "Carl").await);
    for name in ["one", "two"] {
        assert_eq!(ann.share(&server, &room, name, name.as_bytes()).await.status(), 201);
    }
    let (one, two) = (ann.next("file").await, ann.next("file").await);
    let url = |file: &Value, member: &Guest| format!("{}?key={}", file["url"].as_str().unwrap(), member.key);
    assert_eq!(server.get(&url(&one, &bob)).send().await.unwrap().status(), 200);
    let removed = room.manage(&server, Method::DELETE, &format!("/members/{}", bob.id())).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    expect("sent away", server.get(&url(&one, &bob)), 403, "not_a_member", None).await;
    expect(
        "sharing",
        server.request(Method::POST, &room.path("/files")).header("x-member-token", &bob.token),
        403,
        "not_a_member",
        None,
    )
    .await;
    let removed = room.manage(&server, Method::DELETE, &format!("/events/{}", one["id"])).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    expect("taken away", server.get(&url(&one, &carl)), 404, "file_not_found", None).await;
    assert_eq!(server.get(&url(&two, &carl)).send().await.unwrap().status(), 200);
    assert_eq!(room.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    expect("ended", server.get(&url(&two, &carl)), 404, "room_not_found", None).await;
}

/// What runs is cut off, too: what its reader still gets is not the file.
#[tokio::test]
async fn running_downloads_end_with_the_right_to_them() {
    let server = TestServer::start();
    let content = vec![7; LARGE];
    for what in ["the member is sent away", "the file is taken away", "the room is ended"] {
        let room = room(&server, "").await;
        let mut ann = Guest::join(&server, &room, "Ann").await;
        let bob = Guest::join(&server, &room, "Bob").await;
        assert_eq!(ann.share(&server, &room, "a", &content).await.status(), 201);
        let file = ann.next("file").await;
        let mut reader = Raw::open(server.address).await;
        reader.get(&format!("{}?key={}", file["url"].as_str().unwrap(), bob.key), "").await;
        let head = reader.head().await;
        assert_eq!((head.status, head.length()), (200, LARGE));
        reader.take(100_000).await;
        let rest = match what {
            "the member is sent away" => format!("/members/{}", bob.id()),
            "the file is taken away" => format!("/events/{}", file["id"]),
            _ => String::new(),
        };
        assert_eq!(room.manage(&server, Method::DELETE, &rest).send().await.unwrap().status(), 204, "{what}");
        server.clock.advance(Duration::from_secs(1));
        assert!(100_000 + reader.rest().await.len() < LARGE, "{what}");
    }
}

#[tokio::test]
async fn what_a_room_holds_is_bounded() {
    let server = TestServer::with(&["--max-room-size", "100KB", "--max-file-size", "80KB"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let code = async |response: reqwest::Response| {
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code(ann.share(&server, &room, "a", &[0; 80_001]).await).await, (413, "file_too_large".into()));
    assert_eq!(ann.share(&server, &room, "a", &[0; 60_000]).await.status(), 201);
    assert_eq!(code(ann.share(&server, &room, "b", &[0; 60_000]).await).await, (413, "room_full".into()));
    for _ in 0..4 {
        ann.say(&"x".repeat(8000)).await;
        ann.next("message").await;
    }
    ann.say(&"x".repeat(8100)).await;
    assert_eq!(ann.next("error").await["code"], "room_full");
    let file = ann.log.iter().find(|event| event["type"] == "file").unwrap()["id"].clone();
    assert_eq!(room.manage(&server, Method::DELETE, &format!("/events/{file}")).send().await.unwrap().status(), 204);
    ann.say("room again").await;
    assert_eq!(ann.next("message").await["text"], "room again");
    assert_eq!(code(ann.share(&server, &room, "", &[0; 10]).await).await, (400, "no_file".into()));
}

/// Who comes and goes is stored too, and pays for both when it comes: a full room takes nobody in, and lets everybody out.
#[tokio::test]
async fn comings_and_goings_are_bounded() {
    let server = TestServer::with(&["--max-room-size", "16KiB"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    for length in [8192, 4096, 4096] {
        ann.say(&"x".repeat(length)).await;
    }
    assert_eq!(ann.next("error").await["code"], "room_full");
    // What was said does not keep others out,
    let mut comings = 0;
    let refused = loop {
        match Guest::try_join(&server, &room, "name=Carl").await {
            Ok(mut carl) => carl.send(json!({"type": "leave"})).await,
            Err(refused) => break refused,
        }
        ann.next("left").await;
        comings += 1;
        assert!(comings < 100, "there is no end to it");
    };
    // and they come and go as often as the room can hold.
    assert_eq!((refused, comings), ((413, "room_full".into()), 2));
    expect("without a handshake", server.get(&room.path("/socket?name=Carl")), 413, "room_full", None).await;
    bob.send(json!({"type": "leave"})).await;
    assert_eq!(ann.next("left").await["name"], "Bob");
    let whole = stored(&server, &room, &ann.token).await;
    assert!(whole.iter().map(|event| event.to_string().len()).sum::<usize>() <= 18 << 10);
    // Its maker may remove what was said, which makes room.
    assert_eq!(room.manage(&server, Method::DELETE, "/events/3").send().await.unwrap().status(), 204);
    assert_eq!(ann.next("removed").await["of"], 3);
    Guest::join(&server, &room, "Carl").await;
    ann.say("room again").await;
    while ann.next("message").await["text"] != "room again" {}
}

/// A browser fetches by a cookie that came with its socket: no address holds a secret, and its rights end with the place.
#[tokio::test]
async fn a_browser_fetches_without_a_secret_in_the_address() {
    let server = TestServer::start();
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let shared = server.request(Method::POST, &room.path("/files")).header("x-member-token", &ann.token);
    let part = reqwest::multipart::Part::bytes(b"content".to_vec()).file_name("a.txt");
    let shared = shared.multipart(reqwest::multipart::Form::new().part("file", part)).send().await.unwrap();
    assert_eq!(shared.status(), 201);
    let url = ann.next("file").await["url"].as_str().unwrap().to_owned();
    assert!(!url.contains('?'), "{url}");

    // The token of a place goes along as a page can send it.
    let handshake = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: handover, member.{}\r\n\r\n",
        room.path("/socket?name=Ann"),
        ann.token
    );
    let mut raw = Raw::open(server.address).await;
    raw.send(handshake).await;
    let head = raw.any_head().await;
    assert_eq!((head.status, head.get("sec-websocket-protocol")), (101, Some("handover")));
    let cookie = head.get("set-cookie").unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", &format!("Path={}", room.path(""))] {
        assert!(cookie.split("; ").any(|one| one == attribute), "{attribute} in {cookie}");
    }
    assert!(!cookie.contains(&ann.token) && !cookie.contains(&ann.key), "{cookie}");
    let grant = cookie.split(';').next().unwrap().to_owned();
    let fetch = |grant: &str| server.get(&url).header("cookie", grant);
    assert_eq!(fetch(&grant).send().await.unwrap().bytes().await.unwrap(), "content");
    expect("none", server.get(&url), 403, "not_a_member", None).await;
    expect("forged", fetch(&grant.replace('.', "x.")), 403, "not_a_member", None).await;
    let other = self::room(&server, "").await;
    let foreign = server.get(&url.replace(&room.code, &other.code)).header("cookie", &grant);
    expect("in another room", foreign, 403, "not_a_member", None).await;
    let removed = room.manage(&server, Method::DELETE, &format!("/members/{}", ann.id())).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    expect("sent away", fetch(&grant), 403, "not_a_member", None).await;
}
