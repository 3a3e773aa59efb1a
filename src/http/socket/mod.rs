//! WebSockets (RFC 6455) over the server's own connections: bounded frames in, bounded queues out, and as few copies as
//! the protocol allows. A message that is passed on is copied once, from the pieces that the connection delivers into
//! one buffer; it is unmasked there and written to the other socket from there.
//!
//! [`upgrade`] gives a handler the answer to return and the two halves of the socket: what the client sends, to be read
//! by a task of the handler's, and where to put what the client is to get.

mod body;
mod incoming;
mod parser;

pub use body::{Out, Outgoing};
pub use incoming::{Broken, In, Incoming};

use actix_http::ws::{HandshakeError, hash_key, verify_handshake};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::peer::public_url;

/// The one subprotocol there is; a client needs to name it only beside a token.
const SUBPROTOCOL: &str = "handover";

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
    let (body, outgoing) = body::new(req, bounds.queue);
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    response.upgrade("websocket").insert_header((SEC_WEBSOCKET_ACCEPT, accept));
    // Browsers give up a socket that answers with none of those they named.
    if subprotocols(req.headers()).any(|name| name == SUBPROTOCOL) {
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL)));
    }
    let response = response.body(body);
    Ok((response, Incoming::new(payload, bounds.message), outgoing))
}

/// What a client offers to speak (RFC 6455 section 4.1).
pub fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    values.flat_map(|names| names.split(',').map(str::trim))
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
