//! Where files go that a person at a terminal receives: below one folder, whatever others call them.
//!
//! Names are data until [`FileName::with_folders`] has made them a relative path of harmless parts. Then each folder on the
//! way is opened from the one above it without following links (openat(2) with O_NOFOLLOW), so that neither a link that was
//! there before nor one that is put there meanwhile leads outside. A file is written under a name of its own and gets its
//! real one, or the next free one, when it is complete (renameat2(2) with RENAME_NOREPLACE).

mod names;
mod partial;

pub use names::local_name;
pub use partial::{Mark, Partial, Reopened};

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, mkdirat, open, openat, statat};
use rustix::io::Errno;

use names::{LONGEST, TRIES, first_free, local, numbered};

/// What a file's name ends with until the file is complete.
pub const SUFFIX: &str = ".handover-part";

/// See the module.
pub struct Folder {
    root: OwnedFd,
}

impl Folder {
    /// The folder that the receiver has chosen; made when it is missing.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Folder> {
        std::fs::create_dir_all(path)?;
        let root = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Folder { root })
    }

    /// Begins a file that the sender calls `offered`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&self, offered: &str) -> io::Result<Partial> {
        let path = local(offered);
        let (folders, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folders, name)| (folders, name));
        let (folder, shown) = self.descend(folders)?;
        Folder::begin_in(folder, shown, name)
    }

    /// Begins a file right in this folder, under the very name that the receiver has chosen.
    ///
    /// # Errors
    /// Those of the file system; also when it is no name but a path.
    pub fn begin_as(&self, name: &str) -> io::Result<Partial> {
        if name.contains('/') {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        Folder::begin_in(self.root.try_clone()?, String::new(), name)
    }

    fn begin_in(folder: OwnedFd, shown: String, name: &str) -> io::Result<Partial> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let (file, partial) = first_free(|number| {
            let partial = format!("{}{SUFFIX}", numbered(name, number, LONGEST - SUFFIX.len()));
            openat(&folder, &partial, flags, mode).map(|file| (File::from(file), partial))
        })?;
        Ok(Partial { folder, shown, name: name.to_owned(), partial, complete: false, file })
    }

    /// What there is of this name right in this folder, links not followed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn peek(&self, name: &str) -> io::Result<Option<FileType>> {
        match statat(&self.root, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens again what was begun by a process that was killed.
    ///
    /// # Errors
    /// Those of the file system; [`io::ErrorKind::NotFound`] when the file is not there any more.
    pub fn reopen(&self, mark: Mark) -> io::Result<Reopened> {
        let mut folder = self.root.as_fd().try_clone_to_owned()?;
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for part in mark.shown.split('/').filter(|part| !part.is_empty()) {
            folder = openat(&folder, part, flags | OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())?;
        }
        let is_it = |name: &str| {
            let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_it = stat.st_ino == mark.inode && FileType::from_raw_mode(stat.st_mode).is_file();
            Ok::<_, Errno>(is_it.then(|| stat.st_size.unsigned_abs()))
        };
        if matches!(is_it(&mark.partial), Ok(Some(_))) {
            let file = File::from(openat(&folder, &mark.partial, flags | OFlags::RDWR, Mode::empty())?);
            let Mark { shown, name, partial, .. } = mark;
            return Ok(Reopened::Partial(Partial { folder, shown, name, partial, complete: false, file }));
        }
        // The process may have been killed right after it gave the file its name.
        for number in 1..TRIES {
            if let Some(bytes) = is_it(&numbered(&mark.name, number, LONGEST))? {
                return Ok(Reopened::Finished { bytes });
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// Makes an empty folder; returns its name here.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(&self, offered: &str) -> io::Result<String> {
        self.descend(&local(offered)).map(|(_, shown)| shown)
    }

    /// The folder of this path, made where it is missing. A part that is there and is no folder gets another name.
    fn descend(&self, path: &str) -> io::Result<(OwnedFd, String)> {
        let mut folder = self.root.as_fd().try_clone_to_owned()?;
        let mut shown = Vec::new();
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let (next, name) = first_free(|number| {
                let name = numbered(part, number, LONGEST);
                match mkdirat(&folder, &name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error),
                }
                match openat(&folder, &name, flags, Mode::empty()) {
                    Ok(next) => Ok((next, name)),
                    Err(Errno::NOTDIR | Errno::LOOP) => Err(Errno::EXIST),
                    Err(error) => Err(error),
                }
            })?;
            folder = next;
            shown.push(name);
        }
        Ok((folder, shown.join("/")))
    }
}

#[cfg(test)]
mod tests;
