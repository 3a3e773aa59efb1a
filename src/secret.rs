//! Random text for addresses and codes that people pass on.

use rand::RngExt as _;

/// 32 characters that are hard to mistake for one another, also in capitals or read out: five bits each.
pub const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// So many random characters, of five bits each.
pub fn random(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}
