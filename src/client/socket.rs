//! A WebSocket of a server, below its base path, with TLS where its address says so.

mod frames;
mod tunnel;

pub use frames::{Reader, Writer};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response, generate_request};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use self::tunnel::dial;
use super::{Failure, Server};

/// Largest head of an answer, and largest refusal.
const LARGEST_HEAD: usize = 16 << 10;

/// A connection, with or without TLS.
pub trait Connection: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Connection for T {}

pub type Socket = WebSocketStream<Box<dyn Connection>>;

/// Opens the socket at `path`, within `patience`. Messages and frames of more than `largest` bytes end it.
///
/// # Errors
/// [`Failure::Unreachable`], and what the server says that answers but opens no socket.
pub async fn open_socket(server: &Server, path: &str, largest: usize, patience: Duration) -> Result<Socket, Failure> {
    let Opened { connection, come, .. } = open(server, path, patience).await?;
    let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
    Ok(WebSocketStream::from_partially_read(connection, come.into(), Role::Client, Some(config)).await)
}

/// The same for whoever moves many bytes: its two halves copy none. Also returns our address.
///
/// # Errors
/// As [`open_socket`].
pub async fn open_frames(
    server: &Server,
    path: &str,
    largest: usize,
    patience: Duration,
) -> Result<(Reader, Writer, Option<SocketAddr>), Failure> {
    let Opened { connection, come, local } = open(server, path, patience).await?;
    let (inbox, outbox) = tokio::io::split(connection);
    Ok((Reader::new(inbox, come, largest), Writer::new(outbox), local))
}

/// A connection, and what has come on it behind the handshake.
struct Opened {
    connection: Box<dyn Connection>,
    come: BytesMut,
    local: Option<SocketAddr>,
}

async fn open(server: &Server, path: &str, patience: Duration) -> Result<Opened, Failure> {
    match timeout(patience, connect(server, path)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(Error::Http(answer))) => {
            let body = answer.body().as_deref().unwrap_or_default();
            Err(Failure::of(answer.status(), answer.headers(), body))
        }
        Ok(Err(error)) => Err(Failure::Unreachable(super::failure::with_advice(error.to_string()))),
        Err(_) => Err(Failure::Unreachable("it does not answer".into())),
    }
}

async fn connect(server: &Server, path: &str) -> Result<Opened, Error> {
    let mut request = server.socket(path).into_client_request()?;
    if let Some(token) = server.token() {
        let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    if let Some(token) = server.member() {
        request.headers_mut().insert("x-member-token", HeaderValue::from_str(token)?);
    }
    let uri = request.uri();
    let secure = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let (connection, local) = dial(&host, port, secure).await?;
    let mut connection = if secure { secured(&host, connection).await? } else { connection };
    let come = shake_hands(&mut connection, request).await?;
    Ok(Opened { connection, come, local })
}

/// The client's handshake (RFC 6455 section 4.1). Returns what has come behind the answer: tungstenite's own keeps that in a
/// socket that does not give it away.
async fn shake_hands(connection: &mut Box<dyn Connection>, request: Request) -> Result<BytesMut, Error> {
    let (head, key) = generate_request(request)?;
    connection.write_all(&head).await?;
    connection.flush().await?;
    let mut come = BytesMut::with_capacity(LARGEST_HEAD);
    let answer = loop {
        if connection.read_buf(&mut come).await? == 0 || come.len() > LARGEST_HEAD {
            return Err(ProtocolError::HandshakeIncomplete.into());
        }
        if let Some((length, answer)) = Response::try_parse(&come)? {
            come.advance(length);
            break answer;
        }
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = LARGEST_HEAD.min(length.unwrap_or_default());
        while come.len() < length && connection.read_buf(&mut come).await? > 0 {}
        return Err(Error::Http(Box::new(answer.map(|_| Some(come.into())))));
    }
    let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|accepted| *accepted != derive_accept_key(key.as_bytes())) {
        return Err(ProtocolError::SecWebSocketAcceptKeyMismatch.into());
    }
    Ok(come)
}

/// TLS to `host` over a connection.
async fn secured(host: &str, connection: impl Connection + 'static) -> io::Result<Box<dyn Connection>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::new(tls()?)).connect(name, connection).await?))
}

/// TLS with the system's roots.
fn tls() -> io::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
