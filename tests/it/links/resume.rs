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

#[tokio::test]
async fn a_range_spends_the_link_if_the_last_byte_is_in_it() {
    let scene = Scene::new(50_000, &[]).await;
    let size = scene.content.len();
    for range in ["bytes=-1".to_owned(), format!("bytes={}-", size - 1), format!("bytes=10-{}", size + 50)] {
        let minted = scene.mint().await;
        assert_eq!(scene.range(&minted, "bytes=0-0").await, (206, scene.content[..1].to_vec()));
        scene.await_state(&minted, "issued").await;
        let (status, part) = scene.range(&minted, &range).await;
        assert_eq!(status, 206);
        assert!(scene.content.ends_with(&part));
        expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    }
    let minted = scene.mint().await;
    let past = scene.server.fetch(&minted["download_url"]).header("range", format!("bytes={size}-"));
    expect_problem(past, 416, "range_not_satisfiable", None).await;
    assert_eq!(scene.link(&minted).await["starts"], 0);
    // Several ranges, or nonsense, bring the whole file (RFC 9110 section 14.2).
    assert_eq!(scene.range(&minted, "bytes=0-1,4-5").await, (200, scene.content.clone()));
}

/// Row 2 of the usual faults: whoever leaves before the last byte pays with a start.
#[tokio::test]
async fn a_link_has_ten_starts() {
    let scene = Scene::new(50_000, &[]).await;
    let minted = scene.mint().await;
    let all_but_one = format!("bytes=0-{}", scene.content.len() - 2);
    for start in 1..=10 {
        let (status, part) = scene.range(&minted, &all_but_one).await;
        assert_eq!((status, part.len()), (206, scene.content.len() - 1), "start {start}");
        let state = if start < 10 { "issued" } else { "consumed" };
        scene.await_state(&minted, state).await;
    }
    for range in [all_but_one.as_str(), "bytes=-1", "bytes=0-"] {
        let request = scene.server.fetch(&minted["download_url"]).header("range", range);
        expect_problem(request, 410, "used_link", Some("Invalid or expired token")).await;
    }
    let link = scene.link(&minted).await;
    assert_eq!((&link["starts"], &link["fetched_at"]), (&Value::from(10), &Value::Null));
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
