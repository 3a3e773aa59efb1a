//! A person at a terminal, with a folder for settings and one to work in.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::binary::{handover, text};
use crate::support::*;

/// Says exit code and words of a command that should have gone otherwise.
pub fn told(output: &Output) -> String {
    format!("{:?} {} {}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

pub struct User {
    dir: tempfile::TempDir,
}

impl User {
    pub fn new() -> User {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        User { dir }
    }

    /// A user who is signed in.
    pub fn signed_in(url: &str, name: &str) -> User {
        let user = User::new();
        let output = user.login(url, name, PASSWORD);
        assert!(output.status.success(), "{}", told(&output));
        user
    }

    pub fn login(&self, url: &str, name: &str, password: &str) -> Output {
        self.run(&["login", "--server", url, name], &format!("{password}\n"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = handover(args);
        command.env("XDG_CONFIG_HOME", self.dir.path().join("config")).current_dir(self.work());
        command
    }

    pub fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        // A command that asks for nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it writes to standard output.
    #[track_caller]
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.run(args, "");
        assert!(output.status.success(), "{args:?}: {}", told(&output));
        text(&output.stdout)
    }

    /// Runs a command that must fail so; gives its last line.
    #[track_caller]
    pub fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args, "");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", told(&output));
        let stderr = text(&output.stderr);
        let last = stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("handover: ") && !stderr.contains("panicked"), "{stderr}");
        last.to_owned()
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Puts a file into the folder to work in.
    pub fn file(&self, name: &str, content: &[u8]) {
        std::fs::write(self.work().join(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.work().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names in the folder to work in, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.work()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Where the sign-in is kept.
    pub fn kept(&self) -> PathBuf {
        self.dir.path().join("config/handover/login.json")
    }

    pub fn token(&self) -> String {
        let kept: Value = serde_json::from_slice(&std::fs::read(self.kept()).unwrap()).unwrap();
        kept["token"].as_str().unwrap().to_owned()
    }

    pub fn everything_of_theirs(&self) -> &Path {
        self.dir.path()
    }
}

pub fn events(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
