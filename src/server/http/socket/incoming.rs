//! What a client sends: whole messages. On the server's own connections they are read from the socket, one frame at a time,
//! once all has been taken that the dispatcher had read with the handshake.

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::web;
use futures_util::{Stream as _, future::poll_fn};
use tokio::sync::oneshot;

use crate::protocol::websocket::{Broken, In, Messages};
use crate::server::http::connection::{Connection, Hold};

/// The right to read from a connection that the dispatcher is kept from reading.
pub struct Reading {
    pub connection: Rc<Connection>,
    pub hold: Hold,
    /// Ready once the dispatcher has nothing left.
    pub drained: oneshot::Receiver<()>,
    /// Fails once the other half of the socket is over.
    pub alive: oneshot::Receiver<()>,
}

enum Source {
    Payload(web::Payload, Option<Reading>),
    Socket(Reading, #[expect(dead_code, reason = "held, not read")] web::Payload),
    Over,
}

/// See the module.
pub struct Incoming {
    source: Source,
    messages: Messages,
}

impl Incoming {
    pub fn new(payload: web::Payload, reading: Option<Reading>, most: usize) -> Incoming {
        let source = Source::Payload(payload, reading);
        Incoming { source, messages: Messages::new(most, true) }
    }

    /// The next message. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Broken`], after which there is nothing more to be had.
    pub async fn next(&mut self) -> Result<In, Broken> {
        loop {
            if let Some(message) = self.messages.take()? {
                return Ok(message);
            }
            poll_fn(|cx| self.poll_more(cx)).await?;
        }
    }

    /// Waits for more bytes in the buffer.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Source::Payload(payload, reading) = &mut self.source {
            if let Poll::Ready(piece) = Pin::new(payload).poll_next(cx) {
                let piece = piece.and_then(Result::ok).ok_or(Broken::Gone)?;
                self.messages.fill(piece);
                return Poll::Ready(Ok(()));
            }
            let Some(reading) = reading else { return Poll::Pending };
            ready!(Pin::new(&mut reading.drained).poll(cx)).map_err(|_| Broken::Gone)?;
            self.source = match std::mem::replace(&mut self.source, Source::Over) {
                Source::Payload(payload, Some(reading)) => Source::Socket(reading, payload),
                source => source,
            };
        }
        let Source::Socket(reading, _) = &mut self.source else { return Poll::Ready(Err(Broken::Gone)) };
        if Pin::new(&mut reading.alive).poll(cx).is_ready() {
            return Poll::Ready(Err(Broken::Gone));
        }
        let (buffer, most) = self.messages.room();
        match ready!(reading.connection.poll_receive(cx, buffer, most)) {
            Ok(1..) => Poll::Ready(Ok(())),
            Ok(0) | Err(_) => Poll::Ready(Err(Broken::Gone)),
        }
    }
}
