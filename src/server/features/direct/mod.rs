//! Direct: from sender to receiver while both are there. The server passes on what it cannot read, and keeps nothing.
//!
//! [`hub`] is who is connected to whom; [`crate::protocol::direct`] is what all sides share, [`crate::client::direct`] the
//! ends in a terminal.

mod handlers;
pub mod hub;
mod ice;
pub mod ice_server;
mod relay;
pub mod settings;

pub use settings::Settings;

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web;

use crate::server::app::App;
use crate::server::auth::is_running;
use crate::server::error::Chain;
use crate::server::http::gate::Access;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Request};
use hub::Hub;

const TAG: &str = "Direct";

const OPENED: &[Answer] = &[Answer {
    status: 101,
    what: "The socket: JSON texts between this side and the server, binary frames between the two sides",
    content: Content::None,
}];

pub fn endpoints() -> Vec<Endpoint> {
    const SEND: Doc = Doc {
        tag: TAG,
        summary: "Send to somebody who is there: the first message is the code's number",
        params: &[Param {
            name: "rejoin",
            place: "query",
            what: "The nameplate of a transfer whose connection broke; the first message is then `rejoin` with the token",
            kind: "integer",
        }],
        request: Request::Socket,
        answers: OPENED,
        errors: &["too_many_requests"],
    };
    const RECEIVE: Doc = Doc {
        tag: TAG,
        summary: "Receive from somebody who is there",
        params: &[
            Param { name: "nameplate", place: "path", what: "The number that the code begins with", kind: "string" },
            Param { name: "rejoin", place: "query", what: "Whether the connection broke, likewise", kind: "boolean" },
        ],
        request: Request::Socket,
        answers: OPENED,
        errors: &["too_many_attempts"],
    };
    let sockets = [
        Endpoint {
            method: Method::GET,
            path: "/api/direct/send",
            access: Access::Guests,
            handler: || web::to(handlers::send),
            doc: SEND,
        },
        // Whoever has the code may fetch, with or without an account.
        Endpoint {
            method: Method::GET,
            path: "/api/direct/receive/{nameplate}",
            access: Access::Public,
            handler: || web::to(handlers::receive),
            doc: RECEIVE,
        },
    ];
    sockets.into()
}

/// Ends what time ends, until the runtime ends.
pub async fn watch(app: web::Data<App>, hub: Hub) {
    const TICK: Duration = Duration::from_millis(500);
    loop {
        let now = app.clock.now();
        for sign_in in hub.sign_ins() {
            match app.db.lookup(|conn| is_running(conn, &sign_in, now)) {
                Ok(true) => {}
                Ok(false) => hub.sign_out(&sign_in),
                Err(error) => tracing::error!(cause = %Chain(&error), "whether a sender is signed in cannot be told"),
            }
        }
        let count = hub.sweep(now);
        app.metrics.direct(count.waiting, count.paired);
        actix_rt::time::sleep(TICK).await;
    }
}
