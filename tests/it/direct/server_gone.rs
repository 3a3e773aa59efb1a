//! The server is killed, or started anew, while a transfer runs or a code waits.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use handover::client::direct::{Choice, Event, Route};
use handover::protocol::direct::Signal;

use crate::direct::codes::{Socket, again_with};
use crate::direct::killed::End;
use crate::direct::path::{DIRECT, LOOPBACK, RELAYED, Watched};
use crate::support::binary::{Running, handover};
use crate::support::directed::*;
use crate::support::*;

const SIZE: usize = 30_000_000;

/// A server that can be killed, and started again on the same port and data.
#[derive(Clone)]
struct Mortal {
    dir: Arc<tempfile::TempDir>,
    running: Arc<Mutex<Option<Running>>>,
    url: String,
}

impl Mortal {
    fn start() -> Mortal {
        let dir = tempfile::tempdir().unwrap();
        let running = Running::start(&dir.path().join("data"), &[]);
        let url = running.url.clone();
        Mortal { dir: Arc::new(dir), running: Arc::new(Mutex::new(Some(running))), url }
    }

    fn kill(&self) {
        drop(self.running.lock().unwrap().take());
    }

    fn restart(&self) {
        self.kill();
        let bind = self.url.strip_prefix("http://").unwrap();
        let running = Running::start(&self.dir.path().join("data"), &["--bind", bind]);
        *self.running.lock().unwrap() = Some(running);
    }
}

/// A transfer with one direct path, broken after `cut` bytes; once content flows there `event` happens.
fn once_direct(server: &Mortal, path: &Path, to: &Path, cut: u64, event: impl Fn(&Mortal) + 'static) -> Transfer {
    let (tell, told) = mpsc::channel();
    // What is confirmed of the first file has come by the path, both ways.
    let first = file(path.parent().unwrap(), "first", 1000, 2);
    let mut transfer = Transfer::new(&server.url, to).of(&first).of(path);
    let route = |cuts: &[u64]| Route::Direct(Watched::new(LOOPBACK, cuts));
    transfer.routes = (route(&[cut]), route(&[]));
    let server = server.clone();
    transfer.watch = Box::new(move |said| match said {
        Event::FileDone { path, .. } if path == "first" => event(&server),
        said if *said == DIRECT => drop(tell.send(())),
        _ => {}
    });
    transfer.decide = Box::new(move |_| {
        told.recv().unwrap();
        Choice::All
    });
    transfer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_transfer_needs_no_server() {
    let server = Mortal::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", SIZE, 1);
    let transfer = once_direct(&server, &path, to.path(), u64::MAX, Mortal::kill);
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    assert_same(&path, &to.path().join("file"));
    for end in [&sender, &receiver] {
        assert!(!end.events.contains(&RELAYED) && !end.has(|event| matches!(event, Event::ConnectionLost)), "{end:?}");
    }
}

/// When the path breaks after the server was started anew the two go on over its relay, and where they were.
#[tokio::test(flavor = "multi_thread")]
async fn both_ends_take_a_transfer_up_at_a_new_server() {
    let server = Mortal::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", SIZE, 1);
    let (sender, receiver) = once_direct(&server, &path, to.path(), 5_000_000, Mortal::restart).run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    assert_same(&path, &to.path().join("file"));
    for end in [&sender, &receiver] {
        let place = |wanted: &Event| end.events.iter().position(|event| event == wanted);
        assert!(place(&DIRECT).is_some() && place(&DIRECT) < place(&RELAYED), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_transfer_outlives_its_server() {
    let server = Mortal::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", SIZE, 1);
    let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
    let (mortal, mut is_killed) = (server.clone(), false);
    transfer.watch = Box::new(move |event| {
        if let Event::FileStarted { .. } = event
            && !std::mem::replace(&mut is_killed, true)
        {
            mortal.restart();
        }
    });
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
    assert_same(&path, &to.path().join("file"));
    for end in [&sender, &receiver] {
        assert!(end.has(|event| matches!(event, Event::ConnectionLost)), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_waits_is_good_at_a_new_server() {
    let server = Mortal::start();
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "file", 1000, 1);
    let to = dir.path().join("to");
    let end = |args: &[&str]| {
        let mut command = handover(args);
        command.args(["--json", "--relay", "--server", &server.url]).env("XDG_STATE_HOME", dir.path().join("state"));
        End::start(command)
    };
    tokio::task::block_in_place(|| {
        let sender = end(&["send", path.to_str().unwrap()]);
        let code = sender.next("code")["code"].as_str().unwrap().to_owned();
        server.restart();
        sender.next("connection_back");
        let receiver = end(&["receive", &code, "--yes", "--to", to.to_str().unwrap()]);
        receiver.end();
        sender.end();
    });
    assert_same(&path, &to.join("file"));
}

/// The same as the server sees it: what is enough to come back with, for how long, and what is said where it is not.
#[tokio::test]
async fn a_new_server_takes_up_what_it_can_prove() {
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, token) = sender.code().await;
    let again = format!("/api/direct/send?rejoin={nameplate}");
    drop(sender); // a server that stops waits for whoever is there
    let server = TestServer::in_folder(server.stop(), &[]);
    for wrong in ["", &token[1..], &token[..token.len() - 2]] {
        let mut thief = Socket::to(&server, &again).await;
        thief.say(&again_with(wrong)).await;
        assert_eq!(thief.ended().await, "unknown_code", "{wrong}");
    }
    let mut back = Socket::to(&server, &again).await;
    back.say(&again_with(&token)).await;
    assert_eq!(back.signal().await, Signal::Rejoined { nameplate });
    let mut receiver = Socket::to(&server, &format!("/api/direct/receive/{nameplate}")).await;
    let Signal::Joined { token: of_receiver, .. } = receiver.signal().await else { panic!("it is let in") };
    drop((back, receiver));
    // Both say that they have agreed, the receiver first.
    let server = TestServer::in_folder(server.stop(), &[]);
    let mut receiver = Socket::to(&server, &format!("/api/direct/receive/{nameplate}?rejoin=true")).await;
    receiver.say(&Signal::Rejoin { token: of_receiver, is_confirmed: true }).await;
    assert_eq!(receiver.signal().await, Signal::Rejoined { nameplate });
    let stranger = &format!("/api/direct/receive/{nameplate}");
    assert_eq!(Socket::to(&server, stranger).await.ended().await, "code_in_use", "it is no code that waits");
    let mut sender = Socket::to(&server, &again).await;
    sender.say(&Signal::Rejoin { token: token.clone(), is_confirmed: true }).await;
    assert_eq!(sender.signal().await, Signal::Rejoined { nameplate });
    assert!(matches!(sender.signal().await, Signal::Ice { .. }));
    assert_eq!(sender.signal().await, Signal::Paired { session: 1 });
    drop((sender, receiver));
    // Too late.
    let server = TestServer::in_folder(server.stop(), &[]);
    server.clock.advance(Duration::from_secs(181));
    let mut late = Socket::to(&server, &again).await;
    late.say(&again_with(&token)).await;
    assert_eq!(late.ended().await, "restarted");
}
