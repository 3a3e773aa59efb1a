//! The service worker that makes downloads of what a page receives.
//!
//! Its address is what limits it: a worker is asked only for what lies beside it (Service Workers, section 2.2), and
//! nothing of the site does.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};

use crate::server::http::gate::Access;
use crate::server::http::headers::WORKER;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Request};

pub fn endpoint() -> Endpoint {
    const SCRIPT: &[Answer] =
        &[Answer { status: 200, what: "The script", content: Content::Media(&["text/javascript"]) }];
    Endpoint {
        method: Method::GET,
        path: "/direct/save/worker.js",
        access: Access::Public,
        handler: || web::to(get),
        doc: Doc {
            tag: super::TAG,
            summary: "The service worker that makes downloads of what a page receives",
            params: &[],
            request: Request::None,
            answers: SCRIPT,
            errors: &[],
        },
    }
}

/// Asked for again each time: a browser keeps a worker until its script has changed.
async fn get() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WORKER)))
        .body(include_str!("assets/direct/worker/save.js"))
}
