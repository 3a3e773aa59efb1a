//! Who joins which room.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Pace;
use crate::client::Server;

/// See the module.
pub struct Joining {
    pub server: Server,
    /// The room's code.
    pub room: String,
    pub name: String,
    /// The last event that is known from before; without it the newest ones of the past are told.
    pub after: Option<i64>,
    pub pace: Pace,
}

impl Joining {
    /// The address of the socket.
    pub fn path(&self, after: Option<i64>) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut path = format!("/api/rooms/{}/socket?name={}", encoded(&self.room), encoded(&self.name));
        if let Some(after) = after {
            path += &format!("&after={after}");
        }
        path
    }
}
