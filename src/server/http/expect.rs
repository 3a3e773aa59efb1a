//! `Expect: 100-continue` (RFC 9110 section 10.1.1): a client that asks before it sends its body is told to go on when the
//! body is wanted, and one that is refused is told that instead and keeps its body.
//!
//! actix says 100 before it calls the application, unless its service for such requests turns them down with an answer.
//! Here the application itself stands in that place: its answer, whatever it is, is that answer, and the first look into
//! the body says 100.

use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::body::BoxBody;
use actix_http::error::PayloadError;
use actix_http::{Payload, Request, Response};
use actix_service::{ServiceFactory, ServiceFactoryExt as _, fn_service};
use actix_web::dev::ServiceResponse;
use bytes::Bytes;
use futures_util::Stream;

use super::connection::Connection;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The service for requests that ask first.
pub fn on_demand<F>(
    application: F,
) -> impl ServiceFactory<Request, Config = (), Response = Request, Error = Response<BoxBody>, InitError = ()>
where
    F: ServiceFactory<
            Request,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        >,
{
    let asking = fn_service(|req: Request| ready(Ok(announced(req))));
    let answering = fn_service(|answer: ServiceResponse<BoxBody>| ready(Err(Response::from(answer))));
    asking.and_then(application.map_err(Response::from)).and_then(answering)
}

/// The request with a body that is asked for when it is read.
fn announced(mut req: Request) -> Request {
    let Some(connection) = req.conn_data::<Rc<Connection>>().cloned() else { return req };
    let body = match req.take_payload() {
        Payload::None => return req,
        body => body,
    };
    connection.asked.set(true);
    *req.payload() = Payload::Stream { payload: Box::pin(Awaited { body, connection, stage: Stage::Unread }) };
    req
}

/// See [`announced`].
struct Awaited {
    body: Payload,
    connection: Rc<Connection>,
    stage: Stage,
}

enum Stage {
    Unread,
    /// What was answered before this request leaves first.
    Flushing,
    Saying(&'static [u8]),
    Said,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.connection.asked.set(false);
    }
}

impl Stream for Awaited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            self.stage = match self.stage {
                Stage::Unread => {
                    self.connection.await_flush(cx);
                    Stage::Flushing
                }
                Stage::Flushing => {
                    ready!(self.connection.poll_flushed(cx));
                    Stage::Saying(CONTINUE)
                }
                Stage::Saying([]) => {
                    self.connection.asked.set(false);
                    Stage::Said
                }
                Stage::Saying(rest) => Stage::Saying(&rest[ready!(self.connection.poll_send(cx, rest, false))?..]),
                Stage::Said => return Pin::new(&mut self.body).poll_next(cx),
            };
        }
    }
}
