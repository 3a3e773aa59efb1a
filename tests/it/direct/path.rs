//! From the relay to a direct path, and back when it breaks.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use handover::client::direct::path::{Interface, Network};
use handover::client::direct::{Choice, Event, Route};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::directed::*;
use crate::support::*;

const SIZE: usize = 12_000_000;
pub const DIRECT: Event = Event::Path { direct: true };
pub const RELAYED: Event = Event::Path { direct: false };

/// A network of one interface, which notes what is dialled.
pub struct Watched {
    net: &'static str,
    dialed: Mutex<Vec<SocketAddr>>,
    /// After how many bytes the next connections break, `u64::MAX` for never. When the list is used up nothing is reached.
    cuts: Mutex<VecDeque<u64>>,
    /// Until it opens nothing is reached either.
    gate: watch::Receiver<bool>,
}

impl Watched {
    pub fn new(net: &'static str, cuts: &[u64]) -> Arc<Watched> {
        Watched::behind(watch::channel(true).1, net, cuts)
    }

    fn behind(gate: watch::Receiver<bool>, net: &'static str, cuts: &[u64]) -> Arc<Watched> {
        Arc::new(Watched { net, dialed: Mutex::default(), cuts: Mutex::new(cuts.iter().copied().collect()), gate })
    }
}

impl Network for Watched {
    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        Ok(vec![Interface { net: self.net.parse().unwrap(), index: 1 }])
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        self.dialed.lock().unwrap().push(address);
        let (cut, mut gate) = (self.cuts.lock().unwrap().pop_front(), self.gate.clone());
        async move {
            let cut = cut.ok_or(io::ErrorKind::HostUnreachable)?;
            if gate.wait_for(|open| *open).await.is_err() {
                std::future::pending::<()>().await;
            }
            let url = cutter(address, vec![cut]).await;
            TcpStream::connect(url.strip_prefix("http://").unwrap()).await
        }
        .boxed()
    }
}

pub const LOOPBACK: &str = "127.0.0.1/8";

/// A transfer of one file between these networks, of which nothing is accepted before it is direct.
fn once_direct(server: &TestServer, path: &Path, to: &Path, networks: [Arc<Watched>; 2]) -> Transfer {
    let (tell, told) = mpsc::channel();
    let [sender, receiver] = networks;
    let mut transfer = Transfer::new(&server.url, to).of(path);
    transfer.routes = (Route::Direct(sender), Route::Direct(receiver));
    transfer.watch = Box::new(move |event| {
        if *event == DIRECT {
            let _ = tell.send(());
        }
    });
    transfer.decide = Box::new(move |_| {
        told.recv().unwrap();
        Choice::All
    });
    transfer
}

/// What clients have sent to the server so far.
async fn received_bytes(server: &TestServer) -> u64 {
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("handover_http_received_bytes_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_content_does_not_pass_through_the_server() {
    let server = TestServer::start();
    let from = tempfile::tempdir().unwrap();
    let path = file(from.path(), "file", SIZE, 1);
    // The one that cannot be reached shows that either end may open the connection.
    for cuts in [[&[u64::MAX][..], &[]], [&[], &[u64::MAX]]] {
        let (to, before) = (tempfile::tempdir().unwrap(), received_bytes(&server).await);
        let networks = cuts.map(|cuts| Watched::new(LOOPBACK, cuts));
        let (sender, receiver) = once_direct(&server, &path, to.path(), networks).run().await;
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        assert_same(&path, &to.path().join(receiver.saved()[0]));
        for end in [&sender, &receiver] {
            assert!(end.events.contains(&DIRECT) && !end.has(|event| matches!(event, Event::ConnectionLost)));
        }
        let relayed = received_bytes(&server).await - before;
        assert!(relayed < 100_000, "{relayed} of {SIZE}");
    }
}

/// At whatever byte of the relay's the path is found.
#[tokio::test]
async fn it_moves_while_content_flows() {
    let server = TestServer::start();
    let from = tempfile::tempdir().unwrap();
    let path = file(from.path(), "file", SIZE, 1);
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    for round in 0..12 {
        let to = tempfile::tempdir().unwrap();
        // Past the window, so that the file cannot have been sent by then.
        let moment = rng.random_range(0..SIZE - (5 << 20));
        let (open, gate) = watch::channel(false);
        let mut seen = 0;
        let meddle = move |way, frame: bytes::Bytes| {
            seen += if way == Way::Up { frame.len() } else { 0 };
            open.send_replace(seen > moment);
            Some(vec![frame])
        };
        let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
        transfer.sender = meddler(server.address, Box::new(meddle)).await;
        let cuts: [&[u64]; 2] = if round % 2 == 0 { [&[u64::MAX], &[]] } else { [&[], &[u64::MAX]] };
        let [one, other] = cuts.map(|cuts| Route::Direct(Watched::behind(gate.clone(), LOOPBACK, cuts)));
        transfer.routes = (one, other);
        let (sender, receiver) = transfer.run().await;
        let what = format!("after {moment} bytes: {:?} {:?}", sender.result, receiver.result);
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{what}");
        assert_same(&path, &to.path().join(receiver.saved()[0]));
        assert!(sender.events.contains(&DIRECT) && receiver.events.contains(&DIRECT), "{what}");
    }
}

#[tokio::test]
async fn a_path_that_breaks_leads_back_to_the_relay() {
    let server = TestServer::start();
    let from = tempfile::tempdir().unwrap();
    let path = file(from.path(), "file", SIZE, 1);
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    for round in 0..12 {
        let to = tempfile::tempdir().unwrap();
        // Past the tags and the first words, without which it is no path.
        let cut = rng.random_range(1000..SIZE as u64);
        let cuts: [&[u64]; 2] = if round % 2 == 0 { [&[cut], &[]] } else { [&[], &[cut]] };
        let networks = cuts.map(|cuts| Watched::new(LOOPBACK, cuts));
        let (sender, receiver) = once_direct(&server, &path, to.path(), networks).run().await;
        let what = format!("cut after {cut}: {:?} {:?}", sender.result, receiver.result);
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{what}");
        assert_same(&path, &to.path().join(receiver.saved()[0]));
        for end in [&sender, &receiver] {
            let place = |wanted: &Event| end.events.iter().position(|event| event == wanted);
            assert!(place(&DIRECT).is_some() && place(&DIRECT) < place(&RELAYED), "{what} {:?}", end.events);
        }
    }
}

#[tokio::test]
async fn it_may_move_again() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 5 * SIZE, 1);
    let networks = [&[2_000_000, 3_000_000, u64::MAX][..], &[]].map(|cuts| Watched::new(LOOPBACK, cuts));
    let (sender, receiver) = once_direct(&server, &path, to.path(), networks).run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    assert_same(&path, &to.path().join("file"));
    assert!(sender.events.iter().filter(|event| **event == DIRECT).count() > 1);
}

#[tokio::test]
async fn addresses_in_foreign_networks_are_never_dialled() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 100_000, 1);
    // The sender tells an address at 127.0.0.1, where the receiver has no interface.
    let (here, there) = (Watched::new(LOOPBACK, &[u64::MAX]), Watched::new("10.99.99.1/24", &[u64::MAX]));
    let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
    transfer.routes = (Route::Direct(here.clone()), Route::Direct(there.clone()));
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    for network in [here, there] {
        assert_eq!(*network.dialed.lock().unwrap(), []);
    }
    assert!(!sender.events.contains(&DIRECT) && !receiver.events.contains(&DIRECT));
}

#[tokio::test]
async fn whoever_wants_the_relay_keeps_it() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 100_000, 1);
    for sender_is_open in [true, false] {
        let network = Watched::new(LOOPBACK, &[u64::MAX]);
        let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
        let open = Route::Direct(network.clone());
        transfer.routes = if sender_is_open { (open, Route::Relayed) } else { (Route::Relayed, open) };
        let (sender, receiver) = transfer.run().await;
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        assert_eq!(*network.dialed.lock().unwrap(), []);
        assert!(!sender.events.contains(&DIRECT) && !receiver.events.contains(&DIRECT));
    }
}
