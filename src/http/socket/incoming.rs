//! What a client sends: whole messages, from the pieces of frames that the connection delivers.

use std::pin::Pin;

use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream as _, future::poll_fn};

use super::parser::{Frame, Malformed, OpCode, take};

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

/// See the module.
pub struct Incoming {
    payload: web::Payload,
    most: usize,
    buffer: BytesMut,
    /// The pieces so far of a message that comes in several frames.
    message: Option<(OpCode, BytesMut)>,
}

impl Incoming {
    pub fn new(payload: web::Payload, most: usize) -> Incoming {
        Incoming { payload, most, buffer: BytesMut::new(), message: None }
    }

    /// The next message. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Broken`], after which there is nothing more to be had.
    pub async fn next(&mut self) -> Result<In, Broken> {
        loop {
            while let Some(frame) = take(&mut self.buffer, self.most).map_err(close_code)? {
                if let Some(message) = self.assemble(frame)? {
                    return Ok(message);
                }
            }
            let piece = poll_fn(|cx| Pin::new(&mut self.payload).poll_next(cx)).await;
            let piece = piece.and_then(Result::ok).ok_or(Broken::Gone)?;
            self.fill(piece);
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
