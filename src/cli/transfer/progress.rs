//! Which of several files is under way, and how much of it is there: events of progress count the content of all of them.

use std::collections::VecDeque;

/// See the module.
#[derive(Default)]
pub struct FileProgress(VecDeque<Started>);

struct Started {
    entry: u32,
    path: String,
    size: Option<u64>,
    /// Where it begins in this process.
    offset: u64,
    /// Content of all files before it, where that is known.
    before: Option<u64>,
}

impl FileProgress {
    /// The content of a file begins, or goes on. `all` is how much of all content is there, where that is known.
    pub fn started(&mut self, entry: u32, path: String, size: Option<u64>, offset: u64, all: Option<u64>) {
        if self.0.iter().any(|started| started.entry == entry) {
            return; // it goes on after a break
        }
        let before = match self.0.back() {
            Some(last) => last.before.zip(last.size).map(|(before, size)| before.saturating_add(size)),
            None => all.map(|all| all.saturating_sub(offset)),
        };
        self.0.push_back(Started { entry, path, size, offset, before });
    }

    /// Of `entry`, which is under way now: path, how many of its bytes are there, and of how many. `all` as above.
    pub fn at(&mut self, entry: u32, all: u64) -> Option<(&str, u64, Option<u64>)> {
        while self.0.len() > 1 && self.0[0].entry != entry {
            self.0.pop_front();
        }
        let started = self.0.front_mut().filter(|started| started.entry == entry)?;
        let before = *started.before.get_or_insert(all.saturating_sub(started.offset));
        let there = all.saturating_sub(before).min(started.size.unwrap_or(u64::MAX));
        Some((&started.path, there, started.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_each_other() {
        let mut progress = FileProgress::default();
        progress.started(0, "a".into(), Some(100), 0, Some(0));
        assert_eq!(progress.at(0, 40), Some(("a", 40, Some(100))));
        // A sender is ahead of what is confirmed.
        progress.started(2, "b".into(), Some(50), 0, Some(40));
        progress.started(5, "c".into(), None, 0, Some(40));
        assert_eq!(progress.at(0, 90), Some(("a", 90, Some(100))));
        assert_eq!(progress.at(2, 120), Some(("b", 20, Some(50))));
        progress.started(2, "b".into(), Some(50), 10, Some(120)); // after a break
        assert_eq!(progress.at(2, 130), Some(("b", 30, Some(50))));
        assert_eq!(progress.at(5, 175), Some(("c", 25, None)));
        assert_eq!(progress.at(7, 180), None);
    }

    #[test]
    fn another_process_goes_on_in_the_middle() {
        let mut receiver = FileProgress::default();
        receiver.started(3, "d".into(), Some(100), 30, Some(530));
        assert_eq!(receiver.at(3, 540), Some(("d", 40, Some(100))));
        let mut sender = FileProgress::default();
        sender.started(3, "d".into(), Some(100), 30, None);
        assert_eq!(sender.at(3, 530), Some(("d", 30, Some(100))));
        assert_eq!(sender.at(3, 700), Some(("d", 100, Some(100))));
    }
}
