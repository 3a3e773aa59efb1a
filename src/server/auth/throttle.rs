//! Brakes on guessing: failures are counted by account and network, in bounded memory.
//!
//! Each key has a bucket of failures that drains with time (a leaky bucket, ITU-T I.371 annex A). A full bucket means
//! waiting until one failure has drained; a success empties nothing, so a right guess does not pay for wrong ones.
//!
//! A stranger slows strangers only: whoever comes from a network that an account is known from has a bucket of their own,
//! which nobody elsewhere fills. An IPv6 network is counted at three widths, because a subscriber may have any of them.
//!
//! The crate `governor` has no way to take back what was booked, grows with its keys until somebody sweeps them, and
//! bounds neither by the emptiest first; layers and the clock would be ours all the same.

use crate::server::refusals::{too_many_attempts, too_many_requests};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::NaiveDateTime;

use crate::server::error::Result;
use crate::server::shares::{LEVELS, network_of, networks};

/// Keys that are remembered in a set of buckets. A key takes about 150 bytes.
const KEYS: usize = 20_000;

/// How many failures a key may have at once, and how long one takes to be forgotten.
#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    drain: Duration,
}

/// Ten wrong passwords, then one each half minute: a person who mistypes never notices.
const ACCOUNT: Rate = Rate { burst: 10, drain: Duration::from_secs(30) };
/// Wrong passwords for one account from all networks that it is not known from.
const STRANGERS: Rate = Rate { burst: 100, drain: Duration::from_secs(30) };
/// An address may be a whole office behind one router.
const ADDRESS: Rate = Rate { burst: 50, drain: Duration::from_secs(10) };
/// Accounts that people of one network make.
const SIGNUP: Rate = ADDRESS;
/// Batches that the guests of one address make, and all guests together.
const GUEST: Rate = Rate { burst: 60, drain: Duration::from_secs(20) };
const GUESTS: Rate = Rate { burst: 600, drain: Duration::from_secs(1) };
/// Codes of direct transfers and of rooms that are not there, or whose words were wrong; of one address, and of all
/// strangers where codes are short.
const GUESS: Rate = Rate { burst: 20, drain: Duration::from_secs(15) };
const ALL_GUESSES: Rate = Rate { burst: 5000, drain: Duration::from_millis(50) };
/// Members of rooms that come from one address, which may be a whole office.
const MEMBER: Rate = Rate { burst: 1000, drain: Duration::from_secs(2) };

/// How short a code is that somebody guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// 60 bits and more: networks are slowed, so that logs stay readable, and nobody for the sake of others.
    Long,
    /// So short that a thousand networks could find one: all strangers are slowed together.
    Short {
        /// Whoever is signed in is no stranger, and waits for none.
        signed_in: bool,
    },
}

pub struct Throttle {
    /// By account and network.
    pairs: Mutex<Layers<String>>,
    strangers: Mutex<Buckets<String>>,
    holders: Mutex<Buckets<String>>,
    addresses: Mutex<Layers<()>>,
    signups: Mutex<Layers<()>>,
    guest: Mutex<Layers<()>>,
    guests: Mutex<Buckets<()>>,
    guesses: Mutex<Layers<()>>,
    all_guesses: Mutex<Buckets<()>>,
    members: Mutex<Layers<()>>,
    known: Mutex<Known>,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle {
            pairs: Mutex::new(Layers::new(ACCOUNT)),
            strangers: Mutex::new(Buckets::new(STRANGERS)),
            holders: Mutex::new(Buckets::new(ACCOUNT)),
            addresses: Mutex::new(Layers::new(ADDRESS)),
            signups: Mutex::new(Layers::new(SIGNUP)),
            guest: Mutex::new(Layers::new(GUEST)),
            guests: Mutex::new(Buckets::new(GUESTS)),
            guesses: Mutex::new(Layers::new(GUESS)),
            all_guesses: Mutex::new(Buckets::new(ALL_GUESSES)),
            members: Mutex::new(Layers::new(MEMBER)),
            known: Mutex::new(Known::default()),
        }
    }
}

impl Throttle {
    /// Books one attempt as failed, before it is made: attempts that run side by side cannot all slip through. Whoever
    /// turns out to be right gets it back with [`Throttle::forgive`].
    ///
    /// # Errors
    /// [`too_many_attempts`] when nothing is left for this account from this network or, unless the account is known from
    /// there, for the network or for all strangers to the account; nothing is booked then.
    pub fn attempt(&self, account: &str, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let account = account.to_owned();
        let mut pairs = lock(&self.pairs);
        if self.is_known(&account, address) {
            admit(pairs.wait_narrow(&account, address, now), too_many_attempts)?;
            pairs.add_narrow(account, address, now);
            return Ok(());
        }
        let (mut strangers, mut addresses) = (lock(&self.strangers), lock(&self.addresses));
        let wait = pairs.wait(&account, address, now).max(strangers.wait(&account, now));
        admit(wait.max(addresses.wait(&(), address, now)), too_many_attempts)?;
        pairs.add(&account, address, now);
        strangers.add(account, now);
        addresses.add(&(), address, now);
        Ok(())
    }

    /// Takes back what [`Throttle::attempt`] booked.
    pub fn forgive(&self, account: &str, address: IpAddr) {
        let account = account.to_owned();
        let mut pairs = lock(&self.pairs);
        if self.is_known(&account, address) {
            return pairs.remove_narrow(&account, address);
        }
        pairs.remove(&account, address);
        lock(&self.strangers).remove(&account);
        lock(&self.addresses).remove(&(), address);
    }

    /// From now on the network of `address` is one that `account` is known from: it has signed in there, or unlocked.
    pub fn remember(&self, account: &str, address: IpAddr, now: NaiveDateTime) {
        lock(&self.known).add((account.to_owned(), network_of(address)), now);
    }

    fn is_known(&self, account: &str, address: IpAddr) -> bool {
        lock(&self.known).seen_at.contains_key(&(account.to_owned(), network_of(address)))
    }

    /// Like [`Throttle::attempt`] for whoever has proved already who they are, by the session `holder`: nobody but them is
    /// held back. [`Throttle::forgive_holder`] takes it back.
    ///
    /// # Errors
    /// [`too_many_attempts`].
    pub fn attempt_of_holder(&self, holder: &str, now: NaiveDateTime) -> Result<()> {
        let mut holders = lock(&self.holders);
        admit(holders.wait(holder, now), too_many_attempts)?;
        holders.add(holder.to_owned(), now);
        Ok(())
    }

    pub fn forgive_holder(&self, holder: &str) {
        lock(&self.holders).remove(holder);
    }

    /// Books a guess of the secret `what` that is long enough to be guessed from everywhere: by network alone.
    /// [`Throttle::forgive_secret`] takes it back.
    ///
    /// # Errors
    /// [`too_many_attempts`].
    pub fn attempt_secret(&self, what: &str, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let mut pairs = lock(&self.pairs);
        admit(pairs.wait(&what.to_owned(), address, now), too_many_attempts)?;
        pairs.add(&what.to_owned(), address, now);
        Ok(())
    }

    pub fn forgive_secret(&self, what: &str, address: IpAddr) {
        lock(&self.pairs).remove(&what.to_owned(), address);
    }

    /// Books an account that somebody wants to make.
    ///
    /// # Errors
    /// [`too_many_attempts`] when this network has made too many of late.
    pub fn sign_up(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        lock(&self.signups).admit(address, now, too_many_attempts)
    }

    /// Books something that a guest makes.
    ///
    /// # Errors
    /// [`too_many_requests`] when the address, or all guests together, have made too much of late.
    pub fn admit_guest(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let (mut guest, mut guests) = (lock(&self.guest), lock(&self.guests));
        admit(guest.wait(&(), address, now).max(guests.wait(&(), now)), too_many_requests)?;
        guest.add(&(), address, now);
        guests.add((), now);
        Ok(())
    }

    /// Books a guess of a code, before it is known whether it is right; see [`Throttle::forgive_guess`].
    ///
    /// # Errors
    /// [`too_many_attempts`] when the address has no guess left or, for a short code, all strangers together.
    pub fn guess(&self, guess: Guess, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        let (mut guesses, mut all) = (lock(&self.guesses), lock(&self.all_guesses));
        let shared = match guess {
            Guess::Short { signed_in: false } => all.wait(&(), now),
            Guess::Short { signed_in: true } | Guess::Long => Duration::ZERO,
        };
        admit(guesses.wait(&(), address, now).max(shared), too_many_attempts)?;
        guesses.add(&(), address, now);
        if guess != Guess::Long {
            all.add((), now);
        }
        Ok(())
    }

    /// Takes back what [`Throttle::guess`] booked.
    pub fn forgive_guess(&self, guess: Guess, address: IpAddr) {
        lock(&self.guesses).remove(&(), address);
        if guess != Guess::Long {
            lock(&self.all_guesses).remove(&());
        }
    }

    /// Books a new member of a room.
    ///
    /// # Errors
    /// [`too_many_requests`] when too many have come from this address of late.
    pub fn admit_member(&self, address: IpAddr, now: NaiveDateTime) -> Result<()> {
        lock(&self.members).admit(address, now, too_many_requests)
    }
}

/// Refuses whoever has to wait.
fn admit(wait: Duration, refusal: fn(u64) -> crate::server::error::Error) -> Result<()> {
    match wait > Duration::ZERO {
        true => Err(refusal(wait.as_secs() + 1)),
        false => Ok(()),
    }
}

/// The counts are plain numbers: a panic elsewhere cannot leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Networks that accounts are known from; the newest stay.
#[derive(Default)]
struct Known {
    seen_at: HashMap<(String, IpAddr), NaiveDateTime>,
}

impl Known {
    fn add(&mut self, key: (String, IpAddr), now: NaiveDateTime) {
        if self.seen_at.len() >= KEYS && !self.seen_at.contains_key(&key) {
            let mut times: Vec<_> = self.seen_at.values().copied().collect();
            let (_, median, _) = times.select_nth_unstable(KEYS / 2);
            let median = *median;
            self.seen_at.retain(|_, seen_at| *seen_at > median);
        }
        self.seen_at.insert(key, now);
    }
}

/// Buckets for networks at each of their widths. A wider one holds twice as much as the one within, and drains as fast.
struct Layers<K>([Buckets<(K, IpAddr)>; LEVELS]);

impl<K: Hash + Eq + Clone> Layers<K> {
    fn new(rate: Rate) -> Self {
        let wider = |times: u32| Rate { burst: rate.burst * times, drain: rate.drain / times };
        Layers([Buckets::new(wider(1)), Buckets::new(wider(2)), Buckets::new(wider(4))])
    }

    fn wait(&self, key: &K, address: IpAddr, now: NaiveDateTime) -> Duration {
        let layers = self.0.iter().zip(networks(address));
        layers.map(|(layer, network)| layer.wait(&(key.clone(), network), now)).max().unwrap_or_default()
    }

    fn add(&mut self, key: &K, address: IpAddr, now: NaiveDateTime) {
        for (layer, network) in self.0.iter_mut().zip(networks(address)) {
            layer.add((key.clone(), network), now);
        }
    }

    fn remove(&mut self, key: &K, address: IpAddr) {
        for (layer, network) in self.0.iter_mut().zip(networks(address)) {
            layer.remove(&(key.clone(), network));
        }
    }

    fn wait_narrow(&self, key: &K, address: IpAddr, now: NaiveDateTime) -> Duration {
        self.0[0].wait(&(key.clone(), network_of(address)), now)
    }

    fn add_narrow(&mut self, key: K, address: IpAddr, now: NaiveDateTime) {
        self.0[0].add((key, network_of(address)), now);
    }

    fn remove_narrow(&mut self, key: &K, address: IpAddr) {
        self.0[0].remove(&(key.clone(), network_of(address)));
    }
}

impl Layers<()> {
    fn admit(
        &mut self,
        address: IpAddr,
        now: NaiveDateTime,
        refusal: fn(u64) -> crate::server::error::Error,
    ) -> Result<()> {
        admit(self.wait(&(), address, now), refusal)?;
        self.add(&(), address, now);
        Ok(())
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
    use crate::server::clock::Clock;

    /// The seconds that a refusal names.
    fn wait<T: std::fmt::Debug>(result: Result<T>, code: &str) -> u64 {
        let error = result.unwrap_err();
        assert_eq!(error.code(), code);
        error.to_string().split(' ').find_map(|word| word.parse().ok()).unwrap()
    }

    fn address(last: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + last))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How often `act` is let in before it is not.
    fn often(mut act: impl FnMut() -> Result<()>) -> u32 {
        (0..100_000).find(|_| act().is_err()).unwrap()
    }

    #[test]
    fn an_account_is_held_back_from_one_network_and_let_in_again() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        assert_eq!(often(|| throttle.attempt("ann", address(1), clock.now())), ACCOUNT.burst);
        let seconds = wait(throttle.attempt("ann", address(1), clock.now()), "too_many_attempts");
        assert!((1..=31).contains(&seconds), "{seconds}");
        throttle.attempt("bob", address(1), clock.now()).unwrap();
        throttle.attempt("ann", address(2), clock.now()).unwrap();
        clock.advance(Duration::from_secs(seconds));
        throttle.attempt("ann", address(1), clock.now()).unwrap();
        assert!(throttle.attempt("ann", address(1), clock.now()).is_err(), "one drained, one let in");
    }

    #[test]
    fn all_strangers_to_an_account_are_held_back_and_whoever_is_known_is_not() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        throttle.remember("ann", address(7), clock.now());
        let mut stranger = 1000;
        let guesses = often(|| {
            stranger += 1;
            throttle.attempt("ann", address(stranger), clock.now())
        });
        assert_eq!(guesses, STRANGERS.burst);
        assert!(throttle.attempt("ann", address(8), clock.now()).is_err(), "a stranger");
        // Nor by what colleagues at the same address do wrong with accounts of their own.
        let mut name = 0;
        often(|| {
            name += 1;
            throttle.attempt(&format!("user{name}"), address(7), clock.now())
        });
        assert_eq!(often(|| throttle.attempt("ann", address(7), clock.now())), ACCOUNT.burst);
    }

    #[test]
    fn an_address_is_held_back_whatever_the_account() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ADDRESS.burst {
            throttle.attempt(&format!("user{i}"), address(1), clock.now()).unwrap();
        }
        assert!(throttle.attempt("another", address(1), clock.now()).is_err());
        assert!(throttle.attempt("another", ip("::ffff:10.0.0.1"), clock.now()).is_err(), "mapped");
        throttle.attempt("another", address(2), clock.now()).unwrap();
    }

    #[test]
    fn whoever_holds_a_session_is_held_back_by_nobody_else() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        assert_eq!(often(|| throttle.attempt_of_holder("one", clock.now())), ACCOUNT.burst);
        throttle.attempt_of_holder("other", clock.now()).unwrap();
        throttle.forgive_holder("one");
        throttle.attempt_of_holder("one", clock.now()).unwrap();
    }

    #[test]
    fn sign_ups_and_their_code_are_counted_by_network_alone() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        assert_eq!(often(|| throttle.sign_up(address(1), clock.now())), SIGNUP.burst);
        throttle.sign_up(address(2), clock.now()).unwrap();
        for network in 0..1000 {
            assert_eq!(often(|| throttle.attempt_secret("code", address(network), clock.now())), ACCOUNT.burst);
        }
        throttle.attempt_secret("code", address(5000), clock.now()).unwrap();
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
    fn guesses_of_short_codes_are_held_back_by_address_and_of_all_strangers() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        let (stranger, inside) = (Guess::Short { signed_in: false }, Guess::Short { signed_in: true });
        for _ in 0..GUESS.burst {
            throttle.guess(stranger, address(1), clock.now()).unwrap();
            // Somebody who knows one code guesses others.
            let known = throttle.guess(stranger, address(1), clock.now());
            let _ = known.map(|()| throttle.forgive_guess(stranger, address(1)));
        }
        assert!(throttle.guess(stranger, address(1), clock.now()).is_err());
        for i in GUESS.burst..ALL_GUESSES.burst {
            throttle.guess(stranger, address(1000 + i), clock.now()).unwrap();
        }
        throttle.guess(inside, address(2), clock.now()).unwrap();
        throttle.guess(Guess::Long, address(3), clock.now()).unwrap();
        let seconds = wait(throttle.guess(stranger, address(2), clock.now()), "too_many_attempts");
        clock.advance(Duration::from_secs(seconds));
        throttle.guess(stranger, address(2), clock.now()).unwrap();
        assert!(throttle.guess(stranger, address(1), clock.now()).is_err(), "its own bucket drains more slowly");
    }

    #[test]
    fn long_codes_are_nobodys_budget_but_the_guessers() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..3 * ALL_GUESSES.burst {
            throttle.guess(Guess::Long, address(i), clock.now()).unwrap();
        }
        // One site has 256 networks of the middle kind, and 65,536 of the narrowest.
        let mut subnet = 0;
        let guesses = often(|| {
            subnet += 0x100;
            throttle.guess(Guess::Long, ip(&format!("2001:db8:1:{subnet:x}::1")), clock.now())
        });
        assert_eq!(guesses, GUESS.burst * 4, "a /48");
        assert!(throttle.guess(Guess::Long, ip("2001:db8:1:ffff::1"), clock.now()).is_err());
        throttle.guess(Guess::Long, ip("2001:db8:2::1"), clock.now()).unwrap();
    }

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for i in 0..ADDRESS.burst {
            throttle.attempt(&format!("user{i}"), ip(&format!("2001:db8::{i:x}")), clock.now()).unwrap();
        }
        assert!(throttle.attempt("x", ip("2001:db8::ffff"), clock.now()).is_err());
        throttle.attempt("x", ip("2001:db8:0:1::1"), clock.now()).unwrap();
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        for _ in 0..1000 {
            throttle.attempt("ann", address(1), clock.now()).unwrap();
            throttle.forgive("ann", address(1));
            throttle.attempt("ann", ip("2001:db8::1"), clock.now()).unwrap();
            throttle.forgive("ann", ip("2001:db8::1"));
        }
    }

    /// Row 19 of the usual faults: rotating through keys must neither grow the memory nor free the one held back.
    #[test]
    fn rotation_neither_grows_the_memory_nor_frees_anybody() {
        let (throttle, clock) = (Throttle::default(), Clock::manual());
        let full = |result: Result<()>| assert!(result.unwrap_err().is(&too_many_attempts(1)));
        often(|| throttle.attempt("ann", address(1), clock.now()));
        for i in 0..3 * KEYS as u32 {
            throttle.attempt(&format!("user{i}"), address(1000 + i), clock.now()).unwrap();
            throttle.remember(&format!("user{i}"), address(1000 + i), clock.now());
        }
        assert!(lock(&throttle.strangers).empty_at.len() <= KEYS);
        assert!(lock(&throttle.pairs).0.iter().all(|layer| layer.empty_at.len() <= KEYS));
        assert!(lock(&throttle.addresses).0.iter().all(|layer| layer.empty_at.len() <= KEYS));
        assert!(lock(&throttle.known).seen_at.len() <= KEYS);
        full(throttle.attempt("ann", address(1), clock.now()));
    }
}
