//! How many bytes are passed on, for one address and for all, in a day.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDateTime, TimeDelta};

/// Addresses that are counted; past it new ones are refused until the day is over.
const ADDRESSES: usize = 100_000;

/// What addresses have spent today. Clones share it.
#[derive(Clone)]
pub struct ByteBudget(Arc<Mutex<Day>>);

struct Day {
    limits: [u64; 2],
    since: NaiveDateTime,
    all: Arc<AtomicU64>,
    of_address: HashMap<IpAddr, Arc<AtomicU64>>,
}

/// The counters that a transfer is booked on.
#[derive(Clone)]
pub struct Spent {
    limits: [u64; 2],
    counters: [Arc<AtomicU64>; 2],
}

impl ByteBudget {
    /// Bytes a day that one address, and all together, may pass on.
    pub fn new(of_address: u64, of_all: u64) -> ByteBudget {
        ByteBudget(Arc::new(Mutex::new(Day::new(of_address, of_all))))
    }

    /// What a transfer from `address` is booked on; `None` when there are too many addresses.
    pub fn of(&self, address: IpAddr, now: NaiveDateTime) -> Option<Spent> {
        // Maps and counts that are changed without anything that panics between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).of(address, now)
    }
}

impl Day {
    fn new(of_address: u64, of_all: u64) -> Day {
        Day { limits: [of_address, of_all], since: NaiveDateTime::MIN, all: Arc::default(), of_address: HashMap::new() }
    }

    fn of(&mut self, address: IpAddr, now: NaiveDateTime) -> Option<Spent> {
        if now.signed_duration_since(self.since) >= TimeDelta::days(1) {
            *self = Day { since: now, ..Day::new(self.limits[0], self.limits[1]) };
        }
        if self.of_address.len() >= ADDRESSES && !self.of_address.contains_key(&address) {
            return None;
        }
        let own = self.of_address.entry(address).or_default().clone();
        Some(Spent { limits: self.limits, counters: [own, self.all.clone()] })
    }
}

impl Spent {
    /// Books bytes.
    pub fn add(&self, bytes: usize) {
        for counter in &self.counters {
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The limit that has been reached, in bytes.
    pub fn reached(&self) -> Option<u64> {
        let spent = self.counters.iter().map(|counter| counter.load(Ordering::Relaxed));
        spent.zip(self.limits).find(|(spent, limit)| spent >= limit).map(|(_, limit)| limit)
    }

    pub fn is_over(&self) -> bool {
        self.reached().is_some()
    }
}
