//! Secrets that stand in addresses and are read out: random, hard to mistake, and stored as digests alone.

use rand::RngExt as _;
use subtle::ConstantTimeEq as _;

/// 32 characters that are hard to mistake for one another, also in capitals or read out: five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// So many characters at random, five bits each.
pub fn random(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// Whether [`random`] could have made `text`; what is not need not be looked for.
pub fn could_be(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The form in which a secret is stored. It needs no salt and no cost: there are too many secrets to try.
pub fn digest(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Whether `secret` is the one that `stored` is the digest of, in the same time for each.
pub fn matches(secret: &str, stored: &str) -> bool {
    digest(secret).as_bytes().ct_eq(stored.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_known_by_their_form_and_their_digest() {
        let (first, second) = (random(20), random(20));
        assert!(could_be(&first, 20) && could_be(&second, 20) && first != second);
        assert!(matches("key", &digest("key")) && !matches("Key", &digest("key")));
        for bad in ["", "short", &"A".repeat(20), "../../../../../../..", &"a".repeat(21)] {
            assert!(!could_be(bad, 20), "{bad}");
        }
    }
}
