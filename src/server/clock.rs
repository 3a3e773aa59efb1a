//! Time, injected: the server asks its clock, and tests turn it by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// Where `now` comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since 1970, moved by [`Clock::advance`].
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at the present until it is advanced.
    pub fn manual() -> Self {
        Clock::Manual(Arc::new(AtomicI64::new(Utc::now().timestamp_micros())))
    }

    /// Moves a manual clock on; the system's clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Clock::Manual(micros) = self {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// The time in UTC, in whole microseconds: what every database keeps without rounding.
    pub fn now(&self) -> NaiveDateTime {
        let micros = match self {
            Clock::System => Utc::now().timestamp_micros(),
            Clock::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc()
    }
}

/// `duration` before `end`, or the beginning of time.
pub fn before(end: NaiveDateTime, duration: Duration) -> NaiveDateTime {
    chrono::TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| end.checked_sub_signed(delta))
        .unwrap_or(NaiveDateTime::MIN)
}

/// `duration` after `start`, or the end of time.
pub fn after(start: NaiveDateTime, duration: Duration) -> NaiveDateTime {
    chrono::TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| start.checked_add_signed(delta))
        .unwrap_or(NaiveDateTime::MAX)
}
