//! What one end and the hub say to each other: JSON in text messages, told apart by `type`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Sender,
    Receiver,
}

impl Role {
    pub fn other(self) -> Role {
        match self {
            Role::Sender => Role::Receiver,
            Role::Receiver => Role::Sender,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Sender => "sender",
            Role::Receiver => "receiver",
        }
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Signal {
    // The hub says
    /// To the sender, first: its nameplate, and what it needs to come back after a broken connection.
    Code {
        nameplate: u32,
        expires_at: DateTime<Utc>,
        /// The same in seconds from now, for a clock that is wrong.
        expires_in: u64,
        token: String,
        /// How many seconds a side whose connection broke may take to come back.
        grace: u64,
        /// The page where a receiver types the code.
        page_url: String,
    },
    /// To the receiver, first: the sender knows that it is there.
    Joined { nameplate: u32, token: String, grace: u64 },
    /// To either, first, after [`Signal::Rejoin`]: it has its place again.
    Rejoined { nameplate: u32 },
    /// To both: both are connected, for this session.
    Paired {
        #[serde(rename = "round")]
        session: u32,
    },
    /// To the sender: whoever had come has not shown that it has the code, and is gone. The code waits on.
    Waiting,
    /// To both, once the other end has shown that it has the code: what helps two pages to find a direct way.
    Ice { ice_servers: Vec<IceServer> },
    /// To one: the other's connection has broken, and it has so many seconds to come back.
    PeerLost { grace: u64 },
    /// To both, last: it is over.
    Ended {
        code: End,
        /// Whose doing it was, where it was one of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Role>,
        msg: String,
    },

    // An end says
    /// First, on a connection that takes the place of a broken one.
    Rejoin {
        token: String,
        /// Whether it has confirmed the code with the other end, for a server that was started anew.
        #[serde(default, rename = "confirmed")]
        is_confirmed: bool,
    },
    /// Ends the transfer, for one of the reasons that an end may give.
    End { code: End },

    /// A word of a later version, which this one does without.
    #[serde(other)]
    Unknown,
}

/// A server that helps two pages to find a direct way: an `RTCIceServer` (WebRTC 1.0, section 4.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    pub urls: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// How a transfer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    // An end may say these
    /// The receiver has everything.
    Done,
    Cancelled,
    /// The words do not match: the code is spent.
    WrongCode,
    /// A frame was dropped, repeated, moved or changed on the way.
    Tampered,
    /// The receiver wants none of it.
    Declined,
    /// An end could not go on: a file could not be read or written.
    Failed,

    // The hub alone says these
    /// Nobody has this nameplate, or not any more, or the token is not the right one.
    UnknownCode,
    /// Nobody came for it in time.
    ExpiredCode,
    /// Somebody else has come for it already.
    CodeInUse,
    /// One side did not come back in time.
    PeerLost,
    /// There are too many codes.
    Evicted,
    /// The quota of bytes is used up.
    QuotaExceeded,
    /// The same side has connected anew, elsewhere.
    Replaced,
    /// The sender is not signed in any more, and guests may not send.
    SignedOut,
    /// The server stops.
    Stopping,
    /// What was sent is not of this protocol.
    BadMessage,
    /// A connection was away for longer than its place is kept.
    AwayTooLong,
    /// The server was started anew, and the place cannot be had again.
    Restarted,
}

impl End {
    /// Whether an end may give this reason to the hub.
    pub fn is_of_an_end(self) -> bool {
        use End as E;
        matches!(self, E::Done | E::Cancelled | E::WrongCode | E::Tampered | E::Declined | E::Failed)
    }

    /// Whether it says no more than that the hub has lost an end: a direct path may go on.
    pub fn is_of_the_connection(self) -> bool {
        use End as E;
        matches!(self, E::UnknownCode | E::PeerLost | E::AwayTooLong | E::Restarted | E::Stopping)
    }

    /// What to tell a person.
    pub fn msg(self) -> &'static str {
        match self {
            End::Done => "The transfer is complete.",
            End::Cancelled => "The transfer was cancelled.",
            End::WrongCode => {
                "The words of the code were wrong. A code ends with the first wrong guess: make a new one."
            }
            End::Tampered => "What arrived is not what was sent. Something between the two sides has changed it.",
            End::Declined => "The receiver declined.",
            End::Failed => "The other side could not go on.",
            End::UnknownCode => "There is no such code, or it has been used.",
            End::ExpiredCode => "The code has expired. Ask the sender for a new one.",
            End::CodeInUse => "Somebody else is already using this code.",
            End::PeerLost => "The other side was lost and did not come back.",
            End::Evicted => "The server had too many waiting codes and gave this one up. Try again.",
            End::QuotaExceeded => "The server passes on no more bytes for this address today.",
            End::Replaced => "This side has connected again from elsewhere.",
            End::SignedOut => "The sender is not signed in any more.",
            End::Stopping => "The server is stopping. Try again in a moment.",
            End::BadMessage => "The server did not understand what was sent to it.",
            End::AwayTooLong => "The connection was away for too long, and the server has given the transfer up.",
            End::Restarted => "The server was started anew, and the transfer could not be taken up again.",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            End::Done => "done",
            End::Cancelled => "cancelled",
            End::WrongCode => "wrong_code",
            End::Tampered => "tampered",
            End::Declined => "declined",
            End::Failed => "failed",
            End::UnknownCode => "unknown_code",
            End::ExpiredCode => "expired_code",
            End::CodeInUse => "code_in_use",
            End::PeerLost => "peer_lost",
            End::Evicted => "evicted",
            End::QuotaExceeded => "quota_exceeded",
            End::Replaced => "replaced",
            End::SignedOut => "signed_out",
            End::Stopping => "stopping",
            End::BadMessage => "bad_message",
            End::AwayTooLong => "away_too_long",
            End::Restarted => "restarted",
        }
    }

    pub fn ended(self, by: Option<Role>) -> Signal {
        Signal::Ended { code: self, by, msg: self.msg().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_form_that_the_contract_gives() {
        let code = Signal::Code {
            nameplate: 7,
            expires_at: DateTime::UNIX_EPOCH,
            expires_in: 600,
            token: "t".into(),
            grace: 180,
            page_url: "http://localhost/receive".into(),
        };
        let json = serde_json::to_value(&code).unwrap();
        assert_eq!((&json["type"], &json["nameplate"]), (&"code".into(), &7.into()));
        assert_eq!(json["expires_at"], "1970-01-01T00:00:00Z");
        let ended: Signal = serde_json::from_str(r#"{"type":"ended","code":"code_in_use","msg":"x"}"#).unwrap();
        assert!(matches!(ended, Signal::Ended { code: End::CodeInUse, by: None, .. }));
        for end in [End::Done, End::WrongCode, End::ExpiredCode, End::QuotaExceeded, End::BadMessage] {
            assert_eq!(serde_json::to_value(end).unwrap(), end.as_str());
        }
    }
}
