//! The binary messages that pass from end to end, as the hub sees them: opaque.
//!
//! | first byte | then | what |
//! | --- | --- | --- |
//! | 1 | session, 4 bytes; SPAKE2 message, 33 bytes | [`Frame::Pake`] |
//! | 2 | session, 4 bytes; tag, 32 bytes | [`Frame::Confirm`] |
//! | 3 | session, 4 bytes; nonce, 32 bytes | [`Frame::Resume`] |
//! | 4 | a sealed [`super::Message`] | [`Frame::Sealed`] |
//!
//! Numbers are big-endian.

use bytes::{Buf as _, Bytes};

/// A SPAKE2 message: the side, `S`, and a point (edwards25519).
pub const PAKE_LENGTH: usize = 33;
pub const TAG_LENGTH: usize = 32;
pub const NONCE_LENGTH: usize = 32;

/// The first bytes of frames that a hub knows the progress of an exchange by.
pub const PAKE: u8 = 1;
pub const CONFIRM: u8 = 2;
/// The first byte of a sealed frame; [`super::seal`] writes it itself.
pub const SEALED: u8 = 4;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Pake { session: u32, message: [u8; PAKE_LENGTH] },
    Confirm { session: u32, tag: [u8; TAG_LENGTH] },
    Resume { session: u32, nonce: [u8; NONCE_LENGTH] },
    Sealed(Bytes),
}

impl Frame {
    /// Reads a binary message; `None` if it is none of ours.
    pub fn parse(mut bytes: Bytes) -> Option<Frame> {
        let kind = bytes.try_get_u8().ok()?;
        if kind == SEALED {
            return Some(Frame::Sealed(bytes));
        }
        let session = bytes.try_get_u32().ok()?;
        Some(match kind {
            PAKE => Frame::Pake { session, message: bytes[..].try_into().ok()? },
            CONFIRM => Frame::Confirm { session, tag: bytes[..].try_into().ok()? },
            3 => Frame::Resume { session, nonce: bytes[..].try_into().ok()? },
            _ => return None,
        })
    }

    pub fn into_bytes(self) -> Bytes {
        let (kind, session, rest): (u8, u32, &[u8]) = match &self {
            Frame::Pake { session, message } => (PAKE, *session, message),
            Frame::Confirm { session, tag } => (CONFIRM, *session, tag),
            Frame::Resume { session, nonce } => (3, *session, nonce),
            Frame::Sealed(bytes) => return [&[SEALED], &bytes[..]].concat().into(),
        };
        [&[kind], &session.to_be_bytes()[..], rest].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_as_they_are_written() {
        for frame in [
            Frame::Pake { session: 1, message: [b'S'; PAKE_LENGTH] },
            Frame::Confirm { session: u32::MAX, tag: [1; TAG_LENGTH] },
            Frame::Resume { session: 0, nonce: [2; NONCE_LENGTH] },
            Frame::Sealed(Bytes::from_static(b"sealed")),
        ] {
            let bytes = frame.clone().into_bytes();
            assert_eq!(Frame::parse(bytes.clone()), Some(frame.clone()));
            if !matches!(frame, Frame::Sealed(_)) {
                assert_eq!(Frame::parse(bytes.slice(..bytes.len() - 1)), None);
                assert_eq!(Frame::parse([&bytes[..], b"x"].concat().into()), None);
            }
        }
        for bad in [&b""[..], b"\0", b"\x05abcd", b"\x01\0\0"] {
            assert_eq!(Frame::parse(Bytes::from_static(bad)), None);
        }
    }
}
