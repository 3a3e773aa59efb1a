//! Downloads on the wire: plain HTTP/1.1 with sendfile, and the path without it.

use std::process::Command;

use actix_web::body::MessageBody as _;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::linked::*;
use crate::support::raw::Raw;
use crate::support::stored::*;
use crate::support::*;

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    for length in [3_000, 300_000, LARGE] {
        let scene = Scene::new(length, &[]).await;
        let minted = scene.mint().await;
        let path = path_of(&minted["download_url"]);
        let mut client = Raw::open(scene.server.address).await;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.send([get("/healthz"), get(path), get("/healthz"), get(path), get("/files")].concat()).await;
        let (head, first) = client.answer().await;
        assert_eq!(head.status, 200);
        let (head, copy) = client.answer().await;
        assert_eq!((head.status, head.length()), (200, scene.content.len()));
        assert!(copy == scene.content);
        let (head, second) = client.answer().await;
        assert_eq!((head.status, second), (200, first));
        for (status, code) in [(410, "used_link"), (401, "missing_authorization")] {
            let (head, body) = client.answer().await;
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((head.status, problem["code"].as_str().unwrap()), (status, code));
        }
    }
}

#[tokio::test]
async fn a_connection_serves_many_downloads() {
    let scene = Scene::new(200_000, &[]).await;
    let mut client = Raw::open(scene.server.address).await;
    for _ in 0..20 {
        let minted = scene.mint().await;
        client.get(path_of(&minted["download_url"]), "").await;
        let (head, copy) = client.answer().await;
        assert_eq!(head.status, 200);
        assert!(copy == scene.content);
        client.send(format!("HEAD {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path_of(&minted["download_url"]))).await;
        assert_eq!(client.head().await.status, 410);
    }
}

#[tokio::test]
async fn ranges_are_slices_of_the_file() {
    let seed: u64 = rand::random();
    eprintln!("the seed of the ranges is {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let scene = Scene::new(5 << 20, &[]).await;
    let size = scene.content.len();
    for _ in 0..40 {
        let minted = scene.mint().await;
        let first = random.random_range(0..size);
        let last = random.random_range(first..size);
        for (range, from, to) in
            [(format!("bytes={first}-{last}"), first, last + 1), (format!("bytes=-{}", size - first), first, size)]
        {
            let (status, part) = scene.range(&minted, &range).await;
            if status != 206 {
                assert_eq!((status, last), (410, size - 1), "{range} after the whole file");
                continue;
            }
            assert!(part == scene.content[from..to], "{range} of {size}");
            let spent = to == size;
            scene.await_state(&minted, if spent { "consumed" } else { "issued" }).await;
        }
    }
}

/// What is not in the page cache comes from the disk, byte for byte.
#[tokio::test]
async fn a_cold_file_is_read_from_the_disk() {
    let scene = Scene::new(LARGE, &[]).await;
    let [blob] = &scene.server.blobs()[..] else { panic!("one blob") };
    let mut drop_cache = Command::new("dd");
    drop_cache.arg(format!("of={}", blob.display()));
    drop_cache.args(["oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
    for range in [None, Some("bytes=3000000-")] {
        assert!(drop_cache.status().unwrap().success());
        let minted = scene.mint().await;
        let (status, copy) = scene.range(&minted, range.unwrap_or("none")).await;
        let from = if range.is_some() { 3_000_000 } else { 0 };
        assert_eq!(status, if range.is_some() { 206 } else { 200 });
        assert!(copy == scene.content[from..]);
    }
}

/// A reader that takes little by little gets all of it.
#[tokio::test]
async fn a_slow_reader_gets_the_file() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let mut reader = Raw::open(scene.server.address).await;
    reader.get(path_of(&minted["download_url"]), "").await;
    assert_eq!(reader.head().await.status, 200);
    let mut copy = Vec::new();
    while copy.len() < scene.content.len() {
        let next = (scene.content.len() - copy.len()).min(50_000);
        copy.extend(reader.take(next).await);
        // Others are served meanwhile.
        if copy.len() % 2_000_000 == 0 {
            assert_eq!(scene.server.get("/healthz").send().await.unwrap().status(), 200);
        }
    }
    assert!(copy == scene.content);
    scene.await_state(&minted, "consumed").await;
}

/// Without a connection of our own (as with TLS or HTTP/2) the body is read on the worker: same bytes, same once.
#[actix_rt::test]
async fn without_sendfile_it_is_the_same() {
    let scene = Scene::new(3_000_000, &[]).await;
    let service = init_service(handover::server::application(scene.server.data(), scene.server.live.clone())).await;
    let get = |minted: &Value, range: &'static str| {
        let request = TestRequest::get().uri(path_of(&minted["download_url"])).insert_header(("range", range));
        call_service(&service, request.to_request())
    };
    let minted = scene.mint().await;
    let response = get(&minted, "none").await;
    assert_eq!(response.status(), 200);
    let size = actix_web::body::BodySize::Sized(scene.content.len() as u64);
    assert_eq!(response.response().body().size(), size);
    assert_eq!(get(&minted, "none").await.status(), 409, "one at a time");
    assert!(read_body(response).await == scene.content);
    assert_eq!(get(&minted, "none").await.status(), 410);

    let minted = scene.mint().await;
    drop(get(&minted, "none").await);
    scene.await_state(&minted, "issued").await;
    let part = get(&minted, "bytes=100-999999").await;
    assert_eq!(part.status(), 206);
    assert!(read_body(part).await == scene.content[100..1_000_000]);
    scene.await_state(&minted, "issued").await;
    assert!(read_body(get(&minted, "bytes=1000000-").await).await == scene.content[1_000_000..]);
    scene.await_state(&minted, "consumed").await;
    assert_eq!(get(&minted, "none").await.status(), 410);

    // The next range may begin when the bytes of the one before are there, whether or not its end has been noticed.
    let minted = scene.mint().await;
    let mut part = Box::pin(get(&minted, "bytes=0-999").await.into_body());
    let mut taken = Vec::new();
    while taken.len() < 1000 {
        taken.extend(std::future::poll_fn(|cx| part.as_mut().poll_next(cx)).await.unwrap().ok().unwrap());
    }
    assert!(taken == scene.content[..1000]);
    assert!(read_body(get(&minted, "bytes=1000-").await).await == scene.content[1000..]);
    drop(part);

    // All of it was handed on and nobody knows whether it has left: the last byte may be had again, the file may not.
    let minted = scene.mint().await;
    let mut body = Box::pin(get(&minted, "none").await.into_body());
    let mut handed_on = 0;
    while handed_on < scene.content.len() {
        let piece = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await;
        handed_on += piece.unwrap().ok().unwrap().len();
    }
    assert_eq!(get(&minted, "none").await.status(), 410);
    drop(body);
    assert_eq!(get(&minted, "none").await.status(), 410);
    let last = get(&minted, "bytes=-1").await;
    assert_eq!(last.status(), 206);
    assert!(read_body(last).await == scene.content[scene.content.len() - 1..]);
    assert_eq!(get(&minted, "bytes=-1").await.status(), 410);

    // Revoked in the middle, it ends in an error and not in the file.
    let minted = scene.mint().await;
    let response = get(&minted, "none").await;
    assert_eq!(delete(&scene.server, &scene.operation, "a.docx", "").await.status(), 204);
    assert!(actix_web::body::to_bytes(response.into_body()).await.is_err());
}

/// Point 15: nobody meets a lock.
#[tokio::test]
async fn sixty_four_uploads_at_once_are_all_stored() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let uploads = (0..64u64).map(async |n| {
        let content = docx(n, 30_000);
        let name = format!("file {n}.docx");
        let response = match n % 2 {
            0 => put(&server, &token, &name, content.clone()).await,
            _ => server.upload(&token, &name, content.clone()).await,
        };
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
        assert_eq!(json_of(response).await["blake3"], blake3::hash(&content).to_hex().as_str());
    });
    futures_util::future::join_all(uploads).await;
    assert_eq!(list(&server, &token, "?limit=200").await["files"].as_array().unwrap().len(), 64);
    assert_eq!(server.blobs().len(), 64);
}
