//! Links in the hands of real clients: curl, wget, aria2, axel and lftp, on a good line and on one that breaks.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::support::linked::*;
use crate::support::*;

/// Times that a client which gives up is started again, as a person does.
const AGAIN: usize = 12;

/// The arguments that fetch an address to a file, going on with what is there of it.
fn arguments(program: &str, url: &str, file: &str) -> Vec<String> {
    let words: Vec<&str> = match program {
        "curl" => vec!["--silent", "--fail", "--continue-at", "-", "--output", file, url],
        "wget" => vec!["--quiet", "--continue", "--tries=3", "--waitretry=1", "-O", file, url],
        "aria2c" => vec![
            "--quiet",
            "-x16",
            "-s16",
            "-k1M",
            "--continue",
            "--retry-wait=1",
            "--file-allocation=none",
            "--dir=.",
            "--out",
            file,
            url,
        ],
        "axel" => vec!["--quiet", "-n", "8", "--output", file, url],
        "lftp" => {
            return vec![
                "-c".into(),
                format!("set net:max-retries 3; set net:reconnect-interval-base 1; pget -n 4 -c '{url}' -o {file}"),
            ];
        }
        other => panic!("how to use {other} is not written down"),
    };
    words.into_iter().map(str::to_owned).collect()
}

/// Whether a program is there; where it is not, that is said.
fn is_here(program: &str) -> bool {
    let here = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !here {
        eprintln!("SKIPPED: {program} is not installed");
    }
    here
}

/// Runs a client until it has the file, or has been started often enough.
async fn fetch(program: &'static str, url: String, folder: &Path, expected: &[u8]) -> usize {
    for run in 1..=AGAIN {
        let (arguments, folder) = (arguments(program, &url, "out.docx"), folder.to_owned());
        let whole = folder.join("out.docx");
        let status = tokio::task::spawn_blocking(move || {
            let mut command = Command::new("timeout");
            command.arg("60").arg(program).args(arguments).current_dir(&folder).env("HOME", &folder);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
        })
        .await
        .unwrap();
        let _ = status; // lftp may die behind the last byte
        if std::fs::read(whole).is_ok_and(|content| content == expected) {
            return run;
        }
    }
    panic!("{program} did not get the file");
}

/// A line to the server that breaks each of the first `breaks` connections after so many bytes.
async fn bad_line(server: SocketAddr, breaks: usize, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(AtomicUsize::new(breaks));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let cut = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            tokio::spawn(pass_on(client, server, cut.then_some(bytes)));
        }
    });
    address
}

async fn pass_on(mut client: TcpStream, server: SocketAddr, limit: Option<u64>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut from_server = from_server.take(limit.unwrap_or(u64::MAX));
    let there = async {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let back = async { copy(&mut from_server, &mut to_client).await };
    tokio::select! {
        _ = back => {}
        () = there => {}
    }
}

async fn manage(program: &'static str) {
    if !is_here(program) {
        return;
    }
    let scene = Scene::new(LARGE, &[]).await;
    for breaks in [0, 3] {
        let minted = scene.mint().await;
        let line = bad_line(scene.server.address, breaks, 700_000).await;
        let url = format!("http://{line}{}", path_of(&minted["download_url"]));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".axelrc"), "reconnect_delay = 1\n").unwrap();
        let runs = fetch(program, url, dir.path(), &scene.content).await;
        assert!(breaks > 0 || runs == 1, "{program} had to be started {runs} times on a good line");
        eventually("nobody else gets it", async || {
            scene.server.fetch(&minted["download_url"]).send().await.unwrap().status() == 410
        })
        .await;
        assert_eq!(scene.link(&minted).await["fetched_bytes"], scene.content.len());
    }
}

#[tokio::test]
async fn curl_continues() {
    manage("curl").await;
}

#[tokio::test]
async fn wget_continues() {
    manage("wget").await;
}

#[tokio::test]
async fn aria2_with_sixteen_connections() {
    manage("aria2c").await;
}

#[tokio::test]
#[ignore = "needs a quiet machine, as axel takes no pause for an answer: tests/run interop"]
async fn axel_with_eight_connections() {
    manage("axel").await;
}

#[tokio::test]
async fn lftp_in_four_parts() {
    manage("lftp").await;
}
