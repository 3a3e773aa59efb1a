//! A session whose keys are there: what is said in it is sealed, what is heard is opened, and both directions move from the
//! relay to a direct path when one stands (see "Paths" in [`crate::protocol::direct`]).

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Pace;
use super::event::Failure;
use super::path::{Path, Rendezvous, Route};
use crate::protocol::direct::exchange::{Established, PathTags};
use crate::protocol::direct::seal::{Opener, Sealer};
use crate::protocol::direct::{End, Frame, Message, Role};

/// See the module.
pub struct Session {
    role: Role,
    pace: Pace,
    sealer: Sealer,
    opener: Opener,
    tags: [PathTags; 2],
    /// Looks for a path, until the session has moved.
    rendezvous: Option<Rendezvous>,
    /// Those that it has found.
    found: Vec<(u8, Path)>,
    way: Way,
    /// Whether the silence of the path was answered with a probe.
    is_probed: bool,
}

/// Which way frames go.
enum Way {
    Relayed,
    /// Of the sender: its direction has moved, and the receiver's has not yet.
    Leaving(u8, Path),
    /// Of the receiver: the sender has moved to a path that has to stand here by then.
    Following(u8, Instant),
    Direct(Path),
}

/// What happens beside the relay.
pub enum Step {
    /// A message has come over the direct path.
    Message(Message),
    /// What this end says goes over the direct path from now on, once this frame has gone over the relay.
    Moved(Bytes),
    /// The other end is silent on the direct path, and is to be asked whether it is there.
    Silent,
    /// The direct path is no more.
    Lost,
}

impl Session {
    pub fn new(role: Role, pace: Pace, established: Established) -> Session {
        let Established { sealer, opener, paths: tags, .. } = established;
        let (rendezvous, found, way) = (None, Vec::new(), Way::Relayed);
        Session { role, pace, sealer, opener, tags, rendezvous, found, way, is_probed: false }
    }

    /// Begins to look for a direct path; returns what to say to the other end. Without one the relay does.
    pub fn meet(&mut self, route: &Route) -> Option<Message> {
        let Route::Direct(network) = route else { return None };
        let (rendezvous, addresses) = Rendezvous::start(network.clone(), self.role, &self.tags)
            .inspect_err(|error| tracing::debug!(cause = %error, "nothing can be listened on"))
            .ok()?;
        self.rendezvous = Some(rendezvous);
        Some(Message::Addresses { tcp: addresses.iter().map(ToString::to_string).collect() })
    }

    /// # Errors
    /// [`Failure`] when there are no numbers left.
    pub fn seal(&mut self, buffer: Vec<u8>) -> Result<Bytes, Failure> {
        self.sealer.seal(buffer).map_err(|_| Failure::ended(End::Tampered))
    }

    /// # Errors
    /// [`Failure`] when this is not the frame that was sent next, or holds no message.
    pub fn open(&mut self, frame: Frame) -> Result<Message, Failure> {
        let Frame::Sealed(sealed) = frame else { return Err(Failure::Protocol("it begins a session anew")) };
        let opened = self.opener.open(sealed).map_err(|_| Failure::ended(End::Tampered))?;
        Message::parse(opened).ok_or(Failure::Protocol("a message cannot be read"))
    }

    /// Where frames go, when it is not the relay.
    pub fn outbox(&self) -> Option<&mpsc::Sender<Bytes>> {
        match &self.way {
            Way::Leaving(_, path) | Way::Direct(path) => Some(path.outbox()),
            Way::Relayed | Way::Following(..) => None,
        }
    }

    /// Whether the other end's frames come over the relay.
    pub fn hears_relay(&self) -> bool {
        matches!(self.way, Way::Relayed | Way::Leaving(..))
    }

    /// Whether both directions have left the relay: it may break, and the session goes on.
    pub fn is_direct(&self) -> bool {
        matches!(self.way, Way::Direct(_))
    }

    /// Our address on the direct path.
    pub fn local(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Leaving(_, path) | Way::Direct(path) => path.local,
            Way::Relayed | Way::Following(..) => None,
        }
    }

    /// What happens beside the relay next. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Failure`], as [`Session::open`].
    pub async fn next(&mut self) -> Result<Step, Failure> {
        loop {
            let late = match &mut self.way {
                Way::Direct(path) => {
                    let patience = if self.is_probed { self.pace.dead } else { self.pace.probe };
                    let silent = path.heard + patience;
                    tokio::select! {
                        frame = path.next() => {
                            self.is_probed = false;
                            let frame = frame.ok().map(Frame::parse);
                            return match frame {
                                Some(Some(frame)) => self.open(frame).map(Step::Message),
                                Some(None) => Err(Failure::Protocol("a frame cannot be read")),
                                None => Ok(Step::Lost),
                            };
                        }
                        () = sleep_until(silent) => {
                            if path.heard + patience > silent {
                                continue; // part of a frame has come meanwhile
                            }
                            let step = if self.is_probed { Step::Lost } else { Step::Silent };
                            self.is_probed = true;
                            return Ok(step);
                        }
                    }
                }
                Way::Leaving(..) => return std::future::pending().await, // its frames wait until the relay's have come
                Way::Following(_, late) => Some(*late),
                Way::Relayed => None,
            };
            let Some(rendezvous) = &mut self.rendezvous else { return std::future::pending().await };
            tokio::select! {
                found = rendezvous.next() => self.found.push(found),
                () = async { sleep_until(late.unwrap_or_else(Instant::now)).await }, if late.is_some() => {
                    return Ok(Step::Lost);
                }
            }
            if let Some(moved) = self.go()? {
                return Ok(Step::Moved(moved));
            }
        }
    }

    /// The other end has told where it listens.
    pub fn told(&mut self, addresses: &[String]) {
        if let Some(rendezvous) = &mut self.rendezvous
            && let Err(error) = rendezvous.dial(addresses)
        {
            tracing::debug!(cause = %error, "nothing can be dialled");
        }
    }

    /// The other end has moved. The frame, if there is one, says over the relay that this end follows.
    ///
    /// # Errors
    /// [`Failure`] when there is no such path, or it is not the other end's turn.
    pub fn moved(&mut self, number: u8) -> Result<Option<Bytes>, Failure> {
        match std::mem::replace(&mut self.way, Way::Relayed) {
            Way::Leaving(left, path) if left == number => {
                self.way = direct(path);
                Ok(None)
            }
            Way::Relayed if self.role == Role::Receiver && number < 2 && self.rendezvous.is_some() => {
                self.way = Way::Following(number, Instant::now() + self.pace.connect);
                self.go()
            }
            _ => Err(Failure::Protocol("it moves to a path that there is not")),
        }
    }

    /// Moves this end's direction, if it is its turn and the path stands.
    fn go(&mut self) -> Result<Option<Bytes>, Failure> {
        let wanted = match (&self.way, self.role) {
            (Way::Relayed, Role::Sender) => self.found.first().map(|(number, _)| *number),
            (Way::Following(number, _), _) => Some(*number),
            _ => None,
        };
        let place = self.found.iter().position(|(number, _)| Some(*number) == wanted);
        let Some((number, path)) = place.map(|place| self.found.swap_remove(place)) else { return Ok(None) };
        let moved = Message::Moved { path: number }.encode().map_err(|error| Failure::Local(error.to_string()))?;
        let moved = self.seal(moved)?;
        (self.rendezvous, self.found) = (None, Vec::new());
        self.way = match self.role {
            Role::Sender => Way::Leaving(number, path),
            Role::Receiver => direct(path),
        };
        Ok(Some(moved))
    }

    /// The direct path, to be closed.
    pub fn into_path(self) -> Option<Path> {
        match self.way {
            Way::Leaving(_, path) | Way::Direct(path) => Some(path),
            Way::Relayed | Way::Following(..) => None,
        }
    }
}

/// From now on the other end is to be heard on it.
fn direct(mut path: Path) -> Way {
    path.heard = Instant::now();
    Way::Direct(path)
}
