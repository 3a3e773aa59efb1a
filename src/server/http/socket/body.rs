//! What the client gets: the body of the answer to the handshake, written from bounded queues.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, MessageBody};
use bytes::{Buf as _, Bytes};
use tokio::sync::broadcast;
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::incoming::Reading;
use super::live::{Live, Silence};
use crate::protocol::websocket::NORMAL;
use crate::protocol::websocket::parser::{OpCode, put_header};
use crate::server::http::connection::Connection;

/// Texts and signs of life that may wait. A client that takes so few that this is full is dropped by whoever writes.
const URGENT: usize = 16;
/// Frames that wait are joined up to this many bytes, to leave in one write.
const JOINED: usize = 64 << 10;
/// Close code: try again later (the IANA registry of RFC 6455).
const TRY_AGAIN: u16 = 1013;
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

/// A body for binary messages, its queues, and on the server's own connections the right to read from the socket.
pub fn new(req: &HttpRequest, queue: usize) -> (SocketBody, Outgoing, Option<Reading>) {
    let (urgent_in, urgent) = channel(URGENT);
    let (binary_in, binary) = channel(queue);
    let (body, reading) = SocketBody::new(req, urgent, Bulk::Binary(binary));
    (body, Outgoing { urgent: urgent_in, binary: binary_in }, reading)
}

/// A body for what all members of a channel get; and where to put text frames that go before that. Once nobody holds the
/// latter any more, the channel has its turn. A client that falls behind it is told `too_slow`, and dropped.
pub fn of_channel(
    req: &HttpRequest,
    live: broadcast::Receiver<Bytes>,
    too_slow: String,
) -> (SocketBody, Urgent, Sender<Bytes>, Option<Reading>) {
    let (urgent_in, urgent) = Urgent::new();
    let (backlog_in, backlog) = channel(1);
    let bulk = Bulk::Channel { backlog: Some(backlog), live: Live::new(live), too_slow };
    let (body, reading) = SocketBody::new(req, urgent, bulk);
    (body, urgent_in, backlog_in, reading)
}

/// Where to put what one client alone is to get.
#[derive(Clone, Debug)]
pub struct Urgent {
    queue: Sender<Out>,
    /// Kept free: a client that takes nothing cannot keep its place by that.
    farewell: Arc<Mutex<Option<OwnedPermit<Out>>>>,
}

impl Urgent {
    fn new() -> (Urgent, Receiver<Out>) {
        let (queue, out) = channel(URGENT + 1);
        let farewell = Arc::new(Mutex::new(queue.clone().try_reserve_owned().ok()));
        (Urgent { queue, farewell }, out)
    }

    /// See [`Outgoing::urgent`].
    pub fn say(&self, out: Out) -> bool {
        self.queue.try_send(out).is_ok()
    }

    /// Ends the socket, see [`Out::Farewell`], however much waits. The first one counts.
    pub fn farewell(&self, text: Option<String>, code: u16) {
        let place = self.farewell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(place) = place {
            place.send(Out::Farewell(text, code));
        }
    }
}

/// A text message as it stands on the wire: made once, for all who get it.
pub fn text_frame(text: &str) -> Bytes {
    let (header, used) = put_header(OpCode::Text, text.len());
    let mut frame = Vec::with_capacity(used + text.len());
    frame.extend_from_slice(&header[..used]);
    frame.extend_from_slice(text.as_bytes());
    frame.into()
}

/// What is not urgent.
enum Bulk {
    Binary(Receiver<Bytes>),
    /// Whole frames.
    Channel {
        backlog: Option<Receiver<Bytes>>,
        live: Live,
        too_slow: String,
    },
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

/// See the module. On the server's own connections it writes to the socket itself, without a copy; see [`Connection`].
pub struct SocketBody {
    urgent: Receiver<Out>,
    bulk: Bulk,
    connection: Option<Rc<Connection>>,
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
    fn new(req: &HttpRequest, urgent: Receiver<Out>, bulk: Bulk) -> (SocketBody, Option<Reading>) {
        let connection = req.conn_data::<Rc<Connection>>().cloned();
        let stage = if connection.is_some() { Stage::Head } else { Stage::Open };
        let ((drained, drain), (alive, life)) = (oneshot::channel(), oneshot::channel());
        let reading = connection.as_ref().map(|connection| Reading {
            hold: connection.hold(),
            connection: connection.clone(),
            drained: drain,
            alive: life,
        });
        let body = SocketBody {
            urgent,
            bulk,
            connection,
            drained: Some(drained),
            _alive: alive,
            stage,
            farewell: None,
            header: Bytes::new(),
            payload: Bytes::new(),
        };
        (body, reading)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut written = 0;
        loop {
            match (self.stage, &self.connection) {
                (Stage::Head, Some(connection)) => {
                    connection.await_flush(cx);
                    self.stage = Stage::HeadLeaves;
                    return Poll::Pending;
                }
                (Stage::HeadLeaves, Some(connection)) => {
                    ready!(connection.poll_flushed(cx));
                    // The handler may have given the socket up.
                    let _ = self.drained.take().map(|drained| drained.send(()));
                    self.stage = Stage::Open;
                }
                _ if self.header.is_empty() && self.payload.is_empty() => {
                    if !ready!(self.poll_frame(cx)) {
                        return Poll::Ready(None);
                    }
                }
                (_, Some(connection)) => {
                    let sent = ready!(connection.poll_send_both(cx, &self.header, &self.payload))?;
                    let of_header = sent.min(self.header.len());
                    self.header.advance(of_header);
                    self.payload.advance(sent - of_header);
                    if self.payload.is_empty() {
                        // Gives back its memory, and its place, before another frame comes.
                        self.payload = Bytes::new();
                    }
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
        if let Some(more) = self.poll_bulk(cx) {
            return Poll::Ready(more);
        }
        match &mut self.farewell {
            Some((text, code)) => match (text.take(), *code) {
                (Some(text), _) => Poll::Ready(self.frame(OpCode::Text, text.into())),
                (None, code) => {
                    self.stage = Stage::Closed;
                    Poll::Ready(self.frame(OpCode::Close, Bytes::copy_from_slice(&code.to_be_bytes())))
                }
            },
            None if urgent_over && matches!(&self.bulk, Bulk::Binary(queue) if queue.is_closed()) => Poll::Ready(false),
            None => Poll::Pending,
        }
    }

    /// Takes what is not urgent; `None` when there is nothing yet, or the farewell goes first.
    fn poll_bulk(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        match &mut self.bulk {
            Bulk::Binary(queue) => match queue.poll_recv(cx) {
                Poll::Ready(Some(payload)) => Some(self.frame(OpCode::Binary, payload)),
                _ => None,
            },
            Bulk::Channel { .. } if self.farewell.is_some() => None,
            Bulk::Channel { backlog, live, too_slow } => {
                while let Some(queue) = backlog {
                    match queue.poll_recv(cx) {
                        Poll::Ready(Some(frame)) => {
                            self.payload = frame;
                            return Some(true);
                        }
                        Poll::Ready(None) => *backlog = None,
                        Poll::Pending => return None,
                    }
                }
                match live.poll_joined(cx, JOINED) {
                    Poll::Ready(Ok(frames)) => {
                        self.payload = frames;
                        return Some(true);
                    }
                    Poll::Ready(Err(Silence::Lagged)) => {
                        self.farewell = Some((Some(std::mem::take(too_slow)), TRY_AGAIN));
                    }
                    Poll::Ready(Err(Silence::Over)) => self.farewell = Some((None, NORMAL)),
                    Poll::Pending => {}
                }
                None
            }
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
