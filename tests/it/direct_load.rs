//! Many at once: what waits and what runs takes a bounded amount of memory each, and nothing stays behind.

use std::io::Write;
use std::sync::{Arc, Barrier, Mutex};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use handover::direct::client::{Choice, Target};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::directed::{Transfer, file};
use crate::memory::peak;
use crate::process::Process;

const CODES: usize = 1000;
const TRANSFERS: usize = 200;
const SIZE: usize = 1 << 20;

/// What each may take, in bytes: twice what it does; the settings promise half a MiB for a transfer.
const OF_A_CODE: u64 = 64 << 10;
const OF_A_TRANSFER: u64 = 512 << 10;

/// A sender that has a code and waits.
async fn code(server: &Process) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}/api/direct/send", server.address);
    let (mut socket, _) = client_async(url, tcp).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(text))) if text.contains("\"code\"")));
    socket
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
