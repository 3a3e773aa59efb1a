//! A member that was away for longer than its place was kept.

use std::time::Duration;

use handover::rooms::client::{Happening, Joining, Pace, Talk};
use handover::rooms::event::Event;

use crate::roomed::*;
use crate::support::*;

async fn join(server: &TestServer, room: &Room, name: &str) -> Talk {
    let pace = Pace { first_wait: Duration::from_millis(10), ..Pace::default() };
    let (server, room) = (server.url.parse().unwrap(), room.code.clone());
    Talk::join(Joining { server, room, name: name.into(), after: None, pace }).await.unwrap()
}

/// Whatever of its messages had arrived, each is there once, and in its order.
#[tokio::test]
async fn whoever_was_given_up_comes_back_anew_and_says_nothing_twice() {
    let server = TestServer::start();
    let bind = server.address.to_string();
    let room = room(&server, "").await;
    let mut watcher = Guest::join(&server, &room, "Watcher").await;
    let mut ann = join(&server, &room, "Ann").await;
    while !ann.is_settled() {
        ann.next().await.unwrap();
    }
    // The first arrives, which Ann does not hear any more; the others do not.
    ann.say("arrived".into());
    assert_eq!(watcher.next("message").await["text"], "arrived");
    drop(watcher);
    let dir = server.stop();
    ann.say("second".into());
    ann.say("third".into());
    let server = TestServer::in_folder(dir, &["--bind", &bind]);
    let mut late = Guest::try_join(&server, &room, "name=Late&after=0").await.unwrap();
    // From here on the server waits for those who were there.
    server.clock.advance(Duration::from_secs(120));
    while !late.log.iter().any(|event| event["type"] == "left" && event["name"] == "Ann") {
        late.next("left").await;
    }
    let mut lost = 0;
    let mut heard = Vec::new();
    while !ann.is_settled() {
        match ann.next().await.unwrap() {
            Happening::Lost => lost += 1,
            Happening::Event(Event::Message { text, .. }) => heard.push(text),
            _ => {}
        }
    }
    assert_eq!(lost, 1);
    assert_eq!(heard, ["arrived", "second", "third"]);
    while !late.log.iter().any(|event| event["text"] == "third") {
        late.next("message").await;
    }
    let said: Vec<_> = late.log.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(said, ["arrived", "second", "third"]);
    ann.leave().await;
}
