//! Counts what may come more often than it can be written down. The first of its kind in a minute gets a row, and the row
//! is told from time to time how many there were: whoever repeats a request makes a number grow, and no table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDateTime;

/// Kinds that are told apart in a minute; a flood from everywhere has no more rows.
const MOST: usize = 1000;
/// Numbers of minutes that are over which wait to be told.
const MOST_WAITING: usize = 10 * MOST;

/// Who did what, and why it was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// An account or a network; `None` for all that there is no room for.
    pub who: Option<String>,
    pub what: &'static str,
    pub why: Option<String>,
}

/// See the module.
#[derive(Default)]
pub struct Tally(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    minute: i64,
    kinds: HashMap<Kind, Counted>,
    over: Vec<(String, i32)>,
}

struct Counted {
    row: String,
    count: i32,
    told: i32,
}

/// What becomes of one that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The first of its kind in this minute: it gets the row.
    First,
    /// Likewise, for all that there was no room for.
    FirstOfMany,
    /// It is counted.
    Counted,
}

impl Tally {
    /// Notes one of a kind; `row` is the id of the row that it gets if it is the first.
    pub fn note(&self, mut kind: Kind, row: &str, now: NaiveDateTime) -> Noted {
        let mut inner = self.lock();
        inner.turn_to(now.and_utc().timestamp().div_euclid(60));
        let mut noted = Noted::First;
        if inner.kinds.len() >= MOST && !inner.kinds.contains_key(&kind) {
            (kind.who, kind.why) = (None, None);
            noted = Noted::FirstOfMany;
        }
        match inner.kinds.get_mut(&kind) {
            Some(counted) => {
                counted.count = counted.count.saturating_add(1);
                Noted::Counted
            }
            None => {
                inner.kinds.insert(kind, Counted { row: row.to_owned(), count: 1, told: 1 });
                noted
            }
        }
    }

    /// Rows whose number has grown since it was told, with the number.
    pub fn grown(&self) -> Vec<(String, i32)> {
        let mut inner = self.lock();
        let mut grown = std::mem::take(&mut inner.over);
        grown.extend(inner.kinds.values_mut().filter_map(Counted::tell));
        grown
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn turn_to(&mut self, minute: i64) {
        if minute == self.minute {
            return;
        }
        self.minute = minute;
        let ended = std::mem::take(&mut self.kinds);
        let room = MOST_WAITING.saturating_sub(self.over.len());
        self.over.extend(ended.into_values().filter_map(|mut counted| counted.tell()).take(room));
    }
}

impl Counted {
    fn tell(&mut self) -> Option<(String, i32)> {
        let grown = self.count > self.told;
        self.told = self.count;
        grown.then(|| (self.row.clone(), self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::Clock;

    fn kind(who: &str) -> Kind {
        Kind { who: Some(who.into()), what: "refused", why: Some("too_large".into()) }
    }

    #[test]
    fn the_first_of_a_minute_gets_a_row_and_the_others_are_counted() {
        let (tally, now) = (Tally::default(), Clock::System.now());
        assert_eq!(tally.note(kind("ann"), "row 1", now), Noted::First);
        assert_eq!(tally.note(kind("bob"), "row 2", now), Noted::First);
        assert!(tally.grown().is_empty(), "a row stands for one");
        for _ in 0..4 {
            assert_eq!(tally.note(kind("ann"), "no row", now), Noted::Counted);
        }
        assert_eq!(tally.grown(), [("row 1".into(), 5)]);
        assert!(tally.grown().is_empty(), "it has been told");
        tally.note(kind("ann"), "no row", now);
        let later = now + chrono::TimeDelta::minutes(1);
        assert_eq!(tally.note(kind("ann"), "row 3", later), Noted::First);
        assert_eq!(tally.grown(), [("row 1".into(), 6)]);
    }

    #[test]
    fn a_flood_from_everywhere_shares_a_row() {
        let (tally, now) = (Tally::default(), Clock::System.now());
        let noted: Vec<_> = (0..50_000).map(|n| tally.note(kind(&n.to_string()), &n.to_string(), now)).collect();
        let of = |wanted| noted.iter().filter(|noted| **noted == wanted).count();
        assert_eq!((of(Noted::First), of(Noted::FirstOfMany)), (MOST, 1));
        assert_eq!(tally.grown(), [(MOST.to_string(), 49_000)]);
        assert!(tally.lock().kinds.len() <= MOST + 1);
    }
}
