//! How fast a transfer is, and how long it will take.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::event::Event;

/// What the rate is an average of.
const SPAN: Duration = Duration::from_secs(5);

/// Counts bytes; remembers the last few seconds.
pub struct Rate {
    marks: VecDeque<(Instant, u64)>,
    pub bytes: u64,
}

impl Rate {
    pub fn new(now: Instant) -> Rate {
        Rate { marks: VecDeque::from([(now, 0)]), bytes: 0 }
    }

    /// Bytes a second over the last few seconds. Call it a few times each second.
    pub fn now(&mut self, now: Instant) -> u64 {
        self.marks.push_back((now, self.bytes));
        while self.marks.len() > 2 && self.marks[1].0 + SPAN <= now {
            self.marks.pop_front();
        }
        let (since, before) = self.marks[0];
        let seconds = (now - since).as_secs_f64();
        if seconds > 0.0 { ((self.bytes - before) as f64 / seconds) as u64 } else { 0 }
    }
}

/// How far a transfer is.
pub fn progress(entry: Option<u32>, bytes: u64, total: Option<u64>, rate: &mut Rate, now: Instant) -> Event {
    let rate = rate.now(now);
    let remaining = total.and_then(|total| total.saturating_sub(bytes).checked_div(rate));
    Event::Progress { entry, bytes, total, rate, remaining }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_forgets_what_is_long_ago() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        rate.bytes = 1000;
        assert_eq!(rate.now(start + Duration::from_secs(1)), 1000);
        for second in 2..20 {
            rate.bytes += 10;
            rate.now(start + Duration::from_secs(second));
        }
        assert_eq!(rate.now(start + Duration::from_secs(20)), 8, "five of six seconds brought ten bytes each");
        assert_eq!(Rate::new(start).now(start), 0);
    }
}
