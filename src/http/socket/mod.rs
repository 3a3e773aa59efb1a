//! WebSockets (RFC 6455) over the server's own connections: bounded frames in, bounded queues out, and as few copies as
//! the protocol allows. A message that is passed on is copied once, from the pieces that the connection delivers into
//! one buffer; it is unmasked there and written to the other socket from there.
//!
//! A [`Handshake`] gives a handler the answer to return and the two halves of the socket: what the client sends, to be read
//! by a task of the handler's, and where to put what the client is to get.

mod body;
mod incoming;
mod live;
mod parser;

pub use body::{Out, Outgoing, Urgent, text_frame};
pub use incoming::{Broken, In, Incoming};

use actix_http::ws::{HandshakeError, hash_key, verify_handshake};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::peer::public_url;

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
    /// [`Error::UpgradeRequired`] when it does not ask for a WebSocket, [`Error::ForeignOrigin`] when a page of another
    /// site does: browsers let any page open a socket to any server, and send cookies and addresses along.
    pub fn of(req: &'a HttpRequest, app: &App) -> Result<Handshake<'a>> {
        check_origin(req, app)?;
        verify_handshake(req.head()).map_err(|error| match error {
            HandshakeError::BadWebsocketKey => Error::BadRequest("Sec-WebSocket-Key is not a key (RFC 6455).".into()),
            _ => Error::UpgradeRequired,
        })?;
        let accept = req.headers().get(SEC_WEBSOCKET_KEY).map(|key| hash_key(key.as_bytes())).unwrap_or_default();
        Ok(Handshake { req, accept: HeaderValue::from_bytes(&accept).map_err(Error::internal)? })
    }

    /// Opens a socket for binary messages.
    pub fn open(self, payload: web::Payload, bounds: Bounds) -> (HttpResponse, Incoming, Outgoing) {
        let (body, outgoing) = body::new(self.req, bounds.queue);
        (self.answer(body), Incoming::new(payload, bounds.message), outgoing)
    }

    /// Opens a socket for what all members of a channel get, see [`body::of_channel`]; `most` bounds what is read.
    pub fn open_channel(
        self,
        payload: web::Payload,
        most: usize,
        live: broadcast::Receiver<Bytes>,
        too_slow: String,
    ) -> (HttpResponse, Incoming, Urgent, mpsc::Sender<Bytes>) {
        let (body, urgent, backlog) = body::of_channel(self.req, live, too_slow);
        (self.answer(body), Incoming::new(payload, most), urgent, backlog)
    }

    fn answer(self, body: body::SocketBody) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
        response.upgrade("websocket").insert_header((SEC_WEBSOCKET_ACCEPT, self.accept));
        // A client that offers subprotocols wants one of them.
        let offered = self.req.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
        if offered.flat_map(|list| list.split(',')).any(|name| name.trim() == PROTOCOL) {
            response.insert_header((SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
        }
        response.body(body)
    }
}

/// Lets in our own pages, those of the origins in the settings, and programs, which send no Origin.
fn check_origin(req: &HttpRequest, app: &App) -> Result<()> {
    let Some(origin) = req.headers().get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().map_err(|_| Error::ForeignOrigin)?;
    let ours = public_url(req, app, "").is_ok_and(|url| origin_of(&url).eq_ignore_ascii_case(origin_of(origin)));
    match ours || app.config.cors_origins.iter().any(|allowed| allowed == origin) {
        true => Ok(()),
        false => Err(Error::ForeignOrigin),
    }
}

/// Host and port of a URL. The scheme is left out: without a public address in the settings the server cannot know
/// whether a proxy before it speaks TLS.
fn origin_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_by_host_and_port() {
        assert_eq!(origin_of("https://files.example.org/handover"), "files.example.org");
        assert_eq!(origin_of("http://127.0.0.1:5000"), "127.0.0.1:5000");
        assert_eq!(origin_of("null"), "null");
    }
}
