//! What the tests of rooms share: a room, and members that talk by real sockets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, multipart};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::*;

/// A room as its maker has it.
#[derive(Clone)]
pub struct Room {
    pub code: String,
    pub key: String,
}

pub async fn room(server: &TestServer, title: &str) -> Room {
    let response = server.post("/api/rooms", json!({"title": title})).await;
    assert_eq!(response.status(), 201);
    let made = json_of(response).await;
    let room = Room::made(&made);
    assert!(made["url"].as_str().unwrap().ends_with(&format!("/r/{}", room.code)), "{made}");
    room
}

impl Room {
    /// The one that the server says it has made.
    pub fn made(made: &Value) -> Room {
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Room { code: text("room"), key: text("manage_key") }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/api/rooms/{}{rest}", self.code)
    }

    /// What the maker does.
    pub fn manage(&self, server: &TestServer, method: Method, rest: &str) -> reqwest::RequestBuilder {
        server.request(method, &self.path(rest)).header("x-manage-key", &self.key)
    }
}

/// A connection that may fall silent without being closed, as when a phone loses its network.
pub struct Thread {
    tcp: TcpStream,
    silent: Arc<AtomicBool>,
}

impl Thread {
    pub async fn to(address: SocketAddr) -> Thread {
        Thread { tcp: TcpStream::connect(address).await.unwrap(), silent: Arc::default() }
    }

    /// One that takes little before its member reads.
    pub async fn narrow(address: SocketAddr) -> Thread {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        Thread { tcp: socket.connect(address).await.unwrap(), silent: Arc::default() }
    }
}

impl AsyncRead for Thread {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Thread {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.silent.load(Ordering::Relaxed) {
            true => Poll::Ready(Ok(buf.len())),
            false => Pin::new(&mut self.tcp).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A member in a room.
pub struct Guest {
    socket: WebSocketStream<Thread>,
    pub welcome: Value,
    pub token: String,
    pub key: String,
    /// All events that it has seen, in the order in which they came.
    pub log: Vec<Value>,
    /// All else that it was told, in the order in which it came.
    pub words: Vec<Value>,
}

/// Why a socket was not opened: status and code.
pub type Refusal = (u16, String);

async fn open(thread: Thread, path: &str, bearer: Option<&str>) -> Result<WebSocketStream<Thread>, Refusal> {
    let mut request = format!("ws://{}{path}", thread.tcp.peer_addr().unwrap()).into_client_request().unwrap();
    if let Some(token) = bearer {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    match client_async(request, thread).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            let problem: Value =
                serde_json::from_slice(response.body().as_deref().unwrap_or(b"{}")).unwrap_or_default();
            Err((response.status().as_u16(), problem["code"].as_str().unwrap_or_default().to_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

impl Guest {
    pub async fn try_join(server: &TestServer, room: &Room, query: &str) -> Result<Guest, Refusal> {
        Guest::try_join_by(Thread::to(server.address).await, room, query).await
    }

    pub async fn try_join_by(thread: Thread, room: &Room, query: &str) -> Result<Guest, Refusal> {
        Guest::welcomed(thread, room, query, None).await
    }

    /// Somebody who has signed in, with this access token.
    pub async fn signed_in(server: &TestServer, room: &Room, query: &str, token: &str) -> Result<Guest, Refusal> {
        Guest::welcomed(Thread::to(server.address).await, room, query, Some(token)).await
    }

    async fn welcomed(thread: Thread, room: &Room, query: &str, bearer: Option<&str>) -> Result<Guest, Refusal> {
        let socket = open(thread, &room.path(&format!("/socket?{query}")), bearer).await?;
        let (token, key, log, words) = (String::new(), String::new(), Vec::new(), Vec::new());
        let mut guest = Guest { socket, welcome: Value::Null, token, key, log, words };
        let welcome = guest.frame().await.expect("a welcome");
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let text = |name: &str| welcome["you"][name].as_str().unwrap_or_default().to_owned();
        (guest.token, guest.key) = (text("token"), text("key"));
        guest.log.extend(welcome["history"].as_array().unwrap().iter().cloned());
        guest.welcome = welcome;
        Ok(guest)
    }

    pub async fn join(server: &TestServer, room: &Room, name: &str) -> Guest {
        Guest::try_join(server, room, &format!("name={name}")).await.unwrap()
    }

    /// Comes back after its connection broke.
    pub async fn rejoin(self, server: &TestServer, room: &Room) -> Guest {
        self.rejoin_by(Thread::to(server.address).await, room).await
    }

    pub async fn rejoin_by(self, thread: Thread, room: &Room) -> Guest {
        let query = format!("name=x&token={}&after={}", self.token, self.last());
        drop(self.socket);
        let back = Guest::try_join_by(thread, room, &query).await.unwrap();
        let log = [self.log, back.log].concat();
        Guest { token: self.token, key: self.key, log, ..back }
    }

    pub fn id(&self) -> &str {
        self.welcome["you"]["id"].as_str().unwrap()
    }

    pub fn name(&self) -> &str {
        self.welcome["you"]["name"].as_str().unwrap()
    }

    /// The number of the last event that it has.
    pub fn last(&self) -> i64 {
        self.log.last().map_or(0, |event| event["id"].as_i64().unwrap())
    }

    pub async fn send(&mut self, said: Value) {
        self.send_raw(Message::text(said.to_string())).await;
    }

    /// Whether it arrives is another matter: the server may have closed the socket.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    pub async fn say(&mut self, text: &str) {
        self.send(json!({"type": "message", "text": text})).await;
    }

    /// From here on nothing that it sends arrives, while its connection stands.
    pub fn vanish(&self) {
        self.socket.get_ref().silent.store(true, Ordering::Relaxed);
    }

    /// Waits until the server asks whether it is there.
    pub async fn pinged(&mut self) {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.socket.next());
            match next.await.expect("the server asks").unwrap().unwrap() {
                Message::Ping(_) => return,
                Message::Text(text) => self.keep(&serde_json::from_str(&text).unwrap()),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next text, whatever it is; `None` when the socket is over.
    pub async fn frame(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.socket.next());
            match next.await.expect("the server says something") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    fn keep(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "history" => self.log.extend(frame["history"].as_array().unwrap().iter().cloned()),
            _ if frame["id"].is_i64() => self.log.push(frame.clone()),
            _ => self.words.push(frame.clone()),
        }
    }

    /// The next text of this type. Events go into the log.
    pub async fn next(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await.unwrap_or_else(|| panic!("no {kind}"));
            self.keep(&frame);
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Reads until it has the event of this number.
    pub async fn until(&mut self, id: i64) {
        assert!(self.try_until(id).await, "the socket is over before event {id}");
    }

    /// Likewise; `false` when the socket is over before.
    pub async fn try_until(&mut self, id: i64) -> bool {
        while self.last() < id {
            let Some(frame) = self.frame().await else { return false };
            self.keep(&frame);
        }
        true
    }

    /// The last text before the socket is over.
    pub async fn farewell(&mut self) -> Value {
        let mut last = Value::Null;
        while let Some(frame) = self.frame().await {
            self.keep(&frame);
            last = frame;
        }
        last
    }

    /// Shares a file; what the server answers.
    pub async fn share(&self, server: &TestServer, room: &Room, name: &str, content: &[u8]) -> reqwest::Response {
        let part = multipart::Part::bytes(content.to_vec()).file_name(name.to_owned());
        let form = multipart::Form::new().part("file", part);
        let request = server.request(Method::POST, &room.path("/files")).header("x-member-token", &self.token);
        request.multipart(form).send().await.unwrap()
    }
}

/// All events of a room, as they are stored.
pub async fn stored(server: &TestServer, room: &Room, token: &str) -> Vec<Value> {
    let mut whole = Vec::new();
    let mut before = i64::MAX;
    while before > 1 {
        let page = server.get(&room.path(&format!("/events?before={before}&limit=200")));
        let page: Value = page.header("x-member-token", token).send().await.unwrap().json().await.unwrap();
        let events = page["events"].as_array().unwrap().clone();
        before = events[0]["id"].as_i64().unwrap();
        assert_eq!(page["more"], before > 1);
        whole.splice(0..0, events);
    }
    whole
}

/// The events of a room as whoever has just come sees them, to the last one.
pub fn ids(log: &[Value]) -> Vec<i64> {
    log.iter().map(|event| event["id"].as_i64().unwrap()).collect()
}
