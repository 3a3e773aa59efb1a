//! A WebSocket of a server, below its base path, with TLS where its address says so.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::{Failure, Server};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens the socket at `path`, within `patience`. Messages and frames of more than `largest` bytes end it.
///
/// # Errors
/// [`Failure::Unreachable`], and what the server says that answers but opens no socket.
pub async fn open_socket(server: &Server, path: &str, largest: usize, patience: Duration) -> Result<Socket, Failure> {
    match timeout(patience, connect(server, path, largest)).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(Error::Http(answer))) => {
            let body = answer.body().as_deref().unwrap_or_default();
            Err(Failure::of(answer.status(), answer.headers(), body))
        }
        Ok(Err(error)) => Err(Failure::Unreachable(error.to_string())),
        Err(_) => Err(Failure::Unreachable("it does not answer".into())),
    }
}

async fn connect(server: &Server, path: &str, largest: usize) -> Result<Socket, Error> {
    let mut request = server.socket(path).into_client_request()?;
    if let Some(token) = server.token() {
        let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let uri = request.uri();
    let secure = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
    let connector = if secure { Connector::Rustls(Arc::new(tls()?)) } else { Connector::Plain };
    Ok(client_async_tls_with_config(request, tcp, Some(config), Some(connector)).await?.0)
}

/// TLS with the system's roots.
fn tls() -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::Io(std::io::Error::other(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
