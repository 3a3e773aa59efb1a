//! The API's document and the router say the same, and the document is whole.

use std::collections::{BTreeMap, BTreeSet};

use handover::server::endpoints;
use handover::server::http::openapi::codes;
use handover::server::http::route::Request;
use serde_json::{Map, Value, json};

use crate::support::*;

async fn document(server: &TestServer) -> Value {
    let response = server.get("/openapi.json").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    json_of(response).await
}

/// All operations of the document: path, method, what is said.
fn operations(document: &Value) -> Vec<(&str, &str, &Map<String, Value>)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((path.as_str(), method.as_str(), operation.as_object().unwrap()));
        }
    }
    operations
}

#[tokio::test]
async fn the_document_has_every_route_and_no_other() {
    let document = document(&TestServer::start()).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let documented: BTreeSet<_> =
        operations(&document).iter().map(|(path, method, _)| (path.to_string(), method.to_uppercase())).collect();
    let mut routed = BTreeSet::new();
    for endpoint in endpoints() {
        routed.insert((endpoint.path.to_owned(), endpoint.method.to_string()));
        if endpoint.answers_head() {
            routed.insert((endpoint.path.to_owned(), "HEAD".to_owned()));
        }
    }
    assert_eq!(documented, routed);
}

#[tokio::test]
async fn operations_are_whole() {
    let document = document(&TestServer::start()).await;
    let mut ids = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap();
        if let Some(other) = ids.insert(id.to_owned(), what.clone()) {
            panic!("{what} and {other} are both called {id}");
        }
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        // Each place in the path is described, as required, and nothing is described that is not there.
        let places: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let none = json!([]);
        let params = operation.get("parameters").unwrap_or(&none).as_array().unwrap();
        let described: BTreeSet<_> = params
            .iter()
            .filter(|param| param["in"] == "path")
            .inspect(|param| assert_eq!(param["required"], true, "{what}"))
            .map(|param| param["name"].as_str().unwrap())
            .collect();
        assert_eq!(places, described, "{what}");
        let names: BTreeSet<_> =
            params.iter().map(|param| (param["in"].to_string(), param["name"].to_string())).collect();
        assert_eq!(names.len(), params.len(), "{what}: a parameter twice");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['1', '2', '3'])), "{what}: no good answer");
        for (status, response) in responses {
            assert!(status.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)), "{what}: {status}");
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{what} {status}");
            if status.as_str() >= "400" && method != "head" {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{what} {status}");
            }
        }
        assert_eq!(method == "head", responses.values().all(|response| response.get("content").is_none()), "{what}");
    }
}

#[tokio::test]
async fn references_lead_somewhere() {
    let document = document(&TestServer::start()).await;
    let (mut found, mut waiting) = (0, vec![&document]);
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap_or_else(|| panic!("{to} leads out of the document"));
                    assert!(document.pointer(pointer).is_some(), "{to} leads nowhere");
                    found += 1;
                }
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    assert!(found > 20, "{found}");
}

#[tokio::test]
async fn codes_are_those_of_the_catalogue() {
    let document = document(&TestServer::start()).await;
    let mut known = BTreeMap::new();
    for error in &handover::server::api().refusals {
        assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", error.code());
        assert!(!error.to_string().is_empty());
        let status = error.status().as_u16();
        assert_eq!(*known.entry(error.code()).or_insert(status), status, "{}", error.code());
    }
    let listed: BTreeSet<_> = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!(listed, known.keys().copied().collect());
    // These need no route.
    let mut used: BTreeSet<_> = ["head_too_large", "method_not_allowed", "not_found"].into();
    for endpoint in endpoints() {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let good: BTreeSet<_> = endpoint.doc.answers.iter().map(|answer| answer.status).collect();
        let told: BTreeSet<_> = endpoint.doc.answers.iter().map(|answer| (answer.status, answer.what)).collect();
        assert_eq!(told.len(), endpoint.doc.answers.len(), "{what}: an answer twice");
        for code in codes(endpoint) {
            let status = known.get(code).unwrap_or_else(|| panic!("{what}: no error has the code {code}"));
            assert!(!good.contains(status), "{what}: {status} is an error and a good answer");
            used.insert(code);
        }
        if matches!(endpoint.doc.request, Request::Json(_)) {
            assert!(codes(endpoint).contains(&"bad_request"), "{what}");
        }
    }
    let unused: Vec<_> = known.keys().filter(|code| !used.contains(*code)).collect();
    assert!(unused.is_empty(), "no route is said to answer {unused:?}");
}

#[tokio::test]
async fn protected_routes_say_that_they_are() {
    let document = document(&TestServer::start()).await;
    for (path, method, operation) in operations(&document) {
        let protected = operation["responses"]
            .get("401")
            .and_then(|response| response["description"].as_str())
            .is_some_and(|words| words.contains("invalid_token"));
        assert_eq!(operation.contains_key("security"), protected, "{method} {path}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn the_page_needs_no_script_and_no_network() {
    let server = TestServer::start();
    let response = server.get("/docs").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let html = response.text().await.unwrap();
    let lower = html.to_lowercase();
    for foreign in
        ["<script", "javascript:", "http://", "https://", "src=\"//", "href=\"//", "@import", " style=\"", " on"]
    {
        // " on" is also a word: only as an attribute is it a handler.
        let found = match foreign {
            " on" => lower.split(" on").skip(1).any(|rest| {
                rest.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(char::is_alphabetic))
            }),
            text => lower.contains(text),
        };
        assert!(!found, "the page has {foreign}");
    }
    for endpoint in endpoints() {
        assert!(html.contains(endpoint.path), "{}", endpoint.path);
    }
    for code in ["used_link", "macros_not_allowed", "operation_signup_closed"] {
        assert!(html.contains(code), "{code}");
    }
    // What it refers to is there.
    for reference in html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let base = reqwest::Url::parse(&format!("{}/docs", server.url)).unwrap();
        let url = base.join(reference).unwrap();
        assert_eq!(server.get(url.path()).send().await.unwrap().status(), 200, "{reference}");
    }
}
