//! What happens in a transfer, as one end sees it, and how it ends.

use serde::{Deserialize, Serialize};

use crate::protocol::direct::message::{Entry, Skip};
use crate::protocol::direct::{End, Role};

/// What to tell the person at this end, or a program: as JSON, told apart by `event`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The code to pass on.
    Code {
        code: String,
        page_url: String,
        expires_in: u64,
    },
    /// A transfer that another process had begun goes on.
    Resumed {
        code: String,
    },
    /// What another process had begun to send cannot go on; a new code follows.
    NotResumed {
        /// The old one.
        code: String,
        why: WhyNot,
    },
    /// The code is still waiting; said each second.
    TimeLeft {
        seconds: u64,
    },
    /// The other side is connected.
    PeerJoined,
    /// Both sides have the same code: what follows is encrypted.
    Confirmed,
    /// What there is to receive.
    Offered {
        entries: Vec<Entry>,
        bytes: u64,
    },
    /// A text that came with the offer.
    Text {
        text: String,
    },
    /// What the receiver takes.
    Accepted {
        files: u64,
        bytes: u64,
    },
    /// The content of a file begins, or goes on after a break.
    FileStarted {
        entry: u32,
        path: String,
        size: Option<u64>,
        offset: u64,
    },
    /// Said a few times each second. Rate in bytes a second, remaining time in seconds.
    Progress {
        entry: Option<u32>,
        bytes: u64,
        total: Option<u64>,
        rate: u64,
        remaining: Option<u64>,
    },
    /// A file is complete; on the receiver's side with the name that it has there.
    FileDone {
        entry: u32,
        path: String,
        bytes: u64,
    },
    /// A file or folder does not come: it could not be read, or is there already.
    FileSkipped {
        entry: u32,
        path: String,
        reason: Skip,
    },
    /// What has come of a file stays, for a transfer that brings the rest to the same folder.
    Kept {
        path: String,
        bytes: u64,
    },
    /// The content goes straight to the other side from now on, or through the server, as it does at first.
    Path {
        direct: bool,
    },
    /// The other side pauses, or goes on.
    PeerPaused {
        paused: bool,
    },
    /// Nothing has come from the other side for so many seconds, though it is connected.
    PeerStalled {
        seconds: u64,
    },
    /// The other side's connection has broken; it has so many seconds to come back.
    PeerLost {
        grace: u64,
    },
    /// It is back, or has something to say again.
    PeerBack,
    /// Our own connection has broken; it is being made again.
    ConnectionLost,
    ConnectionBack,
    /// Every frame is verified, every file in its place.
    Done(Summary),
    /// It did not come to that.
    Failed {
        code: &'static str,
        msg: String,
    },
}

/// Why a transfer does not go on that another process had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    /// What is sent now is not what the receiver was offered.
    FilesChanged,
    /// The server has given it up, or the receiver has.
    Gone,
    /// The connection was away for longer than the server keeps a place.
    Away,
    /// The server was started anew, and does not know it any more.
    Restarted,
}

impl WhyNot {
    /// Why a code ended that nobody has used, where it is not over for another reason.
    pub fn of(failure: &Failure) -> Option<WhyNot> {
        match failure {
            Failure::Ended { code: End::AwayTooLong, .. } => Some(WhyNot::Away),
            Failure::Ended { code: End::Restarted, .. } => Some(WhyNot::Restarted),
            _ => None,
        }
    }
}

/// What was transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub files: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// What was left out because it could not be read or had changed.
    #[serde(default)]
    pub skipped: u64,
    /// Files that were there already.
    #[serde(default)]
    pub same: u64,
}

/// Why a transfer did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("{}", .code.msg())]
    Ended { code: End, by: Option<Role> },
    #[error("you stopped the transfer")]
    Stopped,
    #[error("{0}")]
    PeerCancelled(String),
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("the connection broke while the code was being confirmed, so the code is spent; make a new one")]
    Unconfirmed,
    #[error("the other side does not keep to the protocol: {0}")]
    Protocol(&'static str),
    #[error("{0}")]
    Local(String),
}

impl Failure {
    pub fn ended(code: End) -> Failure {
        Failure::Ended { code, by: None }
    }

    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Ended { code, .. } => code.as_str(),
            Failure::Stopped => "stopped",
            Failure::PeerCancelled(_) => "cancelled",
            Failure::Unreachable(_) => "unreachable",
            Failure::Refused(_) => "refused",
            Failure::Unconfirmed => "unconfirmed",
            Failure::Protocol(_) => "protocol",
            Failure::Local(_) => "local",
        }
    }

    /// Whether what has come of a file until then may be gone on with.
    pub fn leaves_what_came(&self) -> bool {
        match self {
            Failure::Ended { code, .. } => {
                !matches!(code, End::WrongCode | End::Tampered | End::Declined | End::BadMessage)
            }
            Failure::Stopped | Failure::PeerCancelled(_) | Failure::Unreachable(_) | Failure::Local(_) => true,
            Failure::Refused(_) => true,
            Failure::Unconfirmed | Failure::Protocol(_) => false,
        }
    }

    /// What to tell the hub, where it does not know yet.
    pub fn reason(&self) -> Option<End> {
        match self {
            Failure::Ended { code: code @ (End::WrongCode | End::Tampered | End::Declined), by: None } => Some(*code),
            Failure::Stopped => Some(End::Cancelled),
            Failure::Protocol(_) => Some(End::Tampered),
            Failure::Local(_) | Failure::Unconfirmed => Some(End::Failed),
            _ => None,
        }
    }
}
