//! Passwords: argon2id, at most as many at once as there are cores, in threads that give way to everything else.
//!
//! Sign-ins go before sign-ups, which get a small queue and half of the threads: whoever makes accounts keeps nobody out.

use crate::server::refusals::busy;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization as _;

use crate::server::background::give_way;
use crate::server::error::{Error, Result};
use crate::server::metrics::Metrics;
use crate::server::places::{Holder, Shares};

/// OWASP Password Storage Cheat Sheet, first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash that no password is known for, with the parameters above: verifying against it costs what a real one costs, so
/// that the time of a login does not tell whether the user exists.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$aGFuZG92ZXIgbm9ib2R5IQ$6Cp2mlPlbJYtZG7+4PhoOJjQ93UFkqTtBk3CBiLkdf8";

/// Shortest and longest password, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

fn argon2id() -> Result<Argon2<'static>> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password in the one form that all ways of typing it lead to: spaces of every kind are plain spaces, and what is one
/// letter is one character (RFC 8265 section 4.2, "OpaqueString"; its letters are not judged).
pub fn prepared(password: &str) -> Cow<'_, str> {
    match password.is_ascii() {
        true => password.into(),
        false => password.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect::<String>().into(),
    }
}

/// Unicode's space separators (general category Zs).
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

/// Hashes a password with a fresh salt, on this thread. Returns a PHC string.
pub fn hash(password: &str) -> Result<String> {
    let hash: PasswordHash = argon2id()?
        .hash_password(prepared(password).as_bytes())
        .map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(hash.to_string())
}

/// What came of comparing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but the hash is of what was typed and not of its [`prepared`] form: it is to be made anew.
    RightAsTyped,
}

impl Verdict {
    pub fn is_right(self) -> bool {
        self != Verdict::Wrong
    }
}

/// Whether `password` is the one that `hash` was made of; without a hash the answer is no, at the same cost.
fn verify(password: &str, hash: Option<&str>) -> Result<Verdict> {
    let parsed =
        PasswordHash::new(hash.unwrap_or(NOBODY)).map_err(|error| Error::Internal(error.to_string().into()))?;
    let (argon2id, prepared) = (argon2id()?, prepared(password));
    let is_of = |text: &str| argon2id.verify_password(text.as_bytes(), &parsed).is_ok();
    let verdict = match is_of(&prepared) {
        true => Verdict::Right,
        false if prepared != password && is_of(password) => Verdict::RightAsTyped,
        false => Verdict::Wrong,
    };
    Ok(if hash.is_some() { verdict } else { Verdict::Wrong })
}

type Job = Box<dyn FnOnce() + Send>;

/// What a password is hashed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    SignIn,
    SignUp,
}

/// The jobs that wait, and for how many of each kind there is room.
struct Queue {
    jobs: Mutex<Jobs>,
    more: Condvar,
    /// Sign-ins, and sign-ups, that may wait.
    room: (usize, usize),
    /// Sign-ups that may be hashed at once.
    signups_at_once: usize,
}

#[derive(Default)]
struct Jobs {
    signins: VecDeque<Job>,
    signups: VecDeque<Job>,
    signups_running: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job behind the others of its kind; `false` when there are too many.
    fn push(&self, purpose: Purpose, job: Job) -> bool {
        let mut jobs = self.lock();
        let (queue, room) = match purpose {
            Purpose::SignIn => (&mut jobs.signins, self.room.0),
            Purpose::SignUp => (&mut jobs.signups, self.room.1),
        };
        let fits = queue.len() < room;
        if fits {
            queue.push_back(job);
            self.more.notify_one();
        }
        fits
    }

    /// Waits for the next job; `None` at the end.
    fn pop(&self) -> Option<(Purpose, Job)> {
        let mut jobs = self.lock();
        loop {
            if jobs.closed {
                return None;
            }
            if let Some(job) = jobs.signins.pop_front() {
                return Some((Purpose::SignIn, job));
            }
            if jobs.signups_running < self.signups_at_once
                && let Some(job) = jobs.signups.pop_front()
            {
                jobs.signups_running += 1;
                return Some((Purpose::SignUp, job));
            }
            jobs = self.more.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self) {
        give_way();
        while let Some((purpose, job)) = self.pop() {
            job();
            if purpose == Purpose::SignUp {
                self.lock().signups_running -= 1;
                self.more.notify_one();
            }
        }
    }
}

/// The hashing threads and the bounded queue before them.
pub struct Hasher {
    queue: Arc<Queue>,
    shares: Shares,
    metrics: Arc<Metrics>,
}

impl Hasher {
    /// One thread for each core; `waiting` sign-ins may queue, and an eighth as many sign-ups. Half of all is one
    /// network's at most.
    pub fn start(waiting: usize, metrics: Arc<Metrics>) -> std::io::Result<Hasher> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let signups = waiting.div_ceil(8);
        let queue = Arc::new(Queue {
            jobs: Mutex::default(),
            more: Condvar::new(),
            room: (waiting, signups),
            signups_at_once: cores.div_ceil(2),
        });
        let hasher = Hasher { queue: queue.clone(), shares: Shares::new(waiting + signups + cores, 2, false), metrics };
        for number in 0..cores {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || queue.work())?;
        }
        Ok(hasher)
    }

    /// Hashes a new password of somebody who has signed in, or of what they make.
    pub async fn hash(&self, password: String, holder: &Holder) -> Result<String> {
        self.run(Purpose::SignIn, holder, move || hash(&password)).await
    }

    /// Hashes the password of a new account.
    pub async fn hash_of_signup(&self, password: String, holder: &Holder) -> Result<String> {
        self.run(Purpose::SignUp, holder, move || hash(&password)).await
    }

    /// Verifies a password; `hash` is `None` for an unknown user, and costs the same.
    pub async fn verify(&self, password: String, hash: Option<String>, holder: &Holder) -> Result<Verdict> {
        self.run(Purpose::SignIn, holder, move || verify(&password, hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        purpose: Purpose,
        holder: &Holder,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let share = self.shares.take(holder).ok_or(busy(2))?;
        let (answer, waiting) = oneshot::channel();
        let metrics = self.metrics.clone();
        let job: Job = Box::new(move || {
            metrics.hashes_waiting.dec();
            // Whoever has hung up meanwhile need not be hashed for.
            if !answer.is_closed() {
                metrics.hashes_running.inc();
                let result = work();
                metrics.hashes_running.dec();
                drop(share);
                let _ = answer.send(result);
            }
        });
        self.metrics.hashes_waiting.inc();
        if !self.queue.push(purpose, job) {
            self.metrics.hashes_waiting.dec();
            return Err(busy(2));
        }
        waiting.await.map_err(|_| Error::Internal("a hashing thread ended".into()))?
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_verify_and_carry_their_parameters() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(verify("correct horse", Some(&stored)).unwrap(), Verdict::Right);
        assert_eq!(verify("battery staple", Some(&stored)).unwrap(), Verdict::Wrong);
        assert_ne!(stored, hash("correct horse").unwrap(), "salts differ");
    }

    #[test]
    fn the_stand_in_for_unknown_users_costs_the_same_and_opens_nothing() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash("x").unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
        assert_eq!(verify("handover", None).unwrap(), Verdict::Wrong);
        assert_eq!(verify("e\u{301}", None).unwrap(), Verdict::Wrong);
    }

    /// A Mac types letters in two parts, and its keyboard a no-break space with Option held.
    #[test]
    fn a_password_is_the_same_however_it_is_typed() {
        let stored = hash("zażółć gęślą").unwrap();
        for typed in
            ["zażółć gęślą", "zaz\u{307}o\u{301}łc\u{301}\u{A0}ge\u{328}s\u{301}la\u{328}", "zażółć\u{3000}gęślą"]
        {
            assert_eq!(verify(typed, Some(&stored)).unwrap(), Verdict::Right, "{typed:?}");
        }
        for typed in ["Zażółć gęślą", "zażółćgęślą", "zazolc gesla"] {
            assert_eq!(verify(typed, Some(&stored)).unwrap(), Verdict::Wrong, "{typed:?}");
        }
    }

    /// A hash that was made of what was typed, before passwords had one form.
    #[test]
    fn hashes_of_what_was_typed_still_count_and_are_told() {
        let typed = "cafe\u{301} au lait";
        let old: PasswordHash = argon2id().unwrap().hash_password(typed.as_bytes()).unwrap();
        let old = old.to_string();
        assert_eq!(verify(typed, Some(&old)).unwrap(), Verdict::RightAsTyped);
        assert_eq!(verify("caf\u{e9} au lait", Some(&old)).unwrap(), Verdict::Wrong, "that one never opened it");
    }

    fn from(last: u8) -> Holder {
        Holder::Address([192, 0, 2, last].into())
    }

    fn busy_ones<T>(answers: &[Result<T>]) -> usize {
        answers.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.is(&busy(1)))).count()
    }

    #[actix_rt::test]
    async fn past_the_queue_clients_are_asked_to_come_back() {
        let metrics = Arc::new(Metrics::default());
        let hasher = Hasher::start(1, metrics.clone()).unwrap();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let holders: Vec<_> = (0..cores + 20).map(|number| from(number as u8)).collect();
        let floods = holders.iter().map(|holder| hasher.hash("a password".into(), holder));
        let answers = futures_util::future::join_all(floods).await;
        let busy = busy_ones(&answers);
        assert!(busy > 0 && busy < answers.len(), "{busy} of {}", answers.len());
        assert_eq!((metrics.hashes_waiting.get(), metrics.hashes_running.get()), (0, 0));
    }

    #[actix_rt::test]
    async fn sign_ups_keep_no_sign_in_waiting() {
        let hasher = Hasher::start(64, Arc::new(Metrics::default())).unwrap();
        let strangers: Vec<_> = (0..80).map(from).collect();
        let signups = strangers.iter().map(|holder| hasher.hash_of_signup("a password".into(), holder));
        let signups = futures_util::future::join_all(signups);
        let people: Vec<_> = (100..140).map(from).collect();
        let signins = people.iter().map(|holder| hasher.verify("a password".into(), None, holder));
        let (signups, signins) = futures_util::future::join(signups, futures_util::future::join_all(signins)).await;
        assert_eq!(busy_ones(&signins), 0);
        assert!(busy_ones(&signups) > 0 && busy_ones(&signups) < 80, "{}", busy_ones(&signups));
    }

    #[actix_rt::test]
    async fn one_network_does_not_fill_the_queue() {
        let hasher = Hasher::start(64, Arc::new(Metrics::default())).unwrap();
        let (flood, person) = (from(1), from(2));
        let flood = (0..200).map(|_| hasher.verify("a password".into(), None, &flood));
        let (flood, answer) = futures_util::future::join(
            futures_util::future::join_all(flood),
            hasher.verify("a password".into(), None, &person),
        )
        .await;
        assert!(busy_ones(&flood) > 0);
        assert_eq!(answer.unwrap(), Verdict::Wrong);
    }
}
