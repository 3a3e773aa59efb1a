//! Slow request bodies: each piece must arrive in time, whoever reads it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::time::{Instant, Sleep, sleep_until};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use super::wire::Wire;

/// A request body whose next piece must arrive within `limit`; what comes too late ends it with `TimedOut`.
pub struct SlowBody {
    inner: Payload,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    ended: bool,
    /// Whom to tell when the body is dropped before its end.
    wire: Option<Rc<Wire>>,
}

impl SlowBody {
    /// `inner` with the limit, as a payload again. `wire` is told when the body is not read to its end.
    pub fn guard(inner: Payload, limit: Duration, wire: Option<Rc<Wire>>) -> Payload {
        match inner {
            Payload::None => Payload::None,
            inner => {
                Payload::Stream { payload: Box::pin(SlowBody { inner, limit, deadline: None, ended: false, wire }) }
            }
        }
    }
}

impl Stream for SlowBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Poll::Ready(piece) = Pin::new(&mut this.inner).poll_next(cx) {
            this.deadline = None;
            this.ended = piece.is_none();
            return Poll::Ready(piece);
        }
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + this.limit)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
    }
}

impl Drop for SlowBody {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take().filter(|_| !self.ended) {
            wire.abandon_body();
        }
    }
}
