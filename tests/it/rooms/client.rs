//! A member whose connection breaks says everything once: where it comes back in time, and where it is somebody new.

use std::net::SocketAddr;
use std::time::Duration;

use handover::client::rooms::{Happening, Joining, Pace, Talk};
use handover::protocol::rooms::event::Event;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::peer::PATIENCE;
use crate::support::roomed::*;
use crate::support::*;

async fn join(url: &str, room: &Room, name: &str) -> Talk {
    let pace = Pace { first_wait: Duration::from_millis(10), ..Pace::default() };
    let (server, room) = (url.parse().unwrap(), room.code.clone());
    Talk::join(Joining { server, room, name: name.into(), after: None, pace }).await.unwrap()
}

/// Hears all that there is to hear until everything is settled: the messages, and how often the connection broke.
async fn settle(talk: &mut Talk) -> (Vec<String>, usize) {
    let (mut heard, mut lost) = (Vec::new(), 0);
    while !talk.is_settled() {
        match timeout(PATIENCE, talk.next()).await.expect("it waits for ever").unwrap() {
            Happening::Lost => lost += 1,
            Happening::Event(Event::Message { text, .. }) => heard.push(text),
            _ => {}
        }
    }
    (heard, lost)
}

/// What a connection lets through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Nothing that the server says.
    Deaf,
    Cut,
}

/// Stands between a member and the server; gives its address.
async fn between(server: SocketAddr) -> (String, watch::Sender<Line>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (line, is) = watch::channel(Line::Open);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, server, is.clone()));
        }
    });
    (url, line)
}

async fn pass(client: TcpStream, server: SocketAddr, mut line: watch::Receiver<Line>) {
    let server = TcpStream::connect(server).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let now = line.clone();
    let down = async {
        let mut piece = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut piece).await {
            let is_open = *now.borrow() == Line::Open;
            if is_open && to_client.write_all(&piece[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = down => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
}

/// It says again what it does not know to have arrived, and is told that it had: also where the event itself comes later, or
/// does not come any more because it was taken away.
#[tokio::test]
async fn what_had_arrived_is_said_again_and_there_once() {
    let server = TestServer::with(&["--room-message-rate", "1000000"]);
    // More than the history of a welcome: a newer event comes behind the answer.
    for (missed, is_removed) in [(0, false), (0, true), (250, false)] {
        let room = room(&server, "").await;
        let (url, line) = between(server.address).await;
        let mut watcher = Guest::join(&server, &room, "Watcher").await;
        let mut ann = join(&url, &room, "Ann").await;
        settle(&mut ann).await;
        line.send_replace(Line::Deaf);
        for _ in 0..missed {
            watcher.say("meanwhile").await;
            watcher.next("message").await;
        }
        ann.say("arrived".into());
        ann.say("next".into());
        let arrived = watcher.next("message").await;
        assert_eq!(arrived["text"], "arrived");
        if is_removed {
            let event = format!("/events/{}", arrived["id"]);
            assert_eq!(room.manage(&server, Method::DELETE, &event).send().await.unwrap().status(), 204);
        }
        line.send_replace(Line::Cut);
        assert!(matches!(ann.next().await.unwrap(), Happening::Lost));
        line.send_replace(Line::Open);
        let (heard, lost) = settle(&mut ann).await;
        let own: &[&str] = if is_removed { &["next"] } else { &["arrived", "next"] };
        let expected = [vec!["meanwhile"; missed], own.to_vec()].concat();
        assert_eq!((heard, lost), (expected.iter().map(|text| text.to_string()).collect(), 0));
        let all = stored(&server, &room, &watcher.token).await;
        let said: Vec<_> = all.iter().filter_map(|event| event["text"].as_str()).collect();
        assert_eq!(said, expected);
        assert_eq!(all.iter().filter(|event| event["type"] == "joined").count(), 2, "it was kept its place");
        ann.leave().await;
    }
}

/// Whatever of its messages had arrived, each is there once, and in its order.
#[tokio::test]
async fn whoever_was_given_up_comes_back_anew_and_says_nothing_twice() {
    let server = TestServer::start();
    let bind = server.address.to_string();
    let room = room(&server, "").await;
    let mut watcher = Guest::join(&server, &room, "Watcher").await;
    let mut ann = join(&server.url, &room, "Ann").await;
    settle(&mut ann).await;
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
    let (heard, lost) = settle(&mut ann).await;
    assert_eq!(lost, 1);
    assert_eq!(heard, ["arrived", "second", "third"]);
    while !late.log.iter().any(|event| event["text"] == "third") {
        late.next("message").await;
    }
    let said: Vec<_> = late.log.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(said, ["arrived", "second", "third"]);
    ann.leave().await;
}
