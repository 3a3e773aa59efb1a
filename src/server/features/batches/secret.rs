//! The two secrets of a batch: the id in its address, which opens it, and the manage key, which changes it. The database
//! has their digests alone.

use crate::protocol::secret;
pub use crate::protocol::secret::{digest, matches as is_key};

/// 100 bits; fewer than 80 could be guessed.
const ADDRESS: usize = 20;
/// 160 bits.
const KEY: usize = 32;

pub fn new_address() -> String {
    secret::random(ADDRESS)
}

pub fn new_key() -> String {
    secret::random(KEY)
}

/// Whether `text` could be an address of ours.
pub fn is_address(text: &str) -> bool {
    secret::could_be(text, ADDRESS)
}
