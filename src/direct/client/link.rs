//! One connection to the hub: a WebSocket, read here and written by a task of its own.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::Pace;
use super::event::Failure;
use crate::direct::protocol::{End, Frame, LARGEST_FRAME, Signal};

/// Frames that wait for a writer.
pub const QUEUE: usize = 4;

/// Which server, and as whom.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http` or `https`, host, port and base path, without a slash at the end.
    url: String,
    token: Option<String>,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(url: &str) -> Result<Server, String> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: actix_web::http::Uri = url.parse().map_err(|_| "this is not a URL")?;
        match (uri.scheme_str(), uri.host(), uri.query()) {
            (Some("http" | "https"), Some(_), None) => {
                Ok(Server { url: url.trim_end_matches('/').to_owned(), token: None })
            }
            _ => Err("a server has the form https://HOST or https://HOST/PATH".into()),
        }
    }
}

/// The one that listens on this machine by default.
impl Default for Server {
    fn default() -> Server {
        Server { url: format!("http://127.0.0.1:{}", Server::PORT), token: None }
    }
}

impl Server {
    /// Where a server listens unless it is told otherwise.
    pub const PORT: u16 = 5000;

    /// Signs in with a token, for servers that let no guests send.
    pub fn with_token(self, token: Option<String>) -> Server {
        Server { token, ..self }
    }

    /// Scheme, host, port and base path, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of a socket: `ws` for `http`, `wss` for `https`.
    fn socket(&self, path: &str) -> String {
        format!("ws{}{path}", self.url.strip_prefix("http").unwrap_or(&self.url))
    }
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// See the module.
pub struct Link {
    outbox: mpsc::Sender<Bytes>,
    signals: mpsc::Sender<Message>,
    inbox: SplitStream<Stream>,
    writer: JoinHandle<()>,
    /// When something was last heard from the hub.
    pub heard: Instant,
}

/// The connection is over.
#[derive(Debug)]
pub struct Lost;

/// What comes from the hub.
pub enum Heard {
    Signal(Signal),
    Frame(Frame),
}

impl Link {
    /// Connects to `path` of the server.
    ///
    /// # Errors
    /// [`Failure::Unreachable`], and [`Failure::Refused`] when the server answers but opens no socket.
    pub async fn open(server: &Server, path: &str, pace: &Pace) -> Result<Link, Failure> {
        let unreachable = |cause: &dyn std::fmt::Display| Failure::Unreachable(cause.to_string());
        let stream = match timeout(pace.connect, connect(server, path)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(Error::Http(response))) => return Err(Failure::Refused(refusal(&response))),
            Ok(Err(error)) => return Err(unreachable(&error)),
            Err(_) => return Err(unreachable(&"it does not answer")),
        };
        let (sink, inbox) = stream.split();
        let ((outbox, frames), (signals, told)) = (mpsc::channel(QUEUE), mpsc::channel(1));
        let writer = tokio::spawn(write(sink, frames, told));
        Ok(Link { outbox, signals, inbox, writer, heard: Instant::now() })
    }

    /// Waits until everything is written, for as long as `patience`, and says goodbye.
    pub async fn close(self, patience: Duration) {
        drop((self.outbox, self.signals));
        if timeout(patience, self.writer).await.is_err() {
            tracing::debug!("the connection took no goodbye");
        }
    }

    /// Tells the hub that this end does not go on, and closes, within `patience` each.
    pub async fn give_up(self, patience: Duration) {
        // Best said; without, the other end waits until the place is given up.
        let _ = timeout(patience, self.signal(&Signal::End { code: End::Failed })).await;
        self.close(patience).await;
    }

    /// The next word from the hub. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Heard, Lost> {
        loop {
            let message = self.inbox.next().await;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map(Heard::Signal).map_err(|_| Lost);
                }
                Some(Ok(Message::Binary(bytes))) => return Frame::parse(bytes).map(Heard::Frame).ok_or(Lost),
                Some(Ok(_)) => {} // pings are answered by the socket itself
                Some(Err(_)) | None => return Err(Lost),
            }
        }
    }

    /// Where frames for the other end go. It waits when the connection does not take them.
    pub fn outbox(&self) -> &mpsc::Sender<Bytes> {
        &self.outbox
    }

    /// Tells the hub something, after all frames that wait.
    pub async fn signal(&self, signal: &Signal) -> Result<(), Lost> {
        let text = serde_json::to_string(signal).map_err(|_| Lost)?;
        self.signals.send(Message::Text(text.into())).await.map_err(|_| Lost)
    }
}

async fn connect(server: &Server, path: &str) -> Result<Stream, Error> {
    let mut request = server.socket(path).into_client_request()?;
    if let Some(token) = &server.token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let uri = request.uri();
    let secure = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
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

/// What a server says that opens no socket.
fn refusal(response: &Response<Option<Vec<u8>>>) -> String {
    let problem = response.body().as_deref().and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
    let msg = problem.as_ref().and_then(|problem| problem["msg"].as_str());
    msg.map_or_else(|| format!("HTTP status {}", response.status()), str::to_owned)
}

/// Writes until nobody has anything to write any more, or the connection is over.
async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut frames: mpsc::Receiver<Bytes>,
    mut signals: mpsc::Receiver<Message>,
) {
    loop {
        let message = tokio::select! {
            biased;
            Some(frame) = frames.recv() => Message::Binary(frame),
            Some(signal) = signals.recv() => signal,
            else => break,
        };
        let is_last = frames.is_empty() && signals.is_empty();
        if sink.feed(message).await.is_err() || is_last && sink.flush().await.is_err() {
            return;
        }
    }
    // Whether the goodbye arrives is of no interest any more.
    let _ = sink.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_people_write_them() {
        let socket = |url: &str| url.parse::<Server>().map(|server| server.socket("/x"));
        assert_eq!(socket("https://files.example.org/handover/").unwrap(), "wss://files.example.org/handover/x");
        assert_eq!(socket("localhost:5000").unwrap(), "ws://localhost:5000/x");
        assert_eq!(socket("http://[::1]:5000").unwrap(), "ws://[::1]:5000/x");
        for bad in ["", "ftp://x", "http://", "http://x/?q=1"] {
            assert!(socket(bad).is_err(), "{bad}");
        }
    }
}
