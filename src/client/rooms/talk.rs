//! A member's place in a room, over a connection that is made again when it breaks.
//!
//! Events have numbers: whoever comes back asks for those after the last it has. A message has a name of its own (`ref`), is
//! kept until it comes back from the room, and is said again until then: the room stores one of the same name once. One is on
//! its way at a time, so that they arrive in the order in which they were said, whatever is refused on the way.

use std::collections::VecDeque;
use std::mem::take;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::Instant;

use super::connection::{Connection, Tries};
use super::joining::Joining;
use super::link::{Link, Lost, Told, events};
use super::unsent::Unsent;
use crate::client::Failure;
use crate::protocol::rooms::event::{Event, Leaving, ServerMessage, Welcome};

/// What happens in the room, and with one's place in it.
pub enum Happening {
    /// One is in the room: for the first time, or `again` after a break. Its history follows event by event.
    Welcome {
        welcome: Box<Welcome>,
        again: bool,
    },
    Event(Event),
    Message(ServerMessage<'static>),
    /// The room does not take a message of one's own.
    Refused {
        text: String,
        failure: Failure,
    },
    /// The connection has broken, and is being made again.
    Lost,
}

/// See the module.
pub struct Talk {
    joining: Joining,
    /// Gives the place back.
    token: Option<String>,
    /// The ids that one has had.
    mine: Vec<String>,
    /// The number of the last event.
    last: Option<i64>,
    /// One's own joining, until it is heard of: what was said under an id before may come up to there.
    awaited: Option<String>,
    unsent: Unsent,
    /// The newest event of one's own that the room is known to have, though it may not have been told yet.
    stored: Option<i64>,
    connection: Connection,
    tries: Tries,
    /// What is to be told; never more than one word of the server's brings.
    happened: VecDeque<Happening>,
}

impl Talk {
    /// Takes a place in the room.
    ///
    /// # Errors
    /// [`Failure`]: the server's refusal, or that it cannot be reached.
    pub async fn join(joining: Joining) -> Result<Talk, Failure> {
        let (link, welcome) = Link::open(&joining.server, &joining.path(joining.after), &joining.pace).await?;
        let mut talk = Talk {
            joining,
            token: None,
            mine: Vec::new(),
            last: None,
            awaited: None,
            unsent: Unsent::default(),
            stored: None,
            connection: Connection::none(),
            tries: Tries::default(),
            happened: VecDeque::new(),
        };
        talk.enter(link, welcome)?;
        Ok(talk)
    }

    /// The next thing that happens. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Failure`], which ends it: one was sent away, the room is over, or cannot be reached any more.
    pub async fn next(&mut self) -> Result<Happening, Failure> {
        loop {
            if let Some(happening) = self.happened.pop_front() {
                return Ok(happening);
            }
            match &mut self.connection {
                Connection::Down { attempt, until } => {
                    let (result, until) = (attempt.await, *until);
                    match result {
                        Ok((link, welcome)) => self.enter(link, welcome)?,
                        Err(failure) => self.try_again(failure, until)?,
                    }
                }
                Connection::Up(link) => tokio::select! {
                    told = link.next() => match told {
                        Ok(told) => self.hear(told)?,
                        Err(Lost) => self.lost(),
                    },
                    () = self.unsent.resume() => self.flush(),
                },
            }
        }
    }

    /// Says something as soon as that is possible.
    pub fn say(&mut self, text: String) {
        self.unsent.push(text);
        self.flush();
    }

    /// Messages that the room has not confirmed yet.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Whether all that was said is confirmed, and all that there was before is told.
    pub fn is_settled(&self) -> bool {
        self.unsent.len() == 0 && self.happened.is_empty() && self.awaited.is_none() && self.last >= self.stored
    }

    pub fn is_up(&self) -> bool {
        matches!(self.connection, Connection::Up(_))
    }

    /// What a member shows to share and fetch files.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Whether this is, or was, oneself.
    pub fn is_mine(&self, member: &str) -> bool {
        self.mine.iter().any(|mine| mine == member)
    }

    /// Leaves the room, if there is a connection to say so.
    pub async fn leave(self) {
        if let Connection::Up(link) = self.connection {
            link.leave(self.joining.pace.goodbye).await;
        }
    }

    fn enter(&mut self, link: Link, mut welcome: Box<Welcome>) -> Result<(), Failure> {
        let again = self.token.is_some() || !self.mine.is_empty();
        let history = events(&take(&mut welcome.history));
        welcome.you.key = None;
        self.connection = Connection::Up(link);
        self.tries.connected();
        if let Some(token) = welcome.you.token.take() {
            self.token = Some(token);
            self.mine.push(welcome.you.id.clone());
            // Where nothing is told, one has come after all that is known from before.
            self.awaited = (!history.is_empty()).then(|| welcome.you.id.clone());
        }
        self.happened.push_back(Happening::Welcome { welcome, again });
        self.hear(Told::Events(history))
    }

    fn hear(&mut self, told: Told) -> Result<(), Failure> {
        match told {
            Told::Events(events) => {
                for event in events {
                    self.take(event)?;
                }
                self.flush();
            }
            Told::Message(word) => self.listen(word)?,
            Told::Welcome(_) | Told::Unknown => {}
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        if self.last.is_some_and(|last| event.id() <= last) {
            return Ok(());
        }
        self.last = Some(event.id());
        match &event {
            Event::Joined { member, .. } if self.awaited.as_ref() == Some(member) => self.awaited = None,
            // Before the connection broke, or with it: nobody comes back who was sent away.
            Event::Left { member, reason: Leaving::Removed, .. } if self.is_mine(member) => {
                return Err(refused(StatusCode::FORBIDDEN, "removed", "You were sent away from this room."));
            }
            Event::Message { from_id, nonce: Some(nonce), .. } if self.is_mine(from_id) => self.unsent.confirmed(nonce),
            _ => {}
        }
        self.happened.push_back(Happening::Event(event));
        Ok(())
    }

    fn listen(&mut self, word: ServerMessage<'static>) -> Result<(), Failure> {
        match word {
            ServerMessage::Pong => return Ok(()),
            // It had arrived with a connection that broke. Its event comes too, or was taken away meanwhile.
            ServerMessage::Stored { of, nonce: Some(nonce) } => {
                self.stored = self.stored.max(Some(of));
                self.unsent.confirmed(&nonce);
                self.flush();
            }
            ServerMessage::Ended { reason, msg } => {
                let code = if reason == "expired" { "room_expired" } else { "room_ended" };
                return Err(refused(StatusCode::GONE, code, &msg));
            }
            ServerMessage::Error { code, msg, .. } if code == "removed" => {
                return Err(refused(StatusCode::FORBIDDEN, &code, &msg));
            }
            ServerMessage::Error { code, msg, .. } if code == "replaced" => {
                return Err(refused(StatusCode::CONFLICT, &code, &msg));
            }
            ServerMessage::Error { code, msg, nonce: Some(nonce) } => self.refuse(&code, &msg, &nonce),
            word => self.happened.push_back(Happening::Message(word)),
        }
        Ok(())
    }

    /// The room does not take a message, or not now.
    fn refuse(&mut self, code: &str, msg: &str, nonce: &str) {
        if matches!(code, "too_many_requests" | "busy" | "unavailable") {
            return self.unsent.pause(self.joining.pace.pause);
        }
        if let Some(text) = self.unsent.refused(nonce) {
            let failure = refused(StatusCode::BAD_REQUEST, code, msg);
            self.happened.push_back(Happening::Refused { text, failure });
        }
        self.flush();
    }

    /// Says what comes next, unless something is on its way.
    fn flush(&mut self) {
        if let (None, Connection::Up(link)) = (&self.awaited, &self.connection)
            && let Some(said) = self.unsent.next()
        {
            link.say(&said);
        }
    }

    fn lost(&mut self) {
        let pace = self.joining.pace;
        self.tries.lost(&pace);
        self.unsent.connection_lost();
        self.happened.push_back(Happening::Lost);
        let wait = self.tries.wait(&pace);
        self.connect_in(wait, Instant::now() + pace.patience);
    }

    /// # Errors
    /// The same failure, if another try does not help.
    fn try_again(&mut self, failure: Failure, until: Instant) -> Result<(), Failure> {
        match &failure {
            // Away for too long: as somebody new, under the same name.
            Failure::Refused { code, .. } if code == "not_a_member" && self.token.is_some() => {
                self.token = None;
                self.connect_in(Duration::ZERO, until);
            }
            failure if failure.passes() && Instant::now() < until => {
                let asked = match failure {
                    Failure::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                let wait = self.tries.wait(&self.joining.pace).max(asked);
                self.connect_in(wait, until);
            }
            _ => return Err(failure),
        }
        Ok(())
    }

    fn connect_in(&mut self, wait: Duration, until: Instant) {
        let path = self.joining.path(self.last.or(self.joining.after));
        let server = self.joining.server.as_member(self.token.as_deref());
        self.connection = Connection::made(server, self.joining.pace, path, wait, until);
    }
}

fn refused(status: StatusCode, code: &str, msg: &str) -> Failure {
    Failure::refused(status, code, crate::client::printable(msg))
}
