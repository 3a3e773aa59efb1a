//! Limits on downloads: so many complete copies, whoever races for them, and what breaks off is given back.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::expect;
use crate::support::batched::*;
use crate::support::raw::Raw;
use crate::support::*;

/// More than the buffers of a connection hold.
const LARGE: usize = 20 << 20;

async fn limited(server: &TestServer, size: usize, most: usize) -> Batch {
    make(server, &[("a.bin", &vec![7; size]), ("b.bin", b"b")], &[("max_downloads", &most.to_string())]).await
}

async fn left(server: &TestServer, batch: &Batch) -> Vec<i64> {
    let files = batch.show(server).await["files"].as_array().unwrap().clone();
    files.iter().map(|file| file["downloads_left"].as_i64().unwrap()).collect()
}

/// 24 at once for three copies: of one file, and of all of them as ZIP.
#[tokio::test]
async fn racers_get_exactly_as_many_copies_as_there_are() {
    let server = TestServer::start();
    for size in [3000, LARGE] {
        for zip in [false, true] {
            let batch = limited(&server, size, 3).await;
            let path = if zip { "/zip".to_owned() } else { format!("/files/{}", batch.file(0)) };
            let race = (0..24).map(async |_| {
                let response = batch.get(&server, &path).send().await.unwrap();
                let status = response.status().as_u16();
                (status, response.bytes().await.unwrap())
            });
            let answers = futures_util::future::join_all(race).await;
            let whole = answers.iter().filter(|(status, body)| *status == 200 && body.len() >= size).count();
            assert!((1..=3).contains(&whole), "{whole}");
            for (status, body) in answers.iter().filter(|(status, _)| *status != 200) {
                let code = serde_json::from_slice::<Value>(body).unwrap()["code"].clone();
                assert!(matches!((status, code.as_str().unwrap()), (409, "downloads_busy") | (410, "downloads_used")));
            }
            for _ in whole..3 {
                assert!(batch.bytes(&server, &path).await.len() >= size);
            }
            let msg = Some("This has been downloaded as often as its sender allows.");
            expect("one more", batch.get(&server, &path), 410, "downloads_used", msg).await;
            assert_eq!(left(&server, &batch).await, if zip { [0, 0] } else { [0, 3] });
        }
    }
}

#[tokio::test]
async fn files_and_zips_count_together() {
    let server = TestServer::start();
    let batch = limited(&server, 10, 2).await;
    let (a, b) = (format!("/files/{}", batch.file(0)), format!("/files/{}", batch.file(1)));
    batch.bytes(&server, "/zip").await;
    batch.bytes(&server, &a).await;
    expect("a", batch.get(&server, &a), 410, "downloads_used", None).await;
    expect("a in the ZIP", batch.get(&server, "/zip"), 410, "downloads_used", None).await;
    batch.bytes(&server, &format!("/zip?files={}", batch.file(1))).await;
    expect("b", batch.get(&server, &b), 410, "downloads_used", None).await;
    // What comes later has all of its copies, looking costs nothing, and the sender is not counted.
    let added = json_of(batch.put(&server, "c", "").send().await.unwrap()).await;
    let c = format!("/files/{}", added["files"][0]["file_id"].as_str().unwrap());
    for _ in 0..5 {
        assert_eq!(server.request(Method::HEAD, &batch.path(&c)).send().await.unwrap().status(), 200);
        assert_eq!(batch.manage(&server, Method::GET, &a).send().await.unwrap().status(), 200);
        assert_eq!(batch.manage(&server, Method::GET, "/zip").send().await.unwrap().status(), 200);
    }
    batch.bytes(&server, &c).await;
    batch.bytes(&server, &c).await;
    eventually("an empty file counts too", async || left(&server, &batch).await == [0, 0, 0]).await;
    expect("c", batch.get(&server, &c), 410, "downloads_used", None).await;
}

#[tokio::test]
async fn what_breaks_off_is_given_back_and_can_be_finished() {
    let server = TestServer::start();
    for path in ["/zip", "/file"] {
        let batch = limited(&server, LARGE, 1).await;
        let path = if path == "/zip" { path.to_owned() } else { format!("/files/{}", batch.file(0)) };
        let mut raw = Raw::open(server.address).await;
        raw.get(&batch.path(&path), "").await;
        let size = raw.head().await.length();
        let mut got = raw.take(LARGE / 2).await;
        expect("meanwhile", batch.get(&server, &path), 409, "downloads_busy", None).await;
        drop(raw);
        let mut rest = None;
        eventually("it is given back", async || {
            let range = format!("bytes={}-", got.len());
            let response = batch.get(&server, &path).header("range", range).send().await.unwrap();
            let again = response.status() == 206;
            rest = again.then_some(response);
            again
        })
        .await;
        got.extend(rest.unwrap().bytes().await.unwrap());
        assert_eq!(got.len(), size);
        expect("one more", batch.get(&server, &path), 410, "downloads_used", None).await;
    }
}

/// All but the last byte, over and over, is no free copy; and the last byte alone is none at all.
#[tokio::test]
async fn a_copy_is_what_is_covered_and_brings_its_bytes_twice_at_most() {
    let server = TestServer::start();
    let batch = limited(&server, 1000, 1).await;
    let path = format!("/files/{}", batch.file(0));
    let part = |range: &str| batch.get(&server, &path).header("range", range.to_owned());
    assert_eq!(part("bytes=-1").send().await.unwrap().bytes().await.unwrap().len(), 1);
    assert_eq!(left(&server, &batch).await, [1, 1]);
    eventually("it is over", async || part("bytes=0-998").send().await.unwrap().bytes().await.unwrap().len() == 999)
        .await;
    eventually("the copy is complete", async || left(&server, &batch).await == [0, 1]).await;
    expect("used", batch.get(&server, &path), 410, "downloads_used", None).await;

    let batch = limited(&server, 1000, 1).await;
    let path = format!("/files/{}", batch.file(0));
    let part = |range: &str| batch.get(&server, &path).header("range", range.to_owned());
    for _ in 0..2 {
        eventually("again", async || part("bytes=0-998").send().await.unwrap().status() == 206).await;
    }
    eventually("no more", async || part("bytes=0-998").send().await.unwrap().status() == 410).await;
    assert_eq!(left(&server, &batch).await, [1, 1]);
}

/// What its readers still get is not the file, nor the ZIP.
#[tokio::test]
async fn running_downloads_end_with_their_batch() {
    let server = TestServer::start();
    let content = vec![7; LARGE];
    for which in ["file", "zip"] {
        let batch = make(&server, &[("a", &content[..])], &[]).await;
        let mut reader = Raw::open(server.address).await;
        let rest = if which == "zip" { "/zip".to_owned() } else { format!("/files/{}", batch.file(0)) };
        reader.get(&batch.path(&rest), "").await;
        let head = reader.head().await;
        assert_eq!(head.status, 200);
        reader.take(100_000).await;
        assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
        server.clock.advance(Duration::from_secs(1));
        assert!(100_000 + reader.rest().await.len() < head.length(), "{which}");
    }
}

#[tokio::test]
async fn claims_of_a_process_that_died_are_given_back() {
    use diesel::prelude::*;
    use handover::server::db::schema::batch_files;
    let server = TestServer::start();
    let batch = limited(&server, 10, 1).await;
    let running = server.app().db.write(|conn| {
        diesel::update(batch_files::table).set(batch_files::running.eq(1)).execute(conn)?;
        Ok(())
    });
    running.await.unwrap();
    expect("claimed", batch.get(&server, "/zip"), 409, "downloads_busy", None).await;
    let server = TestServer::in_folder(server.stop(), &[]);
    batch.bytes(&server, "/zip").await;
}

#[tokio::test]
async fn the_sender_sees_what_was_fetched() {
    let server = TestServer::start();
    let batch = make(&server, &[("a.txt", b"abc"), ("b.txt", b"b")], &[("title", "Two")]).await;
    let path = format!("/files/{}", batch.file(0));
    batch.bytes(&server, &path).await;
    batch.bytes(&server, "/zip").await;
    let part = batch.get(&server, &path).header("range", "bytes=0-1").send().await.unwrap();
    assert_eq!(part.status(), 206);
    let fetches = async |query: &str| {
        json_of(batch.manage(&server, Method::GET, &format!("/fetches{query}")).send().await.unwrap()).await
    };
    eventually("both are written down", async || fetches("").await["fetches"].as_array().unwrap().len() == 2).await;
    let list = fetches("").await;
    assert_eq!(list["next"], Value::Null);
    let [zip, file] = &list["fetches"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&zip["filename"], &zip["file_id"], &zip["files"]), (&json!("Two.zip"), &Value::Null, &json!(2)));
    assert_eq!(
        (&file["filename"], &file["file_id"], &file["size"]),
        (&json!("a.txt"), &json!(batch.file(0)), &json!(3))
    );
    assert_eq!(file["fetched_from"], "127.0.0.1");
    assert!(file["fetched_at"].is_string());
    let first = fetches("?limit=1").await;
    assert_eq!(fetches(&format!("?limit=1&cursor={}", first["next"].as_str().unwrap())).await["fetches"][0], *file);
    let shown = json_of(batch.manage(&server, Method::GET, "").send().await.unwrap()).await;
    assert_eq!(shown["fetches"], 2);
}

/// Rights end while bytes flow.
#[tokio::test]
async fn a_download_ends_with_its_batch() {
    let server = TestServer::start();
    let content = vec![7; 4 * LARGE];
    let batch = make(&server, &[("a.bin", &content), ("b.bin", &content)], &[]).await;
    let mut raw = Raw::open(server.address).await;
    raw.get(&batch.path("/zip"), "").await;
    let size = raw.head().await.length();
    raw.take(1000).await;
    assert_eq!(batch.manage(&server, Method::DELETE, "").send().await.unwrap().status(), 204);
    eventually("the files are gone", async || server.blobs().is_empty()).await;
    assert!(raw.rest().await.len() < size - 1000, "the second file is not to be had any more");
}
