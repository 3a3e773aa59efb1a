//! What runs in this process: how far each transfer has come, for whoever wants what it owns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDateTime};

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Acknowledged up to this byte.
    pub acked: u64,
    /// When that last was more than before.
    pub moved_at: NaiveDateTime,
}

/// The transfers of copies, by id. Clones are the same.
#[derive(Clone, Default)]
pub struct Transfers(Arc<Mutex<HashMap<String, Arc<Transfer>>>>);

/// One of them.
pub struct Transfer {
    /// What it is of, as its books name it.
    pub subject: String,
    acked: AtomicU64,
    /// Microseconds since 1970
    moved_at: AtomicU64,
    end: AtomicU64,
}

impl Transfers {
    pub fn begin(&self, id: String, subject: String, start: u64, end: u64, now: NaiveDateTime) -> Arc<Transfer> {
        let (acked, moved_at, end) = (AtomicU64::new(start), AtomicU64::new(micros(now)), AtomicU64::new(end));
        let transfer = Arc::new(Transfer { subject, acked, moved_at, end });
        self.all().insert(id, transfer.clone());
        transfer
    }

    pub fn end(&self, id: &str) {
        self.all().remove(id);
    }

    pub fn progress(&self, id: &str) -> Option<Progress> {
        self.all().get(id).map(|transfer| transfer.progress())
    }

    /// What a transfer owns ends at `end` from now on.
    pub fn shorten(&self, id: &str, end: u64) {
        if let Some(transfer) = self.all().get(id) {
            transfer.end.store(end, Ordering::Release);
        }
    }

    /// What transfers of a kind run of: the rest of the subjects that begin with `kind`.
    pub fn subjects(&self, kind: &str) -> Vec<String> {
        let all = self.all();
        let mut subjects: Vec<_> =
            all.values().filter_map(|transfer| transfer.subject.strip_prefix(kind)).map(str::to_owned).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Transfer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transfer {
    pub fn progress(&self) -> Progress {
        let micros = i64::try_from(self.moved_at.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        let moved_at = DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc();
        Progress { acked: self.acked.load(Ordering::Acquire), moved_at }
    }

    pub fn acked(&self, acked: u64, now: NaiveDateTime) {
        if self.acked.fetch_max(acked, Ordering::AcqRel) < acked {
            self.moved_at.store(micros(now), Ordering::Release);
        }
    }

    /// Where what it owns ends.
    pub fn owned_end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn extended(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }
}

fn micros(time: NaiveDateTime) -> u64 {
    u64::try_from(time.and_utc().timestamp_micros()).unwrap_or_default()
}
