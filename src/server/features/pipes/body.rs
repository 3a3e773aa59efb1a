//! The receiver's side: the body of its answer.
//!
//! Where the length is known the body writes to the socket itself (see [`crate::server::http::connection`]); else each piece goes through
//! the dispatcher, which frames it.

use crate::server::refusals::{REQUEST_TIMEOUT, bad_request, quota_exceeded};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use bytesize::ByteSize;

use super::flow::{Piece, Taken};
use super::registry::Place;
use crate::server::error::Error;
use crate::server::http::connection::Connection;
use crate::server::http::splice::Splice;
use crate::server::metrics::OpenTransfer;

/// What a pipe sends before it lets the worker's other connections have their turn.
const TURN: usize = 4 << 20;

/// See the module. Dropped before its end, it tells the sender that the receiver has gone.
pub struct PipeBody {
    connection: Rc<Connection>,
    /// `None` once the sender has been told.
    taken: Option<Taken>,
    /// The name is free again as soon as the sender has nothing more to say: whoever has got the last byte may use it.
    place: Option<Place>,
    length: Option<u64>,
    /// Bytes that have come from the sender.
    come: u64,
    stage: Stage,
    gone: Pin<Box<dyn Future<Output = ()>>>,
    /// The answer has no other end than that of the connection.
    ends_by_closing: bool,
    _transfer: OpenTransfer,
}

enum Stage {
    Head,
    HeadLeaves,
    Next,
    Bytes(Bytes),
    Rest(Splice),
    Over,
}

impl PipeBody {
    pub fn new(
        taken: Taken,
        place: Place,
        connection: Rc<Connection>,
        ends_by_closing: bool,
        transfer: OpenTransfer,
    ) -> PipeBody {
        let length = taken.offer.length;
        PipeBody {
            length,
            come: 0,
            stage: Stage::Head,
            gone: Box::pin(connection.clone().hung_up()),
            connection,
            taken: Some(taken),
            place: Some(place),
            ends_by_closing,
            _transfer: transfer,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut sent = 0;
        while sent < TURN {
            match &mut self.stage {
                Stage::Head => {
                    self.connection.await_flush(cx);
                    self.stage = Stage::HeadLeaves;
                    return Poll::Pending;
                }
                Stage::HeadLeaves => {
                    ready!(self.connection.poll_flushed(cx));
                    self.stage = Stage::Next;
                }
                Stage::Next if self.length == Some(self.come) => self.finish(),
                Stage::Next => ready!(self.poll_next_piece(cx))?,
                Stage::Bytes(bytes) if self.length.is_none() => {
                    let bytes = std::mem::take(bytes);
                    self.stage = Stage::Next;
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Stage::Bytes(bytes) if bytes.is_empty() => self.stage = Stage::Next,
                Stage::Bytes(bytes) => {
                    let count = ready!(self.connection.poll_send(cx, bytes, false))?;
                    drop(bytes.split_to(count));
                    sent += count;
                }
                Stage::Rest(_) => sent += ready!(self.poll_splice(cx))?,
                Stage::Over => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_next_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(taken) = &mut self.taken else { return Poll::Ready(Err(broken_off())) };
        match taken.pieces.poll_recv(cx) {
            Poll::Ready(Some(Piece::Bytes(bytes))) => {
                self.book(bytes.len())?;
                self.stage = Stage::Bytes(bytes);
            }
            Poll::Ready(Some(Piece::Rest(socket, length))) => {
                self.stage = Stage::Rest(Splice::new(socket, length)?);
            }
            Poll::Ready(Some(Piece::End)) => self.finish(),
            Poll::Ready(None) => return Poll::Ready(Err(broken_off())),
            Poll::Pending => return self.poll_gone(cx),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_splice(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (Stage::Rest(splice), Some(taken)) = (&mut self.stage, &mut self.taken) else {
            return Poll::Ready(Err(broken_off()));
        };
        // Nothing more comes here but the news that the sender's side has given up.
        if taken.pieces.poll_recv(cx).is_ready() {
            return Poll::Ready(Err(broken_off()));
        }
        if !splice.holds_some() {
            if splice.has_all() {
                self.stage = Stage::Next;
                return Poll::Ready(Ok(0));
            }
            match splice.poll_take(cx, &self.connection) {
                Poll::Pending => return self.poll_gone(cx),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failed(error))),
                Poll::Ready(Ok(count)) => self.book(count)?,
            }
        }
        let Stage::Rest(splice) = &mut self.stage else { return Poll::Ready(Err(broken_off())) };
        splice.poll_give(cx, &self.connection)
    }

    /// Whether the receiver has gone, while there is nothing to send to it.
    fn poll_gone<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.gone.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the receiver has gone")))
    }

    /// Books what has come.
    fn book(&mut self, count: usize) -> io::Result<()> {
        self.come += count as u64;
        if self.length == Some(self.come) {
            self.place = None;
        }
        let Some(taken) = &self.taken else { return Ok(()) };
        taken.spent.add(count);
        match taken.spent.reached() {
            Some(limit) => {
                self.tell(Err(over_quota(limit)));
                Err(broken_off())
            }
            None => Ok(()),
        }
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::TimedOut => self.tell(Err(REQUEST_TIMEOUT)),
            io::ErrorKind::UnexpectedEof => self.tell(Err(bad_request("The request broke off before its end.".into()))),
            _ => {}
        }
        error
    }

    fn finish(&mut self) {
        self.place = None;
        self.stage = Stage::Over;
        self.tell(Ok(self.come));
    }

    fn tell(&mut self, result: Result<u64, Error>) {
        // The sender may have gone; it is told for its own sake.
        self.taken.take().map(|taken| taken.passed.send(result));
    }
}

/// What to say when the day's bytes are spent.
pub fn over_quota(limit: u64) -> Error {
    let limit = ByteSize(limit);
    quota_exceeded("Today's", limit, limit)
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the sender broke off")
}

impl MessageBody for PipeBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        // For the dispatcher a stream of unknown length; where the length is known the head states it.
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        let polled = this.poll(cx);
        if let (Poll::Ready(Some(Err(_))), true) = (&polled, this.ends_by_closing) {
            this.connection.reset();
        }
        polled
    }
}
