//! Against others: the key exchange of a direct transfer with another implementation of SPAKE2, Python's, and whole transfers
//! with a client that was written from docs/protocol.md.
//!
//! `tests/run interop` installs what they need and runs these.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use handover::protocol::direct::exchange::{Disagreement, Exchange, Secret, Step};
use handover::protocol::direct::{CONTEXT, Code, Frame, Role};
use serde_json::{Value, json};

use crate::support::binary::{Running, handover, run, text};
use crate::support::directed::{assert_same, file};

/// One of tests/tools.
fn program(name: &str) -> Command {
    let python =
        std::env::var_os("INTEROP_PYTHON").expect("INTEROP_PYTHON names a Python with tests/tools/requirements.txt");
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/tools/{name}", env!("CARGO_MANIFEST_DIR"))).stdout(Stdio::piped());
    command
}

/// What Python answers to our first frame: its message, the master key, the tags of both roles.
fn python(code: &str, context: &str, first: Frame) -> Value {
    let mut child = program("spake2_peer.py").stdin(Stdio::piped()).spawn().unwrap();
    let Frame::Pake { message, .. } = first else { panic!("{first:?}") };
    let asked = json!({"code": code, "context": context, "message": hex(&message)});
    writeln!(child.stdin.take().unwrap(), "{asked}").unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let hex = hex.as_str().unwrap();
    assert_eq!(hex.len(), 2 * N);
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

/// Runs the exchange in this role, with Python as the other; the master keys of both if they agree.
fn exchange(role: Role, ours: &str, theirs: &str, context: &str) -> Result<(String, String), Disagreement> {
    let code: Code = ours.parse().unwrap();
    let (mut exchange, first) = Exchange::start(role, 1, Secret::Code(&code));
    let python = python(theirs, context, first);
    let reply = exchange.take(Frame::Pake { session: 1, message: bytes(&python["message"]) })?;
    if let Step::Reply(Frame::Confirm { tag, .. }) = &reply {
        let right = python[role.as_str()] == hex(tag);
        assert_eq!(right, ours == theirs && context == CONTEXT, "what the receiver says first");
    }
    match exchange.take(Frame::Confirm { session: 1, tag: bytes(&python[role.other().as_str()]) })? {
        Step::Done(established, reply) => {
            if let Some(Frame::Confirm { tag, .. }) = reply {
                assert_eq!(python[role.as_str()], hex(&tag), "what the sender says last");
            }
            Ok((hex(&established.master.to_bytes()), python["master"].as_str().unwrap().to_owned()))
        }
        _ => panic!("the exchange is not over"),
    }
}

#[test]
#[ignore = "needs Python with packages: tests/run interop"]
fn the_same_code_gives_the_same_key() {
    for role in [Role::Sender, Role::Receiver] {
        for code in ["7-aardvark-yoyo", "4294967295-zucchini-yoyo"] {
            let (ours, theirs) = exchange(role, code, code, CONTEXT).unwrap();
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
#[ignore = "needs Python with packages: tests/run interop"]
fn another_code_or_another_protocol_does_not() {
    for role in [Role::Sender, Role::Receiver] {
        for (theirs, context) in [
            ("7-aardvark-zucchini", CONTEXT),
            ("8-aardvark-yoyo", CONTEXT),
            ("7-aardvark-yoyo ", CONTEXT),
            ("7-aardvark-yoyo", "handover direct 2"),
            ("7-aardvark-yoyo", ""),
        ] {
            assert_eq!(
                exchange(role, "7-aardvark-yoyo", theirs, context),
                Err(Disagreement::WrongCode),
                "{theirs} {context}"
            );
        }
    }
}

/// A transfer's end in Python.
struct Peer {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Peer {
    fn start(server: &Running, what: &str, args: &[&str]) -> Peer {
        let mut command = program("direct_peer.py");
        let mut child = command.arg(what).arg(server.url.replacen("http", "ws", 1)).args(args).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Peer { child, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// What else it says, if all goes well.
    fn end(mut self) -> String {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

/// Files around the edges of pieces and windows.
fn files(folder: &Path) -> Vec<PathBuf> {
    let sizes = [0, 1, 65_536, 9_000_001];
    sizes.into_iter().map(|size| file(folder, &format!("{size} ż.bin"), size, size as u64)).collect()
}

fn assert_all(sent: &[PathBuf], to: &Path) {
    for path in sent {
        assert_same(path, &to.join(path.file_name().unwrap()));
    }
    assert_eq!(std::fs::read_dir(to).unwrap().count(), sent.len());
}

#[tokio::test]
#[ignore = "needs Python with packages: tests/run interop"]
async fn a_client_written_from_the_document_sends() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Running::start(&dir.path().join("data"), &[]);
    let sent = files(&dir.path().join("from"));
    let args: Vec<&str> =
        std::iter::once("acrobat-puzzle").chain(sent.iter().map(|path| path.to_str().unwrap())).collect();
    let mut sender = Peer::start(&server, "send", &args);
    let code = sender.line();
    let received = run(&["receive", "--server", &server.url, &code, "--yes", "--to", to.path().to_str().unwrap()], "");
    let said = text(&received.stderr) + &text(&received.stdout);
    assert_eq!(received.status.code(), Some(0), "{said}");
    assert!(said.contains("from Python"), "{said}");
    assert_eq!(sender.end(), "done\n");
    assert_all(&sent, to.path());
}

#[tokio::test]
#[ignore = "needs Python with packages: tests/run interop"]
async fn a_client_written_from_the_document_receives() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Running::start(&dir.path().join("data"), &[]);
    let sent = files(&dir.path().join("from"));
    let mut args = vec!["send", "--server", &server.url, "--json"];
    args.extend(sent.iter().map(|path| path.to_str().unwrap()));
    let mut sender = handover(&args).spawn().unwrap();
    let mut events = BufReader::new(sender.stdout.take().unwrap()).lines().map(|line| {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        event
    });
    let code = events.find(|event| event["event"] == "code").unwrap();
    let receiver = Peer::start(&server, "receive", &[code["code"].as_str().unwrap(), to.path().to_str().unwrap()]);
    let done = events.find(|event| event["event"] == "done").unwrap();
    assert_eq!((&done["files"], &done["bytes"]), (&4.into(), &9_065_538.into()));
    assert_eq!(receiver.end(), "done\n");
    assert!(sender.wait().unwrap().success());
    assert_all(&sent, to.path());
}
