//! Passwords: argon2id, at most as many at once as there are cores, in threads that give way to everything else.

use crate::server::refusals::busy;
use std::sync::{Arc, mpsc};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::oneshot;

use crate::server::background::give_way;
use crate::server::error::{Error, Result};
use crate::server::metrics::Metrics;

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

/// Hashes a password with a fresh salt, on this thread. Returns a PHC string.
pub fn hash(password: &str) -> Result<String> {
    let hash: PasswordHash =
        argon2id()?.hash_password(password.as_bytes()).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one that `hash` was made of; without a hash the answer is no, at the same cost.
fn verify(password: &str, hash: Option<&str>) -> Result<bool> {
    let parsed =
        PasswordHash::new(hash.unwrap_or(NOBODY)).map_err(|error| Error::Internal(error.to_string().into()))?;
    let matches = argon2id()?.verify_password(password.as_bytes(), &parsed).is_ok();
    Ok(matches && hash.is_some())
}

type Job = Box<dyn FnOnce() + Send>;

/// The hashing threads and the bounded queue before them.
pub struct Hasher {
    queue: mpsc::SyncSender<Job>,
    metrics: Arc<Metrics>,
}

impl Hasher {
    /// One thread for each core; `waiting` jobs may queue.
    pub fn start(waiting: usize, metrics: Arc<Metrics>) -> std::io::Result<Hasher> {
        let (queue, jobs) = mpsc::sync_channel::<Job>(waiting);
        let jobs = Arc::new(std::sync::Mutex::new(jobs));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for number in 0..cores {
            let jobs = jobs.clone();
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || {
                give_way();
                loop {
                    let job = match jobs.lock() {
                        Ok(jobs) => jobs.recv(),
                        Err(_) => return,
                    };
                    let Ok(job) = job else { return };
                    job();
                }
            })?;
        }
        Ok(Hasher { queue, metrics })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash(&password)).await
    }

    /// Verifies a password; `hash` is `None` for an unknown user, and costs the same.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        self.run(move || verify(&password, hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, waiting) = oneshot::channel();
        let metrics = self.metrics.clone();
        let job: Job = Box::new(move || {
            metrics.hashes_waiting.dec();
            // Whoever has hung up meanwhile need not be hashed for.
            if !answer.is_closed() {
                metrics.hashes_running.inc();
                let result = work();
                metrics.hashes_running.dec();
                let _ = answer.send(result);
            }
        });
        self.metrics.hashes_waiting.inc();
        if self.queue.try_send(job).is_err() {
            self.metrics.hashes_waiting.dec();
            return Err(busy(2));
        }
        waiting.await.map_err(|_| Error::Internal("a hashing thread ended".into()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_verify_and_carry_their_parameters() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse", Some(&stored)).unwrap());
        assert!(!verify("battery staple", Some(&stored)).unwrap());
        assert_ne!(stored, hash("correct horse").unwrap(), "salts differ");
    }

    #[test]
    fn the_stand_in_for_unknown_users_costs_the_same_and_opens_nothing() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash("x").unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
        assert!(!verify("handover", None).unwrap());
    }

    #[actix_rt::test]
    async fn past_the_queue_clients_are_asked_to_come_back() {
        let metrics = Arc::new(Metrics::default());
        let hasher = Hasher::start(1, metrics.clone()).unwrap();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let floods = (0..cores + 20).map(|_| hasher.hash("a password".into()));
        let answers = futures_util::future::join_all(floods).await;
        let busy = answers.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.is(&busy(1)))).count();
        assert!(busy > 0 && busy < answers.len(), "{busy} of {}", answers.len());
        assert_eq!((metrics.hashes_waiting.get(), metrics.hashes_running.get()), (0, 0));
    }
}
