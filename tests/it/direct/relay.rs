//! A hostile server between the two ends: it learns nothing, and nothing that it does goes unnoticed.

use std::fs;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use handover::client::direct::Failure;
use handover::protocol::direct::exchange::{Exchange, Secret};
use handover::protocol::direct::{self, Role};

use crate::support::directed::*;
use crate::support::*;

/// Runs a transfer of a few frames with the receiver behind a meddler; what the ends say, and how many files are there.
async fn with(meddle: impl FnMut(Way, Bytes) -> Option<Vec<Bytes>> + Send + 'static) -> (End, End, usize) {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 500_000, 1);
    let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
    transfer.receiver = meddler(server.address, Box::new(meddle)).await;
    let (sender, receiver) = transfer.run().await;
    let files = fs::read_dir(to.path()).unwrap().count();
    if files > 0 {
        assert_same(&path, &to.path().join("file"));
    }
    (sender, receiver, files)
}

/// Does something to the frame of this number that goes down to the receiver: pake, confirm, offer, pieces …
fn at(
    number: usize,
    mut mischief: impl FnMut(Bytes) -> Vec<Bytes> + Send + 'static,
) -> impl FnMut(Way, Bytes) -> Option<Vec<Bytes>> {
    let mut seen = 0;
    move |way, frame| {
        if way == Way::Up {
            return Some(vec![frame]);
        }
        seen += 1;
        Some(if seen == number + 1 { mischief(frame) } else { vec![frame] })
    }
}

fn flip(frame: &Bytes, place: usize) -> Bytes {
    let mut changed = frame.to_vec();
    let place = place % changed.len();
    changed[place] ^= 1;
    changed.into()
}

#[tokio::test]
async fn frames_that_are_changed_dropped_repeated_or_moved_end_the_transfer() {
    for number in [2, 3, 5, 8] {
        let mut held: Option<Bytes> = None;
        let mut count = 0;
        let swap = move |way, frame: Bytes| {
            if way == Way::Up {
                return Some(vec![frame]);
            }
            count += 1;
            match (count == number + 1, held.take()) {
                (true, _) => {
                    held = Some(frame);
                    Some(vec![])
                }
                (false, Some(first)) => Some(vec![frame, first]),
                (false, None) => Some(vec![frame]),
            }
        };
        let outcomes = [
            ("changed", with(at(number, |frame| vec![flip(&frame, 20)])).await),
            ("changed at its end", with(at(number, |frame| vec![flip(&frame, frame.len() - 1)])).await),
            ("cut short", with(at(number, |frame| vec![frame.slice(..frame.len() - 1)])).await),
            ("repeated", with(at(number, |frame| vec![frame.clone(), frame])).await),
            ("swapped", with(swap).await),
        ];
        for (what, (sender, receiver, files)) in outcomes {
            for end in [&sender, &receiver] {
                let tampered = matches!(end.failure(), Failure::Ended { code: direct::End::Tampered, .. });
                assert!(tampered, "frame {number} {what}: {:?}", end.result);
            }
            assert_eq!(files, 0, "frame {number} {what}");
        }
    }
    // A frame that is dropped is noticed by the next one.
    let (_, receiver, files) = with(at(4, |_| vec![])).await;
    assert!(matches!(receiver.failure(), Failure::Ended { code: direct::End::Tampered, .. }), "{receiver:?}");
    assert_eq!(files, 0);
}

/// What comes late, and in its order, is what it was.
#[tokio::test]
async fn frames_that_are_delayed_do_no_harm() {
    for number in [3, 5] {
        let (mut held, mut count) = (None, 0);
        let delay = move |way, frame: Bytes| {
            if way == Way::Up {
                return Some(vec![frame]);
            }
            count += 1;
            if count == number + 1 {
                held = Some(frame);
                return Some(vec![]);
            }
            Some(held.take().into_iter().chain([frame]).collect())
        };
        let (sender, receiver, files) = with(delay).await;
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        assert_eq!(files, 1);
    }
}

#[tokio::test]
async fn a_key_exchange_that_is_changed_gives_nobody_a_key() {
    let other = |_| {
        let code = "1-acrobat-puzzle".parse().unwrap();
        vec![Exchange::start(Role::Sender, 1, Secret::Code(&code)).1.into_bytes()]
    };
    let (sender, receiver, files) = with(at(0, other)).await;
    assert!(
        sender.result.is_err() && receiver.result.is_err() && files == 0,
        "{:?} {:?}",
        sender.result,
        receiver.result
    );
    let (_, receiver, files) = with(at(1, |frame| vec![flip(&frame, 10)])).await;
    assert!(matches!(receiver.failure(), Failure::Ended { code: direct::End::WrongCode, .. }), "{receiver:?}");
    assert_eq!(files, 0);
}

/// Row 24: neither names nor contents nor texts are ever in the clear.
#[tokio::test]
async fn the_server_sees_nothing() {
    const NAME: &str = "secret-plans.txt";
    const MARK: &str = "the treasure is under the oak";
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join(NAME);
    fs::write(&path, MARK.repeat(5000)).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let mut transfer = Transfer { text: Some(MARK.into()), ..Transfer::new(&server.url, to.path()) }.of(&path);
    transfer.sender = meddler(
        server.address,
        Box::new(move |_, frame| {
            sees.lock().unwrap().extend_from_slice(&frame);
            Some(vec![frame])
        }),
    )
    .await;
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok());
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 5000 * MARK.len());
    for mark in [NAME, MARK, "offer", "accept"] {
        assert!(!seen.windows(mark.len()).any(|window| window == mark.as_bytes()), "{mark}");
    }
    // Nothing of it on the server's disk either
    for path in files_below(server.dir.path()) {
        let content = fs::read(&path).unwrap();
        assert!(!content.windows(MARK.len()).any(|window| window == MARK.as_bytes()), "{}", path.display());
    }
}
