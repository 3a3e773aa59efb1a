//! The one writer: it takes all that is waiting, runs each in a savepoint of one transaction, commits once and answers all.
//!
//! A commit costs one fsync, whoever shares it. While one group is being synced the next gathers in the queue, so the
//! groups grow with the load by themselves (group commit: DeWitt et al., "Implementation Techniques for Main Memory
//! Database Systems", SIGMOD 1984).

use crate::server::refusals::busy;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection as _};
use tokio::sync::{mpsc, oneshot};

use super::Conn;
use crate::server::error::{Error, Result};
use crate::server::metrics::Metrics;

/// Writes that may wait; past it clients are told to come back.
const QUEUE: usize = 4096;
/// Writes that nobody waits for which may wait beside a full queue. Each belongs to a transfer, or to what is counted, so
/// that there are never so many.
const OVERFLOW: usize = 1 << 16;
/// Writes in one commit: a bound on how long the first of them waits for the last.
const GROUP: usize = 256;
/// Commits between two checkpoints of the write-ahead log are SQLite's own affair up to this many pages.
const CHECKPOINT_PAGES: u32 = 4000;

/// A write that waits: it runs, and later it is told whether it is on disk.
type Job = Box<dyn FnOnce(&mut Conn) -> Outcome + Send>;
type Outcome = Box<dyn FnOnce(Commit) + Send>;
type Commit = std::result::Result<(), Arc<diesel::result::Error>>;

/// The way in; clones feed the same writer, which ends when the last of them is dropped.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    /// What did not fit into the queue: the writer takes it along with its next groups.
    overflow: Overflow,
}

type Overflow = Arc<Mutex<VecDeque<Job>>>;

impl Writer {
    /// Starts the writer's thread, which owns `conn` from now on.
    pub fn start(mut conn: Conn, metrics: Arc<Metrics>) -> Result<(Writer, std::thread::JoinHandle<()>)> {
        conn.batch_execute(&format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"))?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let overflow = Overflow::default();
        let thread = std::thread::Builder::new()
            .name("db-writer".into())
            .spawn({
                let overflow = overflow.clone();
                move || run(conn, jobs, &overflow, &metrics)
            })
            .map_err(Error::internal)?;
        Ok((Writer { queue, overflow }, thread))
    }

    /// Runs `work` in a savepoint of its own. The answer comes after the commit that holds it: `Ok` means on disk.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.write_then(work, |result| result).await
    }

    /// Like [`Writer::write`], and gives what `then` makes of the answer on the writer's own thread; see
    /// [`Writer::submit`]. The write is submitted by the first poll, and goes on when this is dropped after it.
    pub async fn write_then<T, U, F, A>(&self, work: F, then: A) -> Result<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
        A: FnOnce(Result<T>) -> Result<U> + Send + 'static,
    {
        let (answer, waiting) = oneshot::channel();
        self.submit(work, move |result| drop(answer.send(then(result))))?;
        waiting.await.map_err(|_| Error::Unavailable("the database writer has ended".into()))?
    }

    /// Like [`Writer::write`], and calls `then` with the answer on the writer's own thread. The calls come in the order in
    /// which the writes were submitted, whatever threads they were submitted on: what has to be told in the order in which
    /// it was stored is told from there. It must not wait. It is dropped uncalled when no transaction can be started.
    pub fn submit<T, F, A>(&self, work: F, then: A) -> Result<()>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
        A: FnOnce(Result<T>) + Send + 'static,
    {
        self.queue.try_send(self.job(work, then)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(1),
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable("the database writer has ended".into()),
        })
    }

    /// Like [`Writer::write`] for what nobody waits for; a failure goes to the log.
    pub fn post<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&mut Conn) -> Result<()> + Send + 'static,
    {
        let job = self.job(work, move |result| {
            if let Err(error) = result {
                tracing::error!(what, cause = %crate::server::error::Chain(&error), "a write failed");
            }
        });
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(job)) => self.post_beside(what, job),
            Err(mpsc::error::TrySendError::Closed(_)) => tracing::error!(what, "the database writer has ended"),
        }
    }

    /// Dropping a write would leave a lease or a record behind, so it waits beside the full queue. Nobody may wait for room
    /// here: this thread may be the writer's own.
    fn post_beside(&self, what: &'static str, job: Job) {
        let mut overflow = waiting_in(&self.overflow);
        if overflow.len() >= OVERFLOW {
            tracing::error!(what, "a write was dropped: too many wait for the disk");
            return;
        }
        overflow.push_back(job);
        drop(overflow);
        // The queue may have emptied meanwhile, and the writer sleep. A full one means that it is awake.
        let _ = self.queue.try_send(Box::new(|_| Box::new(|_| {})));
    }

    /// Writes that are waiting now.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity() + waiting_in(&self.overflow).len()
    }

    fn job<T, F, A>(&self, work: F, answer: A) -> Job
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
        A: FnOnce(Result<T>) + Send + 'static,
    {
        Box::new(move |conn| {
            // A panic in one write must not take its neighbours along: the savepoint is rolled back with its error.
            let result = conn.transaction(|conn| {
                catch_unwind(AssertUnwindSafe(|| work(conn)))
                    .unwrap_or_else(|_| Err(Error::Internal("a write panicked".into())))
            });
            Box::new(move |commit: Commit| {
                answer(result.and_then(|value| match commit {
                    Ok(()) => Ok(value),
                    Err(cause) => Err(Error::Unavailable(Box::new(cause))),
                }))
            })
        })
    }
}

fn waiting_in(overflow: &Overflow) -> MutexGuard<'_, VecDeque<Job>> {
    overflow.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(mut conn: Conn, mut jobs: mpsc::Receiver<Job>, overflow: &Overflow, metrics: &Metrics) {
    let mut group = Vec::with_capacity(GROUP);
    let mut outcomes = Vec::with_capacity(GROUP);
    loop {
        // What waits beside the queue comes first: whoever waits in the queue came later, or is told to come back.
        {
            let mut waiting = waiting_in(overflow);
            let some = waiting.len().min(GROUP);
            group.extend(waiting.drain(..some));
        }
        if group.is_empty() && jobs.blocking_recv_many(&mut group, GROUP) == 0 {
            break;
        }
        let started = Instant::now();
        let commit = match conn.begin_write() {
            Ok(()) => {
                loop {
                    outcomes.extend(group.drain(..).map(|job| job(&mut conn)));
                    // What came in while these ran may share the commit.
                    match jobs.try_recv() {
                        Ok(job) if outcomes.len() < GROUP => group.push(job),
                        Ok(job) => {
                            outcomes.push(job(&mut conn));
                            break;
                        }
                        Err(_) => break,
                    }
                }
                conn.commit().inspect_err(|_| {
                    // A failed COMMIT may leave the transaction open.
                    let _ = conn.rollback();
                })
            }
            Err(error) => {
                tracing::error!(cause = %error, "no write transaction could be started");
                group.clear(); // the dropped answers make the waiting requests fail with 503
                std::thread::sleep(Duration::from_millis(50)); // a failing disk must not turn this loop into a spin
                continue;
            }
        };
        metrics.commit(outcomes.len(), started.elapsed());
        let commit: Commit = commit.map_err(Arc::new);
        if let Err(cause) = &commit {
            tracing::error!(%cause, writes = outcomes.len(), "a commit failed");
        }
        for outcome in outcomes.drain(..) {
            outcome(commit.clone());
        }
    }
    // Leave one file behind rather than three: the log is folded into the database.
    if let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);") {
        tracing::warn!(cause = %error, "the write-ahead log could not be folded in");
    }
}
