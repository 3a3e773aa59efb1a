//! The real binary, as people start it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;

use reqwest::{Method, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::peer::{PATIENCE, document_of};
use crate::support::{PASSWORD, json_of};

/// The binary: cargo's own, or that of `HANDOVER_BIN`, by which tests/run looks at what is shipped.
pub fn program() -> String {
    std::env::var("HANDOVER_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_handover").to_owned())
}

/// The command, without settings and sign-ins of whoever runs the tests.
pub fn handover(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HANDOVER_") || name.starts_with("RUST_")) {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state")); // not this person's
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run(args: &[&str], input: &str) -> Output {
    let mut child = handover(args).spawn().unwrap();
    // A command that asks for nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Asserts that a command failed with one line on standard error, and gives that line.
#[track_caller]
pub fn one_line(output: &Output) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("handover: ") && !stderr.contains("panicked"), "{stderr}");
    stderr.trim_end().to_owned()
}

/// A running server.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    pub url: String,
    pub http: reqwest::Client,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a server on `data`, on a free port unless the flags name one.
    pub fn start(data: &Path, flags: &[&str]) -> Running {
        let mut args = vec!["serve", "--data", data.to_str().unwrap(), "--free-space-floor", "1MiB"];
        if !flags.contains(&"--bind") {
            args.extend(["--bind", "127.0.0.1:0"]);
        }
        args.extend(flags);
        Running::of(handover(&args))
    }

    /// The same under a limit of open files, as `ulimit` takes it.
    pub fn limited(data: &Path, ulimit: &str, flags: &[&str]) -> Running {
        let fixed = ["serve", "--data", data.to_str().unwrap(), "--bind", "127.0.0.1:0"];
        let own = handover(&[&fixed[..], flags].concat());
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit {ulimit} && exec \"$0\" \"$@\"")])
            .arg(own.get_program())
            .args(own.get_args());
        command.env("HANDOVER_FREE_SPACE_FLOOR", "1MiB");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::of(command)
    }

    fn of(mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let collector = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let Some((_, url)) = first.trim_end().split_once("is listening on ") else {
            panic!("{first:?} {}", collector.join().unwrap());
        };
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        Running { child, address, url: url.to_owned(), http: reqwest::Client::new(), stderr: Some(collector) }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended by now.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end; gives the exit status and what was written to standard error.
    pub async fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = std::time::Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(std::time::Instant::now() < deadline, "the server does not end");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.ended().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// More than the buffers of both ends of a connection hold.
pub const LARGE: usize = 48 << 20;

/// Links a client to a large document on a server; gives the path of the link.
pub async fn link_to_large_document(server: &Running) -> String {
    let mut tokens = Vec::new();
    for (name, operation) in [("olga", true), ("carl", false)] {
        let body = serde_json::json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation});
        assert_eq!(server.request(Method::POST, "/register").json(&body).send().await.unwrap().status(), 201);
        let response = server.request(Method::POST, "/login").json(&body).send().await.unwrap();
        tokens.push(json_of(response).await["access_token"].as_str().unwrap().to_owned());
    }
    let upload = server.request(Method::PUT, "/upload/large.docx").bearer_auth(&tokens[0]);
    assert_eq!(upload.body(document_of(LARGE)).send().await.unwrap().status(), 201);
    let minted = server.request(Method::GET, "/generate_download_url/large.docx").bearer_auth(&tokens[1]);
    let minted = json_of(minted.send().await.unwrap()).await;
    minted["download_url"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned()
}
