//! Frames (RFC 6455 section 5.2), taken from a buffer as soon as they are whole. Those of clients are masked, those of
//! servers are not.

use bytes::{Buf as _, BytesMut};

/// Longest payload of a control frame, section 5.5.
const LONGEST_CONTROL: usize = 125;

/// Section 11.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub last: bool,
    pub op: OpCode,
    pub payload: BytesMut,
}

/// Why the other end's bytes cannot be read on; the close code that tells it (section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// 1002
    Protocol,
    /// 1009
    TooLarge,
}

/// Takes the first frame from `buffer` if it is whole. A frame that is longer than `most` is refused by its header, before
/// anything is made room for, and so is one that is `masked` and should not be, or the other way round.
pub fn take(buffer: &mut BytesMut, most: usize, masked: bool) -> Result<Option<Frame>, Malformed> {
    let Some((header, length, mask, last, op)) = header(buffer, masked)? else { return Ok(None) };
    if length > most {
        return Err(Malformed::TooLarge);
    }
    let whole = header + length;
    if buffer.len() < whole {
        buffer.reserve(whole - buffer.len());
        return Ok(None);
    }
    buffer.advance(header);
    let mut payload = buffer.split_to(length);
    if masked {
        apply(mask, &mut payload);
    }
    Ok(Some(Frame { last, op, payload }))
}

/// How many bytes are missing of the frame whose header is there.
pub fn missing(buffer: &[u8], masked: bool) -> Option<usize> {
    let (header, length, ..) = header(buffer, masked).ok()??;
    (header + length).checked_sub(buffer.len()).filter(|missing| *missing > 0)
}

type Header = (usize, usize, [u8; 4], bool, OpCode);

fn header(bytes: &[u8], masked: bool) -> Result<Option<Header>, Malformed> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let last = first & 0x80 != 0;
    let op = match first & 0x0f {
        0 => OpCode::Continuation,
        1 => OpCode::Text,
        2 => OpCode::Binary,
        8 => OpCode::Close,
        9 => OpCode::Ping,
        10 => OpCode::Pong,
        _ => return Err(Malformed::Protocol),
    };
    let is_control = first & 0x08 != 0;
    let short = usize::from(second & 0x7f);
    // Reserved bits without an extension, a client that does not mask or a server that does, a control frame in pieces or
    // too long
    if first & 0x70 != 0 || (second & 0x80 != 0) != masked || is_control && (!last || short > LONGEST_CONTROL) {
        return Err(Malformed::Protocol);
    }
    let (length, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (usize::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => {
                (usize::try_from(u64::from_be_bytes(*length)).map_err(|_| Malformed::TooLarge)?, rest)
            }
            None => return Ok(None),
        },
        short => (short, rest),
    };
    let header = bytes.len() - rest.len();
    match rest.first_chunk() {
        _ if !masked => Ok(Some((header, length, [0; 4], last, op))),
        Some(mask) => Ok(Some((header + mask.len(), length, *mask, last, op))),
        None => Ok(None),
    }
}

/// Masks or unmasks (section 5.3), eight bytes at a time.
fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let twice = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Masks a client's frame, and returns its header.
pub fn mask(op: OpCode, mask: [u8; 4], payload: &mut [u8]) -> Vec<u8> {
    let (header, used) = put_header(op, payload.len());
    apply(mask, payload);
    let mut header = [&header[..used], &mask].concat();
    header[1] |= 0x80;
    header
}

/// The header of a server's frame: whole and not masked.
pub fn put_header(op: OpCode, length: usize) -> ([u8; 10], usize) {
    let code = match op {
        OpCode::Continuation => 0,
        OpCode::Text => 1,
        OpCode::Binary => 2,
        OpCode::Close => 8,
        OpCode::Ping => 9,
        OpCode::Pong => 10,
    };
    let mut header = [0; 10];
    header[0] = 0x80 | code;
    let used = match length {
        0..=125 => {
            header[1] = length as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    (header, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, length: &[u8], payload: &[u8]) -> BytesMut {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        bytes.extend_from_slice(length);
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        BytesMut::from(&bytes[..])
    }

    #[test]
    fn frames_are_taken_once_they_are_whole() {
        let whole = masked(0x82, &[0x80 | 11], b"hello world");
        for cut in 0..whole.len() {
            assert_eq!(take(&mut BytesMut::from(&whole[..cut]), 100, true), Ok(None), "{cut}");
        }
        let mut two = whole.clone();
        two.extend_from_slice(&whole);
        for _ in 0..2 {
            let frame = take(&mut two, 100, true).unwrap().unwrap();
            assert_eq!((&frame.payload[..], frame.op, frame.last), (&b"hello world"[..], OpCode::Binary, true));
        }
        assert!(two.is_empty());
        let long = vec![7; 70_000];
        let mut length = vec![0x80 | 127];
        length.extend_from_slice(&70_000u64.to_be_bytes());
        assert_eq!(take(&mut masked(0x82, &length, &long), 70_000, true).unwrap().unwrap().payload, long);
        assert_eq!(
            take(&mut masked(0x82, &[0x80 | 126, 1, 0], &long[..256]), 256, true).unwrap().unwrap().payload.len(),
            256
        );
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_header() {
        let mut length = vec![0x80 | 127];
        length.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(take(&mut masked(0x82, &length, b""), 100, true), Err(Malformed::TooLarge));
        assert_eq!(take(&mut masked(0x82, &[0x80 | 101], b""), 100, true), Err(Malformed::TooLarge));
    }

    #[test]
    fn what_no_client_may_send_is_refused() {
        for (first, length) in [(0x82, 5), (0xc2, 0x85), (0x83, 0x85), (0x09, 0x85), (0x89, 0x80 | 126)] {
            assert_eq!(
                take(&mut masked(first, &[length], b"hello"), 1000, true),
                Err(Malformed::Protocol),
                "{first:x}"
            );
        }
    }

    #[test]
    fn what_a_client_masks_its_server_reads_and_no_client_does() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 70_001] {
            let payload = vec![7; length];
            let mut masked = payload.clone();
            let header = mask(OpCode::Binary, [1, 2, 3, 4], &mut masked);
            let mut frame = BytesMut::from(&[header, masked].concat()[..]);
            assert_eq!(take(&mut frame.clone(), 70_001, false), Err(Malformed::Protocol));
            assert_eq!(take(&mut frame, 70_001, true).unwrap().unwrap().payload, payload);
            let (header, used) = put_header(OpCode::Binary, length);
            let mut frame = BytesMut::from(&[&header[..used], &payload].concat()[..]);
            assert_eq!(missing(&frame[..frame.len() - 1], false), (length > 0).then_some(1));
            assert_eq!(take(&mut frame.clone(), 70_001, true), Err(Malformed::Protocol));
            assert_eq!(take(&mut frame, 70_001, false).unwrap().unwrap().payload, payload);
        }
    }

    #[test]
    fn headers_of_ours_have_the_shortest_form() {
        for (length, expected) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let (header, used) = put_header(OpCode::Binary, length);
            assert_eq!(&header[..used], expected);
        }
    }
}
