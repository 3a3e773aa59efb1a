//! WebSockets (RFC 6455) over the server's own connections: bounded frames in, bounded queues out, and as few copies as
//! the protocol allows. A message that is passed on is read into one buffer, unmasked there, and written to the other
//! socket from there.
//!
//! [`upgrade`] gives a handler the answer to return and the two halves of the socket: what the client sends, to be read
//! by a task of the handler's, and where to put what the client is to get.

mod body;
mod incoming;
pub mod parser; // for its fuzz target

pub use body::{Out, Outgoing};
pub use incoming::{Broken, In, Incoming};

use actix_http::ws::{HandshakeError, hash_key, verify_handshake};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::origin::check_origin;

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

/// Answers the handshake of a WebSocket.
///
/// # Errors
/// [`Error::UpgradeRequired`] when the request does not ask for a WebSocket, [`Error::ForeignOrigin`] when a page of
/// another site does: browsers let any page open a socket to any server, and send cookies and addresses along.
pub fn upgrade(
    req: &HttpRequest,
    app: &App,
    payload: web::Payload,
    bounds: Bounds,
) -> Result<(HttpResponse, Incoming, Outgoing)> {
    check_origin(req, app)?;
    verify_handshake(req.head()).map_err(|error| match error {
        HandshakeError::BadWebsocketKey => Error::BadRequest("Sec-WebSocket-Key is not a key (RFC 6455).".into()),
        _ => Error::UpgradeRequired,
    })?;
    let accept = req.headers().get(SEC_WEBSOCKET_KEY).map(|key| hash_key(key.as_bytes())).unwrap_or_default();
    let accept = HeaderValue::from_bytes(&accept).map_err(Error::internal)?;
    let (body, outgoing, reading) = body::new(req, bounds.queue);
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    response.upgrade("websocket").insert_header((SEC_WEBSOCKET_ACCEPT, accept));
    // A client that offers subprotocols wants one of them.
    if subprotocols(req.headers()).any(|name| name == PROTOCOL) {
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
    }
    Ok((response.body(body), Incoming::new(payload, reading, bounds.message), outgoing))
}

/// What a client offers to speak (RFC 6455 section 4.1).
pub fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    values.flat_map(|names| names.split(',').map(str::trim))
}
