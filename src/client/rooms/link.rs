//! One connection of a member: read here, and written by a task of its own.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::Pace;
use crate::client::{Failure, Server, Socket, open_socket};
use crate::protocol::rooms::event::{ClientMessage, Event, History, ServerMessage, Welcome};

/// Longest text of a server's: a page of history, and who is there.
const LARGEST_TOLD: usize = 4 << 20;
/// Texts that wait for the writer. There is one message on its way at a time.
const QUEUE: usize = 4;

/// See the module.
pub struct Link {
    inbox: SplitStream<Socket>,
    outbox: mpsc::Sender<Message>,
    silence: Duration,
    heard: Instant,
}

/// The connection is over.
#[derive(Debug)]
pub struct Lost;

/// What the server says.
pub enum Told {
    Welcome(Box<Welcome>),
    Events(Vec<Event>),
    Message(ServerMessage<'static>),
    /// Of a newer server.
    Unknown,
}

impl Link {
    /// Opens the socket at `path`, and waits for the welcome.
    ///
    /// # Errors
    /// [`Failure::Unreachable`], and the server's refusals.
    pub async fn open(server: &Server, path: &str, pace: &Pace) -> Result<(Link, Box<Welcome>), Failure> {
        let socket = open_socket(server, path, LARGEST_TOLD, pace.connect).await?;
        let (sink, inbox) = socket.split();
        let (outbox, texts) = mpsc::channel(QUEUE);
        tokio::spawn(write(sink, texts));
        let mut link = Link { inbox, outbox, silence: pace.silence, heard: Instant::now() };
        match timeout(pace.connect, link.next()).await {
            Ok(Ok(Told::Welcome(welcome))) => Ok((link, welcome)),
            _ => Err(Failure::Unreachable("it does not say welcome".into())),
        }
    }

    /// The next word of the server. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Told, Lost> {
        loop {
            let message = timeout_at(self.heard + self.silence, self.inbox.next()).await.map_err(|_| Lost)?;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => return parse(&text).ok_or(Lost),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {} // answered by the socket itself
                Some(Ok(_) | Err(_)) | None => return Err(Lost),
            }
        }
    }

    /// Says something, unless the connection is over: that is found by [`Link::next`].
    pub fn say(&self, said: &ClientMessage) {
        if let Ok(text) = serde_json::to_string(said)
            && let Err(error) = self.outbox.try_send(Message::Text(text.into()))
        {
            tracing::debug!(cause = %error, "the connection takes nothing");
        }
    }

    /// Leaves, and waits until the server has closed the connection.
    pub async fn leave(mut self, patience: Duration) {
        self.say(&ClientMessage::Leave);
        if timeout(patience, async { while self.next().await.is_ok() {} }).await.is_err() {
            tracing::debug!("the server did not answer the goodbye");
        }
    }
}

/// `None` when this is nothing that a server of rooms says.
fn parse(text: &str) -> Option<Told> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
        id: Option<i64>,
    }
    let kind: Kind = serde_json::from_str(text).ok()?;
    match (kind.r#type.as_str(), kind.id) {
        ("welcome", _) => serde_json::from_str(text).ok().map(Told::Welcome),
        ("history", _) => {
            let History { history } = serde_json::from_str(text).ok()?;
            Some(Told::Events(events(&history)))
        }
        (_, Some(_)) => Some(serde_json::from_str(text).map_or(Told::Unknown, |event| Told::Events(vec![event]))),
        (_, None) => Some(serde_json::from_str(text).map_or(Told::Unknown, Told::Message)),
    }
}

/// Those that are known here.
pub fn events(history: &[Box<RawValue>]) -> Vec<Event> {
    history.iter().filter_map(|event| serde_json::from_str(event.get()).ok()).collect()
}

/// Writes until nobody has anything to say any more, or the connection is over.
async fn write(mut sink: SplitSink<Socket, Message>, mut texts: mpsc::Receiver<Message>) {
    while let Some(text) = texts.recv().await {
        if sink.send(text).await.is_err() {
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
    fn what_is_said_here_is_understood_there() {
        let event =
            r#"{"type":"message","id":7,"from":"Ann","from_id":"a","text":"x","at":"2026-01-01T00:00:00Z","ref":"r"}"#;
        let Some(Told::Events(events)) = parse(event) else { panic!("an event") };
        assert_eq!(events[0].json().unwrap(), event);
        let error =
            ServerMessage::Error { code: "too_many_requests".into(), msg: "later".into(), nonce: Some("r".into()) };
        let stored = ServerMessage::Stored { of: 7, nonce: Some("r".into()) };
        for word in [error, stored, ServerMessage::Away { member: "a".into(), away: true }, ServerMessage::Pong] {
            let Some(Told::Message(understood)) = parse(&word.json()) else { panic!("{}", word.json()) };
            assert_eq!(understood.json(), word.json());
        }
        let history = format!(r#"{{"type":"history","history":[{event},{{"type":"newer","id":8}}]}}"#);
        assert!(matches!(parse(&history), Some(Told::Events(events)) if events.len() == 1));
        assert!(matches!(parse(r#"{"type":"newer","id":9}"#), Some(Told::Unknown)));
        assert!(matches!(parse(r#"{"type":"newer"}"#), Some(Told::Unknown)));
        for bad in ["", "[]", "{}", r#"{"type":"welcome"}"#, r#"{"type":"history"}"#] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
