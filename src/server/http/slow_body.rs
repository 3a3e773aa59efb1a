//! Slow request bodies: each piece must arrive in time, whoever reads it, and an upload must not crawl.

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

use crate::server::config::Config;

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

/// How fast an upload must be at least.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes a second, on average over each window.
    pub rate: u64,
    /// Time that the server waits for the client; while it does not ask for more, nobody is slow.
    pub window: Duration,
}

impl Pace {
    pub fn of(config: &Config) -> Pace {
        Pace { rate: config.least_rate.0, window: config.stall_timeout }
    }
}

/// The body of an upload that ends with `TimedOut` once it falls behind `pace`: a byte now and then keeps no place.
pub fn paced<S>(inner: S, pace: Pace) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    Paced { inner, pace, waited: Duration::ZERO, received: 0, waiting: None }
}

struct Paced<S> {
    inner: S,
    pace: Pace,
    /// In this window.
    waited: Duration,
    received: u64,
    /// Since when the client is waited for, and until when in this window.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Paced<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Poll::Ready(piece) = Pin::new(&mut this.inner).poll_next(cx) {
                this.waited += this.waiting.take().map(|(since, _)| since.elapsed()).unwrap_or_default();
                this.received += piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len) as u64;
                return Poll::Ready(piece);
            }
            let left = this.pace.window.saturating_sub(this.waited);
            let (_, end) = this.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep_until(Instant::now() + left))));
            ready!(end.as_mut().poll(cx));
            let due = this.pace.rate.saturating_mul(this.pace.window.as_secs().max(1));
            if this.received < due {
                return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
            }
            (this.waiting, this.waited, this.received) = (None, Duration::ZERO, 0);
        }
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

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    const PACE: Pace = Pace { rate: 100, window: Duration::from_secs(10) };

    /// How many pieces of `size` bytes, one in `pause`, are let through of a hundred.
    async fn passed(size: usize, pause: Duration) -> usize {
        let pieces = futures_util::stream::iter(0..100).then(move |_| async move {
            actix_rt::time::sleep(pause).await;
            Ok(Bytes::from(vec![0; size]))
        });
        let pieces = paced(Box::pin(pieces), PACE).take_while(|piece| std::future::ready(piece.is_ok()));
        pieces.count().await
    }

    #[actix_rt::test]
    async fn a_crawl_ends_and_a_slow_line_does_not() {
        tokio::time::pause();
        // A byte in two seconds: over with the first window, though no pause is long.
        assert!((4..=5).contains(&passed(1, Duration::from_secs(2)).await));
        assert_eq!(passed(201, Duration::from_secs(2)).await, 100);
        assert_eq!(passed(50_000, Duration::from_secs(9)).await, 100, "in bursts");
    }

    #[actix_rt::test]
    async fn whoever_is_not_asked_is_not_slow() {
        tokio::time::pause();
        let pieces = futures_util::stream::repeat_with(|| Ok(Bytes::from_static(b"x"))).take(100);
        let mut pieces = paced(Box::pin(pieces), PACE);
        while let Some(piece) = pieces.next().await {
            piece.unwrap();
            actix_rt::time::sleep(Duration::from_secs(60)).await; // a disk that is slow
        }
    }
}
