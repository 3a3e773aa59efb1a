//! What the tests of rooms share: a room, and members that talk by real sockets.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, multipart};
use serde_json::{Value, json};
use tokio::net::TcpStream;
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
    let made: Value = response.json().await.unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(text("url").ends_with(&format!("/r/{}", text("room"))), "{made}");
    Room { code: text("room"), key: text("manage_key") }
}

impl Room {
    pub fn path(&self, rest: &str) -> String {
        format!("/api/rooms/{}{rest}", self.code)
    }

    /// What the maker does.
    pub fn manage(&self, server: &TestServer, method: Method, rest: &str) -> reqwest::RequestBuilder {
        server.request(method, &self.path(rest)).header("x-manage-key", &self.key)
    }
}

/// A member in a room.
pub struct Guest {
    socket: WebSocketStream<TcpStream>,
    pub welcome: Value,
    pub token: String,
    pub key: String,
    /// All events that it has seen, in the order in which they came.
    pub log: Vec<Value>,
}

/// Why a socket was not opened: status and code.
pub type Refusal = (u16, String);

pub async fn open(server: &TestServer, path: &str) -> Result<WebSocketStream<TcpStream>, Refusal> {
    let request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
    let tcp = TcpStream::connect(server.address).await.unwrap();
    match client_async(request, tcp).await {
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
        let socket = open(server, &room.path(&format!("/socket?{query}"))).await?;
        let nothing = Value::Null;
        let mut guest = Guest { socket, welcome: nothing, token: String::new(), key: String::new(), log: Vec::new() };
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
        let query = format!("name=x&token={}&after={}", self.token, self.last());
        drop(self.socket);
        let back = Guest::try_join(server, room, &query).await.unwrap();
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

    /// The next text of this type. Events go into the log.
    pub async fn next(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await.unwrap_or_else(|| panic!("no {kind}"));
            match frame["type"].as_str().unwrap() {
                "history" => self.log.extend(frame["history"].as_array().unwrap().iter().cloned()),
                _ if frame["id"].is_i64() => self.log.push(frame.clone()),
                _ => {}
            }
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
            match frame["type"].as_str().unwrap() {
                "history" => self.log.extend(frame["history"].as_array().unwrap().iter().cloned()),
                _ if frame["id"].is_i64() => self.log.push(frame),
                _ => {}
            }
        }
        true
    }

    /// The code of the last error before the socket is over.
    pub async fn farewell(&mut self) -> Value {
        let mut last = Value::Null;
        while let Some(frame) = self.frame().await {
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

/// The events of a room as whoever has just come sees them, to the last one.
pub fn ids(log: &[Value]) -> Vec<i64> {
    log.iter().map(|event| event["id"].as_i64().unwrap()).collect()
}
