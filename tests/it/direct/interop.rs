//! The key exchange of a direct transfer against another implementation of SPAKE2: Python's.
//!
//! `tests/run interop` installs it and runs these.

use std::io::Write as _;
use std::process::{Command, Stdio};

use handover::protocol::direct::exchange::{Disagreement, Exchange, Secret, Step};
use handover::protocol::direct::{CONTEXT, Code, Frame, Role};
use serde_json::{Value, json};

/// What Python answers to our first frame: its message, the master key, the tags of both roles.
fn python(code: &str, context: &str, first: Frame) -> Value {
    let python = std::env::var_os("SPAKE2_PYTHON").expect("SPAKE2_PYTHON names a Python with spake2 0.9");
    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/spake2_peer.py");
    let mut child = Command::new(python).arg(peer).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let Frame::Pake { message, .. } = first else { panic!("{first:?}") };
    let asked = json!({"code": code, "context": context, "message": hex(&message)});
    writeln!(child.stdin.take().unwrap(), "{asked}").unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let hex = hex.as_str().unwrap();
    assert_eq!(hex.len(), 2 * N);
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

/// Runs the exchange in this role, with Python as the other; the master keys of both if they agree.
fn exchange(role: Role, ours: &str, theirs: &str, context: &str) -> Result<(String, String), Disagreement> {
    let code: Code = ours.parse().unwrap();
    let (mut exchange, first) = Exchange::start(role, 1, Secret::Code(&code));
    let python = python(theirs, context, first);
    let reply = exchange.take(Frame::Pake { session: 1, message: bytes(&python["message"]) })?;
    if let Step::Reply(Frame::Confirm { tag, .. }) = &reply {
        let right = python[role.as_str()] == hex(tag);
        assert_eq!(right, ours == theirs && context == CONTEXT, "what the receiver says first");
    }
    match exchange.take(Frame::Confirm { session: 1, tag: bytes(&python[role.other().as_str()]) })? {
        Step::Done(established, reply) => {
            if let Some(Frame::Confirm { tag, .. }) = reply {
                assert_eq!(python[role.as_str()], hex(&tag), "what the sender says last");
            }
            Ok((hex(&established.master.to_bytes()), python["master"].as_str().unwrap().to_owned()))
        }
        _ => panic!("the exchange is not over"),
    }
}

#[test]
#[ignore = "needs Python's spake2: tests/run interop"]
fn the_same_code_gives_the_same_key() {
    for role in [Role::Sender, Role::Receiver] {
        for code in ["7-aardvark-yoyo", "4294967295-zucchini-yoyo"] {
            let (ours, theirs) = exchange(role, code, code, CONTEXT).unwrap();
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
#[ignore = "needs Python's spake2: tests/run interop"]
fn another_code_or_another_protocol_does_not() {
    for role in [Role::Sender, Role::Receiver] {
        for (theirs, context) in [
            ("7-aardvark-zucchini", CONTEXT),
            ("8-aardvark-yoyo", CONTEXT),
            ("7-aardvark-yoyo ", CONTEXT),
            ("7-aardvark-yoyo", "handover direct 2"),
            ("7-aardvark-yoyo", ""),
        ] {
            assert_eq!(
                exchange(role, "7-aardvark-yoyo", theirs, context),
                Err(Disagreement::WrongCode),
                "{theirs} {context}"
            );
        }
    }
}
