//! The token parser: nothing panics, and nothing but what we signed is believed, nor for what it is not.
#![no_main]

use std::sync::LazyLock;

use chrono::NaiveDateTime;
use handover::server::auth::Role;
use handover::server::auth::token::Keys;
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(b"0123456789abcdefghijklmnopqrstuvwxyz"));
static ACCESS: LazyLock<String> =
    LazyLock::new(|| KEYS.sign_access("user", Role::Client, "session", now(), NaiveDateTime::MAX).unwrap());
static LINK: LazyLock<String> = LazyLock::new(|| KEYS.sign_link("document", "link", now()).unwrap());

fn now() -> NaiveDateTime {
    NaiveDateTime::default()
}

fn judge(token: &str) {
    assert_eq!(KEYS.verify_access(token, now()).is_some(), token == *ACCESS, "{token}");
    assert_eq!(KEYS.verify_link(token).is_some(), token == *LINK, "{token}");
}

/// `token` with bytes replaced, put in or taken out, three bytes of the input for each.
fn mutated(token: &str, edits: &[u8]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(edit[0]) | usize::from(edit[1] & 1) << 8;
        let place = place % bytes.len().max(1);
        match edit[1] >> 1 & 3 {
            0 | 1 if !bytes.is_empty() => bytes[place] = edit[2],
            2 if !bytes.is_empty() => drop(bytes.remove(place)),
            _ => bytes.insert(place, edit[2]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fuzz_target!(|data: &[u8]| {
    judge(&String::from_utf8_lossy(data));
    judge(&mutated(&ACCESS, data));
    judge(&mutated(&LINK, data));
});
