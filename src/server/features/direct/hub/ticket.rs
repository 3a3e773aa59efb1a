//! What gets a side its place back: a statement of this server, which it can read again after it was started anew, when
//! nothing of the transfer is left but what the two ends hold.
//!
//! ```text
//!   base64url( boot, 8 bytes ‖ transfer, 16 ‖ side, 8 ‖ nameplate, 4 ‖ role, 1 ‖ expires, 8 ‖ BLAKE3 keyed hash, 32 )
//! ```

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDateTime};

use crate::protocol::direct::Role;

const BODY: usize = 45;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Tells one run of the server from the next.
    pub boot: u64,
    pub transfer: u128,
    /// Tells those who had the same place one after the other.
    pub side: u64,
    pub nameplate: u32,
    pub role: Role,
    /// When the code ends, unless somebody has come for it.
    pub expires_at: NaiveDateTime,
}

impl Ticket {
    pub fn write(&self, key: &[u8; 32]) -> String {
        let mut bytes = Vec::with_capacity(BODY + blake3::OUT_LEN);
        bytes.extend(self.boot.to_be_bytes());
        bytes.extend(self.transfer.to_be_bytes());
        bytes.extend(self.side.to_be_bytes());
        bytes.extend(self.nameplate.to_be_bytes());
        bytes.push(u8::from(self.role == Role::Receiver));
        bytes.extend(self.expires_at.and_utc().timestamp().to_be_bytes());
        bytes.extend(blake3::keyed_hash(key, &bytes).as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A ticket of ours; `None` for anything else.
    pub fn read(text: &str, key: &[u8; 32]) -> Option<Ticket> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(BODY)?;
        // blake3::Hash compares in constant time.
        if blake3::keyed_hash(key, body) != blake3::Hash::from_slice(mac).ok()? {
            return None;
        }
        let (boot, rest) = body.split_first_chunk()?;
        let (transfer, rest) = rest.split_first_chunk()?;
        let (side, rest) = rest.split_first_chunk()?;
        let (nameplate, rest) = rest.split_first_chunk()?;
        let ([role], rest) = rest.split_first_chunk()?;
        let expires_at = DateTime::from_timestamp(i64::from_be_bytes(rest.try_into().ok()?), 0)?.naive_utc();
        Some(Ticket {
            boot: u64::from_be_bytes(*boot),
            transfer: u128::from_be_bytes(*transfer),
            side: u64::from_be_bytes(*side),
            nameplate: u32::from_be_bytes(*nameplate),
            role: if *role == 0 { Role::Sender } else { Role::Receiver },
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_reads_as_it_was_written_and_no_other_does() {
        let ticket = Ticket {
            boot: 1,
            transfer: u128::MAX - 7,
            side: 9,
            nameplate: 7,
            role: Role::Receiver,
            expires_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap().naive_utc(),
        };
        let text = ticket.write(&[1; 32]);
        assert_eq!(Ticket::read(&text, &[1; 32]), Some(ticket));
        assert_eq!(Ticket::read(&text, &[2; 32]), None);
        for place in 0..text.len() - 1 {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(Ticket::read(std::str::from_utf8(&forged).unwrap(), &[1; 32]), None, "{place}");
        }
        for bad in ["", "x", &text[1..], &text[..text.len() - 4], &format!("{text}AAAA")] {
            assert_eq!(Ticket::read(bad, &[1; 32]), None, "{bad}");
        }
    }
}
