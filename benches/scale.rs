//! Start, lists and searches on a data folder as it is after years: 5·10⁵ documents, 2·10⁶ links, 3·10⁶ rows of the audit.
//! Prints what each takes; nothing is asserted about time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what cannot be measured fails, and what was measured is printed"
)]

#[path = "../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod support;

use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, CONTROLS};

use support::large::{self, Size};
use support::process::Process;
use support::{PASSWORD, json_of};

/// Rows as there are after years.
const YEARS: Size = Size { documents: 500_000, links: 2_000_000, audit: 3_000_000, batches: 20_000, rooms: 2000 };

/// What is written with a percent sign in these queries.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// How often each request is sent.
const TIMES: usize = 200;

fn main() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure());
}

async fn measure() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut server = Process::start(dir.path(), &[], None);
    let token = server.user("olga", true).await;
    server.kill();
    let database = dir.path().join("handover.db");
    timed("the rows are written", || large::fill(&database, &YEARS));
    println!("{:>10} MiB  is the database", std::fs::metadata(&database).unwrap().len() >> 20);
    for _ in 0..3 {
        let started = Instant::now();
        server = Process::start(dir.path(), &[], None);
        let first = server.http.get(format!("{}/healthz", server.url)).send().await.unwrap();
        assert_eq!(first.status(), 200);
        println!("{:>10.1} ms   from the start to the first answer", millis(started.elapsed()));
        server.kill();
    }
    server = Process::start(dir.path(), &[], None);
    for (path, query) in REQUESTS {
        percentiles(&server, &token, path, query).await;
    }
    let login = serde_json::json!({"username": "olga", "password": PASSWORD});
    let answer = server.http.post(format!("{}/login", server.url)).json(&login).send().await.unwrap();
    assert!(json_of(answer).await["access_token"].is_string());
}

/// `#` is another number each time.
const REQUESTS: [(&str, &str); 19] = [
    ("/files", ""),
    ("/files", "q=report"),
    ("/files", "q=Report 12#"),
    ("/files", "q=nothing like it"),
    ("/files", "q=49#9 for dep"),
    ("/files", "q=9 for department 42.docx"),
    ("/files", "q=日本"),
    ("/files", "q=ß"),
    ("/files", "q=q"),
    ("/files", "q=日本 4#"),
    ("/api/links", ""),
    ("/api/links", "state=claimed"),
    ("/api/links", "state=revoked"),
    ("/api/links", "filename=Report #7 for department 42.docx"),
    ("/api/audit", "action=user_disabled"),
    ("/api/audit", "actor=user#"),
    ("/api/audit", "subject=Report 4#.docx"),
    ("/api/audit", "until=2026-01-01T00:00:00Z"),
    ("/api/audit", "since=2025-12-01T00:00:00Z&until=2025-12-01T00:00:01Z&action=refused"),
];

async fn percentiles(server: &Process, token: &str, path: &str, query: &str) {
    let mut times = Vec::with_capacity(TIMES);
    for n in 0..TIMES {
        let query = percent_encoding::utf8_percent_encode(&query.replace('#', &n.to_string()), QUERY).to_string();
        let request = server.http.get(format!("{}{path}?{query}", server.url)).bearer_auth(token);
        let started = Instant::now();
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}?{query}");
        answer.bytes().await.unwrap();
        times.push(started.elapsed());
    }
    times.sort();
    let (half, most) = (times[TIMES / 2], times[TIMES * 99 / 100]);
    println!("{:>10.1} ms   {:>8.1} ms at the 99th percentile   {path}?{query}", millis(half), millis(most));
}

fn timed(what: &str, work: impl FnOnce()) {
    let started = Instant::now();
    work();
    println!("{:>10.1} s    {what}", started.elapsed().as_secs_f64());
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
