//! A download that breaks is finished later, and a link has an end all the same.

use serde_json::Value;

use crate::support::linked::*;
use crate::support::raw::Raw;
use crate::support::*;

/// Takes `count` bytes of the file and leaves; the link is open again.
async fn break_off(scene: &Scene, minted: &Value, count: usize) -> (Vec<u8>, String) {
    let mut reader = Raw::open(scene.server.address).await;
    reader.get(path_of(&minted["download_url"]), "").await;
    let head = reader.head().await;
    assert_eq!(head.status, 200);
    let part = reader.take(count).await;
    drop(reader);
    scene.await_state(minted, "issued").await;
    (part, head.get("etag").unwrap().to_owned())
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let (mut copy, etag) = break_off(&scene, &minted, 1_000_000).await;
    assert_eq!(scene.link(&minted).await["fetched_at"], Value::Null);
    let request = scene.server.fetch(&minted["download_url"]);
    let response = request.header("range", "bytes=1000000-").header("if-range", &etag).send().await.unwrap();
    assert_eq!(response.status(), 206);
    let size = scene.content.len();
    assert_eq!(response.headers()["content-range"], format!("bytes 1000000-{}/{size}", size - 1));
    assert_eq!(response.headers()["content-length"], (size - 1_000_000).to_string());
    assert!(response.headers()["repr-digest"].to_str().unwrap().starts_with("sha-256=:"), "of the whole file");
    copy.extend(response.bytes().await.unwrap());
    assert!(copy == scene.content);
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    eventually("it is written down", async || !scene.link(&minted).await["fetched_at"].is_null()).await;
    assert_eq!(scene.link(&minted).await["starts"], 2);
}

#[tokio::test]
async fn another_tag_brings_the_whole_file() {
    let scene = Scene::new(50_000, &[]).await;
    for condition in ["\"another\"", "W/\"x\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
        let minted = scene.mint().await;
        let request = scene.server.fetch(&minted["download_url"]);
        let response = request.header("range", "bytes=1000-").header("if-range", condition).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("content-range"));
        assert_eq!(response.bytes().await.unwrap(), scene.content);
        expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    }
}

/// Used is what is covered, in whatever order.
#[tokio::test]
async fn the_end_alone_does_not_spend_a_link_and_all_parts_together_do() {
    let scene = Scene::new(50_000, &[]).await;
    let size = scene.content.len();
    for (tail, rest) in [("bytes=-1", size - 2), ("bytes=-1000", size - 1001)] {
        let minted = scene.mint().await;
        let (status, part) = scene.range(&minted, tail).await;
        assert_eq!(status, 206);
        assert!(scene.content.ends_with(&part));
        scene.await_state(&minted, "issued").await;
        assert_eq!(scene.link(&minted).await["fetched_bytes"], part.len());
        let (status, rest) = scene.range(&minted, &format!("bytes=0-{rest}")).await;
        assert_eq!((status, [rest, part].concat() == scene.content), (206, true));
        expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    }
    let minted = scene.mint().await;
    assert_eq!(scene.range(&minted, "bytes=-1").await.0, 206);
    // The whole of it all the same, for whoever looked at its end first.
    assert_eq!(scene.range(&minted, "bytes=0-").await, (206, scene.content.clone()));
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    let minted = scene.mint().await;
    let past = scene.server.fetch(&minted["download_url"]).header("range", format!("bytes={size}-"));
    expect_problem(past, 416, "range_not_satisfiable", None).await;
    assert_eq!(scene.link(&minted).await["starts"], 0);
    // Several ranges, or nonsense, bring the whole file (RFC 9110 section 14.2).
    assert_eq!(scene.range(&minted, "bytes=0-1,4-5").await, (200, scene.content.clone()));
}

/// All but the last byte, again and again, is no way to have it often.
#[tokio::test]
async fn a_link_brings_its_file_twice_at_most() {
    let scene = Scene::new(50_000, &[]).await;
    let minted = scene.mint().await;
    let all_but_one = format!("bytes=0-{}", scene.content.len() - 2);
    for _ in 0..2 {
        let (status, part) = scene.range(&minted, &all_but_one).await;
        assert_eq!((status, part.len()), (206, scene.content.len() - 1));
        scene.await_state(&minted, "issued").await;
    }
    for range in [all_but_one.as_str(), "bytes=0-"] {
        let request = scene.server.fetch(&minted["download_url"]).header("range", range);
        expect_problem(request, 410, "used_link", Some("Invalid or expired token")).await;
    }
    let link = scene.link(&minted).await;
    assert_eq!((&link["starts"], &link["fetched_at"]), (&Value::from(2), &Value::Null));
    assert_eq!(
        (&link["fetched_bytes"], &link["fetched_from"]),
        (&(scene.content.len() - 1).into(), &"127.0.0.1".into())
    );
    assert!(link["last_fetched_at"].is_string());
    assert_eq!(scene.range(&minted, "bytes=-1").await.0, 206, "what is missing can be had");
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
}

/// What the kernel of a reader has taken, the reader has not: links of all sizes are open when it breaks off at half.
#[tokio::test]
async fn slow_readers_that_break_off_at_half_go_on() {
    let server = TestServer::start();
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let sizes = [1_000, 30_000, 200_000, 1 << 20, 4 << 20, 16 << 20, 64 << 20];
    let all = sizes.into_iter().map(async |length| {
        let (name, content) = (format!("a{length}.docx"), crate::support::crafted::docx(7, length));
        crate::support::stored::stored(&server, &operation, &name, content.clone()).await;
        let (minted, half) = (server.mint(&client, &name).await, content.len() / 2);
        let mut reader = Raw::slow(server.address, 256.max(length / 64)).await;
        reader.get(path_of(&minted["download_url"]), "").await;
        assert_eq!(reader.head().await.status, 200);
        let mut copy = reader.take(half).await;
        drop(reader);
        let mut rest = None;
        eventually(&format!("the link to {length} bytes is open"), async || {
            let from = format!("bytes={half}-");
            let response = server.fetch(&minted["download_url"]).header("range", from).send().await.unwrap();
            let status = response.status();
            rest = Some(response);
            status == 206
        })
        .await;
        copy.extend(rest.unwrap().bytes().await.unwrap());
        assert!(copy == content, "{length}");
        expect_problem(server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn the_tenth_start_may_finish() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    for _ in 0..9 {
        break_off(&scene, &minted, 10).await;
    }
    let tenth = scene.server.fetch(&minted["download_url"]).send().await.unwrap();
    assert!(tenth.bytes().await.unwrap() == scene.content);
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
}

/// A reader who takes nothing for too long is let go, and the link with it.
#[tokio::test]
async fn a_reader_who_stalls_gives_the_link_back() {
    let scene = Scene::new(LARGE, &["--stall-timeout", "1s"]).await;
    let minted = scene.mint().await;
    let mut reader = Raw::open(scene.server.address).await;
    reader.get(path_of(&minted["download_url"]), "").await;
    assert_eq!(reader.head().await.status, 200);
    scene.await_state(&minted, "issued").await;
    assert!(reader.rest().await.len() < scene.content.len());
    assert!(scene.server.fetch(&minted["download_url"]).send().await.unwrap().bytes().await.unwrap() == scene.content);
}

/// Whoever has got a range whole may ask for the next one at once, on the same connection or on a new one.
#[tokio::test]
async fn ranges_one_after_another_never_find_the_link_busy() {
    let scene = Scene::new(50_000, &[]).await;
    let step = scene.content.len().div_ceil(10);
    for fresh in [false, true] {
        let mut client = Raw::open(scene.server.address).await;
        for _ in 0..5 {
            let minted = scene.mint().await;
            let mut copy = Vec::new();
            for (start, slice) in scene.content.chunks(step).enumerate() {
                if fresh {
                    client = Raw::open(scene.server.address).await;
                }
                let range = format!("Range: bytes={}-{}\r\n", copy.len(), copy.len() + slice.len() - 1);
                client.get(path_of(&minted["download_url"]), &range).await;
                let (head, part) = client.answer().await;
                assert_eq!(head.status, 206, "start {start}, fresh {fresh}: {}", String::from_utf8_lossy(&part));
                copy.extend(part);
            }
            assert!(copy == scene.content);
            expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
        }
    }
}
