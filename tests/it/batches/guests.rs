//! Who may make batches, and how much of them.

use std::time::Duration;

use diesel::prelude::*;
use handover::server::db::schema::users;
use reqwest::{Method, RequestBuilder};

use crate::support::answers::{expect, refused};
use crate::support::batched::*;
use crate::support::stored::usage;
use crate::support::*;

fn making(server: &TestServer, files: &[(&str, &[u8])]) -> RequestBuilder {
    server.request(Method::POST, "/api/batches").multipart(form(files, &[]))
}

#[tokio::test]
async fn guests_are_let_in_as_the_setting_says_and_users_always() {
    for (guests, allowed) in [("allow", true), ("deny", false)] {
        let server = TestServer::with(&["--guests", guests]);
        let client = server.client("carl").await;
        let signed_in = making(&server, &[("a", b"a")]).bearer_auth(&client).send().await.unwrap();
        let batch = made(signed_in).await;
        assert_eq!(batch.show(&server).await["made_by"], "carl");
        match allowed {
            true => drop(make(&server, &[("a", b"a")], &[]).await),
            false => {
                let msg = Some("Guests may not do this here. Sign in first.");
                expect("a guest", making(&server, &[("a", b"a")]), 401, "sign_in_required", msg).await;
            }
        }
        // A token that is sent counts: nobody becomes a guest by a bad one.
        expect("garbage", making(&server, &[]).bearer_auth("garbage"), 401, "invalid_token", None).await;
        // Whoever holds the key needs no account, and the receivers neither.
        assert_eq!(batch.put(&server, "b", "b").send().await.unwrap().status(), 201);
        assert_eq!(batch.names(&server).await, ["a", "b"]);
    }
}

#[tokio::test]
async fn a_disabled_user_hands_nothing_over() {
    let server = TestServer::start();
    let client = server.client("carl").await;
    let batch = made(making(&server, &[("a", b"a")]).bearer_auth(&client).send().await.unwrap()).await;
    let disable = |at: Option<chrono::NaiveDateTime>| {
        server.app().db.write(move |conn| {
            diesel::update(users::table).set(users::disabled_at.eq(at)).execute(conn)?;
            Ok(())
        })
    };
    disable(Some(server.clock.now())).await.unwrap();
    expect("see", batch.get(&server, ""), 404, "batch_not_found", None).await;
    expect("add", batch.put(&server, "b", "b"), 404, "batch_not_found", None).await;
    disable(None).await.unwrap();
    assert_eq!(batch.names(&server).await, ["a"]);
}

#[tokio::test]
async fn guests_have_a_quota_of_their_own_and_room_comes_back() {
    let server = TestServer::with(&["--guest-quota", "100KiB"]);
    let content = vec![7; 60_000];
    let batch = make(&server, &[("a", &content)], &[]).await;
    let problem = refused(making(&server, &[("b", &content)])).await;
    assert!(problem.is(507, "quota_exceeded") && problem.msg.starts_with("Your quota of 100.0 KiB"), "{problem:?}");
    expect("added later", batch.put(&server, "b", content.clone()), 507, "quota_exceeded", None).await;
    let client = server.client("carl").await;
    made(making(&server, &[("a", &content)]).bearer_auth(&client).send().await.unwrap()).await;
    assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    eventually("room comes back", async || usage(&server).await == 61_440).await;
    make(&server, &[("b", &content)], &[]).await;

    let server = TestServer::with(&["--guests-quota", "100KiB"]);
    make(&server, &[("a", &content)], &[]).await;
    let problem = refused(making(&server, &[("b", &content)])).await;
    assert!(problem.is(507, "quota_exceeded") && problem.msg.starts_with("The guests' quota"), "{problem:?}");
    eventually("nothing of what was refused stays", async || server.blobs().len() == 1).await;
}

#[tokio::test]
async fn racing_uploads_stay_within_the_quota_of_a_guest() {
    let server = TestServer::with(&["--guest-quota", "350KiB"]);
    let batch = make(&server, &[], &[]).await;
    let race = (0..24).map(async |n| {
        batch.put(&server, &n.to_string(), vec![n as u8; 100_000]).send().await.unwrap().status().as_u16()
    });
    let answers = futures_util::future::join_all(race).await;
    let stored = answers.iter().filter(|status| **status == 201).count();
    assert!((1..=3).contains(&stored) && answers.iter().all(|status| matches!(status, 201 | 507)), "{answers:?}");
    assert_eq!(usage(&server).await, stored as u64 * 102_400);
    eventually("no refused contents stay", async || server.blobs().len() == stored).await;
}

#[tokio::test]
async fn a_batch_has_its_limits() {
    let server =
        TestServer::with(&["--max-batch-size", "100KiB", "--max-batch-files", "3", "--max-file-size", "80KiB"]);
    let content = vec![7; 60_000];
    let batch = make(&server, &[("a", &content)], &[]).await;
    let msg = Some("All files of a batch have 100.0 KiB together at most.");
    expect("too large together", batch.put(&server, "b", content.clone()), 413, "batch_too_large", msg).await;
    let together = batch.manage(&server, Method::POST, "/files");
    let together = together.multipart(form(&[("b", &content[..30_000]), ("c", &content[..30_000])], &[]));
    expect("in one form", together, 413, "batch_too_large", msg).await;
    let empty = make(&server, &[], &[]).await;
    expect("one file", empty.put(&server, "b", vec![7; 90_000]), 413, "file_too_large", None).await;
    for name in ["b", "c"] {
        assert_eq!(batch.put(&server, name, "x").send().await.unwrap().status(), 201);
    }
    let msg = Some("A batch has 3 files at most.");
    expect("a fourth file", batch.put(&server, "d", "x"), 413, "too_many_files", msg).await;
    expect("four at once", making(&server, &[("a", b"a".as_slice()); 4]), 413, "too_many_files", msg).await;
    // In parallel too: the database has the last word.
    let race = (0..12).map(async |n| empty.put(&server, &n.to_string(), "x").send().await.unwrap().status().as_u16());
    let answers = futures_util::future::join_all(race).await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 3, "{answers:?}");
    assert_eq!(batch.names(&server).await, ["a", "b", "c"]);
    eventually("nothing of what was refused stays", async || server.blobs().len() == 6).await;
    let server = TestServer::with(&["--free-space-floor", "1PiB"]);
    expect("the floor", making(&server, &[("a", b"a")]), 507, "insufficient_storage", None).await;
}

#[tokio::test]
async fn guests_make_so_many_batches_and_then_wait() {
    let server = TestServer::start();
    let empty = || server.request(Method::POST, "/api/batches");
    for _ in 0..60 {
        assert_eq!(empty().send().await.unwrap().status(), 201);
    }
    let response = empty().send().await.unwrap();
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let client = server.client("carl").await;
    assert_eq!(empty().bearer_auth(&client).send().await.unwrap().status(), 201, "users do not");
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(empty().send().await.unwrap().status(), 201);
}

/// A connection that breaks in the middle leaves nothing.
#[tokio::test]
async fn broken_uploads_leave_nothing() {
    use crate::support::raw::{FORM_TYPE, Raw, file_part};
    let server = TestServer::start();
    let batch = make(&server, &[], &[]).await;
    let part = file_part("a.txt").replace("name=\"file\"", "name=\"files\"");
    let whole = format!("------handover\r\n{part}\r\n\r\nfirst\r\n------handover\r\n{part}\r\n\r\nsecond");
    let raw = async |head: String, body: &str| {
        let mut connection = Raw::open(server.address).await;
        connection.send(head).await;
        connection.send(body).await;
        drop(connection);
    };
    let key =
        format!("Host: x\r\nX-Manage-Key: {}\r\nContent-Type: {FORM_TYPE}\r\nContent-Length: 9999\r\n\r\n", batch.key);
    raw(format!("POST {} HTTP/1.1\r\n{key}", batch.path("/files")), &whole).await;
    raw(format!("PUT {} HTTP/1.1\r\n{key}", batch.path("/files/x")), "half").await;
    raw(format!("POST /api/batches HTTP/1.1\r\n{key}"), &whole).await;
    eventually("no part of a file stays", async || server.blobs().is_empty()).await;
    assert_eq!(batch.names(&server).await, [""; 0]);
    assert_eq!(usage(&server).await, 0);
}
