//! `handover serve`: how it starts, why it does not, and how it stops.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::binary::LARGE;
use crate::support::binary::link_to_large_document;
use crate::support::binary::{Running, handover, one_line, run, text};
use crate::support::peer::{PATIENCE, Raw};
use crate::support::*;

/// Tries to start a server that cannot; gives the line that says why.
#[track_caller]
fn fails(data: &Path, flags: &[&str]) -> String {
    one_line(&run(&[&["serve", "--bind", "127.0.0.1:0", "--data", data.to_str().unwrap()], flags].concat(), ""))
}

#[tokio::test]
async fn a_second_start_finds_everything_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/new folder");
    let server = Running::start(&data, &[]);
    let body = json!({"username": "ann", "email": "ann@example.org", "password": PASSWORD});
    assert_eq!(server.request(Method::POST, "/register").json(&body).send().await.unwrap().status(), 201);
    let (status, log) = server.stop().await;
    assert!(status.success() && !log.contains("panicked") && !log.contains("ERROR"), "{log}");
    let server = Running::start(&data, &[]);
    let login = server.request(Method::POST, "/login").json(&body).send().await.unwrap();
    assert_eq!(login.status(), 200);
    assert!(server.stop().await.0.success());
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_in_one_line_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Running::start(&data, &[]);

    let line = fails(&data, &[]);
    assert!(line.contains("already running") && line.contains("data"), "{line}");
    let taken = server.address.to_string();
    let args = ["serve", "--bind", &taken, "--data", dir.path().join("other").to_str().unwrap()].map(str::to_owned);
    let line = one_line(&run(&args.each_ref().map(String::as_str), ""));
    assert!(line.contains(&taken) && line.contains("--bind"), "{line}");

    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let line = fails(&file, &[]);
    assert!(line.contains("data folder") && line.contains("file"), "{line}");
    let line = fails(&file.join("below"), &[]);
    assert!(line.contains("data folder"), "{line}");
    let blobs = format!("file:{}", file.display());
    let line = fails(&dir.path().join("new"), &["--blobs-url", &blobs]);
    assert!(line.contains("folder for files"), "{line}");
    let database = format!("sqlite:{}", file.display());
    let line = fails(&dir.path().join("new"), &["--database-url", &database]);
    assert!(line.contains("database"), "{line}");
    let secret = file.to_str().unwrap();
    let line = fails(&dir.path().join("new"), &["--secret-file", secret]);
    assert!(line.contains("32 bytes"), "{line}");
    let line = fails(&dir.path().join("new"), &["--log-filter", "handover=nonsense=x"]);
    assert!(line.contains("log filter"), "{line}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");

    // After all of that the first server is well.
    assert_eq!(server.request(Method::GET, "/readyz").send().await.unwrap().status(), 200);
    assert!(server.stop().await.0.success());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Running::start(dir.path(), &[]).stop().await.0.success());
    let path = dir.path().join("handover.db");
    let mut conn = Conn::open_sqlite(&path).unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231235959')").unwrap();
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    for output in [
        run(&["serve", "--bind", "127.0.0.1:0", "--data", dir.path().to_str().unwrap()], ""),
        run(&["users", "--data", dir.path().to_str().unwrap(), "list"], ""),
    ] {
        let line = one_line(&output);
        assert!(line.contains("newer version"), "{line}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn settings_that_cannot_be_read_are_refused() {
    for args in [
        &["--bind", "localhost"][..],
        &["--database-url", "postgres://localhost/x"],
        &["--blobs-url", "s3://bucket"],
        &["--public-url", "files.example.org"],
        &["--operation-signup", "code:short"],
        &["--max-file-size", "much"],
        &["--link-life", "soon"],
        &["--hash-queue", "0"],
        &["--trusted-proxies", "everybody"],
        &["--log", "xml"],
    ] {
        let output = run(args, "");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(args[0]) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}

#[test]
fn help_names_every_setting_with_its_variable_and_default() {
    let output = run(&["serve", "--help"], "");
    assert!(output.status.success());
    let help = text(&output.stdout);
    assert_eq!(text(&run(&["help", "serve"], "").stdout), help);
    let flags: Vec<_> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--").or(line.trim_start().strip_prefix("-h, --")))
        .map(|rest| rest.split([' ', '=']).next().unwrap())
        .filter(|flag| !matches!(*flag, "help" | "version"))
        .collect();
    assert!(flags.len() >= 20, "{flags:?}");
    let words = help.split_whitespace().collect::<Vec<_>>().join(" "); // lines are wrapped anywhere
    for flag in flags {
        let variable = format!("HANDOVER_{}", flag.to_uppercase().replace('-', "_"));
        assert!(words.contains(&format!("[env: {variable}")), "--{flag} is shown without {variable}");
    }
    for default in ["127.0.0.1:5000", "./data", "75s", "30s", "2GiB", "12h"] {
        assert!(words.contains(&format!("[default: {default}")), "{default}");
    }
    let all = text(&run(&["--help"], "").stdout);
    for command in ["serve", "users", "doctor", "openapi"] {
        assert!(all.contains(command), "{command}");
    }
    assert!(all.contains("--bind"), "without a command the server starts: its settings are shown");
    assert!(text(&run(&["--version"], "").stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_document_is_printed() {
    let output = run(&["openapi"], "");
    assert!(output.status.success() && output.stderr.is_empty());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let served = handover::server::http::openapi::document(handover::server::api());
    assert_eq!(printed, served);
}

#[tokio::test]
async fn settings_are_taken_from_the_environment_and_the_flag_wins() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = crate::support::binary::handover(&["users", "list"]);
    command.env("HANDOVER_DATA", dir.path().join("env"));
    assert!(command.output().unwrap().status.success());
    assert!(dir.path().join("env/handover.db").exists());
    let mut command =
        crate::support::binary::handover(&["users", "--data", dir.path().join("flag").to_str().unwrap(), "list"]);
    command.env("HANDOVER_DATA", dir.path().join("other"));
    assert!(command.output().unwrap().status.success());
    assert!(dir.path().join("flag/handover.db").exists() && !dir.path().join("other").exists());
}

#[tokio::test]
async fn idle_connections_do_not_keep_it_from_stopping() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Running::start(dir.path(), &["--grace", "1h", "--keep-alive", "1h"]);
        let mut idle = Raw::connect(server.address).await;
        idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(idle.answer().await.status, 200);
        server.signal(signal);
        idle.closed().await;
        let (status, log) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_running_download_gets_the_grace_time() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Running::start(dir.path(), &["--grace", "30s"]);
        let path = link_to_large_document(&server).await;
        let mut response = server.request(Method::GET, &path).send().await.unwrap();
        let length = response.content_length().unwrap();
        let mut received = response.chunk().await.unwrap().unwrap().len() as u64;
        server.signal(signal);
        // It takes nothing new on ...
        eventually("the port is closed", async || TcpListener::bind(server.address).is_ok()).await;
        assert!(!server.has_ended(), "the download is still running");
        // ... and finishes what runs.
        while let Some(piece) = response.chunk().await.unwrap() {
            received += piece.len() as u64;
        }
        assert_eq!(received, length);
        let (status, log) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Running::start(dir.path(), &["--grace", "1h"]);
    let path = link_to_large_document(&server).await;
    let mut response = server.request(Method::GET, &path).send().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    server.signal(Signal::INT);
    eventually("the port is closed", async || TcpListener::bind(server.address).is_ok()).await;
    server.signal(Signal::INT);
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn a_download_that_takes_longer_than_the_grace_time_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Running::start(dir.path(), &["--grace", "1s"]);
    let path = link_to_large_document(&server).await;
    let mut stuck = Raw::connect(server.address).await;
    stuck.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    assert!(!stuck.stays_open(Duration::from_secs(10)).await, "the first bytes come");
    server.signal(Signal::TERM);
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    // The link was not used up: the next run gives the file.
    let server = Running::start(dir.path(), &[]);
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.unwrap().len() > LARGE);
}

/// Whoever reads the log may go away, or read no more: requests are answered and signals heard all the same.
#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    for closes in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = handover(&["serve", "--bind", "127.0.0.1:0", "--free-space-floor", "1MiB"])
            .arg("--data")
            .arg(dir.path().join("data"))
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().filter(|_| !closes);
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim_end().split_once("is listening on ").unwrap().1.to_owned();
        let http = reqwest::Client::new();
        // More lines than a pipe holds.
        for _ in 0..1000 {
            let answer = http.get(format!("{url}/readyz")).timeout(PATIENCE).send().await.unwrap();
            assert_eq!(answer.status(), 200, "closed: {closes}");
        }
        if closes {
            let metrics = http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
            let dropped = metrics.lines().find_map(|line| line.strip_prefix("handover_log_lines_dropped_total "));
            assert!(dropped.unwrap().parse::<u64>().unwrap() > 500, "{dropped:?}");
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        assert!(tokio::time::timeout(PATIENCE, ended).await.expect("it stops").unwrap().success());
        drop(stderr);
    }
}
