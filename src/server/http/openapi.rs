//! The API's document (OpenAPI 3.1), made from the route table.

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::route::{Answer, Content, Endpoint, Part, PartKind, Request};
use crate::server::error::{Error, PROBLEM_JSON};
use crate::server::http::gate::Access;

/// What there is to describe: every route, and one of each refusal that they answer with.
pub struct Api {
    pub endpoints: Vec<Endpoint>,
    pub refusals: Vec<Error>,
}

/// The document.
pub fn document(api: &Api) -> Value {
    let Api { endpoints, refusals: catalogue } = api;
    let mut schemas = BTreeMap::new();
    schemas.insert("Problem".to_owned(), problem_schema(catalogue));
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in endpoints {
        let mut operation = operation(endpoint, catalogue, &mut schemas);
        if endpoint.method == Method::HEAD {
            drop_contents(&mut operation);
        }
        let path = paths.entry(endpoint.path).or_default();
        if endpoint.answers_head() {
            let mut head = operation.clone();
            head["operationId"] = json!(operation_id(&Method::HEAD, endpoint.path));
            head["summary"] = json!(format!("The head of: {}", endpoint.doc.summary));
            drop_contents(&mut head);
            path.insert("head".into(), head);
        }
        path.insert(endpoint.method.as_str().to_lowercase(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Handover",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Hands files from one person to another. Every error is a problem document (RFC 9457) with a `code` for programs.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    })
}

/// Answers to HEAD have no body.
fn drop_contents(operation: &mut Value) {
    for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        response.as_object_mut().map(|response| response.remove("content"));
    }
}

fn operation(endpoint: &Endpoint, catalogue: &[Error], schemas: &mut BTreeMap<String, Value>) -> Value {
    let doc = &endpoint.doc;
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in doc.answers {
        let response = response(answer, schemas);
        match responses.get_mut(&answer.status.to_string()) {
            // The same status in another form
            Some(first) => {
                let forms = response["content"].as_object().cloned().unwrap_or_default();
                first["content"].as_object_mut().into_iter().for_each(|content| content.extend(forms.clone()));
            }
            None => drop(responses.insert(answer.status.to_string(), response)),
        }
    }
    let codes = codes(endpoint);
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    for error in catalogue.iter().filter(|error| codes.contains(&error.code())) {
        by_status.entry(error.status().as_u16()).or_default().push(error);
    }
    for (status, errors) in by_status {
        let mut words: Vec<_> = errors.iter().map(|error| format!("`{}`", error.code())).collect();
        words.dedup();
        let problem = json!({"description": words.join(", "), "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}});
        responses.insert(status.to_string(), problem);
    }
    let mut operation = json!({
        "operationId": operation_id(&endpoint.method, endpoint.path),
        "tags": [doc.tag],
        "summary": doc.summary,
        "responses": responses,
    });
    let params: Vec<_> = doc
        .params
        .iter()
        .map(|param| {
            json!({
                "name": param.name, "in": param.place, "description": param.what,
                "required": param.place == "path", "schema": {"type": param.kind},
            })
        })
        .collect();
    if !params.is_empty() {
        operation["parameters"] = json!(params);
    }
    let body = match doc.request {
        Request::None | Request::Socket => Value::Null,
        Request::Json(schema) => json!({"application/json": {"schema": schema(schemas)}}),
        Request::Form(parts) => json!({"multipart/form-data": {"schema": form_schema(parts)}}),
        Request::Raw => json!({"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}),
    };
    if !body.is_null() {
        // A form none of whose parts is needed may be left out.
        let optional = matches!(doc.request, Request::Form(parts) if parts.iter().all(|part| !part.required));
        operation["requestBody"] = json!({"required": !optional, "content": body});
    }
    match endpoint.access {
        Access::Public | Access::Token => {}
        Access::Guests => operation["security"] = json!([{"bearer": []}, {}]),
        _ => operation["security"] = json!([{"bearer": []}]),
    }
    operation
}

fn form_schema(parts: &[Part]) -> Value {
    let mut properties = Map::new();
    for part in parts {
        let file = json!({"type": "string", "format": "binary"});
        let mut schema = match part.kind {
            PartKind::File => file,
            PartKind::Files => json!({"type": "array", "items": file}),
            PartKind::Text => json!({"type": "string"}),
            PartKind::Number => json!({"type": "integer", "minimum": 1}),
        };
        schema["description"] = json!(part.what);
        properties.insert(part.name.to_owned(), schema);
    }
    let required: Vec<_> = parts.iter().filter(|part| part.required).map(|part| part.name).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn response(answer: &Answer, schemas: &mut BTreeMap<String, Value>) -> Value {
    match answer.content {
        Content::None => json!({"description": answer.what}),
        Content::Json(schema) => {
            json!({"description": answer.what, "content": {"application/json": {"schema": schema(schemas)}}})
        }
        Content::Media(types) => {
            let of = |media: &&str| if *media == "application/json" { "object" } else { "string" };
            let content: Map<_, _> =
                types.iter().map(|media| ((*media).to_owned(), json!({"schema": {"type": of(media)}}))).collect();
            json!({"description": answer.what, "content": content})
        }
    }
}

/// All codes that an endpoint may answer: its own, and those that follow from its access and its body.
pub fn codes(endpoint: &Endpoint) -> Vec<&'static str> {
    let mut codes = endpoint.doc.errors.to_vec();
    codes.extend(["internal_error", "unavailable", "misdirected_request", "bad_request"]);
    if !endpoint.method.is_safe() {
        codes.push("foreign_origin");
    }
    codes.extend(match endpoint.access {
        Access::Public | Access::Token => &[][..],
        Access::Guests => &["sign_in_required", "self_made_account", "not_bearer", "invalid_token"],
        Access::SignedIn => &["missing_authorization", "not_bearer", "invalid_token"],
        Access::Operation(_) => &["missing_authorization", "not_bearer", "invalid_token", "operation_only"],
        Access::Client => &["missing_authorization", "not_bearer", "invalid_token", "client_only"],
    });
    if matches!(endpoint.doc.request, Request::Json(_)) {
        codes.extend(["bad_request", "body_too_large", "request_timeout"]);
    }
    if matches!(endpoint.doc.request, Request::Socket) {
        codes.extend(["upgrade_required", "foreign_origin", "bad_request"]);
    }
    if endpoint.method != Method::GET && endpoint.method != Method::HEAD {
        codes.push("busy");
    }
    if endpoint.doc.params.iter().any(|param| param.place == "query") {
        codes.push("bad_request");
    }
    codes
}

fn operation_id(method: &Method, path: &str) -> String {
    let words: Vec<_> = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    // `/files` and `/files/` are two paths, and an id names one operation.
    let slash = if path.ends_with('/') { "_slash" } else { "" };
    format!("{}_{}{slash}", method.as_str().to_lowercase(), words.join("_"))
}

fn problem_schema(catalogue: &[Error]) -> Value {
    let mut codes: Vec<_> = catalogue.iter().map(|error| error.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457)",
        "required": ["type", "title", "status", "detail", "msg", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "msg": {"type": "string", "description": "What to tell a person; equal to detail"},
            "code": {"type": "string", "description": "What a program decides by", "enum": codes},
        },
    })
}
