//! The office inspector: no input may panic, hang, or turn the file's fault into an I/O failure of ours.
#![no_main]

use std::io::Cursor;

use handover::server::office::{InspectError, Kind, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for kind in Kind::ALL {
        let verdict = inspect(&mut Cursor::new(data), data.len() as u64, kind);
        assert!(!matches!(verdict, Err(InspectError::Io(_))), "{verdict:?}");
    }
});
