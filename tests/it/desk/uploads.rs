//! POST /upload and PUT /upload/{filename}: each row of the contract, over real HTTP.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::raw::{FORM_TYPE, file_part, form};
use crate::support::stored::*;
use crate::support::*;

const GOOD: [&str; 8] = [
    "report-python-docx.docx",
    "ledger-openpyxl.xlsx",
    "deck-python-pptx.pptx",
    "brief-libreoffice.docx",
    "sheet-libreoffice.xlsx",
    "slides-libreoffice.pptx",
    "password-protected.docx",
    "見積書 żółć отчёт.docx",
];

const HOSTILE: [(&str, &str); 10] = [
    ("hostile-empty.docx", "empty_file"),
    ("hostile-html.docx", "not_an_office_document"),
    ("hostile-pe.xlsx", "not_an_office_document"),
    ("hostile-plain-zip.xlsx", "not_an_office_document"),
    ("hostile-no-content-types.docx", "not_an_office_document"),
    ("hostile-sheet-named-deck.pptx", "wrong_office_kind"),
    ("hostile-macro-inside.docx", "macros_not_allowed"),
    ("hostile-truncated.docx", "damaged_document"),
    ("hostile-traversal-entry.docx", "unsafe_document"),
    ("hostile-bomb.docx", "unsafe_document"),
];

const DENIED: &str = "You are not authorized to upload files. Only operation users can upload.";

/// The same upload by either way.
async fn both_ways(server: &TestServer, token: &str, name: &str, content: &[u8]) -> [Response; 2] {
    [server.upload(token, name, content.to_vec()).await, put(server, token, name, content.to_vec()).await]
}

fn post_form(server: &TestServer, token: &str, body: Vec<u8>) -> RequestBuilder {
    server.request(Method::POST, "/upload").bearer_auth(token).header("content-type", FORM_TYPE).body(body)
}

async fn problem_of(response: Response, status: u16, code: &str, msg: Option<&str>) -> Value {
    let found = response.status();
    let body = json_of(response).await;
    assert_problem(found, &body, status, code, msg);
    body
}

#[tokio::test]
async fn every_good_fixture_is_stored_and_described() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    for name in GOOD {
        let content = fixture(name);
        for (index, response) in both_ways(&server, &token, name, &content).await.into_iter().enumerate() {
            assert_eq!(response.status(), StatusCode::CREATED, "{name}");
            let stored = json_of(response).await;
            assert_eq!(stored["msg"], format!("File {name} uploaded successfully"));
            assert_eq!(stored["filename"], name);
            assert_eq!(stored["version"], index as i64 + 1);
            assert_eq!(stored["size"], content.len());
            assert_eq!(stored["blake3"], blake3::hash(&content).to_hex().as_str());
            assert_eq!(stored["sha256"], sha256(&content));
            let at = chrono::DateTime::parse_from_rfc3339(stored["uploaded_at"].as_str().unwrap()).unwrap();
            assert_eq!(at.naive_utc(), server.clock.now());
            assert!(stored["uploaded_at"].as_str().unwrap().ends_with('Z'), "{stored}");
        }
    }
    assert_eq!(server.blobs().len(), 2 * GOOD.len());
}

#[tokio::test]
async fn every_hostile_fixture_is_refused_and_leaves_nothing() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    for (name, code) in HOSTILE {
        for response in both_ways(&server, &token, name, &fixture(name)).await {
            let problem = problem_of(response, 415, code, None).await;
            let msg = problem["msg"].as_str().unwrap();
            assert!(msg.len() > 15 && msg.ends_with('.'), "{name} is told what is wrong: {msg}");
            assert!(!msg.contains("blobs") && !msg.contains(".part"), "{msg}");
        }
    }
    assert_nothing_stays(&server).await;
}

#[tokio::test]
async fn names_that_are_no_office_names_are_refused() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let msg = Some("Invalid file type. Only .pptx, .docx, and .xlsx are allowed.");
    for name in ["a.exe", "a.docx.exe", "docx", "a.docm", "a.doc", "a.docx.", "a.pdf", "a"] {
        for response in both_ways(&server, &token, name, &content).await {
            problem_of(response, 415, "invalid_file_type", msg).await;
        }
    }
    assert_nothing_stays(&server).await;
    for name in ["a.DOCX", "b.DocX", ".docx"] {
        for response in both_ways(&server, &token, name, &content).await {
            assert_eq!(response.status(), StatusCode::CREATED, "{name}");
        }
    }
}

#[tokio::test]
async fn forms_without_a_file_are_told_so() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let other = "Content-Disposition: form-data; name=\"document\"; filename=\"a.docx\"";
    let unnamed = "Content-Disposition: form-data; name=\"file\"";
    for body in [
        form(&[]),
        form(&[(other, &content)]),
        form(&[(unnamed, &content)]),
        form(&[(&file_part(""), b"")]),
        form(&[(&file_part(""), &content)]),
        form(&[(&file_part("folder/"), &content)]),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let response = post_form(&server, &token, body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{shown}");
        problem_of(response, 400, "no_file", Some("No selected file")).await;
    }
    assert_nothing_stays(&server).await;
}

#[tokio::test]
async fn what_is_no_whole_form_is_malformed() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let whole = form(&[(&file_part("a.docx"), &content)]);
    let post = |kind: Option<&str>, body: Vec<u8>| {
        let request = server.request(Method::POST, "/upload").bearer_auth(&token).body(body);
        match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    };
    let cut = |less: usize| whole[..whole.len() - less].to_vec();
    for (what, request) in [
        ("no type", post(None, whole.clone())),
        ("JSON", post(Some("application/json"), b"{}".to_vec())),
        ("urlencoded", post(Some("application/x-www-form-urlencoded"), b"file=a.docx".to_vec())),
        ("another multipart type", post(Some(&FORM_TYPE.replace("form-data", "mixed")), whole.clone())),
        ("a type that begins alike", post(Some(&FORM_TYPE.replace("form-data", "form-data-2")), whole.clone())),
        ("no boundary", post(Some("multipart/form-data"), whole.clone())),
        ("another boundary", post(Some("multipart/form-data; boundary=other"), whole.clone())),
        ("no last delimiter", post(Some(FORM_TYPE), cut(18))),
        ("half of the last delimiter", post(Some(FORM_TYPE), cut(8))),
        ("within the file", post(Some(FORM_TYPE), whole[..whole.len() / 2].to_vec())),
        ("within the headers", post(Some(FORM_TYPE), whole[..60].to_vec())),
        (
            "two files",
            post(Some(FORM_TYPE), form(&[(&file_part("a.docx"), &content), (&file_part("b.docx"), &content)])),
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{what}");
        problem_of(response, 400, "malformed_upload", None).await;
    }
    assert_nothing_stays(&server).await;
}

/// curl -F title=x -F file=@a.docx -F note=y, and the ways in which clients write a name.
#[tokio::test]
async fn forms_as_clients_write_them_are_understood() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let field = "Content-Disposition: form-data; name=\"title\"";
    let file = |rest: &str| format!("Content-Disposition: form-data; name=\"file\"; {rest}");
    for (part, name) in [
        (file("filename=\"with fields.docx\""), "with fields.docx"),
        (file("filename*=UTF-8''%C5%BC%C3%B3%C5%82%C4%87.docx"), "żółć.docx"),
        (file("filename=\"zolc.docx\"; filename*=UTF-8''%C5%BC.docx"), "ż.docx"),
        (file("filename=\"見積書 żółć отчёт.docx\""), "見積書 żółć отчёт.docx"),
        (file("filename=plain.docx"), "plain.docx"),
    ] {
        let body = form(&[(field, b"Quarter 3"), (&part, &content), (field, b"afterwards")]);
        let response = post_form(&server, &token, body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED, "{part}: {}", response.text().await.unwrap());
        let stored = json_of(response).await;
        assert_eq!((&stored["filename"], &stored["size"]), (&Value::from(name), &Value::from(content.len())));
    }
}

/// The heads of parts as clients of all ages write them: Windows paths, mail's encodings, other character sets, folds.
#[tokio::test]
async fn names_are_read_as_they_are_meant() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = fixture("report-python-docx.docx");
    let upload = |before: &[u8], disposition: &[u8], behind: &[u8]| {
        let head = [b"--x", before, b"\r\nContent-Disposition: ", disposition, b"\r\n\r\n"].concat();
        let body = [&head, &content[..], b"\r\n--x--", behind].concat();
        let request = server.request(Method::POST, "/upload").bearer_auth(&token);
        request.header("content-type", "multipart/form-data; boundary=x").body(body).send()
    };
    for (disposition, name) in [
        (&br#"form-data; name="file"; filename="C:\Users\me\report.docx""#[..], "report.docx"),
        (br#"form-data; name="file"; filename="..\..\a.docx""#, "a.docx"),
        (br#"form-data; name="file"; filename="\\server\share\report.docx""#, "report.docx"),
        (br#"form-data; name="file"; filename="say \"hi\".docx""#, "say \"hi\".docx"),
        (br#"form-data; name="file"; filename="say %22hi%22%0D%0A.docx""#, "say \"hi\".docx"),
        (br#"form-data; name="file"; filename="=?utf-8?B?w5xiZXJzaWNodC5kb2N4?=""#, "Übersicht.docx"),
        (b"form-data; name=\"file\"; filename=\"\xdcbersicht.docx\"", "Übersicht.docx"),
        (b"form-data; name=\"file\"; filename*=iso-8859-1''%DCbersicht.docx", "Übersicht.docx"),
        (b"form-data; name=\"file\"; filename=\"safe.docx\"; filename*=UTF-8'bad%2", "safe.docx"),
        (b"form-data; name=\"file\";\r\n filename=\"folded.docx\"", "folded.docx"),
        (b"form-data;\r\n\tname=file;\r\n\tfilename=tabs.docx", "tabs.docx"),
    ] {
        let shown = String::from_utf8_lossy(disposition);
        for (before, behind) in [(&b""[..], &b"\r\n"[..]), (b" \t ", b"  \r\n"), (b"", b"")] {
            let response = upload(before, disposition, behind).await.unwrap();
            let (status, body) = (response.status(), json_of(response).await);
            assert_eq!((status.as_u16(), body["filename"].as_str()), (201, Some(name)), "{shown}: {body}");
            assert_eq!(body["size"], content.len(), "{shown}");
        }
    }
    let unread = upload(b"", b"form-data; name=\"file\"; filename=\"\x8c\xa9\x90\xcf.docx\"", b"").await.unwrap();
    let problem = problem_of(unread, 400, "malformed_upload", None).await;
    let msg = problem["msg"].as_str().unwrap();
    assert!(msg.starts_with("The file's name cannot be read: ") && msg.contains(".docx"), "{msg}");
}

#[tokio::test]
async fn only_operation_users_with_a_good_token_upload() {
    let server = TestServer::start();
    let (operation, client) = (server.operation("olga").await, server.client("carl").await);
    let content = fixture("report-python-docx.docx");
    for response in both_ways(&server, &client, "a.docx", &content).await {
        problem_of(response, 403, "operation_only", Some(DENIED)).await;
    }
    let ended = server.request(Method::POST, "/logout").bearer_auth(&operation).send().await.unwrap();
    assert!(ended.status().is_success());
    for response in both_ways(&server, &operation, "a.docx", &content).await {
        assert!(response.headers().contains_key("www-authenticate"));
        problem_of(response, 401, "invalid_token", Some("Invalid or expired token")).await;
    }
    for (method, path) in [(Method::POST, "/upload"), (Method::PUT, "/upload/a.docx")] {
        let request = || server.request(method.clone(), path).header("content-type", FORM_TYPE).body("x");
        expect_problem(request(), 401, "missing_authorization", Some("Missing Authorization Header")).await;
        let basic = request().header("authorization", "Basic b2xnYTpvbGdh");
        expect_problem(basic, 401, "not_bearer", Some("token must be a Bearer token")).await;
    }
    assert_nothing_stays(&server).await;
}

#[tokio::test]
async fn files_over_the_limit_are_refused_and_one_byte_less_is_not() {
    let content = docx(1, 100_000);
    let limit = format!("{}", content.len());
    let server = TestServer::with(&["--max-file-size", &limit]);
    let token = server.operation("olga").await;
    let mut larger = docx(2, 100_001);
    assert_eq!(larger.len(), content.len() + 1);
    for response in both_ways(&server, &token, "a.docx", &larger).await {
        let problem = problem_of(response, 413, "file_too_large", None).await;
        assert!(problem["msg"].as_str().unwrap().contains("limit"), "{problem}");
    }
    larger.resize(2 << 20, 0);
    for response in both_ways(&server, &token, "a.docx", &larger).await {
        problem_of(response, 413, "file_too_large", None).await;
    }
    assert_nothing_stays(&server).await;
    for response in both_ways(&server, &token, "a.docx", &content).await {
        assert_eq!(response.status(), StatusCode::CREATED);
    }
}
