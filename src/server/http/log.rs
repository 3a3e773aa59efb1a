//! The outermost middleware: request ids, one log line and the metrics of each request, limits on slow bodies.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, web};
use bytes::Bytes;

use super::connection::{ActiveRequest, Connection};
use super::request_id::{HEADER, RequestId};
use super::route::Matched;
use super::slow_body::{SlowBody, Unread};
use crate::server::app::App;
use crate::server::error::{Chain, Error};
use crate::server::http::gate::Caller;
use crate::server::metrics::{Metrics, RequestLabels};

/// See the module. The line is written when the last byte of the answer has left, or the connection has broken.
pub async fn log<B: MessageBody + 'static>(
    mut req: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let started = Instant::now();
    let active = req.conn_data::<Rc<Connection>>().map(Connection::begin);
    let app =
        req.app_data::<web::Data<App>>().cloned().ok_or_else(|| Error::Internal("no App in this server".into()))?;
    let id = RequestId::new();
    req.extensions_mut().insert(id.clone());
    let (payload, unread) = SlowBody::guard(req.take_payload(), app.config.stall_timeout);
    req.set_payload(payload);
    let method = label(req.method());

    let mut response = next.call(req).await?;

    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HeaderName::from_static(HEADER), value);
    }
    let extensions = response.request().extensions();
    let line = Line {
        id,
        method,
        route: extensions.get::<Matched>().map_or("(none)", |matched| matched.0),
        user: extensions.get::<Caller>().map(|caller| caller.user.id.clone()),
        status: response.status(),
        started,
        whole: false,
        metrics: app.metrics.clone(),
        _active: active,
        _unread: unread,
    };
    drop(extensions);
    Ok(response
        .map_body(|_, body| BoxBody::new(Logged { whole_at_once: is_empty(body.size()), body: body.boxed(), line })))
}

fn is_empty(size: BodySize) -> bool {
    matches!(size, BodySize::None | BodySize::Sized(0))
}

/// A method as a label: those of our routes, and one word for all others.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// What is written when the answer is over.
struct Line {
    id: RequestId,
    method: &'static str,
    route: &'static str,
    user: Option<String>,
    status: StatusCode,
    started: Instant,
    whole: bool,
    metrics: Arc<Metrics>,
    _active: Option<ActiveRequest>,
    _unread: Unread,
}

impl Drop for Line {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let status = self.status.as_u16();
        tracing::info!(
            target: "handover::http",
            id = %self.id.0,
            method = self.method,
            route = self.route,
            status,
            ms = (duration.as_secs_f64() * 1e5).round() / 1e2,
            user = self.user.as_deref(),
            broken = (!self.whole).then_some(true),
            "request"
        );
        let labels = RequestLabels { method: self.method, route: self.route, status: status.into() };
        self.metrics.request(labels, duration);
    }
}

/// Says why an answer broke off: whose fault it is decides how loudly.
fn tell(line: &Line, error: &(dyn std::error::Error + 'static)) {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, PermissionDenied, TimedOut, WriteZero,
    };
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let id = &line.id.0;
    match kind {
        // The right to it may have ended meanwhile.
        Some(
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | PermissionDenied | TimedOut | WriteZero,
        ) => {
            tracing::debug!(%id, route = line.route, cause = %Chain(error), "the client went away");
        }
        _ => tracing::error!(%id, route = line.route, cause = %Chain(error), "an answer broke off"),
    }
}

/// A body that knows whether it was sent to its end.
struct Logged {
    body: BoxBody,
    whole_at_once: bool,
    line: Line,
}

impl MessageBody for Logged {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let piece = ready!(Pin::new(&mut self.body).poll_next(cx));
        if let Some(Err(error)) = &piece {
            tell(&self.line, error.as_ref());
        }
        self.line.whole |= piece.is_none();
        Poll::Ready(piece)
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.line.whole |= self.whole_at_once;
    }
}
