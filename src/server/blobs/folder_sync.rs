//! Folder syncs, shared: many files that become durable at once need their folder synced once.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Syncs folders so that whoever comes while a sync runs shares the next one.
#[derive(Default)]
pub struct FolderSync {
    folders: Mutex<HashMap<PathBuf, Arc<Turn>>>,
}

#[derive(Default)]
struct Turn {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Syncs that have begun; what was written before sync n began is durable when n has ended.
    begun: u64,
    ended: u64,
    /// The latest sync that failed, and how.
    failed: Option<(u64, io::ErrorKind)>,
    users: usize,
}

impl FolderSync {
    /// Returns once the entries that `folder` has now are on disk. Blocks.
    pub fn sync(&self, folder: &Path) -> io::Result<()> {
        let turn = {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = folders.entry(folder.to_owned()).or_default().clone();
            turn.state.lock().unwrap_or_else(PoisonError::into_inner).users += 1;
            turn
        };
        let result = turn.sync(folder);
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = turn.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.users -= 1;
        if state.users == 0 {
            folders.remove(folder);
        }
        result
    }
}

impl Turn {
    fn sync(&self, folder: &Path) -> io::Result<()> {
        let lock = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = lock();
        // One that runs now may have begun before our entry was made: the next one counts.
        let needed = state.begun + 1;
        loop {
            if state.ended >= needed {
                return match state.failed {
                    Some((sync, kind)) if sync >= needed => Err(kind.into()),
                    _ => Ok(()),
                };
            }
            if state.running {
                state = self.over.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            state.begun += 1;
            drop(state);
            let result = File::open(folder).and_then(|folder| folder.sync_all());
            state = lock();
            state.running = false;
            state.ended = state.begun;
            if let Err(error) = &result {
                state.failed = Some((state.begun, error.kind()));
            }
            self.over.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_all_served_and_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let sync = FolderSync::default();
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| sync.sync(dir.path()).unwrap());
            }
        });
        assert!(sync.folders.lock().unwrap().is_empty());
    }

    #[test]
    fn a_failure_reaches_whoever_waits() {
        let sync = FolderSync::default();
        let error = sync.sync(Path::new("/nonexistent/folder")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
