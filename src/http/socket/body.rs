//! What the client gets: the body of the answer to the handshake, written from two bounded queues.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::incoming::Reading;
use super::parser::{OpCode, put_header};
use crate::http::wire::Wire;

/// Texts and signs of life that may wait. A client that takes so few that this is full is dropped by whoever writes.
const URGENT: usize = 16;
/// Bytes that a socket sends before it lets the worker's other connections have their turn.
const TURN: usize = 1 << 20;

/// What goes before all binary messages that wait.
#[derive(Debug)]
pub enum Out {
    Text(String),
    Ping,
    Pong(Bytes),
    /// The end, once the binary messages that wait are out: a last text, and the close code (RFC 6455 section 7.4).
    Farewell(Option<String>, u16),
}

/// Where to put what the client is to get.
#[derive(Clone, Debug)]
pub struct Outgoing {
    urgent: Sender<Out>,
    binary: Sender<Bytes>,
}

impl Outgoing {
    /// Sends before all binary messages. `false` when the socket is over, or takes nothing: it is to be given up then.
    pub fn urgent(&self, out: Out) -> bool {
        self.urgent.try_send(out).is_ok()
    }

    /// The queue of binary messages, which waits for the client.
    pub fn binary(&self) -> &Sender<Bytes> {
        &self.binary
    }
}

/// The body, its queues, and on the server's own connections the right to read from the socket.
pub fn new(req: &HttpRequest, queue: usize) -> (SocketBody, Outgoing, Option<Reading>) {
    let (urgent_in, urgent) = channel(URGENT);
    let (binary_in, binary) = channel(queue);
    let wire = req.conn_data::<Rc<Wire>>().cloned();
    let stage = if wire.is_some() { Stage::Head } else { Stage::Open };
    let ((drained, drain), (alive, life)) = (oneshot::channel(), oneshot::channel());
    let reading =
        wire.as_ref().map(|wire| Reading { hold: wire.hold(), wire: wire.clone(), drained: drain, alive: life });
    let body = SocketBody {
        urgent,
        binary,
        wire,
        drained: Some(drained),
        _alive: alive,
        stage,
        farewell: None,
        header: Bytes::new(),
        payload: Bytes::new(),
    };
    (body, Outgoing { urgent: urgent_in, binary: binary_in }, reading)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The head of the answer is in the dispatcher's buffer.
    Head,
    HeadLeaves,
    Open,
    /// The close frame is being written.
    Closed,
}

/// See the module. On the server's own connections it writes to the socket itself, without a copy; see [`Wire`].
pub struct SocketBody {
    urgent: Receiver<Out>,
    binary: Receiver<Bytes>,
    wire: Option<Rc<Wire>>,
    /// Told when the dispatcher has nothing left of what it read: it decodes before each turn of its body.
    drained: Option<oneshot::Sender<()>>,
    /// Dropped with the body: nobody reads from a connection that is not written to any more.
    _alive: oneshot::Sender<()>,
    stage: Stage,
    farewell: Option<(Option<String>, u16)>,
    /// What is left of the frame that is being written.
    header: Bytes,
    payload: Bytes,
}

impl SocketBody {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut written = 0;
        loop {
            match (self.stage, &self.wire) {
                (Stage::Head, Some(wire)) => {
                    wire.await_flush(cx);
                    self.stage = Stage::HeadLeaves;
                    return Poll::Pending;
                }
                (Stage::HeadLeaves, Some(wire)) => {
                    ready!(wire.poll_flushed(cx));
                    // The handler may have given the socket up.
                    let _ = self.drained.take().map(|drained| drained.send(()));
                    self.stage = Stage::Open;
                }
                _ if self.header.is_empty() && self.payload.is_empty() => {
                    if !ready!(self.poll_frame(cx)) {
                        return Poll::Ready(None);
                    }
                }
                (_, Some(wire)) => {
                    let (bytes, more) = match self.header.is_empty() {
                        true => (&mut self.payload, false),
                        false => (&mut self.header, !self.payload.is_empty()),
                    };
                    let sent = ready!(wire.poll_send(cx, bytes, more))?;
                    drop(bytes.split_to(sent));
                    written += sent;
                    if written >= TURN {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                (_, None) => {
                    let next = if self.header.is_empty() { &mut self.payload } else { &mut self.header };
                    return Poll::Ready(Some(Ok(std::mem::take(next))));
                }
            }
        }
    }

    /// Takes the next frame; `false` when there will be none.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.stage == Stage::Closed {
            return Poll::Ready(false);
        }
        let mut urgent_over = false;
        while self.farewell.is_none() && !urgent_over {
            match self.urgent.poll_recv(cx) {
                Poll::Ready(Some(Out::Farewell(text, code))) => self.farewell = Some((text, code)),
                Poll::Ready(Some(Out::Text(text))) => return Poll::Ready(self.frame(OpCode::Text, text.into())),
                Poll::Ready(Some(Out::Ping)) => return Poll::Ready(self.frame(OpCode::Ping, Bytes::new())),
                Poll::Ready(Some(Out::Pong(payload))) => return Poll::Ready(self.frame(OpCode::Pong, payload)),
                Poll::Ready(None) => urgent_over = true,
                Poll::Pending => break,
            }
        }
        match (self.binary.poll_recv(cx), &mut self.farewell) {
            (Poll::Ready(Some(payload)), _) => Poll::Ready(self.frame(OpCode::Binary, payload)),
            (_, Some((text, code))) => match (text.take(), *code) {
                (Some(text), _) => Poll::Ready(self.frame(OpCode::Text, text.into())),
                (None, code) => {
                    self.stage = Stage::Closed;
                    Poll::Ready(self.frame(OpCode::Close, Bytes::copy_from_slice(&code.to_be_bytes())))
                }
            },
            (Poll::Ready(None), None) if urgent_over => Poll::Ready(false),
            _ => Poll::Pending,
        }
    }

    /// Makes this the frame that is being written; always `true`.
    fn frame(&mut self, op: OpCode, payload: Bytes) -> bool {
        let (header, used) = put_header(op, payload.len());
        self.header = Bytes::copy_from_slice(&header[..used]);
        self.payload = payload;
        true
    }
}

impl MessageBody for SocketBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.get_mut().poll(cx)
    }
}
