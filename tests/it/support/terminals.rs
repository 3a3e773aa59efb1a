//! What the tests of rooms in the terminal share: the real binary, with somebody who types and reads.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::binary::{handover, run, text};
use crate::support::peer::PATIENCE;

/// A member at a terminal of its own; its input is a pipe, as a script's is.
pub struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    pub out: Lines,
    pub err: Lines,
}

/// Lines as they come.
pub struct Lines {
    coming: Receiver<String>,
    pub seen: Vec<String>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Lines {
        let (tell, coming) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                if tell.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Lines { coming, seen: Vec::new() }
    }

    /// Reads until a line has this in it, and gives it.
    #[track_caller]
    pub fn until(&mut self, part: &str) -> String {
        self.until_any(&[part])
    }

    /// Likewise, one of these.
    #[track_caller]
    pub fn until_any(&mut self, parts: &[&str]) -> String {
        loop {
            let line = self.coming.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no {parts:?} ({error}) in {:#?}", self.seen));
            self.seen.push(line.clone());
            if parts.iter().any(|part| line.contains(part)) {
                return line;
            }
        }
    }

    fn rest(&mut self) -> &[String] {
        while let Ok(line) = self.coming.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        &self.seen
    }
}

/// How a terminal has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Terminal {
    /// `handover room …`, which has not done anything yet.
    pub fn start(args: &[&str]) -> Terminal {
        let mut child = handover(&[&["room"], args].concat()).spawn().unwrap();
        let (input, out, err) = (child.stdin.take(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Terminal { child, input, out: Lines::of(out), err: Lines::of(err) }
    }

    /// A member that is in.
    #[track_caller]
    pub fn join(server: &str, room: &str, name: &str, args: &[&str]) -> Terminal {
        let mut terminal = Terminal::start(&[&["join", room, "--server", server, "--name", name], args].concat());
        match args.contains(&"--json") {
            true => terminal.out.until("\"type\":\"welcome\""),
            false => terminal.err.until(&format!("You are {name}")),
        };
        terminal
    }

    #[track_caller]
    pub fn types(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) -> Ended {
        let (out, err) = (self.out.rest().to_vec(), self.err.rest().to_vec());
        Ended { code: self.child.wait().unwrap().code(), out, err }
    }

    pub fn no_more_input(&mut self) {
        self.input = None;
    }

    /// Ends its input, and waits until it has ended.
    pub fn end(mut self) -> Ended {
        self.no_more_input();
        self.ended()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a room; gives its code and the maker's link.
pub fn make(server: &str) -> (String, String) {
    let output = run(&["room", "make", "--no-join", "--server", server], "");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    let makers = err.lines().find_map(|line| line.strip_prefix("Maker:")).expect("the maker's link");
    let makers = makers.split_whitespace().next().unwrap().to_owned();
    let code = out.trim_end().to_owned();
    assert!(makers.contains(&format!("/r/{code}#")) && err.contains(&format!("handover room join {code}")), "{err}");
    (code, makers)
}

/// The messages in what a terminal has shown, without their times.
pub fn messages(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line.split_once("  "))
        .map(|(_, said)| said)
        .filter(|said| said.contains(": "))
        .collect()
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
