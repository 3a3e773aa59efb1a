//! Whoever is turned away as often as the network takes it fills no table, no disk and no process.

use std::path::Path;

use serde_json::Value;

use crate::support::process::Process;
use crate::support::*;

fn threads(server: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count()
}

/// Bytes of the database with its log.
fn size(data: &Path) -> u64 {
    let of = |name: &str| std::fs::metadata(data.join(name)).map_or(0, |file| file.len());
    of("handover.db") + of("handover.db-wal")
}

#[tokio::test]
async fn a_flood_of_refused_requests_is_a_few_rows_that_say_how_many() {
    const REQUESTS: usize = 6000;
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start(dir.path(), &[], None);
    let (olga, carl) = (server.user("olga", true).await, server.user("carl", false).await);
    let before = size(dir.path());
    let started = std::time::Instant::now();
    let most_threads = threads(&server);
    let flood = (0..32).map(async |n| {
        for _ in 0..REQUESTS / 32 {
            let (token, name, expected) = if n % 2 == 0 { (&carl, "a.docx", 403) } else { (&olga, "a.exe", 415) };
            let response = server.put(token, name, "x").await.unwrap();
            assert_eq!(response.status(), expected);
        }
        threads(&server)
    });
    let threads = futures_util::future::join_all(flood).await.into_iter().max().unwrap();
    assert!(threads < most_threads + 50, "{threads} threads");
    let grown = size(dir.path()).saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes for {REQUESTS} refusals");
    assert!(server.is_alive());
    let rows = server.get(&olga, "/api/audit?action=refused&limit=200").await;
    let rows = rows["entries"].as_array().unwrap();
    let minutes = started.elapsed().as_secs() as usize / 60 + 2;
    assert!(rows.len() <= 2 * minutes, "two reasons in each of {minutes} minutes: {rows:#?}");
}

#[tokio::test]
async fn the_audit_says_how_often_somebody_was_refused() {
    let server = TestServer::start();
    let (olga, carl) = (server.operation("olga").await, server.client("carl").await);
    for name in ["a.docx", "b.docx", "c.docx"] {
        assert_eq!(server.upload(&carl, name, "x").await.status(), 403);
    }
    assert_eq!(server.upload(&olga, "a.exe", "x").await.status(), 415);
    handover::server::audit::count(server.app()).await.unwrap();
    let rows = async || {
        let page = server.get("/api/audit?action=refused").bearer_auth(&olga).send().await.unwrap();
        let entries = json_of(page).await["entries"].as_array().unwrap().clone();
        let row = |entry: &Value| (entry["actor"].as_str().unwrap().to_owned(), entry["count"].as_i64().unwrap());
        entries.iter().map(row).collect::<Vec<_>>()
    };
    let told = |name: &str, count| (name.to_owned(), count);
    assert_eq!(rows().await, [told("olga", 1), told("carl", 3)]);
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(server.upload(&carl, "d.docx", "x").await.status(), 403);
    eventually("a minute later there is another", async || rows().await.len() == 3).await;
    assert_eq!(rows().await, [told("carl", 1), told("olga", 1), told("carl", 3)]);
}
