//! What comes: from the hub, over the relay, and from the other end.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{Connection, Happening, Peer, Place, Stage};
use crate::client::direct::event::Failure;
use crate::client::direct::session::Session;
use crate::protocol::direct::exchange::{self, Disagreement, Established, Exchange, Secret};
use crate::protocol::direct::{End, Frame, Message, Role, Signal};

impl Peer {
    pub(super) fn signal(&mut self, signal: Signal) -> Result<(), Failure> {
        match signal {
            Signal::Paired { session } => {
                self.pairing = Some(session);
                // A direct path that stands is better; when it breaks this is where the two meet.
                if !self.is_direct() {
                    self.agree(session);
                    if self.place.role == Role::Receiver {
                        self.happened.push_back(Happening::Joined);
                    }
                }
            }
            Signal::PeerLost { grace } => {
                self.pairing = None;
                if !self.is_direct() {
                    self.close_session()?;
                    self.miss(Happening::PeerLost { grace: Place::grace(grace).as_secs() });
                }
            }
            Signal::Waiting => {
                self.pairing = None;
                self.close_session()?;
            }
            Signal::Ended { code, by: None, .. } if self.is_direct() && code.is_of_the_connection() => {
                self.pairing = None;
                self.connection = Connection::Gone(Failure::ended(code));
            }
            Signal::Ended { code, by, .. } => self.happened.push_back(Happening::Ended { code, by }),
            _ => {}
        }
        Ok(())
    }

    /// Begins to agree on the keys of a session over the relay.
    pub(super) fn agree(&mut self, session: u32) {
        let secret = match &self.master {
            Some(master) => Secret::Master(master),
            None => Secret::Code(&self.code),
        };
        let (exchange, frame) = Exchange::start(self.place.role, session, secret);
        self.stage = Stage::Agreeing(Box::new(exchange));
        // Of one that has proved itself the hub may take as long to notice that it is gone.
        let patience = if self.master.is_some() { 2 } else { 1 };
        self.agreed_by = Instant::now() + self.pace.silence * patience;
        self.unsent = VecDeque::from([frame.into_bytes()]);
    }

    /// What has come over the relay.
    pub(super) fn frame(&mut self, frame: Frame) -> Result<(), Failure> {
        match (&mut self.stage, frame) {
            // The other end has given up the direct path, and begins anew where the two met last.
            (Stage::Open(_), frame @ Frame::Resume { session, .. }) if self.pairing == Some(session) => {
                self.interrupt();
                self.agree(session);
                self.frame(frame)
            }
            (Stage::Open(session), _) if !session.hears_relay() => {
                Err(Failure::Protocol("it goes on where it has left"))
            }
            (Stage::Open(session), frame @ Frame::Sealed(_)) => {
                let message = session.open(frame)?;
                self.heard(message)
            }
            (Stage::Agreeing(exchange), frame) => match exchange.take(frame) {
                Ok(exchange::Step::Ignored) => Ok(()),
                Ok(exchange::Step::Reply(frame)) => {
                    self.unsent.push_back(frame.into_bytes());
                    Ok(())
                }
                Ok(exchange::Step::Done(established, frame)) => {
                    self.unsent.extend(frame.map(Frame::into_bytes));
                    self.agreed(*established)
                }
                Err(Disagreement::WrongCode) => Err(Failure::ended(End::WrongCode)),
                Err(Disagreement::Unconfirmed) => Err(Failure::Unconfirmed),
                Err(Disagreement::Protocol) => Err(Failure::Protocol("the keys cannot be agreed on")),
            },
            _ => Ok(()),
        }
    }

    /// The keys of a session are there.
    fn agreed(&mut self, established: Established) -> Result<(), Failure> {
        let master = established.master.clone();
        let mut session = Session::new(self.place.role, self.pace, established);
        if let Some(addresses) = session.meet(&self.route) {
            let buffer = addresses.encode().map_err(|error| Failure::Local(error.to_string()))?;
            self.unsent.push_back(session.seal(buffer)?);
        }
        self.stage = Stage::Open(Box::new(session));
        (self.heard, self.stalled) = (Instant::now(), false);
        if self.place.role == Role::Sender {
            // Not before: whoever has not the code is nobody.
            self.happened.push_back(Happening::Joined);
        }
        let again = self.master.replace(master).is_some();
        let was_missed = std::mem::take(&mut self.is_missed);
        self.happened.push_back(Happening::Ready { again, was_missed });
        Ok(())
    }

    /// What the other end has said: of the way between the two here, of all else outside.
    pub(super) fn heard(&mut self, message: Message) -> Result<(), Failure> {
        self.heard = Instant::now();
        let Stage::Open(session) = &mut self.stage else { return Ok(()) };
        match message {
            Message::Addresses { tcp } => session.told(&tcp),
            Message::Moved { path } => {
                if let Some(frame) = session.moved(path)? {
                    self.unsent.push_back(frame);
                    self.happened.push_back(Happening::Moved);
                }
            }
            Message::Probe => self.say_briefly(&Message::Alive)?,
            Message::Ended { code } if code.is_of_an_end() => {
                let by = Some(self.place.role.other());
                self.happened.push_back(Happening::Ended { code, by });
            }
            Message::Alive if !self.stalled => {}
            Message::Rtc { .. } | Message::Ended { .. } | Message::Unknown => {}
            message => self.happened.push_back(Happening::Message(message)),
        }
        Ok(())
    }
}
