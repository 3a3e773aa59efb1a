//! How the two ends agree on keys, without the hub learning them.
//!
//! **The first session**: SPAKE2, symmetric, over edwards25519 (the `spake2` of Rust and of Python, the page by
//! @noble/curves), identity and password
//!
//! ```text
//!   identity  "handover direct 1"           password  the code as it is written, "7-acrobat-puzzle"
//!   key       32 bytes, SPAKE2's own hash of the password, the identity, both messages and the shared point
//!   master    HKDF-Extract(salt = "handover direct 1", key)              (RFC 5869, SHA-256, as all below)
//!   tag       HKDF-Expand(master, "handover direct 1 confirm sender" or "… receiver", 32)
//! ```
//!
//! Before anything else the receiver sends its tag; the sender checks it, and sends its own only if it is right. So whoever
//! guesses learns from each side whether one guess was right and nothing more, and each side ends the code when a tag is
//! wrong. A receiver whose connection breaks between the two tags cannot know whether its guess was taken, and must not
//! try again.
//!
//! **Later sessions**, after a connection has broken: a nonce of 32 bytes each way, and the master key from before.
//!
//! **Keys of a session**, one for each direction, `fresh` being the SPAKE2 messages or the nonces:
//!
//! ```text
//!   HKDF-Expand(master, "handover direct 1 keys sender"   ‖ session ‖ fresh of the sender ‖ fresh of the receiver, 44)
//!   HKDF-Expand(master, "handover direct 1 keys receiver" ‖ session ‖ fresh of the sender ‖ fresh of the receiver, 44)
//! ```
//!
//! each 32 bytes of key and 12 of base nonce; see [`super::seal`].
//!
//! **A direct path** of a session (see "Paths" in [`super`]) is opened with a tag each way, `fresh` as above, so that one
//! that was overheard opens nothing in another session:
//!
//! ```text
//!   HKDF-Expand(master, "handover direct 1 path connect" ‖ session ‖ path, 1 byte ‖ fresh ‖ fresh, 32)       first
//!   HKDF-Expand(master, "handover direct 1 path accept"  ‖ session ‖ path, 1 byte ‖ fresh ‖ fresh, 32)       the answer, if that was right
//! ```

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use rand::Rng as _;
use spake2::{Ed25519Group, Identity, Password, Spake2};

use super::frame::{NONCE_LENGTH, PAKE_LENGTH, TAG_LENGTH};
use super::seal::{Opener, Sealer};
use super::{CONTEXT, Code, Frame, Role};

/// What both ends share once they have confirmed the code: enough to come back after a broken connection.
#[derive(Clone)]
pub struct Master([u8; 32]);

impl Master {
    fn of_pake(key: &[u8]) -> Master {
        // HKDF-Extract is HMAC(salt, key); the hkdf of aws-lc-rs keeps its result to itself, and we have to keep it.
        let salt = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CONTEXT.as_bytes());
        let mut master = [0; 32];
        master.copy_from_slice(aws_lc_rs::hmac::sign(&salt, key).as_ref());
        Master(master)
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Master {
        Master(bytes)
    }

    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    fn expand<const N: usize>(&self, info: &[&[u8]]) -> [u8; N] {
        struct Length(usize);
        impl KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let mut out = [0; N];
        // Fails only for more than 255 blocks of output.
        let expanded =
            Prk::new_less_safe(HKDF_SHA256, &self.0).expand(info, Length(N)).and_then(|okm| okm.fill(&mut out));
        debug_assert!(expanded.is_ok());
        out
    }

    fn path_tags(&self, session: u32, path: u8, of_sender: &[u8], of_receiver: &[u8]) -> PathTags {
        let session = session.to_be_bytes();
        let tag =
            |end: &[u8]| self.expand(&[CONTEXT.as_bytes(), b" path ", end, &session, &[path], of_sender, of_receiver]);
        PathTags { connect: tag(b"connect"), accept: tag(b"accept") }
    }

    fn tag(&self, role: Role) -> [u8; TAG_LENGTH] {
        self.expand(&[CONTEXT.as_bytes(), b" confirm ", role.as_str().as_bytes()])
    }

    fn keys(&self, role: Role, session: u32, of_sender: &[u8], of_receiver: &[u8]) -> [u8; 44] {
        let session = session.to_be_bytes();
        self.expand(&[CONTEXT.as_bytes(), b" keys ", role.as_str().as_bytes(), &session, of_sender, of_receiver])
    }

    fn established(&self, own: Role, session: u32, own_fresh: &[u8], their_fresh: &[u8]) -> Established {
        let (of_sender, of_receiver) = match own {
            Role::Sender => (own_fresh, their_fresh),
            Role::Receiver => (their_fresh, own_fresh),
        };
        Established {
            master: self.clone(),
            sealer: Sealer::new(&self.keys(own, session, of_sender, of_receiver)),
            opener: Opener::new(&self.keys(own.other(), session, of_sender, of_receiver)),
            paths: [0, 1].map(|path| self.path_tags(session, path, of_sender, of_receiver)),
        }
    }
}

/// What proves that a direct path of a session leads to the other end.
#[derive(Clone)]
pub struct PathTags {
    /// Said first, by the end that connects.
    pub connect: [u8; TAG_LENGTH],
    /// The answer of the end that listens.
    pub accept: [u8; TAG_LENGTH],
}

/// Why two ends do not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    #[error("the words of the code do not match")]
    WrongCode,
    #[error("the other side does not keep to the protocol")]
    Protocol,
    #[error("the connection broke before both sides had confirmed the code; it cannot be used again")]
    Unconfirmed,
}

/// The keys of a session.
pub struct Established {
    pub master: Master,
    pub sealer: Sealer,
    pub opener: Opener,
    /// Of the paths 0 and 1.
    pub paths: [PathTags; 2],
}

/// What a frame of the exchange leads to.
pub enum Step {
    /// It belongs to another session.
    Ignored,
    /// To be sent; then the next frame.
    Reply(Frame),
    /// The keys, and what is to be sent before the first sealed frame.
    Done(Box<Established>, Option<Frame>),
}

/// What an end knows of the secret before a session.
pub enum Secret<'a> {
    Code(&'a Code),
    Master(&'a Master),
}

/// The exchange of one session, as one end sees it.
pub struct Exchange {
    role: Role,
    session: u32,
    state: State,
}

enum State {
    Pake { spake: Spake2<Ed25519Group>, own: [u8; PAKE_LENGTH] },
    Confirm { master: Master, own: [u8; PAKE_LENGTH], theirs: [u8; PAKE_LENGTH] },
    Resume { master: Master, own: [u8; NONCE_LENGTH] },
    Over,
}

impl Exchange {
    /// Begins a session; the frame is to be sent.
    pub fn start(role: Role, session: u32, secret: Secret<'_>) -> (Exchange, Frame) {
        let (state, frame) = match secret {
            Secret::Code(code) => {
                let password = Password::new(code.password());
                let (spake, message) = Spake2::start_symmetric(&password, &Identity::new(CONTEXT.as_bytes()));
                let mut own = [0; PAKE_LENGTH];
                own.copy_from_slice(&message);
                (State::Pake { spake, own }, Frame::Pake { session, message: own })
            }
            Secret::Master(master) => {
                let mut own = [0; NONCE_LENGTH];
                rand::rng().fill_bytes(&mut own);
                (State::Resume { master: master.clone(), own }, Frame::Resume { session, nonce: own })
            }
        };
        (Exchange { role, session, state }, frame)
    }

    pub fn session(&self) -> u32 {
        self.session
    }

    /// Whether our tag is out and theirs has not come: the one moment that is not to be repeated.
    pub fn is_unconfirmed(&self) -> bool {
        matches!(self.state, State::Confirm { .. }) && self.role == Role::Receiver
    }

    /// Takes the other side's next frame.
    ///
    /// # Errors
    /// [`Disagreement`]; the transfer is to be ended.
    pub fn take(&mut self, frame: Frame) -> Result<Step, Disagreement> {
        let session = match frame {
            Frame::Pake { session, .. } | Frame::Confirm { session, .. } | Frame::Resume { session, .. } => session,
            Frame::Sealed(_) => return Ok(Step::Ignored),
        };
        if session != self.session {
            return Ok(Step::Ignored);
        }
        match (std::mem::replace(&mut self.state, State::Over), frame) {
            (State::Pake { spake, own }, Frame::Pake { message: theirs, .. }) => {
                let key = spake.finish(&theirs).map_err(|_| Disagreement::Protocol)?;
                let master = Master::of_pake(&key);
                let tag = master.tag(self.role);
                self.state = State::Confirm { master, own, theirs };
                Ok(match self.role {
                    Role::Receiver => Step::Reply(Frame::Confirm { session, tag }),
                    Role::Sender => Step::Ignored,
                })
            }
            (State::Confirm { master, own, theirs }, Frame::Confirm { tag, .. }) => {
                verify_slices_are_equal(&tag, &master.tag(self.role.other())).map_err(|_| Disagreement::WrongCode)?;
                let established = master.established(self.role, session, &own, &theirs);
                let reply = Frame::Confirm { session, tag: master.tag(self.role) };
                Ok(Step::Done(Box::new(established), (self.role == Role::Sender).then_some(reply)))
            }
            (State::Resume { master, own }, Frame::Resume { nonce, .. }) => {
                Ok(Step::Done(Box::new(master.established(self.role, session, &own, &nonce)), None))
            }
            // The other side never got as far as we did.
            (State::Resume { .. }, Frame::Pake { .. }) | (State::Pake { .. }, Frame::Resume { .. }) => {
                Err(Disagreement::Unconfirmed)
            }
            _ => Err(Disagreement::Protocol),
        }
    }
}

#[cfg(test)]
pub mod tests;
