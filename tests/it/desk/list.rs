//! GET /files: what is listed, found and paged through.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::stored::*;
use crate::support::*;

fn names(page: &Value) -> Vec<String> {
    let files = page["files"].as_array().unwrap();
    files.iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_row_tells_what_the_file_is() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    assert_eq!(list(&server, &client, "").await, serde_json::json!({"files": [], "next": null}));
    let main = "application/vnd.openxmlformats-officedocument.";
    for (name, kind) in [
        ("report-python-docx.docx", "wordprocessingml.document"),
        ("ledger-openpyxl.xlsx", "spreadsheetml.sheet"),
        ("deck-python-pptx.pptx", "presentationml.presentation"),
    ] {
        let content = fixture(name);
        let answer = stored(&server, &token, name, content.clone()).await;
        for path in ["", "/"] {
            let page = list(&server, &client, path).await;
            let expected = serde_json::json!({
                "filename": name, "version": 1, "size": content.len(),
                "blake3": blake3::hash(&content).to_hex().as_str(), "sha256": sha256(&content),
                "content_type": format!("{main}{kind}"), "uploaded_by": "olga", "uploaded_at": answer["uploaded_at"], "notes": [],
            });
            assert_eq!(page["files"][0], expected);
            assert_eq!(page["next"], Value::Null);
        }
    }
    expect_problem(server.get("/files"), 401, "missing_authorization", Some("Missing Authorization Header")).await;
}

#[tokio::test]
async fn a_search_finds_what_is_written_and_no_patterns() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    for name in ["100%.docx", "100 percent.docx", "a_b.docx", "axb.docx", "back\\slash.docx", "Żółć ОТЧЁТ 見積書.docx"]
    {
        stored(&server, &token, name, docx(1, 3000)).await;
    }
    for (search, found) in [
        ("%", vec!["100%.docx"]),
        ("100%", vec!["100%.docx"]),
        ("_", vec!["a_b.docx"]),
        ("A_B.DOCX", vec!["a_b.docx"]),
        ("żÓŁć", vec!["Żółć ОТЧЁТ 見積書.docx"]),
        ("отчёт", vec!["Żółć ОТЧЁТ 見積書.docx"]),
        ("z\u{307}o\u{301}ł", vec!["Żółć ОТЧЁТ 見積書.docx"]), // decomposed, as macOS has it
        ("積", vec!["Żółć ОТЧЁТ 見積書.docx"]),
        ("%%", vec![]),
        ("\\", vec![]), // a path's last component alone is a name
        ("100*", vec![]),
        ("' OR 1=1", vec![]),
        ("percent", vec!["100 percent.docx"]),
    ] {
        let page = list(&server, &token, &format!("?q={}", segment(search))).await;
        assert_eq!(names(&page), found, "{search}");
    }
    assert_eq!(names(&list(&server, &token, "?q=").await).len(), 6);
    assert_eq!(names(&list(&server, &token, "?q=.docx&limit=3").await).len(), 3);
}

#[tokio::test]
async fn pages_lose_nothing_and_show_nothing_twice() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let uploads =
        (0..120).map(|n| stored(&server, &token, Box::leak(format!("file {n:03}.docx").into()), docx(n, 2000)));
    futures_util::future::join_all(uploads).await;
    let all = names(&list(&server, &token, "?limit=200").await);
    assert_eq!(all.len(), 120);
    assert_eq!(names(&list(&server, &token, "").await), all[..50], "50 if left out");
    for limit in [1, 7, 60, 119, 120] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&server, &token, &format!("?limit={limit}&cursor={cursor}")).await;
            let rows = names(&page);
            assert!(!rows.is_empty() && rows.len() <= limit, "no page is empty");
            seen.extend(rows);
            // What comes and changes meanwhile pushes nothing out and shows nothing twice.
            if limit == 7 && seen.len() == 14 {
                stored(&server, &token, "file of now.docx", docx(1, 2000)).await;
            }
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let unique: BTreeSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len());
        if limit == 7 {
            assert_eq!(seen, all);
            assert_eq!(delete(&server, &token, "file of now.docx", "").await.status(), 204);
        } else {
            assert_eq!(seen, all, "newest first, limit {limit}");
        }
    }
    let third = list(&server, &token, "?q=file%201&limit=15").await;
    assert_eq!(names(&third).len(), 15);
    let next = third["next"].as_str().unwrap();
    let rest = list(&server, &token, &format!("?q=file%201&limit=15&cursor={next}")).await;
    assert_eq!((names(&rest).len(), &rest["next"]), (5, &Value::Null));
}

#[tokio::test]
async fn nonsense_for_a_page_is_refused() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    for query in
        ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=99999999999999999999", "cursor=x", "cursor=1%27"]
    {
        for path in ["/files", "/api/links"] {
            let request = server.get(&format!("{path}?{query}")).bearer_auth(&token);
            expect_problem(request, 400, "bad_request", None).await;
        }
    }
}
