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
    Paced { inner, progress: Progress { pace, waited: Duration::ZERO, received: 0 }, waiting: None }
}

/// What has come within a window.
struct Progress {
    pace: Pace,
    waited: Duration,
    received: u64,
}

impl Progress {
    /// How much longer the client may be waited for in this window.
    fn left(&self) -> Duration {
        self.pace.window.saturating_sub(self.waited)
    }

    /// Ends the window and begins the next; whether enough has come in this one.
    fn is_enough(&mut self) -> bool {
        let due = self.pace.rate as f64 * self.pace.window.as_secs_f64();
        self.waited = Duration::ZERO;
        std::mem::take(&mut self.received) as f64 >= due
    }
}

struct Paced<S> {
    inner: S,
    progress: Progress,
    /// Since when the client is waited for, and until when in this window.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Paced<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Poll::Ready(piece) = Pin::new(&mut this.inner).poll_next(cx) {
                this.progress.waited += this.waiting.take().map(|(since, _)| since.elapsed()).unwrap_or_default();
                let length = piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len);
                this.progress.received += length as u64;
                return Poll::Ready(piece);
            }
            let left = this.progress.left();
            let begin = || (Instant::now(), Box::pin(sleep_until(Instant::now() + left)));
            ready!(this.waiting.get_or_insert_with(begin).1.as_mut().poll(cx));
            if !this.progress.is_enough() {
                return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
            }
            this.waiting = None;
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
    use super::*;

    /// How many pieces of `size` bytes, each of which is waited for that long, come before it is too slow.
    fn passed(size: u64, wait: Duration) -> u32 {
        let pace = Pace { rate: 100, window: Duration::from_secs(10) };
        let mut progress = Progress { pace, waited: Duration::ZERO, received: 0 };
        for piece in 0..1000 {
            let mut wait = wait;
            while wait > progress.left() {
                wait -= progress.left();
                if !progress.is_enough() {
                    return piece;
                }
            }
            progress.waited += wait;
            progress.received += size;
        }
        1000
    }

    #[test]
    fn a_crawl_ends_and_a_slow_line_does_not() {
        let seconds = Duration::from_secs;
        assert_eq!(passed(1, seconds(2)), 5, "over with the first window, though no pause is long");
        assert_eq!(passed(199, seconds(2)), 5);
        assert_eq!(passed(200, seconds(2)), 1000);
        assert_eq!(passed(50_000, seconds(9)), 1000, "in bursts");
        assert_eq!(passed(1, Duration::ZERO), 1000, "a server that is slow itself");
    }
}
