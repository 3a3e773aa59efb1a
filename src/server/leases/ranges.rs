//! Sets of bytes of a file, as ranges.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Ranges that are sorted, not empty, and neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<Range<u64>>);

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(pairs: Vec<(u64, u64)>) -> Ranges {
        let mut ranges = Ranges::default();
        pairs.into_iter().for_each(|(start, end)| ranges.add(start..end));
        ranges
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0.into_iter().map(|range| (range.start, range.end)).collect()
    }
}

impl Ranges {
    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, byte: u64) -> bool {
        self.0.iter().any(|range| range.contains(&byte))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    pub fn add(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let first = self.0.partition_point(|range| range.end < new.start);
        let end = self.0.partition_point(|range| range.start <= new.end);
        let merged = match self.0.get(first..end) {
            Some([only]) => only.start.min(new.start)..only.end.max(new.end),
            Some([left, .., right]) => left.start.min(new.start)..right.end.max(new.end),
            _ => new,
        };
        self.0.splice(first..end, [merged]);
    }

    pub fn remove(&mut self, gone: &Range<u64>) {
        if gone.is_empty() {
            return;
        }
        let left = |range: &Range<u64>| range.start..range.end.min(gone.start);
        let right = |range: &Range<u64>| range.start.max(gone.end)..range.end;
        let parts = self.0.iter().flat_map(|range| [left(range), right(range)]);
        self.0 = parts.filter(|range| !range.is_empty()).collect();
    }

    /// What of it lies within `part`.
    pub fn within(&self, part: &Range<u64>) -> Ranges {
        let cut = self.0.iter().map(|range| range.start.max(part.start)..range.end.min(part.end));
        Ranges(cut.filter(|range| !range.is_empty()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set that holds each byte by itself.
        #[test]
        fn ranges_are_sets_of_bytes(steps in prop::collection::vec((any::<bool>(), 0u64..40, 0u64..40), 0..40)) {
            let (mut ranges, mut bytes) = (Ranges::default(), BTreeSet::new());
            for (add, from, to) in steps {
                match add {
                    true => {
                        ranges.add(from..to);
                        bytes.extend(from..to);
                    }
                    false => {
                        ranges.remove(&(from..to));
                        bytes.retain(|byte| !(from..to).contains(byte));
                    }
                }
                prop_assert_eq!(ranges.len(), bytes.len() as u64);
                prop_assert!((0..41).all(|byte| ranges.contains(byte) == bytes.contains(&byte)));
                prop_assert_eq!(ranges.within(&(from..to)).len() as usize, bytes.iter().filter(|byte| (from..to).contains(byte)).count());
                let list: Vec<_> = ranges.iter().collect();
                prop_assert!(list.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", list);
                prop_assert!(list.iter().all(|range| !range.is_empty()), "{:?}", list);
            }
        }
    }
}
