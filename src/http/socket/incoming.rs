//! What a client sends: whole messages. On the server's own connections they are read from the socket, one frame at a time,
//! once all has been taken that the dispatcher had read with the handshake.

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream as _, future::poll_fn};
use tokio::sync::oneshot;

use super::parser::{Frame, Malformed, OpCode, missing, take};
use crate::http::wire::{Hold, Wire};

/// Bytes that are read at least, where there are any: several small frames, or the beginning of a large one.
const LEAST: usize = 4 << 10;

/// A message, or a sign of life.
#[derive(Debug, PartialEq, Eq)]
pub enum In {
    Text(String),
    Binary(Bytes),
    /// To be answered by a pong with the same payload.
    Ping(Bytes),
    Pong,
    /// The client says goodbye.
    Close,
}

/// Why no more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The connection has ended, or nothing came for too long.
    Gone,
    /// The client does not keep to the protocol; the close code that says how (RFC 6455 section 7.4.1).
    Malformed(u16),
}

/// The right to read from a connection that the dispatcher is kept from reading.
pub struct Reading {
    pub wire: Rc<Wire>,
    pub hold: Hold,
    /// Ready once the dispatcher has nothing left.
    pub drained: oneshot::Receiver<()>,
    /// Fails once the other half of the socket is over.
    pub alive: oneshot::Receiver<()>,
}

enum Source {
    Payload(web::Payload, Option<Reading>),
    Wire(Reading, #[expect(dead_code, reason = "held, not read")] web::Payload),
    Over,
}

/// See the module.
pub struct Incoming {
    source: Source,
    most: usize,
    buffer: BytesMut,
    /// Bytes of the last frame: the next one is likely to have as many, and is then read at once and nothing of the next.
    last: usize,
    /// The pieces so far of a message that comes in several frames.
    message: Option<(OpCode, BytesMut)>,
}

impl Incoming {
    pub fn new(payload: web::Payload, reading: Option<Reading>, most: usize) -> Incoming {
        let source = Source::Payload(payload, reading);
        Incoming { source, most, buffer: BytesMut::new(), last: 0, message: None }
    }

    /// The next message. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Broken`], after which there is nothing more to be had.
    pub async fn next(&mut self) -> Result<In, Broken> {
        loop {
            let mut before = self.buffer.len();
            while let Some(frame) = take(&mut self.buffer, self.most).map_err(close_code)? {
                self.last = before - self.buffer.len();
                before = self.buffer.len();
                if let Some(message) = self.assemble(frame)? {
                    return Ok(message);
                }
            }
            poll_fn(|cx| self.poll_more(cx)).await?;
        }
    }

    /// Waits for more bytes in the buffer.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Source::Payload(payload, reading) = &mut self.source {
            if let Poll::Ready(piece) = Pin::new(payload).poll_next(cx) {
                let piece = piece.and_then(Result::ok).ok_or(Broken::Gone)?;
                self.fill(piece);
                return Poll::Ready(Ok(()));
            }
            let Some(reading) = reading else { return Poll::Pending };
            ready!(Pin::new(&mut reading.drained).poll(cx)).map_err(|_| Broken::Gone)?;
            self.source = match std::mem::replace(&mut self.source, Source::Over) {
                Source::Payload(payload, Some(reading)) => Source::Wire(reading, payload),
                source => source,
            };
        }
        let Source::Wire(reading, _) = &mut self.source else { return Poll::Ready(Err(Broken::Gone)) };
        if Pin::new(&mut reading.alive).poll(cx).is_ready() {
            return Poll::Ready(Err(Broken::Gone));
        }
        if self.buffer.is_empty() {
            // What is left of the last frame's memory belongs to that frame.
            self.buffer = BytesMut::new();
        }
        let most = missing(&self.buffer).unwrap_or(self.last.max(LEAST));
        match ready!(reading.wire.poll_receive(cx, &mut self.buffer, most)) {
            Ok(1..) => Poll::Ready(Ok(())),
            Ok(0) | Err(_) => Poll::Ready(Err(Broken::Gone)),
        }
    }

    /// Never holds more than one frame and one piece of the connection's.
    fn fill(&mut self, piece: Bytes) {
        if self.buffer.is_empty() && self.buffer.capacity() < piece.len() {
            match piece.try_into_mut() {
                Ok(whole) => self.buffer = whole,
                Err(piece) => self.buffer = BytesMut::from(piece),
            }
        } else {
            self.buffer.extend_from_slice(&piece);
        }
    }

    fn assemble(&mut self, frame: Frame) -> Result<Option<In>, Broken> {
        let protocol = Err(close_code(Malformed::Protocol));
        match frame.op {
            OpCode::Ping => return Ok(Some(In::Ping(frame.payload.freeze()))),
            OpCode::Pong => return Ok(Some(In::Pong)),
            OpCode::Close => return Ok(Some(In::Close)),
            OpCode::Text | OpCode::Binary if self.message.is_some() => return protocol,
            OpCode::Text | OpCode::Binary if frame.last => return whole(frame.op, frame.payload).map(Some),
            OpCode::Text | OpCode::Binary => self.message = Some((frame.op, frame.payload)),
            OpCode::Continuation => {
                let Some((op, mut message)) = self.message.take() else { return protocol };
                if message.len() + frame.payload.len() > self.most {
                    return Err(close_code(Malformed::TooLarge));
                }
                message.extend_from_slice(&frame.payload);
                if frame.last {
                    return whole(op, message).map(Some);
                }
                self.message = Some((op, message));
            }
        }
        Ok(None)
    }
}

fn whole(op: OpCode, message: BytesMut) -> Result<In, Broken> {
    match op {
        OpCode::Text => match String::from_utf8(message.into()) {
            Ok(text) => Ok(In::Text(text)),
            Err(_) => Err(Broken::Malformed(1007)),
        },
        _ => Ok(In::Binary(message.freeze())),
    }
}

fn close_code(malformed: Malformed) -> Broken {
    Broken::Malformed(match malformed {
        Malformed::Protocol => 1002,
        Malformed::TooLarge => 1009,
    })
}
