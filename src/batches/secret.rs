//! The two secrets of a batch: the id in its address, which opens it, and the manage key, which changes it. The database
//! has their digests alone.

use subtle::ConstantTimeEq as _;

use crate::secret::{ALPHABET, random};

/// 100 bits; fewer than 80 could be guessed.
const ADDRESS: usize = 20;
/// 160 bits.
const KEY: usize = 32;

pub fn new_address() -> String {
    random(ADDRESS)
}

pub fn new_key() -> String {
    random(KEY)
}

/// Whether `text` could be an address of ours; what is not need not be looked for.
pub fn is_address(text: &str) -> bool {
    text.len() == ADDRESS && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The form in which a secret is stored. It needs no salt and no cost: there are too many secrets to try.
pub fn digest(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Whether `key` is the one that `digest` was made of, in the same time for each.
pub fn is_key(key: &str, stored: &str) -> bool {
    digest(key).as_bytes().ct_eq(stored.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_enough_and_differ() {
        let (first, second) = (new_address(), new_address());
        assert!(is_address(&first) && is_address(&second) && first != second);
        assert!(is_key("key", &digest("key")) && !is_key("Key", &digest("key")));
        for bad in ["", "short", &"A".repeat(ADDRESS), "../../../../../../..", &"a".repeat(ADDRESS + 1)] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
