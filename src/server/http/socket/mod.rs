//! WebSockets (RFC 6455) over the server's own connections: bounded frames in, bounded queues out, and as few copies as
//! the protocol allows. A message that is passed on is read into one buffer, unmasked there, and written to the other
//! socket from there.
//!
//! A [`Handshake`] gives a handler the answer to return and the two halves of the socket: what the client sends, to be read
//! by a task of the handler's, and where to put what the client is to get.

mod body;
mod incoming;
mod live;

pub use body::{Out, Outgoing, Urgent, text_frame};
pub use incoming::Incoming;

use crate::server::refusals::{UPGRADE_REQUIRED, bad_request};
use actix_http::ws::{HandshakeError, hash_key, verify_handshake};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};

use crate::server::app::App;
use crate::server::error::{Error, Result};
use crate::server::http::origin::check_origin;

/// The subprotocol of all sockets (RFC 6455 section 1.9). A page that signs in offers `bearer.TOKEN` beside it.
const PROTOCOL: &str = "handover";

/// Bounds of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Largest message in bytes, its frames together.
    pub message: usize,
    /// Binary messages that wait to be written.
    pub queue: usize,
}

/// The request for a WebSocket, checked. Nothing is answered yet.
pub struct Handshake<'a> {
    req: &'a HttpRequest,
    accept: HeaderValue,
}

impl<'a> Handshake<'a> {
    /// Checks the request.
    ///
    /// # Errors
    /// [`UPGRADE_REQUIRED`] when it does not ask for a WebSocket, [`FOREIGN_ORIGIN`] when a page of another
    /// site does: browsers let any page open a socket to any server, and send cookies and addresses along.
    pub fn of(req: &'a HttpRequest, app: &App) -> Result<Handshake<'a>> {
        check_origin(req, app)?;
        verify_handshake(req.head()).map_err(|error| match error {
            HandshakeError::BadWebsocketKey => bad_request("Sec-WebSocket-Key is not a key (RFC 6455).".into()),
            _ => UPGRADE_REQUIRED,
        })?;
        let accept = req.headers().get(SEC_WEBSOCKET_KEY).map(|key| hash_key(key.as_bytes())).unwrap_or_default();
        Ok(Handshake { req, accept: HeaderValue::from_bytes(&accept).map_err(Error::internal)? })
    }

    /// Opens a socket for binary messages.
    pub fn open(self, payload: web::Payload, bounds: Bounds) -> (HttpResponse, Incoming, Outgoing) {
        let (body, outgoing, reading) = body::new(self.req, bounds.queue);
        (self.answer(body), Incoming::new(payload, reading, bounds.message), outgoing)
    }

    /// Opens a socket for what all members of a channel get, see [`body::of_channel`]; `most` bounds what is read.
    pub fn open_channel(
        self,
        payload: web::Payload,
        most: usize,
        live: broadcast::Receiver<Bytes>,
        too_slow: String,
    ) -> (HttpResponse, Incoming, Urgent, mpsc::Sender<Bytes>) {
        let (body, urgent, backlog, reading) = body::of_channel(self.req, live, too_slow);
        (self.answer(body), Incoming::new(payload, reading, most), urgent, backlog)
    }

    fn answer(self, body: body::SocketBody) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
        response.upgrade("websocket").insert_header((SEC_WEBSOCKET_ACCEPT, self.accept));
        // A client that offers subprotocols wants one of them.
        if subprotocols(self.req.headers()).any(|name| name == PROTOCOL) {
            response.insert_header((SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
        }
        response.body(body)
    }
}

/// What a client offers to speak (RFC 6455 section 4.1).
pub fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    values.flat_map(|names| names.split(',').map(str::trim))
}
