//! A search finds what a look at every name would find, in the same order.

use handover::server::blobs::rows::NewBlob;
use handover::server::config::Quota;
use handover::server::features::desk::model::{self, NewDocument};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::stored::{list, segment};
use crate::support::*;

const LETTERS: [&str; 12] = ["a", "B", "b", "ß", "É", "日", "本", " ", "_", "%", "\"", "'"];

fn word(random: &mut SmallRng, longest: usize) -> String {
    let length = random.random_range(1..=longest);
    (0..length).map(|_| LETTERS[random.random_range(0..LETTERS.len())]).collect()
}

async fn add(server: &TestServer, user: &str, name: &str) {
    let blob = NewBlob {
        id: handover::server::id::new(),
        size: 1,
        blake3: "0".repeat(64),
        sha256: Some("0".repeat(64)),
        crc32: 0,
    };
    let new = NewDocument { name: name.into(), blob, uploaded_by: user.into(), notes: Vec::new() };
    let now = server.clock.now();
    server.app().db.write(move |conn| model::add(conn, new, &Quota::NONE, now)).await.unwrap();
}

async fn names(server: &TestServer, token: &str, query: &str) -> Vec<String> {
    let page = list(server, token, query).await;
    page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

#[actix_rt::test]
async fn a_search_finds_what_a_look_at_every_name_finds() {
    let seed: u64 = rand::random();
    eprintln!("the seed of the names is {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let me: Value = json_of(server.get("/me").bearer_auth(&token).send().await.unwrap()).await;
    let user = me["id"].as_str().unwrap().to_owned();
    let mut known = Vec::new();
    for n in 0..150 {
        let name = format!("{}{n}.docx", word(&mut random, 12));
        add(&server, &user, &name).await;
        known.push(name);
    }
    // Some get another version, some go, and of some an older version comes back.
    for name in known.clone().iter().step_by(7) {
        add(&server, &user, name).await;
        known.retain(|other| other != name);
        known.push(name.clone());
    }
    for name in known.clone().iter().step_by(5) {
        let gone = name.clone();
        let now = server.clock.now();
        let delete = move |conn: &mut _| model::delete(conn, &gone, None, &Quota::NONE, now);
        server.app().db.write(delete).await.unwrap();
        known.retain(|other| other != name);
    }
    let everything = names(&server, &token, "?limit=200").await;
    assert_eq!(everything, known.iter().rev().cloned().collect::<Vec<_>>());
    for _ in 0..300 {
        let text = match random.random_bool(0.5) {
            true => word(&mut random, 4),
            false => {
                let name: Vec<char> = known[random.random_range(0..known.len())].chars().collect();
                let start = random.random_range(0..name.len());
                name[start..random.random_range(start + 1..=name.len())].iter().collect()
            }
        };
        let text = if random.random_bool(0.3) { text.to_uppercase() } else { text };
        let expected: Vec<_> =
            everything.iter().filter(|name| name.to_lowercase().contains(&text.to_lowercase())).cloned().collect();
        assert_eq!(names(&server, &token, &format!("?limit=200&q={}", segment(&text))).await, expected, "{text:?}");
    }
    // In pages, too.
    let first = list(&server, &token, "?limit=10&q=docx").await;
    let second = names(&server, &token, &format!("?limit=10&q=docx&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second, everything[10..20]);
    assert_eq!(names(&server, &token, "?q=%01").await, [""; 0], "what no name has is in none");
}

/// A version that comes back when a newer one is deleted is found again, in its old place.
#[actix_rt::test]
async fn an_older_version_that_is_the_newest_again_is_found_again() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let me: Value = json_of(server.get("/me").bearer_auth(&token).send().await.unwrap()).await;
    let user = me["id"].as_str().unwrap().to_owned();
    for name in ["first.docx", "other.docx", "first.docx"] {
        add(&server, &user, name).await;
    }
    assert_eq!(names(&server, &token, "?q=docx").await, ["first.docx", "other.docx"]);
    let now = server.clock.now();
    let delete = move |conn: &mut _| model::delete(conn, "first.docx", Some(2), &Quota::NONE, now);
    server.app().db.write(delete).await.unwrap();
    assert_eq!(names(&server, &token, "?q=docx").await, ["other.docx", "first.docx"]);
    assert_eq!(names(&server, &token, "?q=first").await, ["first.docx"]);
}
