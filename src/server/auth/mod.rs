//! Who may call: passwords, tokens, the gate in front of every route, and the brakes on guessing.

pub mod password;
mod session;
mod throttle;
pub mod token;

pub use session::{SessionUser, create_session, end_session, end_sessions_of, is_running, session_user};
pub use throttle::{Guess, Throttle};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a user is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uploads files and sees what becomes of them.
    Operation,
    /// Fetches files by one-time links.
    Client,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Operation => "operation",
            Role::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "operation" => Ok(Role::Operation),
            "client" => Ok(Role::Client),
            _ => Err("a role is operation or client".into()),
        }
    }
}
