//! The way to a server's sockets: straight, or through the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY,
//! ALL_PROXY, NO_PROXY), by CONNECT (RFC 9110 section 9.3.6). The rule is the one that the API's requests follow.

use std::io;
use std::net::SocketAddr;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;

use super::{Connection, LARGEST_HEAD, secured};

/// Opens a connection; also returns our address.
///
/// # Errors
/// Those of the system, and what a proxy says that lets nobody through.
pub async fn dial(host: &str, port: u16, is_secure: bool) -> io::Result<(Box<dyn Connection>, Option<SocketAddr>)> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let scheme = if is_secure { "https" } else { "http" };
    let target: Uri = format!("{scheme}://{authority}/").parse().map_err(io::Error::other)?;
    match Matcher::from_system().intercept(&target) {
        Some(proxy) => through(&proxy, &authority).await,
        None => {
            let (tcp, local) = open(host, port).await?;
            Ok((Box::new(tcp), local))
        }
    }
}

async fn through(proxy: &Intercept, authority: &str) -> io::Result<(Box<dyn Connection>, Option<SocketAddr>)> {
    let uri = proxy.uri();
    let (is_secure, port) = match uri.scheme_str() {
        Some("http") => (false, 80),
        Some("https") => (true, 443),
        _ => return Err(io::Error::other("of proxies, those at http:// and https:// are understood")),
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let said = |error: io::Error| io::Error::new(error.kind(), format!("the proxy {host}: {error}"));
    let (tcp, local) = open(host, uri.port_u16().unwrap_or(port)).await.map_err(said)?;
    let mut connection: Box<dyn Connection> =
        if is_secure { secured(host, tcp).await.map_err(said)? } else { Box::new(tcp) };
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(login) = proxy.basic_auth() {
        head.extend([b"Proxy-Authorization: ", login.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    connection.write_all(&head).await?;
    connection.flush().await?;
    // The server says nothing before it is spoken to: what comes is the proxy's head and no more.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(connection.read_u8().await.map_err(said)?);
        if answer.len() > LARGEST_HEAD {
            return Err(said(io::Error::other("what it says is no answer")));
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|line| line.get(2..));
    match status {
        Some(status) if status.starts_with('2') => Ok((connection, local)),
        Some(status) => Err(said(io::Error::other(format!("it answers {status}")))),
        None => Err(said(io::Error::other("what it says is no answer"))),
    }
}

async fn open(host: &str, port: u16) -> io::Result<(TcpStream, Option<SocketAddr>)> {
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    let local = tcp.local_addr().ok();
    Ok((tcp, local))
}
