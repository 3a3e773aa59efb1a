//! The API's document as a page that needs no script and no network.

use std::fmt::Write as _;

use crate::server::features::page::{Frame, escape, fill};
use crate::server::http::gate::Access;
use crate::server::http::json::LIMIT;
use crate::server::http::openapi::{Api, codes};
use crate::server::http::route::Request;

pub fn page(api: &Api) -> String {
    let Api { endpoints, refusals: catalogue } = api;
    let mut html = String::new();
    let mut tag = "";
    for endpoint in endpoints {
        let doc = &endpoint.doc;
        if doc.tag != tag {
            tag = doc.tag;
            let _ = write!(html, "<h2>{}</h2>", escape(tag));
        }
        let who = match endpoint.access {
            Access::Public => "anybody",
            Access::Token => "whoever has the token",
            Access::Guests => "signed-in users, and others where guests are allowed",
            Access::SignedIn => "signed-in users",
            Access::Operation(_) => "operation users",
            Access::Client => "client users",
        };
        let method = &endpoint.method;
        let _ = write!(
            html,
            "<details><summary><b class=\"method\">{method}</b> <code>{}</code> <span>{}</span></summary><p class=\"quiet\">For {who}.</p>",
            escape(endpoint.path),
            escape(doc.summary)
        );
        let body = match doc.request {
            Request::None => "",
            Request::Json(_) => "JSON",
            Request::Form(_) => "multipart/form-data",
            Request::Raw => "the file itself",
            Request::Socket => "none; the answer opens a WebSocket",
        };
        if !body.is_empty() {
            let _ = write!(html, "<p>Body: {body}</p>");
        }
        if let Request::Form(parts) = doc.request {
            html.push_str("<table><tr><th>Part</th><th>What</th></tr>");
            for part in parts {
                let _ = write!(html, "<tr><td><code>{}</code></td><td>{}</td></tr>", part.name, escape(part.what));
            }
            html.push_str("</table>");
        }
        if !doc.params.is_empty() {
            html.push_str("<table><tr><th>Parameter</th><th>In</th><th>What</th></tr>");
            for param in doc.params {
                let _ = write!(
                    html,
                    "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                    param.name,
                    param.place,
                    escape(param.what)
                );
            }
            html.push_str("</table>");
        }
        html.push_str("<table><tr><th>Status</th><th>Code</th><th>Meaning</th></tr>");
        for answer in doc.answers {
            let _ = write!(html, "<tr><td>{}</td><td></td><td>{}</td></tr>", answer.status, escape(answer.what));
        }
        let codes = codes(endpoint);
        let mut seen = Vec::new();
        for error in catalogue.iter().filter(|error| codes.contains(&error.code())) {
            let (status, code) = (error.status(), error.code());
            if !seen.contains(&code) {
                seen.push(code);
                let _ = write!(
                    html,
                    "<tr><td>{}</td><td><code>{code}</code></td><td>{}</td></tr>",
                    status.as_u16(),
                    escape(&error.to_string())
                );
            }
        }
        html.push_str("</table></details>");
    }
    let main = fill(
        include_str!("docs.html"),
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("json_limit", &format!("{} KiB", LIMIT / 1024)),
            ("endpoints", &html),
        ],
    );
    Frame { root: "./", title: "API", module: None, main: &main }.html()
}
