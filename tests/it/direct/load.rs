//! Many at once: what waits and what runs takes a bounded amount of memory each, and nothing stays behind.

use std::io::Write;
use std::sync::{Arc, Barrier, Mutex};

use futures_util::future::join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use handover::client::direct::{Choice, Target};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::directed::{Transfer, file};
use crate::support::process::Process;
use crate::support::process::peak;

const CODES: usize = 1000;
const TRANSFERS: usize = 200;
const SIZE: usize = 1 << 20;
/// More than there are places that transfers share.
const QUIET: usize = 100;

/// What each may take, in bytes: twice what it does; the settings promise half a MiB for a transfer.
const OF_A_CODE: u64 = 64 << 10;
const OF_A_TRANSFER: u64 = 512 << 10;

async fn open(server: &Process, path: &str) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    client_async(format!("ws://{}/api/direct/{path}", server.address), tcp).await.unwrap().0
}

/// A sender that has a code and waits, and its nameplate.
async fn code(server: &Process) -> (WebSocketStream<TcpStream>, String) {
    let mut socket = open(server, "send").await;
    let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no code") };
    let signal: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(signal["type"], "code");
    (socket, signal["nameplate"].to_string())
}

/// What comes until such a message has.
async fn until(socket: &mut WebSocketStream<TcpStream>, found: impl Fn(&Message) -> bool) -> Vec<Message> {
    let mut seen = Vec::new();
    while !seen.last().is_some_and(&found) {
        seen.push(socket.next().await.unwrap().unwrap());
    }
    seen
}

/// Digests what is received.
struct Digest(Arc<Mutex<blake3::Hasher>>);

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs as many transfers, none of which goes on before all are joined.
async fn transfers(server: &Process, path: &std::path::Path) {
    let expected = blake3::hash(&std::fs::read(path).unwrap());
    let all_here = Arc::new(Barrier::new(TRANSFERS));
    let runs = (0..TRANSFERS).map(async |_| {
        let (digest, barrier) = (Arc::new(Mutex::new(blake3::Hasher::new())), all_here.clone());
        let mut transfer = Transfer::new(&server.url, path).of(path);
        transfer.target = Target::Output(Box::new(Digest(digest.clone())));
        transfer.decide = Box::new(move |_| {
            barrier.wait();
            Choice::All
        });
        let (sender, receiver) = transfer.run().await;
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        assert_eq!(digest.lock().unwrap().finalize(), expected);
    });
    join_all(runs).await;
}

#[tokio::test]
#[ignore = "does not end when one of its transfers is refused: to be mended"]
async fn a_thousand_codes_and_two_hundred_transfers_take_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&dir.path().join("data"), &[], None);
    let path = file(dir.path(), "file", SIZE, 1);
    let empty = peak(&server);
    let mut codes = Vec::new();
    for _ in 0..CODES {
        codes.push(code(&server).await);
    }
    let waiting = peak(&server);
    let grown = waiting - empty;
    assert!(grown < CODES as u64 * OF_A_CODE, "{CODES} codes take {} KiB", grown >> 10);
    transfers(&server, &path).await;
    let running = peak(&server);
    let grown = running - waiting;
    assert!(grown < TRANSFERS as u64 * OF_A_TRANSFER, "{TRANSFERS} transfers take {} KiB", grown >> 10);
    // And again: what the first ones took serves the next ones.
    transfers(&server, &path).await;
    let again = peak(&server);
    assert!(again < running + running / 4, "{} KiB, and then {}", running >> 10, again >> 10);
    eprintln!(
        "{} KiB empty, {} with codes, {} with transfers, {} again",
        empty >> 10,
        waiting >> 10,
        running >> 10,
        again >> 10
    );
    drop(codes);
}

#[tokio::test]
async fn frames_that_have_left_hold_up_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&dir.path().join("data"), &[], None);
    let mut open_ones = Vec::new();
    for _ in 0..QUIET {
        let (mut sender, nameplate) = code(&server).await;
        let mut receiver = open(&server, &format!("receive/{nameplate}")).await;
        let is_paired = |message: &Message| message.to_text().is_ok_and(|text| text.contains("\"paired\""));
        until(&mut sender, is_paired).await;
        let mut pings = 0;
        for frame in ["one", "two"] {
            let frame = Message::binary(frame);
            sender.send(frame.clone()).await.unwrap();
            let seen = until(&mut receiver, |message| *message == frame).await;
            pings += seen.iter().filter(|message| message.is_ping()).count();
        }
        assert!(pings <= 1, "it had to wait until the hub asked whether anybody is there");
        open_ones.push((sender, receiver));
    }
}
