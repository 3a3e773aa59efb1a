//! Messages, from frames that come in whatever pieces.

use bytes::{Bytes, BytesMut};

use super::parser::{Frame, Malformed, OpCode, missing, take};

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
    /// The other end says goodbye.
    Close,
}

/// Why no more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The connection has ended, or nothing came for too long.
    Gone,
    /// The other end does not keep to the protocol; the close code that says how (RFC 6455 section 7.4.1).
    Malformed(u16),
}

/// See the module.
pub struct Messages {
    most: usize,
    masked: bool,
    buffer: BytesMut,
    /// Bytes of the last frame: the next one is likely to have as many, and is then read at once and nothing of the next.
    last: usize,
    /// The pieces so far of a message that comes in several frames.
    message: Option<(OpCode, BytesMut)>,
}

impl Messages {
    /// Of at most so many bytes each; `masked` as those of clients are.
    pub fn new(most: usize, masked: bool) -> Messages {
        Messages { most, masked, buffer: BytesMut::new(), last: 0, message: None }
    }

    /// The next message that has come.
    ///
    /// # Errors
    /// [`Broken::Malformed`].
    pub fn take(&mut self) -> Result<Option<In>, Broken> {
        let mut before = self.buffer.len();
        while let Some(frame) = take(&mut self.buffer, self.most, self.masked).map_err(close_code)? {
            self.last = before - self.buffer.len();
            before = self.buffer.len();
            if self.buffer.is_empty() {
                // What is left of the frame's memory belongs to it alone: it can be changed in place.
                self.buffer = BytesMut::new();
            }
            if let Some(message) = self.assemble(frame)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Where to read to, and at most how much.
    pub fn room(&mut self) -> (&mut BytesMut, usize) {
        let most = missing(&self.buffer, self.masked).unwrap_or(self.last.max(LEAST));
        (&mut self.buffer, most)
    }

    /// Takes what was read elsewhere. Never holds more than one frame and one piece of the connection's.
    pub fn fill(&mut self, piece: Bytes) {
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
