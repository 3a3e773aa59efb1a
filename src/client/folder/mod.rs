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
use std::io::{self, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{
    Access, AtFlags, FileType, FlockOperation, Mode, OFlags, accessat, flock, fstat, fstatvfs, mkdirat, open, openat,
    statat,
};
use rustix::io::Errno;

use names::{LONGEST, TRIES, first_free, local, numbered};

/// What a file's name ends with until the file is complete.
pub const SUFFIX: &str = ".handover-part";

/// See the module.
pub struct Folder {
    root: OwnedFd,
    /// The folder of the last file: most often it is that of the next one, too.
    last: Mutex<Option<Descended>>,
}

/// A folder below the chosen one.
#[derive(Clone)]
struct Descended {
    /// As it was asked for.
    path: String,
    folder: Arc<OwnedFd>,
    /// As it is called here.
    shown: String,
}

impl Folder {
    /// The folder that the receiver has chosen; made when it is missing.
    ///
    /// # Errors
    /// Those of the file system, also when files cannot be written there or there is no room for any.
    pub fn open(path: &Path) -> io::Result<Folder> {
        std::fs::create_dir_all(path)?;
        let root = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        accessat(&root, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
        let folder = Folder { root, last: Mutex::new(None) };
        match folder.free()? {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(folder),
        }
    }

    /// Another handle of the same folder.
    ///
    /// # Errors
    /// Those of the system.
    pub fn try_clone(&self) -> io::Result<Folder> {
        Ok(Folder { root: self.root.try_clone()?, last: Mutex::new(None) })
    }

    /// Bytes that there is room for.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free(&self) -> io::Result<u64> {
        let stat = fstatvfs(&self.root)?;
        // File systems that count nothing say that they have no blocks at all.
        Ok(if stat.f_blocks == 0 { u64::MAX } else { stat.f_bavail.saturating_mul(stat.f_frsize) })
    }

    /// Begins a file that the sender calls `offered`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&self, offered: &str, mode: Option<u32>) -> io::Result<Partial> {
        let path = local(offered);
        let (folders, name) = split(&path);
        let Descended { folder, shown, .. } = self.descend(folders)?;
        Folder::begin_in(folder, shown, name, mode)
    }

    /// The complete file that has the name which a sender's would get, links not followed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn existing(&self, offered: &str) -> io::Result<Option<File>> {
        let path = local(offered);
        let (folders, name) = split(&path);
        Ok(self.find(folders, name, OFlags::RDONLY)?.map(|(_, file)| file))
    }

    /// What another transfer has begun of a sender's file, to be read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begun(&self, offered: &str) -> io::Result<Option<File>> {
        let path = local(offered);
        let (folders, name) = split(&path);
        Ok(self.find(folders, &partial_name(name, 1), OFlags::RDONLY)?.map(|(_, file)| file))
    }

    /// Goes on with what another transfer has begun of a sender's file; `None` when there is none, or somebody writes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn adopt(&self, offered: &str) -> io::Result<Option<Partial>> {
        let path = local(offered);
        let (folders, name) = split(&path);
        let partial = partial_name(name, 1);
        let Some((folder, mut file)) = self.find(folders, &partial, OFlags::RDWR)? else { return Ok(None) };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        file.seek(SeekFrom::End(0))?;
        let (shown, name) = (folders.to_owned(), name.to_owned());
        Ok(Some(Partial { folder, shown, name, partial, complete: false, file }))
    }

    /// A regular file below this folder, without making anything.
    fn find(&self, folders: &str, name: &str, access: OFlags) -> io::Result<Option<(Arc<OwnedFd>, File)>> {
        let found = || {
            let mut folder = self.root.as_fd().try_clone_to_owned()?;
            let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
            for part in folders.split('/').filter(|part| !part.is_empty()) {
                folder = openat(&folder, part, flags | OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())?;
            }
            let file = openat(&folder, name, flags | OFlags::NONBLOCK | access, Mode::empty())?;
            Ok::<_, io::Error>((Arc::new(folder), File::from(file)))
        };
        match found() {
            Ok((folder, file)) if FileType::from_raw_mode(fstat(&file)?.st_mode).is_file() => Ok(Some((folder, file))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins a file right in this folder, under the very name that the receiver has chosen.
    ///
    /// # Errors
    /// Those of the file system; also when it is no name but a path.
    pub fn begin_as(&self, name: &str) -> io::Result<Partial> {
        if name.contains('/') {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        Folder::begin_in(Arc::new(self.root.try_clone()?), String::new(), name, None)
    }

    /// `mode` is what the file's sender allows: nobody may do more with it here, nor more than with other new files.
    fn begin_in(folder: Arc<OwnedFd>, shown: String, name: &str, mode: Option<u32>) -> io::Result<Partial> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode.map_or(0o666, |mode| mode & 0o777 | 0o600));
        let (file, partial) = first_free(|number| {
            let partial = partial_name(name, number);
            openat(&folder, &partial, flags, mode).map(|file| (File::from(file), partial))
        })?;
        // Whoever goes on with it must know that somebody does. Where there are no locks it is nobody's.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
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
            let folder = Arc::new(folder);
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
        self.descend(&local(offered)).map(|descended| descended.shown)
    }

    /// The folder of this path, made where it is missing. A part that is there and is no folder gets another name.
    fn descend(&self, path: &str) -> io::Result<Descended> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.path == path) {
            return Ok(last.clone());
        }
        let descended = self.descend_anew(path)?;
        Ok(last.insert(descended).clone())
    }

    fn descend_anew(&self, path: &str) -> io::Result<Descended> {
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
        Ok(Descended { path: path.to_owned(), folder: Arc::new(folder), shown: shown.join("/") })
    }
}

/// Folders and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What a file is called until it is complete.
fn partial_name(name: &str, number: u32) -> String {
    format!("{}{SUFFIX}", numbered(name, number, LONGEST - SUFFIX.len()))
}

#[cfg(test)]
mod tests;
