//! The service itself: is it alive, is it ready, what does it count, what does its API look like.

mod docs;

use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::server::app::App;
use crate::server::config::MetricsAccess;
use crate::server::db::schema::users;
use crate::server::error::{Error, Result};
use crate::server::features::page::answer;
use crate::server::http::gate::Access;
use crate::server::http::openapi;
use crate::server::http::openapi::Api;
use crate::server::http::peer::client_address;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Request};
use crate::server::logging;

const TAG: &str = "Service";

pub fn endpoints() -> Vec<Endpoint> {
    const STATUS: &[Answer] = &[Answer { status: 200, what: "Yes", content: Content::Json(schema_of::<Status>) }];
    const TEXT: &[Answer] = &[Answer {
        status: 200,
        what: "Metrics for Prometheus",
        content: Content::Media(&["application/openmetrics-text"]),
    }];
    const JSON: &[Answer] =
        &[Answer { status: 200, what: "The document", content: Content::Media(&["application/json"]) }];
    const HTML: &[Answer] = &[Answer { status: 200, what: "The page", content: Content::Media(&["text/html"]) }];
    let endpoint = |path, summary, answers, handler| Endpoint {
        method: Method::GET,
        path,
        access: Access::Public,
        handler,
        doc: Doc {
            tag: TAG,
            summary,
            params: &[],
            request: Request::None,
            answers,
            errors: if path == "/metrics" { &["metrics_closed"] } else { &[] },
        },
    };
    vec![
        endpoint("/healthz", "Is the server alive?", STATUS, || web::to(healthz)),
        endpoint("/readyz", "Do the database and the storage answer?", STATUS, || web::to(readyz)),
        endpoint("/metrics", "What the server counts", TEXT, || web::to(metrics)),
        endpoint("/openapi.json", "This API as an OpenAPI document", JSON, || web::to(document)),
        endpoint("/docs", "This API as a page", HTML, || web::to(api_page)),
    ]
}

#[derive(Serialize, ToSchema)]
pub struct Status {
    status: &'static str,
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Status { status: "alive" })
}

/// What a health check waits for an answer: less than `handover doctor --live` and container engines do, and less than
/// the database waits for a lock.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// Answers in time, whatever hangs.
async fn readyz(app: web::Data<App>) -> Result<HttpResponse> {
    let checked = actix_rt::time::timeout(READY_WITHIN, async {
        let permit = app.checks.clone().acquire_owned().await.map_err(Error::internal)?;
        let app = app.clone();
        // A task of its own goes on when nobody waits any more, and until it ends no other one begins.
        let checking = actix_rt::spawn(async move {
            let _permit = permit;
            check(&app).await
        });
        checking.await.map_err(Error::internal)?
    });
    match checked.await {
        Ok(checked) => checked?,
        Err(_) => return Err(Error::Unavailable("the database or the storage takes too long to answer".into())),
    }
    Ok(HttpResponse::Ok().json(Status { status: "ready" }))
}

/// Ready means: a query works, a write commits, and the blob store gives back what it was given.
async fn check(app: &App) -> Result<()> {
    app.db
        .read(|conn| Ok(users::table.select(users::id).first::<String>(conn).optional()?))
        .await
        .map_err(unavailable)?;
    app.db.write(|_| Ok(())).await.map_err(unavailable)?;
    let blobs = app.blobs.clone();
    let checked = web::block(move || blobs.check()).await.map_err(Error::internal)?;
    checked.map_err(|error| Error::Unavailable(Box::new(error)))
}

/// Whatever keeps the database from answering, the answer is 503.
fn unavailable(error: Error) -> Error {
    match error {
        Error::Internal(cause) => Error::Unavailable(cause),
        error => error,
    }
}

async fn metrics(req: HttpRequest, app: web::Data<App>) -> Result<HttpResponse> {
    if app.config.metrics != MetricsAccess::Open && !is_from_this_machine(&req) && !has_token(&req, &app) {
        return Err(METRICS_CLOSED);
    }
    let (open, idle) = app.db.readers().state();
    app.metrics.database(open, idle, app.db.writer().waiting());
    app.metrics.log_lines_dropped(logging::dropped());
    let text = app.metrics.render().map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text))
}

/// Whether somebody on this machine asks, and no proxy on it for somebody else.
fn is_from_this_machine(req: &HttpRequest) -> bool {
    const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "via"];
    let is_forwarded = FORWARDED.iter().any(|name| req.headers().contains_key(*name));
    !is_forwarded && client_address(req).is_ok_and(|address| address.is_loopback())
}

fn has_token(req: &HttpRequest, app: &App) -> bool {
    let Some(token) = &app.config.metrics_token else { return false };
    let given = req.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    given.is_some_and(|(scheme, given)| {
        scheme.eq_ignore_ascii_case("bearer") && bool::from(given.trim().as_bytes().ct_eq(token.as_str().as_bytes()))
    })
}

/// For whoever asks from elsewhere without the token.
const METRICS_CLOSED: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "metrics_closed",
    "Metrics are for this machine, or for whoever has the token of the setting metrics-token.",
    ("www-authenticate", "Bearer"),
);

/// One of each, for the API's document.
pub fn refusals() -> Vec<Error> {
    vec![METRICS_CLOSED]
}

async fn document(api: web::Data<&'static Api>) -> HttpResponse {
    HttpResponse::Ok().json(openapi::document(&api))
}

async fn api_page(api: web::Data<&'static Api>) -> HttpResponse {
    answer(HttpResponse::Ok()).body(docs::page(&api))
}
