//! A member who is connected, until it leaves or its connection breaks: what it says is stored, and then told.

use crate::server::refusals::{bad_request, too_many_requests};
use std::sync::Arc;

use actix_web::web;

use crate::protocol::rooms::event::{ClientMessage, LARGEST_TEXT, LONGEST_REF, Leaving, ServerMessage};
use crate::protocol::websocket::{Broken, In, NORMAL};
use crate::server::app::App;
use crate::server::db::Conn;
use crate::server::error::{Chain, Error, Result};
use crate::server::features::rooms::hub::{Allowed, Line, Room, Rooms};
use crate::server::features::rooms::model::At;
use crate::server::features::rooms::model::events::{self, Spoken};
use crate::server::features::rooms::model::log::Who;
use crate::server::features::rooms::{gone, leave};
use crate::server::http::socket::{Incoming, Out, Urgent};

/// Close codes: what may not be sent (RFC 6455 section 7.4.1).
const UNSUPPORTED: u16 = 1003;
const POLICY: u16 = 1008;

/// See the module.
pub struct Participant {
    pub app: web::Data<App>,
    pub rooms: Rooms,
    pub room: Arc<Room>,
    pub who: Who,
    pub urgent: Urgent,
    pub line: Line,
}

enum Gone {
    Broken,
    Left,
    Told(u16, &'static str, String),
}

impl Participant {
    /// Serves a member until it leaves, its connection breaks or the room is over.
    pub async fn serve(self, incoming: Incoming) {
        let gone = self.listen(incoming).await;
        self.rise(gone).await;
    }

    async fn listen(&self, mut incoming: Incoming) -> Gone {
        loop {
            let message = incoming.next().await;
            self.line.heard();
            let text = match message {
                Ok(In::Text(text)) => text,
                Ok(In::Ping(payload)) => {
                    self.urgent.say(Out::Pong(payload));
                    continue;
                }
                Ok(In::Pong) => continue,
                Ok(In::Binary(_)) => {
                    return Gone::Told(UNSUPPORTED, "bad_message", "This socket takes texts.".into());
                }
                Ok(In::Close) | Err(Broken::Gone) => return Gone::Broken,
                Err(Broken::Malformed(close)) => {
                    return Gone::Told(close, "bad_message", "This is not what a client sends.".into());
                }
            };
            if let Some(gone) = self.hear(&text).await {
                return gone;
            }
        }
    }

    /// Does what a member says.
    async fn hear(&self, text: &str) -> Option<Gone> {
        let now = self.app.clock.now();
        match serde_json::from_str(text) {
            Ok(ClientMessage::Message { text, nonce }) => match self.rooms.allow(&self.room, &self.who.id, now) {
                Allowed::Yes => {
                    match self.say(text, nonce.clone()).await {
                        Ok(None) => {}
                        Ok(Some(of)) => {
                            self.urgent
                                .say(Out::Text(ServerMessage::Stored { of, nonce: nonce.map(Into::into) }.json()));
                        }
                        Err(error) => self.tell(&error, nonce.as_deref()),
                    }
                    None
                }
                Allowed::Wait(seconds) => {
                    self.tell(&too_many_requests(seconds), nonce.as_deref());
                    None
                }
                Allowed::Enough => {
                    Some(Gone::Told(POLICY, "too_many_requests", "You send more than anybody can read.".into()))
                }
            },
            Ok(ClientMessage::Typing) => {
                self.room.typing(&self.who.id, now);
                None
            }
            Ok(ClientMessage::Ping) => {
                self.urgent.say(Out::Text(ServerMessage::Pong.json()));
                None
            }
            Ok(ClientMessage::Leave) => Some(Gone::Left),
            Ok(ClientMessage::Unknown) => None,
            Err(error) => {
                self.tell(&bad_request(format!("The message does not fit: {error}.")), None);
                None
            }
        }
    }

    /// Stores a message and tells it to everybody. Waits until that is done: a member has one on its way at a time. Gives
    /// the number of one that was stored before, which nobody is told again.
    async fn say(&self, text: String, nonce: Option<String>) -> Result<Option<i64>> {
        if text.trim().is_empty() {
            return Err(bad_request("A message has a text.".into()));
        }
        if text.len() > LARGEST_TEXT || nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_REF) {
            return Err(bad_request(format!("A message has {LARGEST_TEXT} bytes at most, and its ref {LONGEST_REF}.")));
        }
        self.app.blobs.space().check_disk(text.len() as u64)?;
        let (limits, now) = (self.rooms.limits(), self.app.clock.now());
        let (room, who) = (self.room.clone(), self.who.clone());
        let id = room.id.clone();
        let say = move |conn: &mut Conn| events::say(conn, At { room: &id, limits: &limits, now }, &who, text, nonce);
        let tell = move |spoken| match spoken {
            Spoken::New(event) => room.tell(&event, now).map(|()| None),
            Spoken::Before(seq) => Ok(Some(seq)),
        };
        self.app.db.writer().write_then(say, move |said| said.and_then(tell)).await
    }

    fn tell(&self, error: &Error, nonce: Option<&str>) {
        if let Error::Internal(cause) | Error::Unavailable(cause) = error {
            tracing::error!(cause = %Chain(cause.as_ref()), "a message was not stored");
        }
        self.urgent.say(Out::Text(ServerMessage::error(error.code(), error.to_string(), nonce).json()));
    }

    /// The connection is over.
    async fn rise(self, how: Gone) {
        match how {
            Gone::Left => {
                self.urgent.farewell(None, NORMAL);
                match gone(leave(&self.app, &self.rooms, &self.room.id, self.who.clone(), Leaving::Left).await) {
                    Ok(()) => return,
                    Err(error) => tracing::error!(cause = %Chain(&error), "a member could not leave yet, and is away"),
                }
            }
            Gone::Told(close, code, msg) => {
                self.urgent.farewell(Some(ServerMessage::Error { code: code.into(), msg, nonce: None }.json()), close);
            }
            Gone::Broken => self.urgent.farewell(None, NORMAL),
        }
        self.room.disconnect(&self.who.id, &self.line, self.app.clock.now());
    }
}
