//! Connections that break: the file is whole or absent, never wrong.

use std::fs;

use handover::direct::client::Event;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::directed::*;
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
