//! Sealed frames: AES-256-GCM (NIST SP 800-38D) under the keys of a session and a direction.
//!
//! The nonce is the base nonce with the frame's number, counted from 0, added by exclusive or to its last eight bytes (as TLS
//! 1.3 does, RFC 8446 section 5.3). The number itself is not sent: a frame that was dropped, repeated or moved is opened
//! with the number of another and does not open. Nothing is in the clear but the first byte, which is authenticated.
//!
//! ```text
//!   4 ‖ AES-256-GCM(key, nonce, plaintext = a Message, associated data = the byte 4)       tag of 16 bytes last
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::{Bytes, BytesMut};

use super::frame::SEALED;

/// What sealing adds to a message.
pub const OVERHEAD: usize = 1 + 16;

/// A frame is not the one that was sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame was changed on the way")]
pub struct Tampered;

struct Stream {
    key: Option<LessSafeKey>,
    base: [u8; NONCE_LEN],
    next: u64,
}

impl Stream {
    fn new(keys: &[u8; 44]) -> Stream {
        let mut base = [0; NONCE_LEN];
        base.copy_from_slice(&keys[32..]);
        // Fails only for a key of another length.
        let key = UnboundKey::new(&AES_256_GCM, &keys[..32]).ok().map(LessSafeKey::new);
        Stream { key, base, next: 0 }
    }

    /// The key and the nonce of the next frame, each of which is used once.
    fn next(&mut self) -> Result<(&LessSafeKey, Nonce), Tampered> {
        let mut nonce = self.base;
        for (byte, number) in nonce[4..].iter_mut().zip(self.next.to_be_bytes()) {
            *byte ^= number;
        }
        self.next = self.next.checked_add(1).ok_or(Tampered)?;
        Ok((self.key.as_ref().ok_or(Tampered)?, Nonce::assume_unique_for_key(nonce)))
    }
}

/// Seals what one end says.
pub struct Sealer(Stream);

impl Sealer {
    pub(super) fn new(keys: &[u8; 44]) -> Sealer {
        Sealer(Stream::new(keys))
    }

    /// Seals a message, which `buffer` holds after one free byte, as [`super::Message::encode`] leaves it.
    ///
    /// # Errors
    /// [`Tampered`] when there is no number left; nothing is sent then.
    pub fn seal(&mut self, mut buffer: Vec<u8>) -> Result<Bytes, Tampered> {
        let (key, nonce) = self.0.next()?;
        let (first, message) = buffer.split_first_mut().ok_or(Tampered)?;
        *first = SEALED;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from([SEALED]), message).map_err(|_| Tampered)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(buffer.into())
    }
}

/// Opens what the other end says.
pub struct Opener(Stream);

impl Opener {
    pub(super) fn new(keys: &[u8; 44]) -> Opener {
        Opener(Stream::new(keys))
    }

    /// Opens the next frame, given without its first byte.
    ///
    /// # Errors
    /// [`Tampered`]; no later frame is to be believed.
    pub fn open(&mut self, sealed: Bytes) -> Result<Bytes, Tampered> {
        let (key, nonce) = self.0.next()?;
        let mut sealed = BytesMut::from(sealed);
        let length = key.open_in_place(nonce, Aad::from([SEALED]), &mut sealed).map_err(|_| Tampered)?.len();
        sealed.truncate(length);
        Ok(sealed.freeze())
    }
}
