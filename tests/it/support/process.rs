//! The real binary, which can be killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::support::binary::program;
use crate::support::*;

pub struct Process {
    child: Child,
    pub url: String,
    pub address: SocketAddr,
    pub http: Client,
}

impl Process {
    /// Starts the server on `data`; `limit` is the largest file that the process may write, in blocks of 512 bytes.
    pub fn start(data: &Path, flags: &[&str], limit: Option<u32>) -> Process {
        let mut command = Command::new("sh");
        let limit = limit.map_or("unlimited".into(), |blocks| blocks.to_string());
        command.args(["-c", &format!("ulimit -f {limit}; exec \"$0\" \"$@\""), &program()]);
        command.args(["--bind", "127.0.0.1:0", "--log-filter", "off", "--data"]).arg(data).args(flags);
        if !flags.contains(&"--free-space-floor") {
            command.args(["--free-space-floor", "1MiB"]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().parse().unwrap_or_else(|_| panic!("{line:?}"));
        Process { child, url: format!("http://{address}"), address, http: Client::new() }
    }

    /// SIGKILL, and the end of the process.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A new user's token.
    pub async fn user(&self, name: &str, operation: bool) -> String {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation});
        let response = self.http.post(format!("{}/register", self.url)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let response = self.http.post(format!("{}/login", self.url)).json(&body).send().await.unwrap();
        json_of(response).await["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn put(&self, token: &str, name: &str, content: impl Into<reqwest::Body>) -> reqwest::Result<Response> {
        self.http.put(format!("{}/upload/{name}", self.url)).bearer_auth(token).body(content).send().await
    }

    pub async fn get(&self, token: &str, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        json_of(response).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A body of a length that is not told beforehand.
pub fn of_unknown_length(content: &[u8]) -> reqwest::Body {
    let pieces: Vec<_> = content.chunks(64 << 10).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
}

/// The peak resident set of a process in bytes, proc(5).
pub fn peak(server: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
