//! What comes: from the hub, over the relay, and from the other end.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{Happening, Peer, Place, Stage};
use crate::client::direct::event::Failure;
use crate::client::direct::session::Session;
use crate::protocol::direct::exchange::{self, Disagreement, Established, Exchange, Secret};
use crate::protocol::direct::{End, Frame, Message, Signal};

impl Peer {
    pub(super) fn signal(&mut self, signal: Signal) -> Result<Option<Happening>, Failure> {
        Ok(match signal {
            Signal::Paired { session } => {
                let secret = match &self.master {
                    Some(master) => Secret::Master(master),
                    None => Secret::Code(&self.code),
                };
                let (exchange, frame) = Exchange::start(self.place.role, session, secret);
                self.stage = Stage::Agreeing(Box::new(exchange));
                self.agreed_by = Instant::now() + self.pace.silence;
                self.unsent = VecDeque::from([frame.into_bytes()]);
                Some(Happening::Joined)
            }
            Signal::PeerLost { grace } => {
                self.close_session()?;
                Some(Happening::PeerLost { grace: Place::grace(grace).as_secs() })
            }
            Signal::Ended { code, by, .. } => Some(Happening::Ended { code, by }),
            _ => None,
        })
    }

    /// What has come over the relay.
    pub(super) fn frame(&mut self, frame: Frame) -> Result<Option<Happening>, Failure> {
        match (&mut self.stage, frame) {
            (Stage::Open(session), _) if !session.hears_relay() => {
                Err(Failure::Protocol("it goes on where it has left"))
            }
            (Stage::Open(session), frame @ Frame::Sealed(_)) => {
                let message = session.open(frame)?;
                self.heard(message)
            }
            (Stage::Agreeing(exchange), frame) => {
                let session = exchange.session();
                match exchange.take(frame) {
                    Ok(exchange::Step::Ignored) => Ok(None),
                    Ok(exchange::Step::Reply(frame)) => {
                        self.unsent.push_back(frame.into_bytes());
                        Ok(None)
                    }
                    Ok(exchange::Step::Done(established, frame)) => {
                        self.unsent.extend(frame.map(Frame::into_bytes));
                        self.agreed(session, *established).map(Some)
                    }
                    Err(Disagreement::WrongCode) => Err(Failure::ended(End::WrongCode)),
                    Err(Disagreement::Unconfirmed) => Err(Failure::Unconfirmed),
                    Err(Disagreement::Protocol) => Err(Failure::Protocol("the keys cannot be agreed on")),
                }
            }
            _ => Ok(None),
        }
    }

    /// The keys of a session are there.
    fn agreed(&mut self, number: u32, established: Established) -> Result<Happening, Failure> {
        let master = established.master.clone();
        let mut session = Session::new(self.place.role, self.pace, established);
        if let Some(addresses) = session.meet(&self.route, number, &master) {
            let buffer = addresses.encode().map_err(|error| Failure::Local(error.to_string()))?;
            self.unsent.push_back(session.seal(buffer)?);
        }
        self.stage = Stage::Open(Box::new(session));
        (self.heard, self.stalled) = (Instant::now(), false);
        Ok(Happening::Ready { again: self.master.replace(master).is_some() })
    }

    /// What the other end has said: of the way between the two here, of all else outside.
    pub(super) fn heard(&mut self, message: Message) -> Result<Option<Happening>, Failure> {
        self.heard = Instant::now();
        let Stage::Open(session) = &mut self.stage else { return Ok(None) };
        match message {
            Message::Addresses { tcp } => {
                session.told(&tcp);
                Ok(None)
            }
            Message::Moved { path } => {
                let follows = session.moved(path)?;
                Ok(follows.map(|frame| {
                    self.unsent.push_back(frame);
                    Happening::Moved
                }))
            }
            Message::Rtc { .. } | Message::Unknown => Ok(None),
            message => Ok(Some(Happening::Message(message))),
        }
    }
}
