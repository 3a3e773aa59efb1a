//! GET /api/audit: who did what, in pages, as JSON or CSV.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::crafted::docx;
use crate::support::linked::{LARGE, link_of};
use crate::support::*;

const NAME: &str = "report-python-docx.docx";

/// A server on which something of each kind has happened, and its operation user's token.
async fn with_a_history() -> (TestServer, String) {
    let server = TestServer::with(&["--trusted-proxies", "127.0.0.1/32"]);
    let (olga, carl) = (server.operation("olga").await, server.client("carl").await);
    assert_eq!(server.upload(&olga, NAME, fixture(NAME)).await.status(), 201);
    assert_eq!(server.upload(&olga, "a.exe", "x").await.status(), 415);
    assert_eq!(server.upload(&carl, NAME, "x").await.status(), 403);
    let minted = server.mint(&carl, NAME).await;
    assert_eq!(server.fetch(&minted["download_url"]).send().await.unwrap().bytes().await.unwrap(), fixture(NAME));
    server.mint(&carl, NAME).await;
    let links = json_of(server.get("/api/links").bearer_auth(&carl).send().await.unwrap()).await;
    let id = links["links"][0]["id"].as_str().unwrap();
    let revoke = server.request(Method::DELETE, &format!("/api/links/{id}")).bearer_auth(&carl);
    assert_eq!(revoke.send().await.unwrap().status(), 204);
    let login = json!({"username": "carl", "password": "wrong horse"});
    let guess = server.request(Method::POST, "/login").header("x-forwarded-for", "203.0.113.9").json(&login);
    assert_eq!(guess.send().await.unwrap().status(), 401);
    let slip = json!({"username": "my secret password", "password": "x"});
    assert_eq!(server.post("/login", slip).await.status(), 401);
    let change = json!({"old_password": PASSWORD, "new_password": "battery staple"});
    let change = server.request(Method::POST, "/password").bearer_auth(&carl).json(&change);
    assert_eq!(change.send().await.unwrap().status(), 200);
    let second = server.login("olga").await;
    assert_eq!(server.request(Method::POST, "/logout").bearer_auth(&second).send().await.unwrap().status(), 200);
    let delete = server.request(Method::DELETE, &format!("/files/{NAME}")).bearer_auth(&olga);
    assert_eq!(delete.send().await.unwrap().status(), 204);
    // What nobody waits for is written a moment later.
    eventually("refusals and downloads are recorded", async || {
        let entries = entries(&server, &olga, "limit=200").await;
        let count = |action: &str| entries.iter().filter(|entry| entry["action"] == action).count();
        count("refused") >= 2 && count("login_failed") >= 2 && count("downloaded") >= 1
    })
    .await;
    (server, olga)
}

fn ask(server: &TestServer, token: &str, query: &str) -> RequestBuilder {
    server.get(&format!("/api/audit?{query}")).bearer_auth(token)
}

async fn entries(server: &TestServer, token: &str, query: &str) -> Vec<Value> {
    let response = ask(server, token, query).send().await.unwrap();
    assert_eq!(response.status(), 200, "{query}");
    json_of(response).await["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn everything_that_happens_is_recorded_without_secrets() {
    let (server, olga) = with_a_history().await;
    let all = entries(&server, &olga, "limit=200").await;
    let find = |action: &str| {
        all.iter().find(|entry| entry["action"] == action).unwrap_or_else(|| panic!("no {action} in {all:#?}"))
    };
    for (action, actor, subject) in [
        ("registered", json!("carl"), json!("carl")),
        ("logged_in", json!("olga"), json!("olga")),
        ("logged_out", json!("olga"), json!("olga")),
        ("password_changed", json!("carl"), json!("carl")),
        ("file_uploaded", json!("olga"), json!(NAME)),
        ("file_deleted", json!("olga"), json!(NAME)),
        ("link_issued", json!("carl"), json!(NAME)),
        ("download_started", json!(null), json!(NAME)),
        ("downloaded", json!(null), json!(NAME)),
    ] {
        let entry = find(action);
        assert_eq!((&entry["actor"], &entry["subject"]), (&actor, &subject), "{entry}");
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
        assert_eq!(entry["request_id"].as_str().map(str::len), Some(16), "{entry}");
        assert!(entry["at"].as_str().unwrap().ends_with('Z'), "{entry}");
    }
    assert_eq!(find("link_revoked")["actor"], "carl");
    let refusals: BTreeSet<_> = all
        .iter()
        .filter(|entry| entry["action"] == "refused")
        .map(|entry| (entry["actor"].as_str().unwrap(), entry["detail"].as_str().unwrap()))
        .collect();
    assert!(refusals.contains(&("carl", "operation_only")), "{refusals:?}");
    assert!(refusals.contains(&("olga", "invalid_file_type")), "{refusals:?}");
    let guesses: Vec<_> = all.iter().filter(|entry| entry["action"] == "login_failed").collect();
    assert!(guesses.iter().any(|guess| guess["subject"] == "carl" && guess["address"] == "203.0.113.9"), "{guesses:?}");
    let text = json!(all).to_string();
    for secret in [PASSWORD, "wrong horse", "my secret password", "battery staple", "eyJ", "argon2", "download_file"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Who fetches a file piece by piece is seen doing so, also where the last byte is never asked for.
#[tokio::test]
async fn each_start_of_a_download_is_recorded_with_its_range_and_its_end() {
    let server = TestServer::start();
    let (olga, carl) = (server.operation("olga").await, server.client("carl").await);
    let content = docx(7, LARGE);
    assert_eq!(server.upload(&olga, "a.docx", content.clone()).await.status(), 201);
    let minted = server.mint(&carl, "a.docx").await;
    let (size, link) = (content.len(), link_of(&server, &olga, &minted).await);
    let id = link["id"].as_str().unwrap();

    let all_but_one = server.fetch(&minted["download_url"]).header("range", format!("bytes=0-{}", size - 2));
    assert_eq!(all_but_one.send().await.unwrap().bytes().await.unwrap().len(), size - 1);
    let parted = async || entries(&server, &olga, "action=part_downloaded").await.len() == 1;
    eventually("the end of the part is recorded", parted).await;
    let mut broken = server.fetch(&minted["download_url"]).send().await.unwrap();
    assert!(!broken.chunk().await.unwrap().unwrap().is_empty());
    drop(broken);
    let free = async || link_of(&server, &olga, &minted).await["state"] == "issued";
    eventually("the broken one gives the link back", free).await;
    let last = server.fetch(&minted["download_url"]).header("range", "bytes=-1");
    assert_eq!(last.send().await.unwrap().bytes().await.unwrap(), content[size - 1..]);
    let recorded = async || entries(&server, &olga, "subject=a.docx&action=downloaded").await.len() == 1;
    eventually("the end is recorded", recorded).await;

    let told: Vec<_> = entries(&server, &olga, "subject=a.docx")
        .await
        .into_iter()
        .rev()
        .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["detail"].as_str().unwrap().to_owned()))
        .skip_while(|(action, _)| action != "download_started")
        .collect();
    let (part, all) = (format!("link {id}, bytes 0-{} of {size}", size - 2), format!("link {id}"));
    let end = format!("link {id}, bytes {}-{} of {size}", size - 1, size - 1);
    let expected = [
        ("download_started", &part),
        ("part_downloaded", &part),
        ("download_started", &all),
        ("download_broken", &all),
        ("download_started", &end),
        ("downloaded", &end),
    ];
    assert_eq!(told, expected.map(|(action, detail)| (action.to_owned(), detail.clone())));
}

#[tokio::test]
async fn filters_choose_and_pages_miss_nothing() {
    let (server, olga) = with_a_history().await;
    let all = entries(&server, &olga, "limit=200").await;
    let times: Vec<_> = all.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a > b), "newest first");

    let chosen = entries(&server, &olga, "action=logged_in").await;
    assert_eq!(chosen.len(), 3);
    assert!(chosen.iter().all(|entry| entry["action"] == "logged_in"));
    let chosen = entries(&server, &olga, "actor=carl&limit=200").await;
    assert!(!chosen.is_empty() && chosen.iter().all(|entry| entry["actor"] == "carl"), "{chosen:?}");
    let chosen = entries(&server, &olga, &format!("subject={NAME}&action=file_uploaded")).await;
    assert_eq!(chosen.len(), 1);
    assert_eq!(entries(&server, &olga, "actor=nobody").await, Vec::<Value>::new());

    // The clock stands still, so all of it happened at one time.
    let time = |offset: i64| {
        let time = server.clock.now().and_utc() + chrono_seconds(offset);
        time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    };
    assert_eq!(entries(&server, &olga, &format!("limit=200&until={}", time(0))).await.len(), 0);
    assert_eq!(entries(&server, &olga, &format!("limit=200&since={}", time(1))).await.len(), 0);
    let within = format!("limit=200&since={}&until={}", time(0), time(1));
    assert_eq!(entries(&server, &olga, &within).await.len(), all.len());

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json_of(ask(&server, &olga, &format!("limit=3&cursor={cursor}")).send().await.unwrap()).await;
        let entries = page["entries"].as_array().unwrap();
        assert!((1..=3).contains(&entries.len()));
        paged.extend(entries.clone());
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(paged, all);
}

fn chrono_seconds(seconds: i64) -> chrono::TimeDelta {
    chrono::TimeDelta::seconds(seconds)
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_refused() {
    let server = TestServer::start();
    let olga = server.operation("olga").await;
    for query in [
        "action=nothing",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=many",
        "cursor=1",
        "cursor=%27%20OR%201=1--",
        "since=yesterday",
        "format=xml",
    ] {
        expect(query, ask(&server, &olga, query), 400, "bad_request", None).await;
    }
    let carl = server.client("carl").await;
    expect("a client", ask(&server, &carl, ""), 403, "operation_only", Some("Only operation users can do this.")).await;
    expect("nobody", server.get("/api/audit"), 401, "missing_authorization", None).await;
}

#[tokio::test]
async fn csv_says_the_same_and_runs_nothing() {
    let (server, olga) = with_a_history().await;
    let formula = "=HYPERLINK(1).docx";
    assert_eq!(server.upload(&olga, formula, fixture(NAME)).await.status(), 201);
    let all = entries(&server, &olga, "limit=200").await;
    let response = ask(&server, &olga, "limit=200&format=csv").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(!response.headers().contains_key("x-next-cursor"));
    let text = response.text().await.unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>().join(","),
        "id,at,action,actor,subject,detail,address,request_id,count"
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), all.len());
    for (row, entry) in rows.iter().zip(&all) {
        assert_eq!((&row[0], &row[2]), (entry["id"].as_str().unwrap(), entry["action"].as_str().unwrap()));
    }
    assert!(rows.iter().any(|row| row[4] == format!("'{formula}")), "{text}");
    assert!(rows.iter().flatten().all(|field| !field.starts_with(['=', '+', '-', '@'])), "{text}");
    let first = ask(&server, &olga, "limit=2&format=csv").send().await.unwrap();
    let cursor = first.headers()["x-next-cursor"].to_str().unwrap().to_owned();
    let next = entries(&server, &olga, &format!("limit=1&cursor={cursor}")).await;
    assert_eq!(next[0], all[2]);
}

/// Rows are added and, after their time, dropped; never changed.
#[tokio::test]
async fn the_audit_is_append_only_and_kept_for_its_time() {
    use handover::server::db::schema::audit;
    let server = TestServer::with(&["--audit-life", "30days"]);
    let olga = server.operation("olga").await;
    let change = server.app().db.write(|conn| {
        diesel::update(audit::table).set(audit::actor.eq("somebody else")).execute(conn)?;
        Ok(())
    });
    assert!(change.await.is_err(), "the database refuses changes");
    assert_eq!(entries(&server, &olga, "actor=olga").await.len(), 2);
    server.clock.advance(Duration::from_secs(30 * 86400 + 1));
    let olga = server.login("olga").await;
    assert_eq!(entries(&server, &olga, "actor=olga").await.len(), 3);
    handover::server::sweeper::rows(server.app()).await.unwrap();
    let left = entries(&server, &olga, "actor=olga").await;
    assert_eq!((left.len(), &left[0]["action"]), (1, &json!("logged_in")));
}
