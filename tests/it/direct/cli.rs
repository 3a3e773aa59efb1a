//! `handover send` and `handover receive`, as people type them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::binary::{Running, handover, program, run, text};
use crate::support::directed::{assert_same, file};

/// A sender that has told its code.
struct Sender {
    child: Child,
    code: String,
    stderr: BufReader<ChildStderr>,
}

impl Sender {
    fn start(server: &Running, args: &[&str], input: &[u8]) -> Sender {
        let mut child = handover(&[&["send", "--server", &server.url], args].concat()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Code:") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended without a code");
        }
        Sender { child, code: line["Code:".len()..].trim().to_owned(), stderr }
    }

    /// Exit code and what else was said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

fn receive(server: &Running, code: &str, args: &[&str]) -> Output {
    run(&[&["receive", "--server", &server.url, code], args].concat(), "")
}

#[tokio::test]
async fn three_hundred_mebibytes_and_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let big = file(dir.path(), "from/big.bin", 300 << 20, 1);
    file(dir.path(), "from/folder/small.txt", 10, 2);
    let to = dir.path().join("to");
    let folder = dir.path().join("from/folder");
    let sender = Sender::start(&server, &[big.to_str().unwrap(), folder.to_str().unwrap()], b"");
    // As it was heard, not as it was written
    let typed = sender.code.to_uppercase().replace('-', " ");
    let output = receive(&server, &typed, &["--yes", "--to", to.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("big.bin") && said.contains("Done: 2 files, 300.0 MiB"), "{said}");
    let (code, said) = sender.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Done: 2 files"), "{said}");
    assert_same(&big, &to.join("big.bin"));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2);
    // Neither the words of the code nor the names of files are in the server's log.
    let words = typed.to_lowercase();
    let (status, log) = server.stop().await;
    assert!(status.success() && log.contains("/api/direct/send"), "{log}");
    assert!(!log.contains("big.bin") && words.split(' ').skip(1).all(|word| !log.contains(word)), "{log}");
}

#[tokio::test]
async fn streams_texts_and_events_for_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let sender = Sender::start(&server, &["-", "--name", "log.txt"], b"from standard input\n");
    let output = receive(&server, &sender.code, &["--to", "-"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "from standard input\n".into()));
    assert_eq!(sender.end().0, Some(0));

    let sender = Sender::start(&server, &["--text", "see you at nine", "--relay"], b"");
    let output = receive(&server, &sender.code, &["--yes"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "see you at nine\n".into()));
    assert_eq!(sender.end().0, Some(0));

    let path = file(dir.path(), "a.txt", 1000, 1);
    let sender = Sender::start(&server, &[path.to_str().unwrap()], b"");
    let to = dir.path().join("to");
    let output = receive(&server, &sender.code, &["--yes", "--json", "--to", to.to_str().unwrap()]);
    let events: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["peer_joined", "confirmed", "offered", "accepted", "file_started", "file_done", "done"];
    assert_eq!(names.into_iter().filter(|name| !["progress", "path"].contains(name)).collect::<Vec<_>>(), expected);
    assert_eq!(events[2]["entries"][0]["path"], "a.txt");
    assert_eq!(sender.end().0, Some(0));
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let code = |output: Output| {
        let stderr = text(&output.stderr);
        assert!(stderr.lines().last().unwrap().starts_with("handover: "), "{stderr}");
        output.status.code()
    };
    assert_eq!(code(receive(&server, "7-aardvark-yoyo", &["--yes"])), Some(3), "unknown");
    assert_eq!(code(receive(&server, "7-aardvark-xyzzy", &["--yes"])), Some(1), "no code");
    assert_eq!(code(receive(&server, "7-aardvark-yoyo", &[])), Some(1), "nobody to ask");
    assert_eq!(code(run(&["receive", "--server", "127.0.0.1:1", "7-aardvark-yoyo", "--yes"], "")), Some(5));
    assert_eq!(code(run(&["send", "--server", &server.url, "/no/such/file"], "")), Some(1));
    assert_eq!(run(&["send"], "").status.code(), Some(2));

    let path = file(dir.path(), "a.txt", 1000, 1);
    let sender = Sender::start(&server, &[path.to_str().unwrap()], b"");
    let nameplate = sender.code.split('-').next().unwrap();
    let wrong = if sender.code.contains("zucchini") { "aardvark-yoyo" } else { "zucchini-zucchini" };
    assert_eq!(code(receive(&server, &format!("{nameplate}-{wrong}"), &["--yes"])), Some(3), "wrong");
    let (sent, said) = sender.end();
    assert!(sent == Some(3) && said.contains("The words of the code were wrong"), "{said}");
}

/// What is left out in the end has an exit code of its own, on both sides, and nobody learns where the other's files lie.
#[tokio::test]
async fn what_was_left_out_is_told_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let gone = file(dir.path(), "sent/gone.txt", 1000, 1);
    file(dir.path(), "sent/there.txt", 1000, 2);
    let sent = gone.parent().unwrap().to_owned();
    let sender = Sender::start(&server, &[sent.to_str().unwrap()], b"");
    fs::remove_file(gone).unwrap();
    let to = dir.path().join("to");
    let output = receive(&server, &sender.code, &["--yes", "--to", to.to_str().unwrap()]);
    let (received, (code, said)) = (text(&output.stderr), sender.end());
    assert_eq!((output.status.code(), code), (Some(8), Some(8)), "{received} {said}");
    for said in [&received, &said] {
        assert!(
            said.contains("left out: sent/gone.txt: its sender cannot read it") && said.contains("1 left out"),
            "{said}"
        );
    }
    assert!(!received.contains(sent.to_str().unwrap()), "{received}");
    assert!(to.join("sent/there.txt").exists());
}

#[tokio::test]
async fn a_link_names_its_server_and_a_target_that_is_none_spends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let path = file(dir.path(), "a.txt", 1000, 1);
    let sender = Sender::start(&server, &[path.to_str().unwrap()], b"");
    let link = format!("{}/direct#{}", server.url, sender.code);
    let output = run(&["receive", "--server", "127.0.0.1:1", "--yes", "--to", path.to_str().unwrap(), &link], "");
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("is a file; --to names a folder"), "{said}");
    let to = dir.path().join("to");
    let output = run(&["receive", "--server", "127.0.0.1:1", "--yes", "--to", to.to_str().unwrap(), &link], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_same(&path, &to.join("a.txt"));
    let (code, said) = sender.end();
    assert!(code == Some(0) && said.contains(&format!("handover receive '{link}'")), "{said}");
    for wrong in ["https://h.example/other#7-aardvark-yoyo", "ftp://h.example/direct#7-aardvark-yoyo"] {
        assert_eq!(run(&["receive", "--yes", wrong], "").status.code(), Some(1), "{wrong}");
    }
}

/// A terminal may stand behind a pipe, and standard error is one wherever standard output leads.
#[tokio::test]
async fn texts_move_no_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let path = dir.path().join("a.txt");
    fs::write(&path, "plain\n").unwrap();
    let evil = "a\u{1b}]0;title\u{7}\u{1b}[2J\nb\u{202e}c";
    for args in [&["--yes"][..], &["--to", "-"], &["--yes", "--json"]] {
        let sender = Sender::start(&server, &["--text", evil, path.to_str().unwrap()], b"");
        let mut command = handover(&[&["receive", "--server", &server.url, &sender.code], args].concat());
        let output = command.env("HANDOVER_X", "").current_dir(dir.path()).stdin(Stdio::null()).output().unwrap();
        let all = [text(&output.stderr), String::from_utf8_lossy(&output.stdout).into_owned()].concat();
        assert_eq!(output.status.code(), Some(0), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{7}', '\u{202e}']) && all.contains("title"), "{args:?} {all:?}");
        assert_eq!(sender.end().0, Some(0));
    }
}

/// Whoever writes VAR= for what has no value means that it is not set.
#[test]
fn empty_variables_are_not_set() {
    let mut command = handover(&["send", "--text", "x", "--no-qr"]);
    let variables = ["HANDOVER_SERVER", "HANDOVER_TOKEN", "HANDOVER_PUBLIC_URL", "HANDOVER_GUESTS"];
    for name in variables {
        command.env(name, "");
    }
    let said = text(&command.env("HANDOVER_RELAY", "").arg("--server").arg("127.0.0.1:1").output().unwrap().stderr);
    assert!(said.contains("cannot be reached"), "{said}");
    let mut command = handover(&["doctor", "--live"]);
    for name in ["PUBLIC_URL", "TRUSTED_PROXIES", "GUESTS", "SECRET_FILE", "MAX_FILE_SIZE", "BIND"] {
        command.env(format!("HANDOVER_{name}"), "");
    }
    let said = text(&command.output().unwrap().stderr);
    assert!(!said.contains("invalid value") && !said.contains("required"), "{said}");
}

/// What a shell puts in the place of `<(command)`.
#[tokio::test]
async fn a_pipe_that_has_a_name_is_sent_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let pipe = dir.path().join("pipe.txt");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = pipe.clone();
    let writing = std::thread::spawn(move || fs::write(writer, "from a command").unwrap());
    let sender = Sender::start(&server, &[pipe.to_str().unwrap()], b"");
    let output = receive(&server, &sender.code, &["--to", "-"]);
    writing.join().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "from a command".into()));
    assert_eq!(sender.end().0, Some(0));
}

#[tokio::test]
async fn an_interrupt_ends_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let path = file(dir.path(), "a.txt", 1000, 1);
    let sender = Sender::start(&server, &[path.to_str().unwrap()], b"");
    kill_process(Pid::from_child(&sender.child), Signal::INT).unwrap();
    let typed = sender.code.clone();
    let (code, said) = sender.end();
    assert!(code == Some(130) && said.contains("you stopped"), "{code:?} {said}");
    assert_eq!(receive(&server, &typed, &["--yes"]).status.code(), Some(3), "the server knows");
}

/// Somebody who sits at a terminal (util-linux `script`) sees a code to scan and the time that is left, and how far it is.
#[tokio::test]
async fn people_see_a_code_to_scan_and_bars_and_scripts_quiet_lines() {
    let dir = tempfile::tempdir().unwrap();
    // Less than a minute, so that the whole life of the code is its last one.
    let server = Running::start(&dir.path().join("data"), &["--code-life", "55s"]);
    file(dir.path(), "sent/a.txt", 3_000_000, 1);
    let path = file(dir.path(), "sent/b.txt", 3_000_000, 2).parent().unwrap().to_owned();
    let line = format!("{} send --relay --server {} {}", program(), server.url, path.to_str().unwrap());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    command.env("XDG_STATE_HOME", dir.path().join("state")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sender = command.spawn().unwrap();
    let mut screen = sender.stdout.take().unwrap();
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    while !text(&shown).contains(" left") {
        let read = screen.read(&mut piece).unwrap();
        assert!(read > 0, "{}", text(&shown));
        shown.extend(&piece[..read]);
    }
    let waiting = text(&shown);
    let code = waiting.split("Code:").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    assert!(waiting.matches(['█', '▀', '▄']).count() > 200, "a code to scan: {waiting}");
    assert!(waiting.contains("\u{1b}[31m0:5"), "the last minute is red: {waiting}");
    let quiet = receive(&server, &code, &["--yes", "--relay", "--to", dir.path().join("to").to_str().unwrap()]);
    let quiet = text(&quiet.stderr);
    assert!(quiet.contains("Done: 2 files") && !quiet.contains(['\u{1b}', '\r', '█']), "{quiet}");
    screen.read_to_end(&mut shown).unwrap();
    assert!(sender.wait().unwrap().success());
    let shown = text(&shown);
    let transfer = shown.split("The other side is there.").nth(1).unwrap();
    for part in ["/s  ", " left  relayed, in all", "sent/a.txt", "sent/b.txt", "Done: 2 files"] {
        assert!(transfer.contains(part), "no {part:?} in {transfer:?}");
    }
}
