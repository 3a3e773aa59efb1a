//! Slow request bodies: each piece must arrive in time, whoever reads it.

use std::cell::RefCell;
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

/// A request body whose next piece must arrive within `limit`; what comes too late ends it with `TimedOut`.
pub struct SlowBody {
    inner: Rc<RefCell<Payload>>,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl SlowBody {
    /// `inner` with the limit, as a payload again, and what keeps it from being dropped early.
    pub fn guard(inner: Payload, limit: Duration) -> (Payload, Unread) {
        let inner = match inner {
            Payload::None => return (Payload::None, Unread(None)),
            inner => Rc::new(RefCell::new(inner)),
        };
        let unread = Unread(Some(inner.clone()));
        (Payload::Stream { payload: Box::pin(SlowBody { inner, limit, deadline: None }) }, unread)
    }
}

/// Keeps what a handler has left unread of a body until the answer is over. actix-http closes the connection then, after
/// a bounded time; a chunked body that is dropped before, it would read and drop for as long as the client sends.
pub struct Unread(#[expect(dead_code, reason = "held, not read")] Option<Rc<RefCell<Payload>>>);

impl Stream for SlowBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Poll::Ready(piece) = Pin::new(&mut *this.inner.borrow_mut()).poll_next(cx) {
            this.deadline = None;
            return Poll::Ready(piece);
        }
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + this.limit)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
    }
}
