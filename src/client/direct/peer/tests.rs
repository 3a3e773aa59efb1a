use std::future::Future;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;

use super::*;
use crate::protocol::direct::Role;
use crate::protocol::direct::exchange::Secret;
use crate::protocol::direct::exchange::tests::run;

/// An end in an open session, and the server's socket, which nobody reads.
async fn end(pace: Pace) -> (Peer, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: Server = listener.local_addr().unwrap().to_string().parse().unwrap();
    let accept = async { tokio_tungstenite::accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    let (link, socket) = tokio::join!(Link::open(&server, "/", &pace), accept);
    let place = Place { role: Role::Sender, nameplate: 7, token: String::new(), grace: Duration::from_secs(60) };
    let code: Code = "7-aardvark-yoyo".parse().unwrap();
    let (established, _) = run(Secret::Code(&code), Secret::Code(&code)).unwrap();
    let mut peer = Peer::new(server, pace, Route::Relayed, place, code, link.unwrap());
    peer.stage = Stage::Open(Box::new(Session::new(Role::Sender, pace, established)));
    (peer, socket)
}

/// Fails a test that would wait for ever.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("it does not wait for ever")
}

#[tokio::test]
async fn a_line_that_takes_nothing_and_does_not_break_is_given_up() {
    let (mut peer, _socket) = end(Pace { silence: Duration::from_millis(100), ..Pace::default() }).await;
    let message = Message::Cancel { reason: "x".repeat(32 << 10) };
    while peer.happened.is_empty() {
        soon(peer.say(&message)).await.unwrap();
    }
    assert!(matches!(soon(peer.next()).await, Ok(Happening::ConnectionLost)));
    assert!(matches!(peer.connection, Connection::Down { .. }));
}

#[tokio::test]
async fn what_waits_to_be_sent_shows_that_an_end_is_there() {
    let (mut peer, _socket) = end(Pace { alive: Duration::ZERO, ..Pace::default() }).await;
    let outbox = peer.outbox().unwrap();
    let piece = Bytes::from(vec![0; 64 << 10]);
    // Until the line takes no more: the queue stays full.
    while timeout(Duration::from_millis(100), outbox.send(piece.clone())).await.is_ok() {}
    peer.stalled = false;
    peer.pace.stall = Duration::from_millis(1);
    assert!(matches!(soon(peer.next()).await, Ok(Happening::Stalled(_))), "it goes on looking at what happens");
}
