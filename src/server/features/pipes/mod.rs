//! Pipes: plain HTTP for scripts. The body of one request is the body of the answer to another, while both are there; what
//! passes is not encrypted from end to end, and nothing of it is kept.
//!
//! ```text
//!   PUT /pipe/NAME ─► send: waits ──┐                 ┌── receive: waits ◄─ GET /pipe/NAME
//!                                   ├─ Pipes (names) ─┤
//!                       feed ───────┴── flow ─────────┴──────► PipeBody
//!                     (body in)    pieces, or the socket     (answer out)
//! ```

mod body;
mod feed;
mod flow;
mod handlers;
mod offer;
pub mod refusals;
mod registry;

pub use registry::Pipes;

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web;

use crate::server::app::App;
use crate::server::http::gate::Access;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Request};

const TAG: &str = "Pipes";
const PATH: &str = "/pipe/{name}";
const NAME: Param = Param {
    name: "name",
    place: "path",
    what: "What both sides agree on: 1 to 128 ASCII letters, digits and -._~; whoever guesses it may take the other's place",
    kind: "string",
};

const SEND: Doc = Doc {
    tag: TAG,
    summary: "Send the request's body to whoever receives under this name, now or within the life of a code",
    params: &[
        NAME,
        Param {
            name: "filename",
            place: "query",
            what: "What the receiver's file is called; else what Content-Disposition says",
            kind: "string",
        },
    ],
    request: Request::Raw,
    answers: &[Answer {
        status: 200,
        what: "The last byte has left for the receiver",
        content: Content::Json(schema_of::<handlers::Passed>),
    }],
    errors: &[
        "pipe_in_use",
        "nobody_came",
        "peer_lost",
        "stopping",
        "request_timeout",
        "quota_exceeded",
        "too_many_requests",
        "foreign_origin",
    ],
};

const RECEIVE: Doc = Doc {
    tag: TAG,
    summary: "Receive what somebody sends under this name, now or within the life of a code; not encrypted from end to end",
    params: &[NAME],
    request: Request::None,
    answers: &[Answer {
        status: 200,
        what: "What is sent, as it comes, as an attachment with the sender's type, length and file name where there are any",
        content: Content::Media(&["application/octet-stream"]),
    }],
    errors: &[
        "pipe_in_use",
        "pipe_not_found",
        "nobody_came",
        "peer_lost",
        "stopping",
        "busy",
        "too_many_requests",
        "bad_request",
        "foreign_origin",
    ],
};

pub fn endpoints() -> Vec<Endpoint> {
    const NEW: Doc = Doc {
        tag: TAG,
        summary: "Get a name for a pipe that nobody guesses",
        params: &[],
        request: Request::None,
        answers: &[Answer {
            status: 201,
            what: "The name, and the address for both sides",
            content: Content::Json(schema_of::<handlers::NewPipe>),
        }],
        errors: &["foreign_origin", "bad_request"],
    };
    let sending = |method| Endpoint {
        method,
        path: PATH,
        access: Access::Guests,
        handler: || web::to(handlers::send),
        doc: SEND,
    };
    vec![
        Endpoint {
            method: Method::POST,
            path: "/pipe",
            access: Access::Guests,
            handler: || web::to(handlers::name),
            doc: NEW,
        },
        sending(Method::PUT),
        sending(Method::POST),
        // Whoever has the name may fetch, with or without an account.
        Endpoint {
            method: Method::GET,
            path: PATH,
            access: Access::Public,
            handler: || web::to(handlers::receive),
            doc: RECEIVE,
        },
    ]
}

/// Ends what time ends, until the runtime ends.
pub async fn watch(app: web::Data<App>, pipes: Pipes) {
    const TICK: Duration = Duration::from_millis(500);
    loop {
        let count = pipes.sweep(app.clock.now());
        app.metrics.pipes(count.waiting, count.running);
        actix_rt::time::sleep(TICK).await;
    }
}
