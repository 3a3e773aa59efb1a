//! What a member has said and the room has not confirmed.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::protocol::rooms::event::ClientMessage;
use crate::protocol::secret;

/// Length of a message's own name.
const NONCE: usize = 16;

/// See the module. The first is on its way, or waits; the others wait behind it.
#[derive(Default)]
pub struct Unsent {
    queue: VecDeque<Message>,
    is_sent: bool,
    paused_until: Option<Instant>,
}

struct Message {
    nonce: String,
    text: String,
}

impl Unsent {
    pub fn push(&mut self, text: String) {
        self.queue.push_back(Message { nonce: secret::random(NONCE), text });
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// What is to be said now.
    pub fn next(&mut self) -> Option<ClientMessage> {
        let Message { nonce, text } = self.queue.front().filter(|_| !self.is_sent && self.paused_until.is_none())?;
        self.is_sent = true;
        Some(ClientMessage::Message { text: text.clone(), nonce: Some(nonce.clone()) })
    }

    /// The room has a message of this name.
    pub fn confirmed(&mut self, nonce: &str) {
        self.refused(nonce);
    }

    /// The room does not take the message of this name; returns it.
    pub fn refused(&mut self, nonce: &str) -> Option<String> {
        self.queue.front().filter(|first| first.nonce == nonce)?;
        self.is_sent = false;
        self.queue.pop_front().map(|message| message.text)
    }

    /// The room does not take it now: it is said again after a pause.
    pub fn pause(&mut self, pause: Duration) {
        self.paused_until = Some(Instant::now() + pause);
    }

    /// Waits for the end of a pause; for ever when there is none.
    pub async fn resume(&mut self) {
        match self.paused_until {
            Some(time) => sleep_until(time).await,
            None => pending().await,
        }
        (self.is_sent, self.paused_until) = (false, None);
    }

    /// What was on its way is to be said again.
    pub fn connection_lost(&mut self) {
        (self.is_sent, self.paused_until) = (false, None);
    }
}
