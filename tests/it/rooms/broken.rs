//! Rooms when something breaks: a member that reads too slowly, one that vanishes, and the database.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary::Running;
use crate::support::roomed::*;
use crate::support::*;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Another connection to the database of the server on this folder.
fn database(dir: &tempfile::TempDir) -> Conn {
    Conn::open_sqlite(&dir.path().join("data/handover.db")).unwrap()
}

fn of_type<'a>(log: &'a [Value], kind: &str) -> Vec<&'a Value> {
    log.iter().filter(|event| event["type"] == kind).collect()
}

/// Nobody waits for it; it is told why it is dropped, and comes back for what it has missed, even where that breaks too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_too_slowly_is_dropped_and_misses_nothing() {
    /// Of 48 KiB as JSON: more than the room keeps and the system's buffers take.
    const MESSAGES: i64 = 500;
    let server = TestServer::with(&["--room-message-rate", "1000000", "--stall-timeout", "10m"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    let narrow = async || Thread::narrow(server.address).await;
    let mut slow = Guest::try_join_by(narrow().await, &room, "name=Slow").await.unwrap();
    ann.until(3).await;
    for id in 4..4 + MESSAGES {
        ann.say(&"\u{1}".repeat(8192)).await;
        bob.until(id).await;
        ann.until(id).await;
    }
    assert_eq!(slow.farewell().await["code"], "too_slow");
    assert!(slow.last() < 3 + MESSAGES, "it is not behind");
    // While it is given what it has missed the database fails: it is told, and hears nothing that comes later.
    let mut slow = slow.rejoin_by(narrow().await, &room).await;
    let mut conn = database(&server.dir);
    conn.batch_execute("ALTER TABLE room_events RENAME TO away").unwrap();
    assert_eq!(slow.farewell().await["code"], "internal_error");
    assert!(slow.last() < 3 + MESSAGES, "it is not behind");
    conn.batch_execute("ALTER TABLE away RENAME TO room_events").unwrap();
    let mut slow = slow.rejoin(&server, &room).await;
    ann.say("last").await;
    slow.until(4 + MESSAGES).await;
    ann.until(4 + MESSAGES).await;
    let whole = stored(&server, &room, &ann.token).await;
    assert!(ann.log == whole && slow.log == whole, "a member saw something else than the room");
    assert_eq!((of_type(&whole, "joined").len(), of_type(&whole, "left").len()), (3, 0));
}

/// The server notices that nothing comes from `gone` any more. `other` is there all the time.
async fn vanishes(gone: &mut Guest, other: &mut Guest, server: &TestServer) {
    gone.say("going").await;
    other.next("message").await;
    gone.vanish();
    for asked in 0..3 {
        other.say("here").await;
        other.next("message").await;
        server.clock.advance(HEARTBEAT);
        if asked < 2 {
            gone.pinged().await;
        }
    }
    let away = other.next("away").await;
    assert_eq!((&away["member"], &away["away"]), (&json!(gone.id()), &json!(true)));
}

/// Its connection stands, and nothing comes from there any more: the members are told, once, and what is said does not go
/// there.
#[tokio::test]
async fn whoever_vanishes_is_away_and_then_lost() {
    let server = TestServer::with(&["--room-grace", "60s"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    for _ in 0..2 {
        vanishes(&mut bob, &mut ann, &server).await;
        ann.say("among us").await;
        let said = ann.next("message").await;
        bob.farewell().await;
        assert!(!bob.log.contains(&said), "it goes on hearing");
        bob = bob.rejoin(&server, &room).await;
        assert_eq!(ann.next("away").await["away"], false);
        bob.until(ann.last()).await;
    }
    vanishes(&mut bob, &mut ann, &server).await;
    server.clock.advance(Duration::from_secs(61));
    let left = ann.next("left").await;
    assert_eq!((&left["member"], &left["reason"]), (&json!(bob.id()), &json!("lost")));
    bob.farewell().await;
    ann.say("last").await;
    ann.next("message").await;
    let whole = stored(&server, &room, &ann.token).await;
    assert_eq!(ann.log, whole);
    assert_eq!(bob.log, whole[..whole.len() - 2], "all but that it has left, and the last word");
    assert_eq!((of_type(&whole, "joined").len(), of_type(&whole, "left").len()), (2, 1));
    assert_eq!(of_type(&ann.words, "away").len(), 5);
}

/// The sender is told, nobody else hears of it, and the room goes on.
#[tokio::test]
async fn what_cannot_be_stored_is_told_to_nobody() {
    let server = TestServer::with(&["--room-grace", "60s"]);
    let room = room(&server, "").await;
    let mut ann = Guest::join(&server, &room, "Ann").await;
    let mut bob = Guest::join(&server, &room, "Bob").await;
    let mut conn = database(&server.dir);
    let unpaid = "CREATE TABLE debts (owner TEXT REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER debt AFTER INSERT ON room_events BEGIN INSERT INTO debts VALUES ('nobody'); END";
    for (breaks, mends, status, code) in [
        // At the write itself, and when all have been made and are committed.
        ("ALTER TABLE room_events RENAME TO gone", "ALTER TABLE gone RENAME TO room_events", 500, "internal_error"),
        (unpaid, "DROP TRIGGER debt; DROP TABLE debts", 503, "unavailable"),
    ] {
        let mut carl = Guest::join(&server, &room, "Carl").await;
        conn.batch_execute(breaks).unwrap();
        ann.send(json!({"type": "message", "text": "one", "ref": code})).await;
        let error = ann.next("error").await;
        assert_eq!((&error["code"], &error["ref"]), (&json!(code), &json!(code)), "{error}");
        assert_eq!(Guest::try_join(&server, &room, "name=Dora").await.err(), Some((status, code.to_owned())));
        assert_eq!(ann.share(&server, &room, "a", b"content").await.status(), status);
        carl.send(json!({"type": "leave"})).await;
        assert_eq!(ann.next("away").await["member"], carl.id());
        conn.batch_execute(mends).unwrap();
        for text in ["one", "two"] {
            ann.send(json!({"type": "message", "text": text, "ref": format!("{code} {text}")})).await;
            assert_eq!(bob.next("message").await["text"], text);
        }
        server.clock.advance(Duration::from_secs(61));
        assert_eq!(bob.next("left").await["name"], "Carl");
    }
    let whole = stored(&server, &room, &ann.token).await;
    ann.until(whole.len() as i64).await;
    assert_eq!(ids(&whole), (1..=whole.len() as i64).collect::<Vec<_>>());
    assert_eq!((&ann.log, &bob.log), (&whole, &whole));
    assert_eq!((of_type(&whole, "message").len(), of_type(&whole, "left").len()), (4, 2));
    assert!(of_type(&whole, "file").is_empty());
}

/// Who cannot leave is away until it can be stored; the log says why.
#[tokio::test]
async fn what_a_member_is_not_told_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let made = server.request(Method::POST, "/api/rooms").json(&json!({})).send().await.unwrap();
    let room = Room::made(&json_of(made).await);
    let join = async |name: &str| {
        Guest::try_join_by(Thread::to(server.address).await, &room, &format!("name={name}")).await.unwrap()
    };
    let (mut ann, mut bob) = (join("Ann").await, join("Bob").await);
    database(&dir).batch_execute("ALTER TABLE room_events RENAME TO gone").unwrap();
    bob.send(json!({"type": "leave"})).await;
    assert_eq!(bob.farewell().await, Value::Null);
    assert_eq!(ann.next("away").await["member"], bob.id());
    let (_, log) = server.stop().await;
    let line = log.lines().find(|line| line.contains("could not leave")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("ERROR") && line.contains("no such table"), "{line}");
}
