//! The end, as the other end and the hub are told of it.

use tokio::time::timeout;

use super::{Connection, Peer, Stage};
use crate::client::direct::event::{Failure, Summary};
use crate::protocol::direct::{End, Message, Role};

impl Peer {
    /// Tells the other end and the hub how it went, where they do not know yet.
    pub async fn leave(mut self, result: &Result<Summary, Failure>) {
        let code = match (result, self.place.role) {
            (Ok(_), Role::Sender) => Some(End::Done),
            (Ok(_), Role::Receiver) => None,
            (Err(failure), _) => failure.reason(),
        };
        if let Err(failure @ Failure::Local(_)) = result {
            let cancel = Message::Cancel { reason: failure.to_string() };
            // Best said, but the hub will do.
            let _ = timeout(self.pace.goodbye, self.say(&cancel)).await;
            // On a path of its own it could come after the hub's word and be missed.
            self.close_path().await;
        }
        let mut patience = self.pace.goodbye;
        if let Some(code) = code {
            // The hub may be out of reach, and its connection dead: on a direct path the other end is told first.
            if self.is_direct() {
                let _ = timeout(self.pace.farewell, self.say(&Message::Ended { code })).await;
                if self.close_path().await {
                    patience = self.pace.farewell;
                }
            }
            if let Connection::Up(link) = &mut self.connection {
                link.end(code, patience).await;
            }
        }
        // Not before the other end knows that it is over, or it would take the path for broken.
        if code.is_some() {
            self.close_path().await;
        }
        self.stage = Stage::Alone;
        if let Connection::Up(link) = self.connection {
            link.close(patience).await;
        }
    }

    /// Whether the other end has left the path, and so has heard all.
    async fn close_path(&mut self) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Alone) {
            Stage::Open(session) => match session.into_path() {
                Some(path) => path.close(self.pace.farewell).await,
                None => false,
            },
            _ => false,
        }
    }
}
