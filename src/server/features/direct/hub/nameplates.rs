//! Nameplates: short, and used again.

use std::collections::VecDeque;

use chrono::{NaiveDateTime, TimeDelta};
use rand::RngExt as _;

use crate::protocol::direct::End;

/// A nameplate is one of so many of the smallest free ones: the next one is not foreseen, and it stays short.
const CHOICE: usize = 10;
/// How long a nameplate whose code has ended by itself is not given to anybody else, so that whoever comes late is told so.
const REST: TimeDelta = TimeDelta::minutes(10);
/// Nameplates that rest at most; past it the oldest is free again.
const MOST_RESTING: usize = 1000;

#[derive(Default)]
pub struct Nameplates {
    /// In the order in which they ended, with what is said of them.
    resting: VecDeque<(NaiveDateTime, u32, End)>,
}

impl Nameplates {
    /// A nameplate that nobody has.
    pub fn free(&mut self, is_used: impl Fn(u32) -> bool, now: NaiveDateTime) -> u32 {
        self.wake(now);
        let is_resting = |nameplate: u32| self.resting.iter().any(|(_, resting, _)| *resting == nameplate);
        let mut free = (1..).filter(|nameplate| !is_used(*nameplate) && !is_resting(*nameplate));
        let choice = rand::rng().random_range(0..CHOICE);
        // There is always one more number than there are transfers.
        free.nth(choice).unwrap_or_default()
    }

    /// Its code is over, and whoever comes late is told why.
    pub fn rest(&mut self, nameplate: u32, why: End, now: NaiveDateTime) {
        if self.resting.len() >= MOST_RESTING {
            self.resting.pop_front();
        }
        self.resting.push_back((now + REST, nameplate, why));
    }

    /// What to say of a nameplate that nobody has.
    pub fn what_was(&mut self, nameplate: u32, now: NaiveDateTime) -> End {
        self.wake(now);
        let resting = self.resting.iter().rev().find(|(_, resting, _)| *resting == nameplate);
        resting.map_or(End::UnknownCode, |(.., why)| *why)
    }

    fn wake(&mut self, now: NaiveDateTime) {
        while self.resting.front().is_some_and(|(until, ..)| *until <= now) {
            self.resting.pop_front();
        }
    }
}
