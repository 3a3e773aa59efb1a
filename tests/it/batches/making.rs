//! Batches: made, filled, shown, fetched, changed, ended.

use diesel::prelude::*;
use handover::server::db::schema::{batch_fetches, batch_files, batch_names, batches, blobs};
use handover::server::sweeper;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::answers::expect;
use crate::support::batched::*;
use crate::support::stored::{sha256, usage};
use crate::support::*;

#[tokio::test]
async fn a_batch_is_made_shown_and_fetched() {
    let server = TestServer::start();
    let files: &[(&str, &[u8])] = &[("report.docx", b"not a document"), ("見積書.pdf", b"%PDF"), ("empty", b"")];
    let batch = make(&server, files, &[("title", " Holiday\n photos "), ("unknown", "x")]).await;
    let made = &batch.made;
    assert!(batch.id.len() >= 16, "{made}");
    assert_eq!(made["receiver_url"], format!("{}/b/{}", server.url, batch.id));
    assert_eq!(made["sender_url"], format!("{}/b/{}#{}", server.url, batch.id, batch.key));
    assert_eq!(made["qr_url"], format!("{}/api/batches/{}/qr.svg", server.url, batch.id));
    let shown = batch.show(&server).await;
    assert_eq!(shown["title"], "Holiday photos");
    assert_eq!(shown["size"], 18);
    assert_eq!(shown["expires_at"], made["expires_at"]);
    assert_eq!((&shown["made_by"], &shown["password"], &shown["fetches"]), (&Value::Null, &json!(false), &Value::Null));
    assert!(shown.get("manage_key").is_none());
    assert_eq!(shown["files"], made["files"]);
    for (index, (name, content)) in files.iter().enumerate() {
        let file = &shown["files"][index];
        assert_eq!((&file["filename"], &file["size"]), (&json!(name), &json!(content.len())));
        assert_eq!(file["blake3"], blake3::hash(content).to_hex().as_str());
        assert_eq!(file["sha256"], sha256(content));
        let path = format!("/files/{}", batch.file(index));
        let response = batch.get(&server, &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\""));
        assert_eq!(headers["etag"], format!("\"{}\"", blake3::hash(content).to_hex()));
        assert_eq!(headers["cache-control"], "private, no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
        assert_eq!(headers["content-length"], content.len().to_string());
        assert!(headers["repr-digest"].to_str().unwrap().starts_with("sha-256=:"));
        assert_eq!(response.bytes().await.unwrap(), *content);
        let head = server.request(Method::HEAD, &batch.path(&path)).send().await.unwrap();
        assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &headers["content-length"]));
    }
}

#[tokio::test]
async fn a_batch_may_be_made_empty_and_filled_in_parallel() {
    let server = TestServer::start();
    let no_parts = server.request(Method::POST, "/api/batches").body("--x--\r\n");
    let no_parts = no_parts.header("content-type", "multipart/form-data; boundary=x");
    for response in [
        server.request(Method::POST, "/api/batches").send().await.unwrap(),
        no_parts.send().await.unwrap(),
        server.request(Method::POST, "/api/batches").multipart(form(&[], &[("title", "later")])).send().await.unwrap(),
        // What a browser sends when nothing was chosen.
        server.request(Method::POST, "/api/batches").multipart(form(&[("", b"")], &[])).send().await.unwrap(),
    ] {
        let batch = made(response).await;
        assert_eq!(batch.show(&server).await["files"], json!([]));
        let added = (0..20).map(async |n| {
            let (name, content) = (format!("{n}.txt"), n.to_string().repeat(1000));
            match n % 2 {
                0 => batch.put(&server, &name, content).send().await.unwrap(),
                _ => {
                    let form = form(&[(&name, content.as_bytes())], &[]);
                    batch.manage(&server, Method::POST, "/files").multipart(form).send().await.unwrap()
                }
            }
        });
        for (n, response) in futures_util::future::join_all(added).await.into_iter().enumerate() {
            assert_eq!(response.status(), 201);
            let body = json_of(response).await;
            assert_eq!(body["files"][0]["filename"], format!("{n}.txt"));
            let fetched = format!("/files/{}", body["files"][0]["file_id"].as_str().unwrap());
            assert_eq!(batch.bytes(&server, &fetched).await, n.to_string().repeat(1000).into_bytes());
        }
        assert_eq!(batch.names(&server).await.len(), 20);
    }
}

#[tokio::test]
async fn equal_names_are_told_apart_and_hostile_ones_are_harmless() {
    let server = TestServer::start();
    let batch = make(&server, &[("report.docx", b"1"), ("report.docx", b"2"), ("Report.docx", b"3")], &[]).await;
    for (given, stored) in [
        ("report.docx", "report (4).docx"),
        ("photos/a.jpg", "photos/a.jpg"),
        ("photos/a.jpg", "photos/a (2).jpg"),
        ("photos", "photos (2)"),
        ("report.docx/inside.txt", "report (5).docx/inside.txt"),
        ("report.docx/inside 2.txt", "report (5).docx/inside 2.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd (2)"),
        ("C:\\Windows\\q3.xlsx", "q3.xlsx"),
        ("a/..", "unnamed"),
        ("a\u{202E}gpj.exe", "agpj.exe"),
        ("<b>alert(1)</b>.svg", "<b>alert(1)</b>.svg"),
        ("отчёт 見積書 żółć.txt", "отчёт 見積書 żółć.txt"),
        ("100% \"sure\".txt", "100% \"sure\".txt"),
    ] {
        let response = batch.put(&server, given, "x").send().await.unwrap();
        assert_eq!(response.status(), 201, "{given}");
        assert_eq!(json_of(response).await["files"][0]["filename"], stored, "{given}");
    }
    let names = batch.names(&server).await;
    assert_eq!(names[..3], ["report.docx", "report (2).docx", "Report (3).docx"]);
    // A name that has become free may be taken again.
    let path = format!("/files/{}", batch.file(0));
    assert_eq!(batch.manage(&server, Method::DELETE, &path).send().await.unwrap().status(), 204);
    let again = json_of(batch.put(&server, "REPORT.docx", "x").send().await.unwrap()).await;
    assert_eq!(again["files"][0]["filename"], "REPORT.docx");
}

#[tokio::test]
async fn adding_removing_and_ending_take_the_key() {
    let server = TestServer::start();
    let batch = make(&server, &[("a.txt", b"a"), ("b.txt", b"b")], &[]).await;
    let file = format!("/files/{}", batch.file(0));
    let msg = Some("This takes the manage key of the batch.");
    for key in [None, Some(""), Some("wrong"), Some("é")] {
        let with = |request: reqwest::RequestBuilder| match key {
            Some(key) => request.header("x-manage-key", key.as_bytes()),
            None => request,
        };
        let request = |method: Method, rest: &str| with(server.request(method, &batch.path(rest)));
        let refused = async |what, request| expect(what, request, 403, "manage_key_required", msg).await;
        refused("add", request(Method::POST, "/files").multipart(form(&[("c", b"c")], &[]))).await;
        refused("put", request(Method::PUT, "/files/c").body("c")).await;
        refused("remove", request(Method::DELETE, &file)).await;
        refused("change", request(Method::PATCH, "").json(&json!({"title": "x"}))).await;
        refused("end", request(Method::DELETE, "")).await;
        refused("fetches", request(Method::GET, "/fetches")).await;
    }
    assert_eq!(batch.names(&server).await, ["a.txt", "b.txt"]);
    let nothing = batch.manage(&server, Method::POST, "/files").multipart(form(&[], &[("title", "x")]));
    expect("no file", nothing, 400, "no_file", None).await;
    let unknown = batch.manage(&server, Method::DELETE, "/files/01890a5d-ac96-774b-bcce-b302099a8057");
    expect("unknown file", unknown, 404, "file_not_found", Some("File not found")).await;

    let nothing = batch.manage(&server, Method::PATCH, "").json(&json!({"name": "x"}));
    assert_eq!(nothing.send().await.unwrap().status(), 400);
    let changed = batch.manage(&server, Method::PATCH, "").json(&json!({"title": "New", "expires_in": 60}));
    let changed = json_of(changed.send().await.unwrap()).await;
    assert_eq!(changed["title"], "New");
    let shown = batch.show(&server).await;
    assert_eq!((&shown["title"], &shown["expires_at"]), (&json!("New"), &changed["expires_at"]));
    assert_ne!(changed["expires_at"], batch.made["expires_at"]);

    assert_eq!(batch.manage(&server, Method::DELETE, &file).send().await.unwrap().status(), 204);
    expect("removed", batch.get(&server, &file), 404, "file_not_found", None).await;
    assert_eq!(batch.names(&server).await, ["b.txt"]);
    assert_eq!(usage(&server).await, 4096);
    assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    expect_gone(&server, &batch).await;
}

/// Every route of a batch that is not there says the same.
async fn expect_gone(server: &TestServer, batch: &Batch) {
    let msg = Some("There is no such batch, or its time is over.");
    for rest in ["", "/zip", "/qr.svg", "/qr.png", "/fetches", "/events", "/files/x"] {
        expect(rest, batch.get(server, rest), 404, "batch_not_found", msg).await;
        expect(rest, batch.manage(server, Method::GET, rest), 404, "batch_not_found", msg).await;
    }
    for (method, rest) in [(Method::POST, "/files"), (Method::POST, "/unlock"), (Method::PUT, "/files/x")] {
        expect(rest, batch.manage(server, method, rest), 404, "batch_not_found", msg).await;
    }
    for (method, rest) in [(Method::DELETE, ""), (Method::PATCH, ""), (Method::DELETE, "/files/x")] {
        expect(rest, batch.manage(server, method, rest), 404, "batch_not_found", msg).await;
    }
}

/// Rows of each table, and bytes booked.
async fn rows(server: &TestServer) -> [i64; 6] {
    let counts = server.app().db.read(|conn| {
        Ok([
            batches::table.count().get_result(conn)?,
            batch_files::table.count().get_result(conn)?,
            batch_names::table.count().get_result(conn)?,
            batch_fetches::table.count().get_result(conn)?,
            blobs::table.count().get_result(conn)?,
        ])
    });
    let [a, b, c, d, e] = counts.await.unwrap();
    [a, b, c, d, e, usage(server).await as i64]
}

#[tokio::test]
async fn what_is_over_leaves_nothing() {
    let server = TestServer::start();
    let many: Vec<_> = (0..30).map(|n| format!("folder/{n}.txt")).collect();
    let files: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"content".as_slice())).collect();
    let ended = make(&server, &files, &[]).await;
    let expired = make(&server, &files, &[("expires_in", "60")]).await;
    let kept = make(&server, &files, &[]).await;
    ended.bytes(&server, "/zip").await;
    assert_eq!(ended.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    expect_gone(&server, &ended).await;
    eventually("the ended one goes at once", async || server.blobs().len() == 60).await;
    server.clock.advance(Duration::from_secs(61));
    expect_gone(&server, &expired).await;
    handover::server::features::batches::clear(server.app()).await.unwrap();
    sweeper::rows(server.app()).await.unwrap();
    eventually("the expired one goes with the sweep", async || server.blobs().len() == 30).await;
    assert_eq!(rows(&server).await, [1, 30, 1, 0, 30, 4096 * 30]);
    assert_eq!(kept.names(&server).await.len(), 30);
    assert_eq!(sweeper::files(server.app()).await.unwrap(), 0, "and the sweep of files takes none of the others");
    assert_eq!(kept.bytes(&server, &format!("/files/{}", kept.file(3))).await, b"content");
}

#[tokio::test]
async fn what_is_asked_for_must_make_sense() {
    let server = TestServer::with(&["--max-batch-life", "1h"]);
    for (name, value) in [
        ("expires_in", "0"),
        ("expires_in", "soon"),
        ("expires_in", "-1"),
        ("max_downloads", "0"),
        ("max_downloads", "many"),
        ("password", "abc"),
    ] {
        let request = server.request(Method::POST, "/api/batches").multipart(form(&[("a", b"a")], &[(name, value)]));
        expect(&format!("{name}={value}"), request, 400, "bad_request", None).await;
    }
    let long = "x".repeat(201);
    let request = server.request(Method::POST, "/api/batches").multipart(form(&[], &[("title", &long)]));
    expect("title", request, 400, "bad_request", Some("A title has 200 characters at most.")).await;
    let request = server.request(Method::POST, "/api/batches").json(&json!({"title": "x"}));
    expect("JSON", request, 400, "malformed_upload", None).await;
    eventually("nothing stays", async || server.blobs().is_empty()).await;
    let batch = make(&server, &[], &[("expires_in", "86400")]).await;
    let left = chrono::DateTime::parse_from_rfc3339(batch.made["expires_at"].as_str().unwrap()).unwrap().naive_utc()
        - server.clock.now();
    assert_eq!(left.num_seconds(), 3600, "the ceiling of the settings");
}

#[tokio::test]
async fn ids_keys_and_files_of_two_batches_do_not_cross() {
    let server = TestServer::start();
    let (ann, bob) = (make(&server, &[("a", b"ann's")], &[]).await, make(&server, &[("b", b"bob's")], &[]).await);
    let (of_ann, of_bob) = (format!("/files/{}", ann.file(0)), format!("/files/{}", bob.file(0)));
    assert_eq!(ann.bytes(&server, &of_ann).await, b"ann's");
    expect("file", ann.get(&server, &of_bob), 404, "file_not_found", None).await;
    expect("zip", ann.get(&server, &format!("/zip?files={}", bob.file(0))), 404, "file_not_found", None).await;
    let both = format!("/zip?files={},{}", ann.file(0), bob.file(0));
    expect("zip of both", ann.get(&server, &both), 404, "file_not_found", None).await;
    expect("remove", ann.manage(&server, Method::DELETE, &of_bob), 404, "file_not_found", None).await;
    for (method, rest) in [(Method::DELETE, ""), (Method::DELETE, of_bob.as_str()), (Method::PUT, "/files/c")] {
        let request = server.request(method, &bob.path(rest)).header("x-manage-key", &ann.key);
        expect(rest, request, 403, "manage_key_required", None).await;
    }
    // The key opens nothing in place of the id, nor the row's own id.
    let row = server.app().db.read(|conn| Ok(batches::table.select(batches::id).first::<String>(conn)?)).await.unwrap();
    for id in [&ann.key, &row, &ann.id[..19].to_owned(), &ann.id.to_uppercase()] {
        expect(id, server.get(&format!("/api/batches/{id}")), 404, "batch_not_found", None).await;
    }
    assert_eq!(bob.bytes(&server, &of_bob).await, b"bob's");
}

/// A stolen database opens nothing.
#[tokio::test]
async fn the_database_and_the_log_have_no_secret() {
    let server = TestServer::start();
    let batch = make(&server, &[("a", b"a")], &[("password", "correct horse")]).await;
    let folder = server.stop();
    for file in files_below(&folder.path().join("data")) {
        let content = std::fs::read(&file).unwrap();
        for secret in [&batch.id, &batch.key, &"correct horse".to_owned()] {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} in {}", secret, file.display());
        }
    }
}
