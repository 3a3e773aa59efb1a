//! Places that are few, such as uploads at once, shared out: nobody takes them all, and whoever is signed in comes first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::server::shares::networks;

/// Who takes a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Whoever comes from this address.
    Address(IpAddr),
    /// A user, by id, from wherever.
    User(String),
}

/// A number of places. Clones share them.
#[derive(Clone)]
pub struct Shares(Arc<Places>);

struct Places {
    all: usize,
    /// What those without an account may have together.
    strangers: usize,
    /// What one network may have; a wider one has up to twice as much.
    network: usize,
    /// What one user may have.
    user: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    strangers: usize,
    by: HashMap<Key, usize>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A network of the width of that number, see [`networks`].
    Network(usize, IpAddr),
    User(String),
}

impl Shares {
    /// `all` places, of which one network gets one in `part`, at least one, and a user twice as many. A quarter is kept
    /// for users where `kept` is set.
    pub fn new(all: usize, part: usize, kept: bool) -> Shares {
        let network = all.div_ceil(part).max(1);
        let strangers = if kept { all - all / 4 } else { all };
        Shares(Arc::new(Places { all, strangers, network, user: 2 * network, taken: Mutex::default() }))
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        self.0.taken().all
    }

    /// A place until what is given back is dropped; `None` where there is none, for this one or for all.
    pub fn take(&self, holder: &Holder) -> Option<Share> {
        let places = &self.0;
        let mut taken = places.taken();
        let is_stranger = matches!(holder, Holder::Address(_));
        let keys = places.keys(holder);
        let has_room = keys.iter().all(|(key, most)| taken.by.get(key).is_none_or(|held| held < most));
        if taken.all >= places.all || (is_stranger && taken.strangers >= places.strangers) || !has_room {
            return None;
        }
        taken.all += 1;
        taken.strangers += usize::from(is_stranger);
        let keys: Vec<Key> = keys.into_iter().map(|(key, _)| key).collect();
        for key in &keys {
            *taken.by.entry(key.clone()).or_default() += 1;
        }
        Some(Share { places: places.clone(), keys, is_stranger })
    }
}

impl Places {
    /// What a holder is counted by, with the most that each may have.
    fn keys(&self, holder: &Holder) -> Vec<(Key, usize)> {
        match holder {
            Holder::User(id) => vec![(Key::User(id.clone()), self.user)],
            Holder::Address(address) => networks(*address)
                .enumerate()
                .map(|(width, network)| (Key::Network(width, network), self.network * (width + 2) / 2))
                .collect(),
        }
    }

    /// The counts are plain numbers: a panic elsewhere cannot leave them half changed.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken. It is given back when this is dropped.
pub struct Share {
    places: Arc<Places>,
    keys: Vec<Key>,
    is_stranger: bool,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        taken.strangers -= usize::from(self.is_stranger);
        for key in &self.keys {
            if let Some(held) = taken.by.get_mut(key) {
                *held -= 1;
                if *held == 0 {
                    taken.by.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Holder {
        Holder::Address(address.parse().unwrap())
    }

    fn all_of(shares: &Shares, holder: &Holder) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(holder)).collect()
    }

    #[test]
    fn one_network_has_its_part_and_gives_it_back() {
        let shares = Shares::new(16, 4, false);
        let held = all_of(&shares, &at("192.0.2.1"));
        assert_eq!(held.len(), 4);
        assert_eq!(all_of(&shares, &at("::ffff:192.0.2.1")).len(), 0, "mapped");
        assert_eq!(all_of(&shares, &at("192.0.2.2")).len(), 4);
        drop(held);
        assert_eq!(all_of(&shares, &at("192.0.2.1")).len(), 4);
        assert!(shares.0.taken().by.is_empty(), "nothing is kept of whoever holds nothing");
    }

    #[test]
    fn whoever_has_many_networks_has_at_most_twice_as_much() {
        let shares = Shares::new(16, 4, false);
        let held: Vec<_> = (0..1000).filter_map(|i| shares.take(&at(&format!("2001:db8:1:{i:x}::1")))).collect();
        assert_eq!(held.len(), 8, "a /48");
        assert!(shares.take(&at("2001:db8:2::1")).is_some());
    }

    #[test]
    fn a_quarter_is_kept_for_those_who_are_signed_in() {
        let shares = Shares::new(16, 4, true);
        let strangers: Vec<_> = (0..100).filter_map(|i| shares.take(&at(&format!("192.0.2.{i}")))).collect();
        assert_eq!(strangers.len(), 12);
        let user = Holder::User("ann".into());
        assert_eq!(all_of(&shares, &user).len(), 4);
        drop(strangers);
        assert_eq!(all_of(&shares, &user).len(), 8, "nor does one of them take all");
        assert!(Shares::new(1, 4, true).take(&at("192.0.2.1")).is_some(), "a single place is anybody's");
    }
}
