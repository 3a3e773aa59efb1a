//! Room: quotas under races, and the space that is kept free.

use handover::server::blobs::cost;

use crate::support::crafted::docx;
use crate::support::stored::*;
use crate::support::*;

/// Racing uploads of 100 kB against a quota of a little over three of them.
async fn race(flags: &[&str], users: usize, fit: usize) {
    let server = TestServer::with(flags);
    let content = docx(1, 100_000);
    let mut tokens = Vec::new();
    for user in 0..users {
        tokens.push(server.operation(&format!("user{user}")).await);
    }
    let uploads = (0..24).map(async |n| {
        let response = match n % 2 {
            0 => put(&server, &tokens[n % users], "a.docx", content.clone()).await,
            _ => server.upload(&tokens[n % users], "a.docx", content.clone()).await,
        };
        (response.status().as_u16(), json_of(response).await)
    });
    let answers = futures_util::future::join_all(uploads).await;
    let mut stored = 0;
    for (status, body) in &answers {
        match status {
            201 => stored += 1,
            507 => {
                assert_eq!(body["code"], "quota_exceeded");
                let msg = body["msg"].as_str().unwrap();
                assert!(msg.contains("350") && msg.contains("used"), "with numbers: {msg}");
            }
            other => panic!("{other}: {body}"),
        }
    }
    assert!(stored <= fit, "{stored} were let in");
    assert_eq!(usage(&server).await, stored as u64 * cost(content.len() as u64));
    eventually("no refused contents stay", async || server.blobs().len() == stored).await;
    // One after another, all that fit do fit.
    while stored < fit {
        assert_eq!(put(&server, &tokens[stored % users], "a.docx", content.clone()).await.status(), 201);
        stored += 1;
    }
    expect_refused(&server, &tokens[0], content.clone()).await;
    assert_eq!(delete(&server, &tokens[0], "a.docx", "?version=1").await.status(), 204);
    let again = put(&server, &tokens[0], "a.docx", content).await;
    assert!(users > 1 || again.status() == 201, "what is deleted makes room");
}

async fn expect_refused(server: &TestServer, token: &str, content: Vec<u8>) {
    let response = put(server, token, "a.docx", content).await;
    let status = response.status();
    assert_problem(status, &json_of(response).await, 507, "quota_exceeded", None);
}

#[tokio::test]
async fn racing_uploads_of_a_user_stay_within_the_quota() {
    race(&["--user-quota", "350KiB"], 1, 3).await;
}

#[tokio::test]
async fn racing_uploads_of_many_users_stay_within_the_quota_of_all() {
    race(&["--total-quota", "350KiB"], 6, 3).await;
}

#[tokio::test]
async fn one_user_does_not_use_up_the_quota_of_another() {
    let server = TestServer::with(&["--user-quota", "350KiB"]);
    let (ann, bob) = (server.operation("ann").await, server.operation("bob").await);
    for _ in 0..3 {
        stored(&server, &ann, "a.docx", docx(1, 100_000)).await;
    }
    expect_refused(&server, &ann, docx(1, 100_000)).await;
    stored(&server, &bob, "a.docx", docx(1, 100_000)).await;
}

#[tokio::test]
async fn space_below_the_floor_is_left_alone() {
    let server = TestServer::with(&["--free-space-floor", "1PiB"]);
    let token = server.operation("olga").await;
    for response in
        [put(&server, &token, "a.docx", docx(1, 5000)).await, server.upload(&token, "a.docx", docx(1, 5000)).await]
    {
        let status = response.status();
        let body = json_of(response).await;
        assert_problem(status, &body, 507, "insufficient_storage", None);
        assert!(body["msg"].as_str().unwrap().contains("1.0 PiB"), "with numbers: {body}");
    }
    assert_nothing_stays(&server).await;
}
