//! A code as people type it: nothing panics or takes long, and what is understood is a code.
#![no_main]

use handover::protocol::direct::Code;
use handover::protocol::direct::code::WORDS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let typed = String::from_utf8_lossy(data);
    Code::completions(&typed);
    let Ok(code) = typed.parse::<Code>() else { return };
    let written = code.to_string();
    let (nameplate, words) = written.split_once('-').expect("a number and words");
    assert_eq!(nameplate, code.nameplate.to_string());
    assert!(words.split('-').count() == 2 && words.split('-').all(|word| WORDS.contains(&word)), "{written}");
    assert!(written.parse::<Code>().is_ok_and(|read| read == code), "{written}");
    assert!(!format!("{code:?}").contains(words), "the words are shown");
});
