//! What a document holds that its receivers should know is told with it: to who sends it and to who looks at the list.

use serde_json::{Value, json};

use crate::support::crafted::{Entry, docx, docx_with};
use crate::support::stored::*;
use crate::support::*;

const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";

/// A text document whose main part leads to these, each a type and a target outside or inside.
fn linked(lines: &[(&str, &str, bool)]) -> Vec<u8> {
    let lines: String = lines
        .iter()
        .map(|(kind, target, outside)| {
            let mode = if *outside { " TargetMode='External'" } else { "" };
            format!("<Relationship Id='r' Type='{RELATIONSHIPS}{kind}' Target='{target}'{mode}/>")
        })
        .collect();
    let xml = format!("<Relationships>{lines}</Relationships>");
    docx_with(vec![Entry::stored("word/_rels/document.xml.rels", xml)])
}

fn codes(file: &Value) -> Vec<&str> {
    file["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn notes_are_in_the_answer_and_in_the_list() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let content = linked(&[
        ("image", "http://example.org/a.png", true),
        ("oleObject", "embeddings/oleObject1.bin", false),
        ("control", "activeX/activeX1.xml", false),
        ("hyperlink", "http://example.org/", true),
    ]);
    let answer = stored(&server, &token, "told.docx", content).await;
    let expected = json!([
        {"code": "activex", "msg": "It holds ActiveX controls."},
        {"code": "embedded_object", "msg": "It holds embedded files or objects."},
        {"code": "linked_picture", "msg": "It loads pictures from elsewhere."},
    ]);
    assert_eq!(answer["notes"], expected);
    assert_eq!(list(&server, &client, "").await["files"][0]["notes"], expected);
    // Each version has its own.
    assert_eq!(stored(&server, &token, "told.docx", docx(1, 100)).await["notes"], json!([]));
    let versions = json_of(server.get("/files/told.docx").bearer_auth(&client).send().await.unwrap()).await;
    assert_eq!(codes(&versions["versions"][0]), [] as [&str; 0]);
    assert_eq!(codes(&versions["versions"][1]), ["activex", "embedded_object", "linked_picture"]);
}

#[tokio::test]
async fn what_is_loaded_from_outside_is_refused_with_its_name() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = linked(&[("attachedTemplate", "https://example.org/t.dotm", true)]);
    let request = server.request(reqwest::Method::PUT, "/upload/t.docx").bearer_auth(&token).body(content);
    let msg = "The document is unsafe: it loads a template from outside (\"https://example.org/t.dotm\").";
    expect_problem(request, 415, "unsafe_document", Some(msg)).await;
    assert_nothing_stays(&server).await;
}

/// More than there are turns for at once: each waits for its own, and all are let in.
#[tokio::test]
async fn many_large_documents_at_once_take_turns() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let uploads = (0..12).map(|n| {
        let (server, token) = (&server, &token);
        async move { stored(server, token, &format!("{n}.docx"), docx(n, 3 << 20)).await }
    });
    let answers = futures_util::future::join_all(uploads).await;
    assert!(answers.iter().all(|answer| answer["size"].as_u64().unwrap() > 3 << 20));
}
