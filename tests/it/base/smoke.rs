//! The main job, from one end to the other.

use reqwest::StatusCode;

use crate::support::*;

#[tokio::test]
async fn an_operation_user_hands_a_file_to_a_client_user_once() {
    let server = TestServer::start();
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "見積書 żółć отчёт.docx";
    let content = fixture(name);
    let response = server.upload(&operation, name, content.clone()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let minted = server.mint(&client, name).await;
    let response = server.fetch(&minted["download_url"]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.unwrap(), content);
    expect_problem(server.fetch(&minted["download_url"]), 410, "used_link", Some("Invalid or expired token")).await;
}
