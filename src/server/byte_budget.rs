//! How many bytes are passed on, for one network and for all, in a day.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDateTime, TimeDelta};

use super::shares::networks;

/// Networks that are counted. Past it those leave that pass on nothing now, and of them those that have spent least.
const NETWORKS: usize = 100_000;
/// What a network may spend for each that it lies in: a /56 as much as four, a /48 as sixteen.
const WIDER: u64 = 4;

/// What networks have spent today. Clones share it.
#[derive(Clone)]
pub struct ByteBudget(Arc<Mutex<Day>>);

struct Day {
    /// Of an address, and of all.
    limits: [u64; 2],
    most: usize,
    since: NaiveDateTime,
    all: Arc<AtomicU64>,
    of_network: HashMap<(IpAddr, u32), Arc<AtomicU64>>,
}

/// The counters that a transfer is booked on, with their limits.
#[derive(Clone)]
pub struct Spent(Vec<(Arc<AtomicU64>, u64)>);

impl ByteBudget {
    /// Bytes a day that one address, and all together, may pass on.
    pub fn new(of_address: u64, of_all: u64) -> ByteBudget {
        ByteBudget(Arc::new(Mutex::new(Day::new([of_address, of_all], NETWORKS))))
    }

    /// What a transfer from `address` is booked on.
    pub fn of(&self, address: IpAddr, now: NaiveDateTime) -> Spent {
        // Maps and counts that are changed without anything that panics between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).of(address, now)
    }
}

impl Day {
    fn new(limits: [u64; 2], most: usize) -> Day {
        Day { limits, most, since: NaiveDateTime::MIN, all: Arc::default(), of_network: HashMap::new() }
    }

    fn of(&mut self, address: IpAddr, now: NaiveDateTime) -> Spent {
        if now.signed_duration_since(self.since) >= TimeDelta::days(1) {
            *self = Day { since: now, ..Day::new(self.limits, self.most) };
        }
        let mut spent = vec![(self.all.clone(), self.limits[1])];
        for (level, network) in (0u32..).zip(networks(address)) {
            let key = (network, level);
            if self.of_network.len() >= self.most && !self.of_network.contains_key(&key) {
                self.forget();
            }
            let limit = self.limits[0].saturating_mul(WIDER.saturating_pow(level));
            spent.push((self.of_network.entry(key).or_default().clone(), limit));
        }
        Spent(spent)
    }

    /// Half of those that pass on nothing now. What they have spent still counts in the networks around them, which are
    /// fewer and have spent more, and in all.
    fn forget(&mut self) {
        let idle = |counter: &Arc<AtomicU64>| Arc::strong_count(counter) == 1;
        let mut spent: Vec<u64> = self
            .of_network
            .values()
            .filter(|counter| idle(counter))
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        if spent.is_empty() {
            return; // each belongs to a connection, and of those there is a limit
        }
        let middle = spent.len() / 2;
        let most = *spent.select_nth_unstable(middle).1;
        self.of_network.retain(|_, counter| !idle(counter) || counter.load(Ordering::Relaxed) > most);
    }
}

impl Spent {
    /// Books bytes.
    pub fn add(&self, bytes: usize) {
        for (counter, _) in &self.0 {
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The limit that has been reached, in bytes.
    pub fn reached(&self) -> Option<u64> {
        self.0.iter().find(|(counter, limit)| counter.load(Ordering::Relaxed) >= *limit).map(|(_, limit)| *limit)
    }

    pub fn is_over(&self) -> bool {
        self.reached().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> NaiveDateTime {
        chrono::DateTime::UNIX_EPOCH.naive_utc() + TimeDelta::hours(hours)
    }

    fn network(number: u128) -> IpAddr {
        IpAddr::V6((0x2001_0db8_u128 << 96 | number << 64).into())
    }

    #[test]
    fn those_who_pass_on_nothing_leave_and_keep_nobody_out() {
        let mut day = Day::new([100, u64::MAX], 50);
        let running = day.of("192.0.2.1".parse().unwrap(), at(0));
        running.add(10);
        for number in 0..10_000 {
            let spent = day.of(network(number), at(1));
            assert!(!spent.is_over());
            assert!(day.of_network.len() <= 50);
        }
        running.add(90);
        assert!(day.of("192.0.2.1".parse().unwrap(), at(1)).is_over(), "who runs is not forgotten");
        assert!(!day.of("192.0.2.1".parse().unwrap(), at(24)).is_over(), "the next day");
    }

    #[test]
    fn many_networks_one_subscriber_have_no_more_than_a_few() {
        let mut day = Day::new([100, u64::MAX], 50);
        for number in 0..4 {
            day.of(network(number), at(0)).add(100);
        }
        assert_eq!(day.of(network(200), at(0)).reached(), Some(400), "of the same /56");
        for number in 1..4 {
            (0..4).for_each(|inside| day.of(network(number << 8 | inside), at(0)).add(100));
        }
        assert_eq!(day.of(network(0x900), at(0)).reached(), Some(1600), "of the same /48");
        assert!(!day.of(network(1 << 16), at(0)).is_over(), "of another one");
    }
}
