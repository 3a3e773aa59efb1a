//! An end is killed and started again: the transfer goes on where it was.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::binary::{Running, handover};
use crate::support::directed::{assert_same, file};
use crate::support::files_below;
use crate::support::holder::holder;

const SIZE: u64 = 40_000_000;
const PATIENCE: Duration = Duration::from_secs(100);

/// A command whose events are read as they come.
pub struct End {
    child: Child,
    events: mpsc::Receiver<Value>,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl End {
    pub fn start(mut command: Command) -> End {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let (stdout, mut stderr) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let (tell, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        End { child, events, stderr: Some(stderr) }
    }

    /// Waits for an event of this kind.
    pub fn next(&self, kind: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            let Ok(event) = self.events.recv_timeout(PATIENCE) else { panic!("no {kind} after {seen:?}") };
            if event["event"] == kind {
                return event;
            }
            seen.push(event);
        }
    }

    /// SIGKILL, and the end of the process.
    fn kill(self) {
        drop(self);
    }

    pub fn end(mut self) {
        let (status, said) = (self.child.wait().unwrap(), self.stderr.take().unwrap().join().unwrap());
        assert!(status.success(), "{status} {said}");
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two sides of a transfer, as often as they are started.
struct Sides {
    server: Running,
    dir: tempfile::TempDir,
    file: PathBuf,
    /// Where each connects to.
    sender: String,
    receiver: String,
}

impl Sides {
    fn new() -> Sides {
        let dir = tempfile::tempdir().unwrap();
        let server = Running::start(&dir.path().join("data"), &[]);
        let file = file(dir.path(), "file", SIZE as usize, 1);
        Sides { sender: server.url.clone(), receiver: server.url.clone(), server, file, dir }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = handover(args);
        command.env("XDG_STATE_HOME", self.dir.path().join("state")).args(["--json", "--relay"]);
        command
    }

    fn send(&self, flags: &[&str]) -> End {
        let args = [&["send", self.file.to_str().unwrap(), "--server", &self.sender], flags].concat();
        End::start(self.command(&args))
    }

    fn receive(&self, code: &str) -> End {
        let to = self.to();
        let args = ["receive", "--yes", "--to", to.to_str().unwrap(), "--server", &self.receiver];
        let mut command = self.command(&args);
        command.env("HANDOVER_CODE", code);
        End::start(command)
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("to")
    }

    fn saved(&self) -> Vec<PathBuf> {
        files_below(&self.dir.path().join("state"))
    }

    #[track_caller]
    fn is_whole(&self, what: &str) {
        assert_same(&self.file, &self.to().join("file"));
        assert_eq!(fs::read_dir(self.to()).unwrap().count(), 1, "{what}: nothing beside it");
        assert!(self.saved().is_empty(), "{what}: nothing is saved any more");
    }
}

/// A transfer that stands still where the connection of one side is held for the first time.
struct Begun {
    sides: Sides,
    /// Says when the next connection is held.
    held: UnboundedReceiver<()>,
    code: String,
    sender: End,
    receiver: End,
}

impl Begun {
    /// `held` is the side whose connections are held, after as many bytes each as `moments` says.
    async fn begin(held: fn(&mut Sides) -> &mut String, moments: &[u64]) -> Begun {
        let mut sides = Sides::new();
        let (url, mut holds) = holder(sides.server.address, moments.to_vec()).await;
        *held(&mut sides) = url;
        let sender = sides.send(&[]);
        let code = code(&sender);
        let receiver = sides.receive(&code);
        holds.recv().await.unwrap();
        Begun { sides, held: holds, code, sender, receiver }
    }
}

fn the_receiver(sides: &mut Sides) -> &mut String {
    &mut sides.receiver
}

fn the_sender(sides: &mut Sides) -> &mut String {
    &mut sides.sender
}

fn code(sender: &End) -> String {
    sender.next("code")["code"].as_str().unwrap().to_owned()
}

/// Past the confirmation of the code, before which there is nothing to go on with, and two of them before the end.
fn moments(count: usize) -> Vec<u64> {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(5000..SIZE * 2 / 5)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_killed_and_goes_on() {
    for moments in moments(8).chunks(2) {
        let what = format!("held after {moments:?}");
        let Begun { sides, mut held, code, sender, receiver } = Begun::begin(the_receiver, moments).await;
        receiver.kill();
        for _ in 1..moments.len() {
            let receiver = sides.receive(&code);
            receiver.next("resumed");
            held.recv().await.unwrap();
            receiver.kill();
        }
        let receiver = sides.receive(&code);
        assert_eq!(receiver.next("resumed")["code"], code);
        receiver.end();
        sender.end();
        sides.is_whole(&what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_killed_and_goes_on() {
    for moments in moments(8).chunks(2) {
        let what = format!("held after {moments:?}");
        let Begun { sides, mut held, code, sender, receiver } = Begun::begin(the_sender, moments).await;
        sender.kill();
        let sender = sides.send(&[]);
        assert_eq!(sender.next("resumed")["code"], code);
        held.recv().await.unwrap();
        sender.kill();
        sides.send(&[]).end();
        receiver.end();
        sides.is_whole(&what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_killed_and_go_on_from_where_they_were() {
    let Begun { sides, code, sender, receiver, .. } = Begun::begin(the_receiver, &[SIZE / 2]).await;
    receiver.kill();
    sender.kill();
    let (sender, receiver) = (sides.send(&[]), sides.receive(&code));
    let offset = receiver.next("file_started")["offset"].as_u64().unwrap();
    assert!((SIZE / 4..SIZE).contains(&offset), "{offset}");
    assert_eq!(sender.next("file_started")["offset"], offset);
    receiver.end();
    sender.end();
    sides.is_whole("both");
}

/// Whatever happens to the two files meanwhile, what comes out is what the sender has.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_meanwhile_are_not_mixed() {
    let Begun { sides, mut held, code, sender, receiver } = Begun::begin(the_receiver, &[SIZE / 2; 2]).await;
    receiver.kill();
    // The receiver's
    let partial = sides.to().join("file.handover-part");
    let mut half = fs::read(&partial).unwrap();
    half[1000] ^= 1;
    fs::write(&partial, half).unwrap();
    let receiver = sides.receive(&code);
    assert_eq!(receiver.next("file_started")["offset"], 0);
    held.recv().await.unwrap();
    receiver.kill();
    sender.kill();
    // The sender's, without a trace in its size and time
    let times = fs::metadata(&sides.file).unwrap().modified().unwrap();
    file(sides.dir.path(), "file", SIZE as usize, 2);
    File::options().write(true).open(&sides.file).unwrap().set_modified(times).unwrap();
    let (sender, receiver) = (sides.send(&[]), sides.receive(&code));
    assert_eq!(receiver.next("file_started")["offset"], 0);
    receiver.end();
    sender.end();
    assert_same(&sides.file, &sides.to().join("file"));
    // What had come of what the file was before is not thrown away, and is nobody's file.
    let names = fs::read_dir(sides.to()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.filter(|name| name != "file").all(|name| name.contains(".handover-part")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_waits_survives_its_process() {
    let sides = Sides::new();
    let sender = sides.send(&[]);
    let first = code(&sender);
    let saved = sides.saved();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert!(saved.len() == 1 && mode(&saved[0]) == 0o600 && mode(saved[0].parent().unwrap()) == 0o700, "{saved:?}");
    // Somebody else gets the same file at the same time.
    let other = sides.send(&[]);
    assert_ne!(code(&other), first);
    sender.kill();
    other.kill();

    let sender = sides.send(&[]);
    sender.next("resumed");
    let second = code(&sender);
    let receiver = sides.receive(&second);
    receiver.end();
    sender.end();
    assert_same(&sides.file, &sides.to().join("file"));

    let sender = sides.send(&["--new"]);
    let third = code(&sender);
    assert!(third != second && third != first, "a new one");
    sender.kill();
    file(sides.dir.path(), "file", SIZE as usize + 1, 2);
    let sender = sides.send(&[]);
    let why = sender.next("not_resumed");
    assert_eq!((&why["code"], &why["why"]), (&third.as_str().into(), &"files_changed".into()));
    assert_ne!(code(&sender), third, "for other content");
    sender.kill();
}

/// For people, the same in a sentence.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_for_changed_files_is_explained_and_the_receiver_of_the_old_one_is_told() {
    let Begun { sides, code, sender, receiver, .. } = Begun::begin(the_sender, &[SIZE / 2]).await;
    sender.kill();
    file(sides.dir.path(), "file", SIZE as usize + 1, 2);
    let mut command = handover(&["send", sides.file.to_str().unwrap(), "--server", &sides.sender, "--relay"]);
    command.env("XDG_STATE_HOME", sides.dir.path().join("state")).stdin(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.next().unwrap();
    assert!(line.contains(&code) && line.contains("has changed since") && line.contains("new one"), "{line}");
    assert!(lines.next().unwrap().starts_with("Code:"));
    assert_eq!(receiver.next("failed")["code"], "failed");
    let _ = child.kill();
    let _ = child.wait();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_killed_before_the_code_was_confirmed_says_what_to_do() {
    let sides = Sides::new();
    let sender = sides.send(&[]);
    let code = code(&sender);
    let sender_id = rustix::process::Pid::from_child(&sender.child);
    rustix::process::kill_process(sender_id, rustix::process::Signal::STOP).unwrap();
    let receiver = sides.receive(&code);
    receiver.next("peer_joined"); // and no word from it: the keys are not there
    receiver.kill();
    let receiver = sides.receive(&code);
    let failed = receiver.next("failed");
    assert_eq!(failed["code"], "unconfirmed");
    assert!(failed["msg"].as_str().unwrap().contains("a new one"), "{failed}");
    drop(receiver);
    // As the server knows, nothing was guessed: the code is still good for whoever else has it.
    rustix::process::kill_process(sender_id, rustix::process::Signal::CONT).unwrap();
    let to = sides.to();
    let mut command = sides.command(&["receive", "--yes", "--to", to.to_str().unwrap(), "--server", &sides.receiver]);
    command.env("HANDOVER_CODE", &code).env("XDG_STATE_HOME", sides.dir.path().join("other"));
    let other = End::start(command);
    other.next("confirmed");
    sender.next("confirmed");
    other.end();
    sender.end();
    assert!(sides.saved().is_empty(), "{:?}", sides.saved());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_list_of_processes() {
    let Begun { sides, code, sender, receiver, .. } = Begun::begin(the_receiver, &[SIZE / 2]).await;
    let saved: Vec<Value> =
        sides.saved().iter().map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect();
    let tokens: Vec<&str> = saved.iter().map(|saved| saved["place"]["token"].as_str().unwrap()).collect();
    assert_eq!(tokens.len(), 2, "one of each side");
    for end in [&sender, &receiver] {
        let arguments = fs::read(format!("/proc/{}/cmdline", end.child.id())).unwrap();
        let arguments = String::from_utf8(arguments).unwrap();
        let words = code.split('-').skip(1);
        assert!(words.chain(tokens.iter().copied()).all(|secret| !arguments.contains(secret)), "{arguments}");
    }
    receiver.kill();
    sender.kill();
}
