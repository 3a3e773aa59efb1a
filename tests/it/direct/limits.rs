//! How many direct transfers there may be, and how many bytes of a day.

use std::time::Duration;

use handover::client::direct::Failure;
use handover::protocol::direct::{End, Signal};

use crate::direct::codes::Socket;
use crate::support::directed::*;
use crate::support::*;

/// One address may have a quarter of the transfers that run, and when one has ended another may begin.
#[tokio::test]
async fn one_address_cannot_take_all_transfers() {
    let server = TestServer::with(&["--max-transfers", "8"]);
    let code = async || {
        let mut sender = Socket::to(&server, "/api/direct/send").await;
        let (nameplate, _) = sender.code().await;
        (sender, format!("/api/direct/receive/{nameplate}"))
    };
    let mut running = Vec::new();
    for _ in 0..2 {
        let (sender, path) = code().await;
        let mut receiver = Socket::to(&server, &path).await;
        assert!(matches!(receiver.signal().await, Signal::Joined { .. }));
        running.push((sender, receiver));
    }
    let (_third, path) = code().await;
    assert_eq!(Socket::to(&server, &path).await.ended().await, "evicted");
    let (mut sender, mut receiver) = running.remove(0);
    sender.say(&Signal::End { code: End::Cancelled }).await;
    assert_eq!(receiver.ended().await, "cancelled");
    assert!(matches!(Socket::to(&server, &path).await.signal().await, Signal::Joined { .. }), "the code is still good");
}

/// Guests make room for each other, and for those who have signed in, whose codes stay.
#[tokio::test]
async fn the_codes_of_guests_end_before_those_of_people_with_an_account() {
    let server = TestServer::with(&["--max-codes", "8", "--trusted-proxies", "127.0.0.1"]);
    let token = server.client("carl").await;
    let (mut mine, _) = Socket::with_token(&server, "/api/direct/send", &token).await.ok().unwrap();
    mine.code().await;
    let mut guests = Vec::new();
    for number in 0..8 {
        let mut guest = Socket::from(&server, "/api/direct/send", &format!("203.0.113.{number}")).await;
        guest.code().await;
        guests.push(guest);
    }
    for guest in &mut guests[..2] {
        assert_eq!(guest.ended().await, "evicted", "six of eight are for guests");
    }
    mine.say(&Signal::End { code: End::Cancelled }).await;
    assert_eq!(mine.ended().await, "cancelled", "it was there until now");
}

/// A receiver that reads nothing holds up its own sender, and nobody else's.
#[tokio::test]
async fn a_slow_receiver_is_nobody_elses_affair() {
    /// More than the connections and the window hold.
    const HELD: usize = 64 << 20;
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    let mut receiver = Socket::to(&server, &format!("/api/direct/receive/{nameplate}")).await;
    assert!(matches!(receiver.signal().await, Signal::Joined { .. }));
    assert!(matches!(receiver.signal().await, Signal::Paired { session: 1 }));
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 5_000_000, 1);
    let flood = async {
        for _ in 0..HELD >> 16 {
            sender.pass(vec![0; 1 << 16]).await;
        }
    };
    tokio::select! {
        () = flood => panic!("nothing holds it up"),
        (sender, receiver) = Transfer::new(&server.url, to.path()).of(&path).run() => {
            assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        }
    }
    assert_same(&path, &to.path().join("file"));
}

/// What passes through the server is counted by address and in all, and begins anew after a day.
#[tokio::test]
async fn the_bytes_of_a_day_are_bounded() {
    for quota in ["--direct-quota", "--direct-total-quota"] {
        let server = TestServer::with(&[quota, "1MiB"]);
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (small, large) = (file(from.path(), "small", 1000, 1), file(from.path(), "large", 3 << 20, 2));
        let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&large).run().await;
        for end in [&sender, &receiver] {
            let exceeded = matches!(end.failure(), Failure::Ended { code: End::QuotaExceeded, .. });
            assert!(exceeded, "{quota}: {:?}", end.result);
        }
        let names = std::fs::read_dir(to.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.eq(["large.handover-part"]), "{quota}: nothing that looks whole");
        assert_eq!(
            Socket::to(&server, "/api/direct/send").await.ended().await,
            "quota_exceeded",
            "{quota}: the next one"
        );
        server.clock.advance(Duration::from_secs(24 * 3600));
        let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&small).run().await;
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{quota}: the next day");
    }
}
