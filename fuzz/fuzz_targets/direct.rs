//! What one end of a direct transfer believes of the other and of the hub: nothing panics, what is read is in bounds, and it
//! reads the same when it is written again.
#![no_main]

use bytes::Bytes;
use handover::protocol::direct::{Frame, LARGEST_FRAME, Message, PIECE, Signal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Some(frame) = Frame::parse(bytes.clone()) {
        assert_eq!(frame.into_bytes(), bytes, "one form for each frame");
    }
    if let Some(message) = Message::parse(bytes) {
        if let Message::Data(data) = &message {
            assert!(data.content.len() <= PIECE && data.offset.checked_add(PIECE as u64).is_some());
        }
        // What is written may be longer than what was read, which may be JSON without escapes.
        match message.encode() {
            Ok(encoded) => {
                assert!(encoded.len() <= LARGEST_FRAME);
                assert_eq!(Message::parse(encoded[1..].to_vec().into()), Some(message));
            }
            Err(_) => assert!(data.len() * 6 > LARGEST_FRAME / 2, "{message:?}"),
        }
    }
    if let Ok(signal) = serde_json::from_slice::<Signal>(data) {
        let text = serde_json::to_string(&signal).expect("a signal is JSON");
        assert_eq!(serde_json::from_str::<Signal>(&text).expect("and reads as it is written"), signal);
    }
});
