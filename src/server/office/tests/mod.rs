mod compound;
mod craft;
mod fixtures;
mod hostile;
mod limits;
mod links;
mod ole;
mod polyglots;
mod roots;
mod unpacked;
mod valid;

use std::io::Cursor;

use super::{InspectError, Kind, Note, Refusal, inspect};

/// The verdict on bytes in memory: "ok" or the refusal's code. An I/O failure is a defect.
fn verdict(bytes: &[u8], kind: Kind) -> &'static str {
    match inspect(&mut Cursor::new(bytes), bytes.len() as u64, kind) {
        Ok(_) => "ok",
        Err(InspectError::Refused(refusal)) => refusal.code(),
        Err(InspectError::Io(error)) => panic!("the file's fault became ours: {error}"),
    }
}

fn refusal(bytes: &[u8], kind: Kind) -> Refusal {
    match inspect(&mut Cursor::new(bytes), bytes.len() as u64, kind) {
        Err(InspectError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/office/");
    let path = format!("{folder}{name}");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
