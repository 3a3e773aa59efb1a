//! Versions of a document: never overwritten, each to be had, and gone with their links once they are deleted.

use std::collections::BTreeMap;

use handover::server::blobs::cost;
use reqwest::Method;
use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::stored::*;
use crate::support::*;

#[tokio::test]
async fn twenty_uploads_of_one_name_become_twenty_versions() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let contents: Vec<_> = (0..20).map(|seed| docx(seed, 5000 + seed as usize)).collect();
    let uploads = contents.iter().map(|content| stored(&server, &token, "plan.docx", content.clone()));
    let answers = futures_util::future::join_all(uploads).await;
    let versions: BTreeMap<i64, &Vec<u8>> =
        answers.iter().zip(&contents).map(|(answer, content)| (answer["version"].as_i64().unwrap(), content)).collect();
    assert!(versions.keys().copied().eq(1..=20), "{versions:?}");
    for (version, content) in &versions {
        let minted = server.mint(&client, &format!("plan.docx?version={version}")).await;
        assert_eq!(minted["version"], *version);
        assert_eq!(minted["blake3"], blake3::hash(content).to_hex().as_str());
        let fetched = server.fetch(&minted["download_url"]).send().await.unwrap();
        assert_eq!(fetched.bytes().await.unwrap(), **content);
    }
    let files = list(&server, &token, "").await["files"].clone();
    assert_eq!(files.as_array().unwrap().len(), 1, "the latest versions only");
    assert_eq!((&files[0]["version"], &files[0]["size"]), (&Value::from(20), &Value::from(versions[&20].len())));
    assert_eq!(usage(&server).await, contents.iter().map(|content| cost(content.len() as u64)).sum::<u64>());
    assert_eq!(server.mint(&client, "plan.docx").await["version"], 20, "the latest if none is named");
}

#[tokio::test]
async fn deleting_takes_one_version_or_all_of_them() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let contents: Vec<_> = (1..=3).map(|seed| docx(seed, 4000)).collect();
    for content in &contents {
        stored(&server, &token, "plan.docx", content.clone()).await;
    }
    stored(&server, &token, "plan.docx.docx", contents[0].clone()).await;
    assert_eq!(delete(&server, &token, "plan.docx", "?version=3").await.status(), 204);
    let shown = async || {
        let files = list(&server, &client, "?q=plan.docx").await["files"].clone();
        let row = |file: &Value| (file["filename"].as_str().unwrap().to_owned(), file["version"].as_i64().unwrap());
        files.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(shown().await, [("plan.docx.docx".into(), 1), ("plan.docx".into(), 2)]);
    let twice = server.request(Method::DELETE, "/files/plan.docx?version=3").bearer_auth(&token);
    expect_problem(twice, 404, "file_not_found", Some("File not found")).await;
    // The number is not given out again.
    assert_eq!(stored(&server, &token, "plan.docx", contents[0].clone()).await["version"], 4);
    for user in [&token, &client] {
        let shown = json_of(server.get("/files/plan.docx").bearer_auth(user).send().await.unwrap()).await;
        let shown = shown["versions"].as_array().unwrap().clone();
        assert!(shown.iter().map(|file| file["version"].as_i64().unwrap()).eq([4, 2, 1]), "{shown:?}");
        assert_eq!(shown[2]["blake3"], blake3::hash(&contents[0]).to_hex().as_str());
    }
    eventually("the contents of one version are gone", async || server.blobs().len() == 4).await;

    assert_eq!(delete(&server, &token, "plan.docx", "").await.status(), 204);
    assert_eq!(shown().await, [("plan.docx.docx".into(), 1)], "a name that begins alike is another document");
    let gone = server.get("/files/plan.docx").bearer_auth(&client);
    expect_problem(gone, 404, "file_not_found", Some("File not found")).await;
    eventually("all contents are gone", async || server.blobs().len() == 1).await;
    assert_eq!(usage(&server).await, cost(contents[0].len() as u64));
    let gone = server.get("/generate_download_url/plan.docx?version=1").bearer_auth(&client);
    expect_problem(gone, 404, "file_not_found", Some("File not found")).await;
}

#[tokio::test]
async fn deleting_is_for_operation_users_and_for_files_that_are_there() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "plan.docx", docx(1, 4000)).await;
    let request = |path: &str| server.request(Method::DELETE, path);
    expect_problem(request("/files/plan.docx").bearer_auth(&client), 403, "operation_only", None).await;
    expect_problem(request("/files/plan.docx"), 401, "missing_authorization", None).await;
    for path in ["/files/other.docx", "/files/plan.docx?version=2", "/files/%25.docx", "/files/plan_docx"] {
        expect_problem(request(path).bearer_auth(&token), 404, "file_not_found", Some("File not found")).await;
    }
    expect_problem(request("/files/plan.docx?version=x").bearer_auth(&token), 400, "bad_request", None).await;
    assert_eq!(list(&server, &token, "").await["files"].as_array().unwrap().len(), 1);
}

/// Row 5 of the usual faults: a link is of one document, not of whatever has its name later.
#[tokio::test]
async fn a_link_ends_with_its_document_and_stays_ended() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    stored(&server, &token, "plan.docx", docx(1, 4000)).await;
    stored(&server, &token, "plan.docx", docx(2, 4000)).await;
    let first = server.mint(&client, "plan.docx?version=1").await;
    let second = server.mint(&client, "plan.docx").await;
    assert_eq!(delete(&server, &token, "plan.docx", "?version=1").await.status(), 204);
    expect_problem(server.fetch(&first["download_url"]), 410, "revoked_link", Some("Invalid or expired token")).await;
    assert_eq!(server.fetch(&second["page_url"]).send().await.unwrap().status(), 200, "the other version's is open");
    assert_eq!(delete(&server, &token, "plan.docx", "").await.status(), 204);
    stored(&server, &token, "plan.docx", docx(3, 4000)).await;
    for minted in [first, second] {
        expect_problem(server.fetch(&minted["download_url"]), 410, "revoked_link", None).await;
        expect_problem(server.fetch(&minted["page_url"]), 410, "revoked_link", None).await;
    }
}

/// Deletes race uploads of the same name: what is left is consistent.
#[tokio::test]
async fn deletes_and_uploads_race() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let uploads = (0..16).map(|seed| stored(&server, &token, "plan.docx", docx(seed, 4000)));
    let deletes = (0..16).map(|_| delete(&server, &token, "plan.docx", ""));
    let (answers, ended) =
        tokio::join!(futures_util::future::join_all(uploads), futures_util::future::join_all(deletes));
    let versions: std::collections::BTreeSet<_> = answers.iter().map(|answer| answer["version"].as_i64()).collect();
    assert_eq!(versions.len(), 16, "each version once");
    assert!(ended.iter().all(|response| [204, 404].contains(&response.status().as_u16())));
    let last = delete(&server, &token, "plan.docx", "").await;
    assert!([204, 404].contains(&last.status().as_u16()));
    eventually("no contents are left", async || server.blobs().is_empty()).await;
    assert_eq!(usage(&server).await, 0);
}
