//! Connections that break: the file is whole or absent, never wrong.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use handover::client::direct::{
    Choice, Event, Failure, Offered, Pace, Receiving, Route, Sending, Source, Sources, Target, receive, send,
};
use handover::protocol::direct::message::Entry;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::support::directed::*;
use crate::support::peer::PATIENCE;
use crate::support::*;

const SIZE: usize = 3_000_000;

/// Cuts both ends' connections at these numbers of bytes; the transfer has to come to its end nevertheless.
async fn survives(server: &TestServer, sender_cuts: Vec<u64>, receiver_cuts: Vec<u64>) {
    let what = format!("cut after {sender_cuts:?} and {receiver_cuts:?}");
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (big, small) = (file(from.path(), "big", SIZE, 1), file(from.path(), "small", 1000, 2));
    let mut transfer = Transfer::new(&server.url, to.path()).of(&big).of(&small);
    transfer.sender = cutter(server.address, sender_cuts).await;
    transfer.receiver = cutter(server.address, receiver_cuts).await;
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{what}: {:?} {:?}", sender.result, receiver.result);
    assert_eq!(receiver.saved(), ["big", "small"], "{what}");
    assert_same(&big, &to.path().join("big"));
    assert_same(&small, &to.path().join("small"));
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 2, "{what}");
    let lost = |event: &Event| matches!(event, Event::ConnectionLost);
    assert!(sender.has(lost) || receiver.has(lost), "{what}: nothing was cut");
    let again = |event: &Event| *event == Event::PeerBack;
    assert!(sender.has(again) && receiver.has(again), "{what}: both sides are told");
}

#[tokio::test]
async fn either_side_comes_back() {
    let server = TestServer::start();
    survives(&server, vec![1_000_000], vec![]).await;
    survives(&server, vec![], vec![1_000_000]).await;
    survives(&server, vec![500_000, 500_000, 2000], vec![1_500_000]).await;
}

/// Anywhere past the confirmation of the code, before which there is nothing to go on with.
#[tokio::test]
async fn cuts_anywhere_leave_a_whole_file() {
    let server = TestServer::start();
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    for _ in 0..12 {
        let mut cuts = |count| (0..count).map(|_| rng.random_range(2000..SIZE as u64)).collect::<Vec<_>>();
        survives(&server, cuts(2), cuts(2)).await;
    }
}

/// An end that is there and says nothing is named to the other, which goes on when it hears from it.
#[tokio::test]
async fn silence_is_told() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 1000, 1);
    let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
    transfer.pace.stall = Duration::from_millis(50);
    let (tell, told) = std::sync::mpsc::channel();
    transfer.watch = Box::new(move |event| {
        if matches!(event, Event::PeerStalled { .. }) {
            let _ = tell.send(());
        }
    });
    // The receiver thinks it over until the sender has missed it.
    transfer.decide = Box::new(move |_| told.recv_timeout(PATIENCE).map_or(Choice::None, |()| Choice::All));
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    assert_same(&path, &to.path().join("file"));
}

/// Stands before the server, passes on what it says, and of what the client says so many bytes; then it takes nothing more.
async fn deaf(server: SocketAddr, bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
        let up = async {
            tokio::io::copy(&mut (&mut from_client).take(bytes as u64), &mut to_server).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::join!(up, tokio::io::copy(&mut from_server, &mut to_client)).1.unwrap();
    });
    url
}

#[tokio::test]
async fn a_sender_on_a_line_that_takes_nothing_can_be_stopped() {
    let server = TestServer::start();
    let mut sources = Sources::default();
    // A list that no socket's buffers hold.
    for number in 0..14_000 {
        let path = format!("{number:05}{}", "x".repeat(1000));
        sources.entries.push(Entry { path, folder: true, ..Entry::default() });
        sources.sources.push(Source::Folder);
    }
    let (say, stop) = watch::channel(false);
    let pace = Pace { goodbye: Duration::from_millis(100), ..PACE };
    let line = deaf(server.address, 16 << 10).await.parse().unwrap();
    let sending = Sending { server: line, pace, route: Route::Relayed, text: None, sources, stop, resume: None };
    let to = tempfile::tempdir().unwrap();
    let (tell, codes) = oneshot::channel();
    let mut tell = Some(tell);
    let receiver = async {
        let (_go, stop) = watch::channel(false);
        let (target, decide) = (Target::Folder(to.path().to_owned()), Box::new(|_: Offered| Choice::All));
        let (server, code) = (server.url.parse().unwrap(), codes.await.unwrap());
        receive(
            Receiving { server, pace, route: Route::Relayed, code, target, decide, stop, resume: None },
            &mut |_| {},
        )
        .await
    };
    let mut events = |event| match event {
        Event::Code { code, .. } => tell.take().unwrap().send(code.parse().unwrap()).unwrap(),
        Event::Confirmed => say.send(true).unwrap(),
        _ => {}
    };
    let ended = async {
        tokio::select! {
            sent = send(sending, &mut events) => sent,
            received = receiver => panic!("{received:?}"),
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it stops");
    assert_eq!(ended, Err(Failure::Stopped));
}
