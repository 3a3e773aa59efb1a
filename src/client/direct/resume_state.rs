//! What an end keeps on disk while a transfer runs, so that another process can go on with it when this one is killed.
//!
//! Each transfer has a folder of its own below `$XDG_STATE_HOME/handover` or `~/.local/state/handover`, for its owner alone:
//! what is in it opens the transfer. Whoever works with it holds a lock, which the system gives up with the process, so that
//! two processes never go on with the same transfer.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Transfers of the same name at once: somebody may send the same file to several people.
const MOST: usize = 16;
/// What nobody has touched for so long is nobody's: the server has given it up long ago.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);
const STATE: &str = "state";

/// See the module. The folder goes when there is nothing in it.
pub struct ResumeState {
    folder: PathBuf,
    _lock: File,
}

impl ResumeState {
    /// The folder that holds all of them; `None` where the system names none.
    pub fn base() -> Option<PathBuf> {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        state.or_else(home).map(|path| path.join("handover"))
    }

    /// The place of a transfer that goes by these words: the one that a killed process has left, else an empty one.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(base: &Path, words: &[&[u8]]) -> io::Result<ResumeState> {
        DirBuilder::new().recursive(true).mode(0o700).create(base)?;
        sweep(base);
        let mut hasher = blake3::Hasher::new();
        for word in words {
            hasher.update(&(word.len() as u64).to_le_bytes()).update(word);
        }
        let name = hasher.finalize().to_hex();
        let places: Vec<PathBuf> = (0..MOST).map(|number| base.join(format!("{}-{number}", &name[..32]))).collect();
        let left = places.iter().filter(|place| place.join(STATE).exists()).find_map(|place| lock(place).ok());
        match left {
            Some(resume) => Ok(resume),
            None => places.iter().find_map(|place| make(place).ok()).ok_or_else(|| io::ErrorKind::WouldBlock.into()),
        }
    }

    /// What was stored last, by whatever process; `None` if it cannot be read.
    pub fn load<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(self.folder.join(STATE)).ok()?).ok()
    }

    /// Stores this in the place of what was there; whoever reads it finds the one or the other.
    pub fn store<T: Serialize>(&self, state: &T) {
        let stored = || {
            let (new, state) = (self.folder.join("new"), serde_json::to_vec(state)?);
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&state)?;
            fs::rename(new, self.folder.join(STATE))
        };
        // The transfer does without.
        if let Err(error) = stored() {
            tracing::warn!(cause = %error, "the transfer cannot go on if this process is killed");
        }
    }

    /// Forgets what was stored.
    pub fn clear(&self) {
        for name in ["new", STATE] {
            let _ = fs::remove_file(self.folder.join(name)); // most often there is none
        }
    }
}

impl Drop for ResumeState {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder); // stays where a transfer may go on
    }
}

fn make(folder: &Path) -> io::Result<ResumeState> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => lock(folder),
    }
}

/// # Errors
/// When another process has it.
fn lock(folder: &Path) -> io::Result<ResumeState> {
    let lock = File::open(folder)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(ResumeState { folder: folder.to_owned(), _lock: lock })
}

fn sweep(base: &Path) {
    let is_old = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        modified.and_then(|modified| modified.elapsed().ok()).is_some_and(|age| age > OLDEST)
    };
    for entry in fs::read_dir(base).into_iter().flatten().flatten().filter(is_old) {
        if let Ok(resume) = lock(&entry.path()) {
            resume.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(base: &Path, word: &str) -> ResumeState {
        ResumeState::open(base, &[b"test", word.as_bytes()]).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn another_process_finds_what_one_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("state/handover");
        let resume = open(&base, "a");
        assert_eq!(resume.load::<String>(), None);
        resume.store(&"first");
        resume.store(&"second");
        assert_eq!((mode(&resume.folder), mode(&resume.folder.join(STATE)), mode(&base)), (0o700, 0o600, 0o700));
        drop(resume);
        assert_eq!(open(&base, "b").load::<String>(), None);
        let resume = open(&base, "a");
        assert_eq!(resume.load::<String>().as_deref(), Some("second"));
        resume.clear();
        drop(resume);
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0, "nothing stays");
    }

    #[test]
    fn a_living_process_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (open(dir.path(), "a"), open(dir.path(), "a"));
        one.store(&1);
        other.store(&2);
        let third = open(dir.path(), "a");
        assert_eq!(third.load::<u8>(), None);
        drop((other, third));
        assert_eq!(open(dir.path(), "a").load(), Some(2), "the one that nobody has");
    }

    #[test]
    fn what_cannot_be_read_is_as_good_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let resume = open(dir.path(), "a");
        fs::write(resume.folder.join(STATE), "{").unwrap();
        assert_eq!(resume.load::<u8>(), None);
    }
}
