//! What a client sends on a WebSocket, in any cut: nothing panics, no more is held than the bounds say, only masked frames
//! are believed, and how the bytes are cut changes nothing.
//!
//! The input's first byte is the largest message, its second the seed of the cuts; the rest is what the client sends.
#![no_main]

use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::{FromRequest as _, dev, web};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, stream};
use handover::protocol::websocket::parser::{Frame, Malformed, OpCode, take};
use handover::protocol::websocket::{Broken, In};
use handover::server::http::socket::Incoming;
use libfuzzer_sys::fuzz_target;

/// Longest header: two bytes, eight of length, four of mask (RFC 6455 section 5.2).
const HEADER: usize = 14;
const LONGEST_PIECE: usize = 64;

thread_local! {
    static RUNTIME: actix_rt::Runtime = actix_rt::Runtime::new().unwrap();
}

fuzz_target!(|data: &[u8]| {
    let [most, seed, sent @ ..] = data else { return };
    let most = usize::from(*most) * 8;
    let pieces = cut(sent, *seed);
    let in_pieces = frames(&pieces, most);
    assert_eq!(in_pieces, frames(&[sent], most), "the cuts changed what was read");
    messages(&pieces, most);
});

/// Pieces as a connection might deliver them.
fn cut(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed) + 1;
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, rest) = bytes.split_at((state >> 16) as usize % LONGEST_PIECE.min(bytes.len()) + 1);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// All frames, and how it ended.
fn frames(pieces: &[&[u8]], most: usize) -> (Vec<Frame>, Option<Malformed>) {
    let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = Bytes::copy_from_slice(&buffer);
            match take(&mut buffer, most, true) {
                Err(malformed) => return (frames, Some(malformed)),
                Ok(None) => break,
                Ok(Some(frame)) => {
                    check(&frame, &before, buffer.len(), most);
                    frames.push(frame);
                }
            }
        }
        assert!(buffer.len() < HEADER + most, "{} bytes wait for a frame of {most}", buffer.len());
        let room = 2 * (HEADER + most + longest).next_power_of_two().max(1024);
        assert!(buffer.capacity() <= room, "room for {} bytes", buffer.capacity());
    }
    (frames, None)
}

fn check(frame: &Frame, before: &[u8], left: usize, most: usize) {
    assert!(before[1] & 0x80 != 0, "a frame without a mask");
    assert!(before[0] & 0x70 == 0, "reserved bits");
    assert!(frame.payload.len() <= most);
    let is_control = matches!(frame.op, OpCode::Close | OpCode::Ping | OpCode::Pong);
    assert!(!is_control || frame.last && frame.payload.len() <= 125);
    // The payload is what was sent, under the mask before it.
    let end = before.len() - left;
    let start = end - frame.payload.len();
    let mask = &before[start - 4..start];
    assert!(before[start..end].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).eq(frame.payload.iter().copied()));
}

/// Reads the same as messages, to the end.
fn messages(pieces: &[&[u8]], most: usize) {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, PayloadError>(Bytes::copy_from_slice(piece))).collect();
    let count = pieces.len();
    let work = async {
        let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(stream::iter(pieces)) };
        let request = TestRequest::default().to_http_request();
        let payload = web::Payload::from_request(&request, &mut payload).now_or_never().unwrap().unwrap();
        let mut incoming = Incoming::new(payload, None, most);
        // Each message takes at least six bytes.
        for _ in 0..=count * LONGEST_PIECE {
            match incoming.next().await {
                Ok(In::Text(text)) => assert!(text.len() <= most),
                Ok(In::Binary(bytes)) => assert!(bytes.len() <= most),
                Ok(In::Ping(payload)) => assert!(payload.len() <= 125),
                Ok(In::Pong | In::Close) => {}
                Err(Broken::Gone) => return,
                Err(Broken::Malformed(code)) => return assert!(matches!(code, 1002 | 1007 | 1009)),
            }
        }
        panic!("more messages than bytes");
    };
    RUNTIME.with(|runtime| runtime.block_on(work));
}
