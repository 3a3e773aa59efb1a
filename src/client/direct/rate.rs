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

/// How many bytes may be on their way to this end. It begins small, so that little stands in the queues of a slow line, and
/// grows for as long as that makes the transfer faster: a long line holds much.
pub struct Window {
    pub bytes: u64,
    most: u64,
    /// When a whole window was begun to be counted, and what had come by then.
    since: Instant,
    before: u64,
    /// Bytes a second of the best one.
    best: f64,
}

impl Window {
    /// What a window begins with.
    pub const FIRST: u64 = 4 << 20;
    /// A larger one has to bring so much more.
    const GAIN: f64 = 1.1;
    /// What was best is forgotten by and by: a line may become better.
    const DECAY: f64 = 0.95;

    pub fn new(most: u64, now: Instant) -> Window {
        Window { bytes: Self::FIRST.min(most), most, since: now, before: 0, best: 0.0 }
    }

    /// Counts anew, as a new session does.
    pub fn restart(&mut self, now: Instant) {
        (self.since, self.before, self.best) = (now, 0, 0.0);
    }

    /// So many bytes have come; returns the window when it has grown.
    pub fn come(&mut self, bytes: u64, now: Instant) -> Option<u64> {
        let come = bytes.saturating_sub(self.before);
        if come < self.bytes {
            return None;
        }
        let rate = come as f64 / (now - self.since).as_secs_f64().max(1e-6);
        (self.since, self.before) = (now, bytes);
        let is_better = rate > self.best * Self::GAIN;
        self.best = rate.max(self.best * Self::DECAY);
        if !is_better || self.bytes >= self.most {
            return None;
        }
        self.bytes = (self.bytes * 2).min(self.most);
        Some(self.bytes)
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

    /// A line of this rate in bytes a second and this time there and back, for so many windows.
    fn line(window: &mut Window, rate: f64, seconds: f64) -> u64 {
        let (mut now, mut bytes) = (Instant::now(), 0);
        window.restart(now);
        for _ in 0..20 {
            bytes += window.bytes;
            now += Duration::from_secs_f64(seconds.max(window.bytes as f64 / rate));
            window.come(bytes, now);
        }
        window.bytes
    }

    #[test]
    fn a_window_grows_as_long_as_the_line_does() {
        let new = || Window::new(64 << 20, Instant::now());
        assert_eq!(line(&mut new(), 42e6, 0.4), 32 << 20, "17 MB are on their way");
        assert_eq!(line(&mut new(), 1e9, 0.4), 64 << 20, "no more than it may");
        assert_eq!(line(&mut new(), 1e6, 0.05), 8 << 20, "one more is tried, and brings nothing");
        assert_eq!(Window::new(1 << 20, Instant::now()).bytes, 1 << 20);
    }

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
