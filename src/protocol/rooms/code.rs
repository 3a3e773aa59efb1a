//! The code that opens a room, in groups that can be read out: `k7qm-xw3h-n5bd`.

use crate::protocol::secret;

/// 60 bits: with guesses throttled, out of reach.
const LENGTH: usize = 12;
const GROUP: usize = 4;

/// 160 bits, for the key of whoever made the room; 100 for a member's.
const KEY: usize = 32;
const MEMBER: usize = 20;

/// A new code, in groups. The first of them is never a number: where people may type the code of a room or that of a direct
/// transfer (`7-acorn-puzzle`), each is known by how it begins.
pub fn new() -> String {
    loop {
        let letters = secret::random(LENGTH);
        if letters[..GROUP].bytes().any(|byte| byte.is_ascii_lowercase()) {
            return grouped(&letters);
        }
    }
}

pub fn new_key() -> String {
    secret::random(KEY)
}

/// What a member comes back with, and what stands in the addresses of files for it.
pub fn new_token() -> String {
    secret::random(MEMBER)
}

/// The code that was meant, in groups: without regard to case, spaces and other signs. `None` when it cannot be one.
pub fn parse(typed: &str) -> Option<String> {
    if typed.len() > 4 * LENGTH {
        return None;
    }
    let letters: String = typed.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    secret::could_be(&letters, LENGTH).then(|| grouped(&letters))
}

fn grouped(letters: &str) -> String {
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (i, letter) in letters.chars().enumerate() {
        if i > 0 && i % GROUP == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One in 256 would be, if nothing kept them from it.
    #[test]
    fn a_code_never_begins_with_a_number_as_those_of_direct_transfers_do() {
        for code in (0..10_000).map(|_| new()) {
            assert!(
                !code.split('-').next().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit())),
                "{code}"
            );
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = new();
        let letters: String = code.split('-').collect();
        assert_eq!(letters.len() * 5, 60, "bits");
        for typed in [code.clone(), code.to_uppercase(), letters.clone(), format!(" {} ", code.replace('-', " "))] {
            assert_eq!(parse(&typed), Some(code.clone()), "{typed}");
        }
        for bad in ["", "7-acorn-puzzle", &letters[1..], &format!("{letters}a"), &"1".repeat(12), &"-".repeat(500)] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
