//! GET /api/batches/{id}/events: what changes in a batch, told as it happens (server-sent events, WHATWG HTML section 9.2).
//!
//! Events: `added` {files}, `removed` {file_id}, `changed` {title, expires_at}, `counted` {files: [{file_id,
//! downloads_left}]}, or without `files` where they were many and the batch is to be read anew, `ended` {}. Whoever has just connected, for
//! the first time or again, reads the batch anew: events are not kept.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::guard::Open;
use super::model;
use super::model::fetches::NewFetch;
use crate::server::app::App;
use crate::server::bus::{RecvError, Subscription};
use crate::server::db::Conn;
use crate::server::error::Result;
use crate::server::http::file_body::NoBody;

/// The last event of a batch.
pub const ENDED: &str = "ended";

/// How often a stream that has nothing to say shows that it is alive, and looks whether its batch is.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Tells whoever looks at a batch what has happened to it.
pub fn publish(app: &App, batch: &str, event: &'static str, data: &impl Serialize) {
    match serde_json::to_string(data) {
        Ok(data) => app.bus.publish(&model::topic(batch), event, data),
        Err(error) => tracing::error!(cause = %error, event, "an event could not be written"),
    }
}

/// Tells what is left of the files of a complete download, where the batch limits downloads.
pub fn counted(app: &App, conn: &mut Conn, fetch: &NewFetch) {
    let left = |conn: &mut Conn, file: &str| -> Result<_> {
        let batch = model::still_open(conn, &fetch.batch, app.clock.now())?;
        let file = model::files::find(conn, &batch.id, file)?;
        Ok(
            json!([{"file_id": file.id, "downloads_left": batch.max_downloads.map(|most| (most - file.complete).max(0))}]),
        )
    };
    let data = match fetch.file.as_deref().map(|file| left(conn, file)) {
        Some(Ok(files)) => json!({"files": files}),
        // Of many, or of what has gone meanwhile.
        _ => json!({}),
    };
    publish(app, &fetch.batch, "counted", &data);
}

pub async fn stream(req: HttpRequest, app: web::Data<App>, open: Open) -> Result<HttpResponse> {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        // nginx would gather events otherwise.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
    if req.method() == Method::HEAD {
        return Ok(response.body(NoBody));
    }
    let subscription = app.bus.subscribe(&open.known.batch.topic())?;
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch { app, batch: open.known.batch.id, subscription, heartbeat, over: false };
    Ok(response.streaming(Events(Box::pin(stream::unfold(watch, Watch::next)))))
}

struct Watch {
    app: web::Data<App>,
    batch: String,
    subscription: Subscription,
    heartbeat: Interval,
    over: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(String, Watch)> {
        if self.over {
            return None;
        }
        let text = tokio::select! {
            message = self.subscription.next() => match message {
                Ok(message) => {
                    self.over = message.event == ENDED;
                    event(message.event, &message.data)
                }
                // The client connects again, and reads the batch anew.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            },
            _ = self.heartbeat.tick() => {
                let now = self.app.clock.now();
                match self.app.db.lookup(|conn| model::still_open(conn, &self.batch, now)) {
                    Ok(_) => ":\n\n".to_owned(),
                    Err(_) => {
                        self.over = true;
                        event(ENDED, "{}")
                    }
                }
            }
        };
        Some((text, self))
    }
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// The stream as a body wants it.
struct Events(Pin<Box<dyn Stream<Item = String>>>);

impl Stream for Events {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx).map(|text| text.map(|text| Ok(text.into())))
    }
}
