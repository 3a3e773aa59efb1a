//! What is said in a room's sockets: JSON texts, told apart by `type`.
//!
//! [`Event`]s are stored and numbered: each member sees the same ones in the same order, and whoever comes back asks for
//! those after the last it has, which come in its [`Welcome`] and, where they are many, in [`History`] behind it. The rest
//! ([`ServerMessage`]) is said to whoever is there and forgotten. A client says [`ClientMessage`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Largest text of a message, in bytes.
pub const LARGEST_TEXT: usize = 8 << 10;
/// Largest message of a client: JSON may write a byte with six.
pub const LARGEST_CLIENT_MESSAGE: usize = 6 * LARGEST_TEXT + 512;
/// Longest name that a client gives a message of its own.
pub const LONGEST_REF: usize = 64;

/// What happened in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "server", schema(as = RoomEvent))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Somebody is new in the room.
    Joined { id: i64, member: String, name: String, at: DateTime<Utc> },
    /// Somebody has left it.
    Left { id: i64, member: String, name: String, reason: Leaving, at: DateTime<Utc> },
    Message {
        id: i64,
        from: String,
        from_id: String,
        text: String,
        at: DateTime<Utc>,
        /// What its sender calls it
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
    },
    File {
        id: i64,
        from: String,
        from_id: String,
        file_id: String,
        filename: String,
        /// Bytes
        size: u64,
        /// Path on this server; to be asked for with the member's token or key
        #[serde(default)]
        url: String,
        at: DateTime<Utc>,
    },
    /// A message or a file was taken away; in its place the history has this kind with the same `id`.
    Removed { id: i64, of: i64, at: DateTime<Utc> },
    /// The room is called otherwise, or is locked or open.
    Changed { id: i64, title: String, locked: bool, at: DateTime<Utc> },
}

/// Why somebody left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    Left,
    /// The connection broke and did not come back in time.
    Lost,
    /// The room's maker sent them away.
    Removed,
}

impl Event {
    pub fn id(&self) -> i64 {
        match self {
            Event::Joined { id, .. }
            | Event::Left { id, .. }
            | Event::Message { id, .. }
            | Event::File { id, .. }
            | Event::Removed { id, .. }
            | Event::Changed { id, .. } => *id,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Event::Joined { .. } => "joined",
            Event::Left { .. } => "left",
            Event::Message { .. } => "message",
            Event::File { .. } => "file",
            Event::Removed { .. } => "removed",
            Event::Changed { .. } => "changed",
        }
    }

    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// The first word to a member.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "welcome")]
pub struct Welcome {
    pub you: You,
    pub room: About,
    pub members: Vec<Member>,
    pub history: Vec<Box<RawValue>>,
    /// There are events before these.
    pub more: bool,
    /// Who has fetched what this member has shared.
    pub fetched: Vec<Fetch>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct You {
    pub id: String,
    pub name: String,
    /// Gives the place back after a broken connection, and does all that a member may do over HTTP; told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// For the addresses of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    pub title: String,
    pub locked: bool,
    pub expires_at: DateTime<Utc>,
    /// Seconds without a word after which the room ends.
    pub quiet: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Member {
    pub id: String,
    pub name: String,
    pub joined_at: DateTime<Utc>,
    pub away: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Fetch {
    pub of: i64,
    pub file_id: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

/// Events of the past behind those in [`Welcome`], before those that happen now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "history")]
pub struct History {
    pub history: Vec<Box<RawValue>>,
}

/// What is said and forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    Typing {
        from: Cow<'a, str>,
        from_id: Cow<'a, str>,
    },
    /// To whoever shared a file: somebody has fetched it for the first time.
    Fetched {
        of: i64,
        file_id: Cow<'a, str>,
        by: Cow<'a, str>,
        at: DateTime<Utc>,
    },
    /// A member's connection broke, or is back.
    Away {
        member: Cow<'a, str>,
        away: bool,
    },
    /// The room ends soon, unless something is said.
    Ending {
        expires_at: DateTime<Utc>,
        expires_in: u64,
    },
    /// Last: the room is over.
    Ended {
        reason: Cow<'a, str>,
        msg: Cow<'a, str>,
    },
    /// To whoever says something again: it is stored already, under the number `of`. Everybody was told then.
    Stored {
        of: i64,
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        nonce: Option<Cow<'a, str>>,
    },
    /// The answer to `ping`.
    Pong,
    Error {
        code: Cow<'a, str>,
        msg: String,
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        nonce: Option<Cow<'a, str>>,
    },
}

impl ServerMessage<'_> {
    pub fn json(&self) -> String {
        // Strings and numbers: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// An error as a member is told it.
    pub fn error<'a>(code: &'static str, msg: String, nonce: Option<&'a str>) -> ServerMessage<'a> {
        ServerMessage::Error { code: code.into(), msg, nonce: nonce.map(Into::into) }
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    Message {
        text: String,
        /// Comes back with the message; the same one twice is stored once, and answered by `stored`.
        #[serde(rename = "ref", default)]
        nonce: Option<String>,
    },
    Typing,
    /// Whether anybody hears it: a page sees no frames of the protocol's own, and cannot tell a silent room from a dead
    /// connection.
    Ping,
    Leave,
    /// Of a newer client.
    #[serde(other)]
    Unknown,
}
