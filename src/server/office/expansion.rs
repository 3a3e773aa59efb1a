//! Adds up what the entries say that they expand to; the limits and their reasons are in `rules`.

use super::refusal::shown;
use super::{Refusal, rules};

/// What the entries so far say that they expand to.
#[derive(Default)]
pub(super) struct Expansion {
    compressed: u64,
    expanded: u64,
    growth: u64,
    beyond_ratio: u64,
}

impl Expansion {
    /// Counts one more entry in and refuses once the sum is a bomb's; `name` is for the message.
    pub(super) fn add(&mut self, compressed: u64, expanded: u64, name: &[u8]) -> Result<(), Refusal> {
        self.compressed = self.compressed.saturating_add(compressed);
        self.expanded = self.expanded.saturating_add(expanded);
        let growth = expanded.saturating_sub(compressed);
        self.growth = self.growth.saturating_add(growth);
        if expanded > compressed.saturating_mul(rules::MAX_RATIO) {
            self.beyond_ratio = self.beyond_ratio.saturating_add(expanded);
        }
        if self.growth <= rules::MAX_GROWTH_BYTES && self.beyond_ratio <= rules::MAX_BEYOND_RATIO_BYTES {
            return Ok(());
        }
        Err(Refusal::Bomb { name: shown(name), compressed: self.compressed, expanded: self.expanded })
    }
}
