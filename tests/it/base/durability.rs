//! Promise 1 with the real binary and SIGKILL: what was acknowledged is there, and half of anything is not.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use crate::support::crafted::docx;
use crate::support::linked::{LARGE, path_of};
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::*;

/// Files that no listed document accounts for.
fn litter(data: &Path, listed: usize) -> bool {
    let files = blobs_below(&data.join("blobs"));
    files.len() != listed || files.iter().any(|file| file.extension().is_some())
}

#[tokio::test]
async fn kill_9_during_uploads_loses_nothing_that_was_acknowledged() {
    let seed: u64 = rand::random();
    eprintln!("the seed of the kills is {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Process::start(&data, &[], None);
    let (operation, client) = (server.user("olga", true).await, server.user("carl", false).await);
    let acknowledged: Mutex<HashMap<String, blake3::Hash>> = Mutex::default();
    let mut sent = HashMap::new();
    for round in 0..12 {
        let contents: Vec<_> = (0..8)
            .map(|n| (format!("r{round}-{n}.docx"), docx(random.random(), random.random_range(1_000..1_500_000))))
            .collect();
        sent.extend(contents.iter().map(|(name, content)| (name.clone(), blake3::hash(content))));
        let uploads = contents.iter().map(async |(name, content)| {
            if let Ok(response) = server.put(&operation, name, content.clone()).await {
                assert_eq!(response.status(), 201);
                // The status is the promise, whatever becomes of the rest of the answer.
                acknowledged.lock().unwrap().insert(name.clone(), blake3::hash(content));
            }
        });
        let moment = Duration::from_micros(random.random_range(0..120_000));
        let known = acknowledged.lock().unwrap().len();
        tokio::join!(futures_util::future::join_all(uploads), async {
            // However busy the machine is, some of the kills come late.
            if round % 3 == 0 {
                eventually("one is acknowledged", async || acknowledged.lock().unwrap().len() > known).await;
            }
            tokio::time::sleep(moment).await;
            kill(&server);
        });
        server = restarted(server, &data);

        let page = server.get(&operation, "/files?limit=200").await;
        let listed: HashMap<String, String> = page["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| (file["filename"].as_str().unwrap().into(), file["blake3"].as_str().unwrap().into()))
            .collect();
        for (name, hash) in acknowledged.lock().unwrap().iter() {
            assert_eq!(listed.get(name).map(String::as_str), Some(hash.to_hex().as_str()), "{name} was acknowledged");
        }
        for (name, hash) in &listed {
            assert_eq!(hash, sent[name].to_hex().as_str(), "{name} is not what was sent");
        }
        eventually("the sweep leaves nothing but what is listed", async || !litter(&data, listed.len())).await;
    }
    let names: HashSet<String> = acknowledged.into_inner().unwrap().into_keys().collect();
    assert!(names.len() >= 4, "the late kills prove something");
    for name in sent.keys().filter(|name| names.contains(*name)) {
        let minted = server.get(&client, &format!("/generate_download_url/{name}")).await;
        let copy = server.http.get(minted["download_url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(blake3::hash(&copy.bytes().await.unwrap()), sent[name], "{name} is whole");
    }
}

fn kill(server: &Process) {
    let pid = rustix::process::Pid::from_raw(server.pid() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn restarted(mut server: Process, data: &Path) -> Process {
    server.kill();
    Process::start(data, &[], None)
}

#[tokio::test]
async fn kill_9_during_a_download_leaves_the_link_open() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // The address is part of the links.
    let mut server = Process::start(&data, &[], None);
    let (operation, client) = (server.user("olga", true).await, server.user("carl", false).await);
    let content = docx(1, LARGE);
    assert_eq!(server.put(&operation, "a.docx", content.clone()).await.unwrap().status(), 201);
    let minted = server.get(&client, "/generate_download_url/a.docx").await;
    let path = path_of(&minted["download_url"]).to_owned();
    let mut part = Vec::new();
    let mut etag = String::new();
    for _ in 0..3 {
        let mut reader = Raw::open(server.address).await;
        reader.get(&path, "").await;
        let head = reader.head().await;
        assert_eq!(head.status, 200);
        part = reader.take(500_000).await;
        etag = head.get("etag").unwrap().to_owned();
        assert_eq!(server.get(&client, "/api/links").await["links"][0]["state"], "claimed");
        kill(&server);
        server = restarted(server, &data);
        assert_eq!(server.get(&client, "/api/links").await["links"][0]["state"], "issued");
    }
    let get = || server.http.get(format!("{}{path}", server.url));
    let rest = get().header("range", "bytes=500000-").header("if-range", etag).send().await.unwrap();
    assert_eq!(rest.status(), 206);
    part.extend(rest.bytes().await.unwrap());
    assert!(part == content);
    // Of the beginning nothing was written down, and so it may be had again. Then the whole is covered.
    assert_eq!(server.get(&client, "/api/links").await["links"][0]["state"], "issued");
    let beginning = get().header("range", "bytes=0-499999").send().await.unwrap();
    assert_eq!(beginning.status(), 206);
    assert!(beginning.bytes().await.unwrap() == content[..500_000]);
    expect_problem(get(), 410, "used_link", None).await;
    // Used stays used, whenever the process dies.
    kill(&server);
    server = restarted(server, &data);
    let get = server.http.get(format!("{}{path}", server.url));
    expect_problem(get, 410, "used_link", None).await;
}
