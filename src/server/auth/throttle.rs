//! Brakes on guessing: failures are counted by account and by address, in bounded memory.
//!
//! Each key has a bucket of failures that drains with time (a leaky bucket, ITU-T I.371 annex A). A full bucket means
//! waiting until one failure has drained; a success empties nothing, so a right guess does not pay for wrong ones.

use crate::server::refusals::{too_many_attempts, too_many_requests};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::NaiveDateTime;

use crate::server::error::Result;

/// Keys that are remembered. A key takes about 100 bytes.
const KEYS: usize = 20_000;

/// How many failures a key may have at once, and how long one takes to be forgotten.
struct Rate {
    burst: u32,
    drain: Duration,
}

/// Ten wrong passwords, then one each half minute: a person who mistypes never notices.
const ACCOUNT: Rate = Rate { burst: 10, drain: Duration::from_secs(30) };
/// Batches that the guests of one address make, and all guests together.
const GUEST: Rate = Rate { burst: 60, drain: Duration::from_secs(20) };
const GUESTS: Rate = Rate { burst: 600, drain: Duration::from_secs(1) };
/// Codes of direct transfers and of rooms that are not there, or whose words were wrong; of one address, and of all.
const GUESS: Rate = Rate { burst: 20, drain: Duration::from_secs(15) };
const ALL_GUESSES: Rate = Rate { burst: 5000, drain: Duration::from_millis(50) };
/// Members of rooms that come from one address, which may be a whole office.
const MEMBER: Rate = Rate { burst: 1000, drain: Duration::from_secs(2) };
/// An address may be a whole office behind one router.
const ADDRESS: Rate = Rate { burst: 50, drain: Duration::from_secs(10) };

pub struct Throttle {
    accounts: Mutex<Buckets<String>>,
    addresses: Mutex<Buckets<IpAddr>>,
    guest: Mutex<Buckets<IpAddr>>,
    guests: Mutex<Buckets<()>>,
    guesses: Mutex<Buckets<IpAddr>>,
    all_guesses: Mutex<Buckets<()>>,
    members: Mutex<Buckets<IpAddr>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle {
            accounts: Mutex::new(Buckets::new(ACCOUNT)),
            addresses: Mutex::new(Buckets::new(ADDRESS)),
            guest: Mutex::new(Buckets::new(GUEST)),
            guests: Mutex::new(Buckets::new(GUESTS)),
            guesses: Mutex::new(Buckets::new(GUESS)),
            all_guesses: Mutex::new(Buckets::new(ALL_GUESSES)),
            members: Mutex::new(Buckets::new(MEMBER)),
        }
    }
}

impl Throttle {
    /// Books one attempt as failed, before it is made: attempts that run side by side cannot all slip through. Whoever
    /// turns out to be right gets it back with [`Throttle::forgive`].
    ///
    /// # Errors
    /// [`too_many_attempts`] when the account or the address has no attempt left; nothing is booked then.
    pub fn attempt(&self, account: &str, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let address = network_of(address);
        let mut accounts = lock(&self.accounts);
        let mut addresses = lock(&self.addresses);
        let wait = accounts.wait(account, now).max(addresses.wait(&address, now));
        if wait > Duration::ZERO {
            return Err(too_many_attempts(wait.as_secs() + 1));
        }
        accounts.add(account.to_owned(), now);
        addresses.add(address, now);
        Ok(())
    }

    /// Books something that a guest makes.
    ///
    /// # Errors
    /// [`too_many_requests`] when the address, or all guests together, have made too much of late.
    pub fn admit_guest(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let address = network_of(address);
        let (mut guest, mut guests) = (lock(&self.guest), lock(&self.guests));
        let wait = guest.wait(&address, now).max(guests.wait(&(), now));
        if wait > Duration::ZERO {
            return Err(too_many_requests(wait.as_secs() + 1));
        }
        guest.add(address, now);
        guests.add((), now);
        Ok(())
    }

    /// Books a guess of a short code, before it is known whether it is right; see [`Throttle::forgive_guess`].
    ///
    /// # Errors
    /// [`too_many_attempts`] when the address has no guess left.
    pub fn guess(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let address = network_of(address);
        let (mut guesses, mut all) = (lock(&self.guesses), lock(&self.all_guesses));
        let wait = guesses.wait(&address, now).max(all.wait(&(), now));
        if wait > Duration::ZERO {
            return Err(too_many_attempts(wait.as_secs() + 1));
        }
        guesses.add(address, now);
        all.add((), now);
        Ok(())
    }

    /// Takes back what [`Throttle::guess`] booked.
    pub fn forgive_guess(&self, address: IpAddr) {
        lock(&self.guesses).remove(&network_of(address));
        lock(&self.all_guesses).remove(&());
    }

    /// Books a new member of a room.
    ///
    /// # Errors
    /// [`too_many_requests`] when too many have come from this address of late.
    pub fn admit_member(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let address = network_of(address);
        let mut members = lock(&self.members);
        let wait = members.wait(&address, now);
        if wait > Duration::ZERO {
            return Err(too_many_requests(wait.as_secs() + 1));
        }
        members.add(address, now);
        Ok(())
    }

    /// Takes back what [`Throttle::attempt`] booked.
    pub fn forgive(&self, account: &str, address: IpAddr) {
        lock(&self.accounts).remove(account);
        lock(&self.addresses).remove(&network_of(address));
    }
}

/// The counts are plain numbers: a panic elsewhere cannot leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one subscriber gets: an IPv4 address, or an IPv6 /64 (RFC 6177).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        address => address,
    }
}

/// The time at which each key's bucket will be empty.
struct Buckets<K> {
    rate: Rate,
    empty_at: HashMap<K, NaiveDateTime>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(rate: Rate) -> Self {
        Buckets { rate, empty_at: HashMap::new() }
    }

    /// How long until one more failure fits.
    fn wait<Q>(&self, key: &Q, now: NaiveDateTime) -> Duration
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let level = self.empty_at.get(key).and_then(|empty_at| (*empty_at - now).to_std().ok()).unwrap_or_default();
        (level + self.rate.drain).saturating_sub(self.rate.drain * self.rate.burst)
    }

    fn add(&mut self, key: K, now: NaiveDateTime) {
        if self.empty_at.len() >= KEYS && !self.empty_at.contains_key(&key) {
            self.make_room(now);
        }
        let empty_at = self.empty_at.entry(key).or_insert(now);
        *empty_at = crate::server::clock::after((*empty_at).max(now), self.rate.drain);
    }

    fn remove<Q>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(empty_at) = self.empty_at.get_mut(key) {
            *empty_at -= chrono::TimeDelta::from_std(self.rate.drain).unwrap_or_default();
        }
    }

    /// Drops the drained buckets, and where that is too few the emptiest half: whoever rotates through many keys cannot
    /// push out the one that is being held back.
    fn make_room(&mut self, now: NaiveDateTime) {
        self.empty_at.retain(|_, empty_at| *empty_at > now);
        if self.empty_at.len() >= KEYS {
            let mut times: Vec<_> = self.empty_at.values().copied().collect();
            let (_, median, _) = times.select_nth_unstable(KEYS / 2);
            let median = *median;
            self.empty_at.retain(|_, empty_at| *empty_at > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds that a refusal names.
    fn wait<T: std::fmt::Debug>(result: Result<T>, code: &str) -> u64 {
        let error = result.unwrap_err();
        assert_eq!(error.code(), code);
        error.to_string().split(' ').find_map(|word| word.parse().ok()).unwrap()
    }
    use crate::server::clock::Clock;

    fn address(last: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + last))
    }

    #[test]
    fn an_account_is_held_back_from_every_address_and_let_in_again() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ACCOUNT.burst {
            throttle.attempt("ann", address(i), clock.now()).unwrap();
        }
        let seconds = wait(throttle.attempt("ann", address(999), clock.now()), "too_many_attempts");
        assert!((1..=31).contains(&seconds), "{seconds}");
        throttle.attempt("bob", address(999), clock.now()).unwrap();
        clock.advance(Duration::from_secs(seconds));
        throttle.attempt("ann", address(999), clock.now()).unwrap();
        assert!(throttle.attempt("ann", address(999), clock.now()).is_err(), "one drained, one let in");
    }

    #[test]
    fn an_address_is_held_back_whatever_the_account() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ADDRESS.burst {
            throttle.attempt(&format!("user{i}"), address(1), clock.now()).unwrap();
        }
        assert!(throttle.attempt("another", address(1), clock.now()).is_err());
        assert!(throttle.attempt("another", "::ffff:10.0.0.1".parse().unwrap(), clock.now()).is_err(), "mapped");
        throttle.attempt("another", address(2), clock.now()).unwrap();
    }

    #[test]
    fn guests_are_held_back_by_address_and_together() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for _ in 0..GUEST.burst {
            throttle.admit_guest(address(1), clock.now()).unwrap();
        }
        let seconds = wait(throttle.admit_guest(address(1), clock.now()), "too_many_requests");
        for i in GUEST.burst..GUESTS.burst {
            throttle.admit_guest(address(1000 + i), clock.now()).unwrap();
        }
        assert!(throttle.admit_guest(address(2), clock.now()).is_err(), "all together");
        clock.advance(Duration::from_secs(seconds));
        throttle.admit_guest(address(1), clock.now()).unwrap();
    }

    #[test]
    fn guesses_are_held_back_by_address_and_together_and_right_ones_free_no_wrong_ones() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for _ in 0..GUESS.burst {
            throttle.guess(address(1), clock.now()).unwrap();
            // Somebody who knows one code guesses others.
            let _ = throttle.guess(address(1), clock.now()).map(|()| throttle.forgive_guess(address(1)));
        }
        assert!(throttle.guess(address(1), clock.now()).is_err());
        for i in GUESS.burst..ALL_GUESSES.burst {
            throttle.guess(address(1000 + i), clock.now()).unwrap();
        }
        let seconds = wait(throttle.guess(address(2), clock.now()), "too_many_attempts");
        clock.advance(Duration::from_secs(seconds));
        throttle.guess(address(2), clock.now()).unwrap();
        assert!(throttle.guess(address(1), clock.now()).is_err(), "its own bucket drains more slowly");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_address() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ADDRESS.burst {
            let address = format!("2001:db8::{i:x}").parse().unwrap();
            throttle.attempt(&format!("user{i}"), address, clock.now()).unwrap();
        }
        assert!(throttle.attempt("x", "2001:db8::ffff".parse().unwrap(), clock.now()).is_err());
        throttle.attempt("x", "2001:db8:1::1".parse().unwrap(), clock.now()).unwrap();
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for _ in 0..1000 {
            throttle.attempt("ann", address(1), clock.now()).unwrap();
            throttle.forgive("ann", address(1));
        }
    }

    /// Row 19 of the usual faults: rotating through keys must neither grow the memory nor free the one held back.
    #[test]
    fn rotation_neither_grows_the_memory_nor_frees_anybody() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ACCOUNT.burst {
            throttle.attempt("ann", address(i), clock.now()).unwrap();
        }
        for i in 0..3 * KEYS as u32 {
            throttle.attempt(&format!("user{i}"), address(1000 + i), clock.now()).unwrap();
        }
        assert!(lock(&throttle.accounts).empty_at.len() <= KEYS);
        assert!(lock(&throttle.addresses).empty_at.len() <= KEYS);
        assert!(throttle.attempt("ann", address(5), clock.now()).is_err());
    }
}
