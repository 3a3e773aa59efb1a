//! No list, search or count reads a whole table: what SQLite says of its plan for each query that a server makes.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;
use handover::server::sweeper;

use crate::support::large::{self, DAYS};
use crate::support::*;

/// Queries on databases below the folder that is watched.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static WATCHED: OnceLock<String> = OnceLock::new();

#[derive(Default)]
struct Watch {
    on: bool,
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                self.on = WATCHED.get().is_some_and(|folder| url.contains(folder.as_str()));
            }
            InstrumentationEvent::StartQuery { query, .. } if self.on => {
                let text = query.to_string();
                let text = text.split(" -- binds").next().unwrap_or_default().trim().to_owned();
                SEEN.lock().unwrap().insert(text);
            }
            _ => {}
        }
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Tables that are small whatever happens, or read at a start alone; and what a list with an end walks along in its order.
fn is_bounded(step: &str, query: &str) -> bool {
    let small =
        ["users", "link_counts", "store", "sqlite_master", "__diesel_schema_migrations", "CONSTANT ROW", "pragma_"];
    let at_a_start = ["batch_files"];
    let named = |table: &&str| step.starts_with(&format!("SCAN {table}"));
    let walks = step.contains(" USING ") && query.contains("LIMIT");
    // Counts of what is open alone.
    let open = step.contains("batches_open") || step.contains("rooms_open") || step.contains("room_members_present");
    let found = step.contains("VIRTUAL TABLE INDEX") && step.contains(":M");
    small.iter().chain(&at_a_start).any(named) || walks || open || found
}

/// Whether all that is found is sorted before the first of it is given, where that may be much.
fn is_sorted(step: &str, query: &str) -> bool {
    let large = ["audit", "documents", "download_links"];
    step.contains("TEMP B-TREE FOR ORDER BY") && large.iter().any(|table| query.contains(&format!("`{table}`")))
}

#[actix_rt::test]
async fn no_query_reads_a_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    WATCHED.set(dir.path().to_str().unwrap().to_owned()).unwrap();
    let dir = TestServer::in_folder(dir, &[]).stop();
    large::fill(&dir.path().join("data/handover.db"), &DAYS);
    set_default_instrumentation(|| Some(Box::new(Watch::default()))).unwrap();
    let server = TestServer::in_folder(dir, &[]);
    let (olga, carl) = (server.operation("olga").await, server.client("carl").await);
    assert_eq!(server.upload(&olga, "report-python-docx.docx", fixture("report-python-docx.docx")).await.status(), 201);
    let minted = server.mint(&carl, "report-python-docx.docx").await;
    assert_eq!(server.fetch(&minted["download_url"]).send().await.unwrap().status(), 200);
    let some = json_of(server.get("/files?limit=3").bearer_auth(&olga).send().await.unwrap()).await;
    let cursor = some["next"].as_str().unwrap();
    let day = "2026-01-01T00:00:00Z";
    let mut paths: Vec<String> =
        ["", "?q=a", "?q=ab", "?q=%E6%97%A5%E6%9C%AC", "?q=department 9", "?q=nothing like it"]
            .map(|query| format!("/files{query}"))
            .to_vec();
    paths.push(format!("/files?cursor={cursor}"));
    paths.push(format!("/files?q=report&cursor={cursor}"));
    paths.push("/files/report-python-docx.docx".into());
    paths.extend(
        ["", "?state=claimed", "?state=revoked", "?filename=report-python-docx.docx"].map(|q| format!("/api/links{q}")),
    );
    paths.extend(
        ["", "action=user_disabled", "actor=user7", "subject=x.docx", "since=DAY", "until=DAY", "since=DAY&until=DAY"]
            .map(|query| format!("/api/audit?{}", query.replace("DAY", day))),
    );
    for path in &paths {
        assert_eq!(server.get(path).bearer_auth(&olga).send().await.unwrap().status(), 200, "{path}");
    }
    for path in ["/api/links", "/api/links?state=issued", "/api/links?filename=report-python-docx.docx"] {
        assert_eq!(server.get(path).bearer_auth(&carl).send().await.unwrap().status(), 200, "{path}");
    }
    let batch = crate::support::batched::make(&server, &[("a", b"a")], &[]).await;
    for rest in ["", "/zip"] {
        assert_eq!(batch.get(&server, rest).send().await.unwrap().status(), 200);
    }
    assert_eq!(batch.manage(&server, reqwest::Method::GET, "/fetches").send().await.unwrap().status(), 200);
    let room = crate::support::roomed::room(&server, "").await;
    let mut ann = crate::support::roomed::Guest::join(&server, &room, "Ann").await;
    ann.say("hello").await;
    ann.next("message").await;
    server.clock.advance(std::time::Duration::from_secs(500 * 86_400));
    sweeper::rows(server.app()).await.unwrap();
    sweeper::files(server.app()).await.unwrap();
    handover::server::features::batches::clear(server.app()).await.unwrap();
    let data = server.dir.path().join("data/handover.db");
    let mut conn = SqliteConnection::establish(data.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA query_only = ON").unwrap();
    let seen = SEEN.lock().unwrap().clone();
    assert!(seen.len() > 60, "the queries were seen");
    let mut bad = Vec::new();
    for query in seen.iter().filter(|query| ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| query.starts_with(verb))) {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(&mut conn).unwrap();
        for Step { detail } in steps {
            let scans = detail.starts_with("SCAN ") && !is_bounded(&detail, query);
            if scans || is_sorted(&detail, query) {
                bad.push(format!("{detail}\n    {query}"));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
