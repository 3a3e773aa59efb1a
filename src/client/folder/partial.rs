//! A file that is being received.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, futimens, openat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::names::{LONGEST, first_free, numbered};

/// A file that is not complete. When it is dropped before it is, nothing of it stays.
pub struct Partial {
    pub(super) folder: Arc<OwnedFd>,
    /// The folder as it is shown, relative to the chosen one.
    pub(super) shown: String,
    pub(super) name: String,
    /// What it is called until it is complete.
    pub(super) partial: String,
    /// It has its name, or is another process's: nothing is to be removed.
    pub(super) complete: bool,
    pub(super) file: File,
}

/// Where a file that is not complete lies, for a process that goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub(super) shown: String,
    pub(super) name: String,
    pub(super) partial: String,
    pub(super) inode: u64,
}

/// What became of a file that was begun.
pub enum Reopened {
    Partial(Partial),
    /// It is complete, and has its name.
    Finished {
        bytes: u64,
    },
}

impl Partial {
    /// Where it lies.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn mark(&self) -> io::Result<Mark> {
        let (shown, name) = (self.shown.clone(), self.name.clone());
        let partial = self.partial.clone();
        Ok(Mark { shown, name, partial, inode: fstat(&self.file)?.st_ino })
    }

    /// How much of it there is, and its digest (BLAKE3, in hex). What follows is written behind that. It takes as long as
    /// reading it does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn digest(&mut self) -> io::Result<(u64, String)> {
        let mut hasher = blake3::Hasher::new();
        self.file.seek(SeekFrom::Start(0))?;
        hasher.update_reader(&self.file)?;
        Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
    }

    /// Bytes that are there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Shows all that is there, piece by piece. What follows is written behind that.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read_all(&mut self, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        self.file.seek(SeekFrom::Start(0))?;
        loop {
            match self.file.read(&mut piece)? {
                0 => return Ok(()),
                read => see(&piece[..read]),
            }
        }
    }

    /// Where it lies, relative to the chosen folder.
    pub fn path(&self) -> String {
        below(&self.shown, &self.partial)
    }

    /// Gives it what its sender's file has: no more rights, and the time of its last change. Where the file system has no
    /// such things it does without.
    pub fn date(&self, mode: Option<u32>, modified: Option<i64>) {
        let dated = || {
            if let Some(mode) = mode.filter(|mode| mode & 0o600 != 0o600) {
                let now = fstat(&self.file)?.st_mode;
                fchmod(&self.file, Mode::from_raw_mode(now & 0o777 & (mode | 0o400)))?;
            }
            if let Some(tv_sec) = modified {
                let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
                let last_modification = Timespec { tv_sec, tv_nsec: 0 };
                futimens(&self.file, &Timestamps { last_access, last_modification })?;
            }
            Ok::<_, Errno>(())
        };
        if let Err(error) = dated() {
            tracing::debug!(cause = %error, "a file does not get its time or its mode");
        }
    }

    /// Leaves it as it is, for another process.
    pub fn leave(mut self) {
        self.keep();
    }

    /// From now on it stays when it is dropped, for another process.
    pub fn keep(&mut self) {
        self.complete = true; // as far as this process goes
    }

    /// Nobody needs it any more.
    pub fn remove(mut self) {
        self.complete = false;
    }

    /// Forgets what has been written.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    /// Gives the file its name, or the next free one; returns it, relative to the chosen folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(self) -> io::Result<String> {
        self.settle(|partial| {
            first_free(|number| {
                let name = numbered(&partial.name, number, LONGEST);
                rename(&partial.folder, &partial.partial, &name).map(|()| name)
            })
        })
    }

    /// Gives the file its name; what has that name is replaced, unless it is a folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn replace(self) -> io::Result<String> {
        self.settle(|partial| {
            renameat(&partial.folder, &partial.partial, &partial.folder, &partial.name)?;
            Ok(partial.name.clone())
        })
    }

    fn settle(mut self, rename: impl FnOnce(&Partial) -> io::Result<String>) -> io::Result<String> {
        let name = rename(&self)?;
        self.complete = true;
        Ok(below(&self.shown, &name))
    }

    /// Waits until what has been written is on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.complete
            && let Err(error) = unlinkat(&self.folder, &self.partial, AtFlags::empty())
        {
            tracing::warn!(cause = %error, "a file that was not completed is left");
        }
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Renames without replacing what is there.
fn rename(folder: &Arc<OwnedFd>, from: &str, to: &str) -> Result<(), Errno> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // A file system, or a system, that cannot: the name is taken first and then replaced.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            drop(openat(folder, to, flags, Mode::from_raw_mode(0o666))?);
            renameat(folder, from, folder, to)
        }
        renamed => renamed,
    }
}
