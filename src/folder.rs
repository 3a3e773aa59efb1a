//! Where files go that a person at a terminal receives: below one folder, whatever others call them.
//!
//! Names are data until [`FileName::with_folders`] has made them a relative path of harmless parts. Then each folder on the
//! way is opened from the one above it without following links (openat(2) with O_NOFOLLOW), so that neither a link that was
//! there before nor one that is put there meanwhile leads outside. A file is written under a name of its own and gets its
//! real one, or the next free one, when it is complete (renameat2(2) with RENAME_NOREPLACE).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, fstat, mkdirat, open, openat, renameat, renameat_with, statat,
    unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::file_name::FileName;

/// What a file's name ends with until the file is complete.
pub const SUFFIX: &str = ".handover-part";
/// Longest name that file systems take, in bytes.
const LONGEST: usize = 255;
/// Names that are tried: `a.txt`, `a (2).txt` …
const TRIES: u32 = 10_000;

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
    pub fn look(&self, name: &str) -> io::Result<Option<FileType>> {
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

/// A file that is not complete. When it is dropped before it is, nothing of it stays.
pub struct Partial {
    folder: OwnedFd,
    /// The folder as it is shown, relative to the chosen one.
    shown: String,
    name: String,
    /// What it is called until it is complete.
    partial: String,
    /// It has its name, or is another process's: nothing is to be removed.
    complete: bool,
    file: File,
}

/// Where a file that is not complete lies, for a process that goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    shown: String,
    name: String,
    partial: String,
    inode: u64,
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
        Ok(if self.shown.is_empty() { name } else { format!("{}/{name}", self.shown) })
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

/// Renames without replacing what is there.
fn rename(folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
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

/// Tries numbers until a name is not taken.
fn first_free<T>(mut attempt: impl FnMut(u32) -> Result<T, Errno>) -> io::Result<T> {
    for number in 1..TRIES {
        match attempt(number) {
            Err(Errno::EXIST) => {}
            result => return Ok(result?),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `a.txt`, `a (2).txt` …, cut so that it fits.
fn numbered(name: &str, number: u32, longest: usize) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    };
    let number = if number < 2 { String::new() } else { format!(" ({number})") };
    let mut end = stem.len().min(longest.saturating_sub(number.len() + extension.len()));
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{number}{extension}", &stem[..end])
}

/// The name, without folders, of a file that others call `offered`.
pub fn local_name(offered: &str) -> String {
    local(FileName::new(offered).as_ref().map_or("", FileName::as_str))
}

/// A sender's path as a relative one of harmless parts. A first part that begins with a dot would be hidden from whoever
/// looks at the folder, and some of such files are read and run by themselves (`.bashrc`): the dot is replaced.
fn local(offered: &str) -> String {
    let path = FileName::with_folders(offered).map_or_else(|| "file".to_owned(), FileName::into_inner);
    match path.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// Everything below a folder, links included and not followed.
    fn all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => found.extend(all(&entry.path())),
                kind if kind.is_file() => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
                _ => {}
            }
        }
        found
    }

    fn put(folder: &Folder, name: &str, content: &[u8]) -> String {
        let mut partial = folder.begin(name).unwrap();
        partial.write_all(content).unwrap();
        partial.finish().unwrap()
    }

    #[test]
    fn nothing_lands_outside_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let chosen = dir.path().join("chosen");
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/file"), "mine").unwrap();
        fs::create_dir(&chosen).unwrap();
        symlink("../outside", chosen.join("link")).unwrap();
        symlink("../outside/file", chosen.join("file-link")).unwrap();
        symlink("../outside/new", chosen.join("dangling")).unwrap();
        let folder = Folder::open(&chosen).unwrap();
        for name in [
            "../outside/file",
            "../../../../../../tmp/x",
            "/etc/passwd",
            "\\\\server\\share\\x",
            "C:\\Windows\\x",
            "C:x",
            "a/../../outside/file",
            "link/file",
            "link",
            "file-link",
            "dangling",
            "file-link/x",
            "a\0b",
            "",
            "..",
            ".",
            "/",
            ".bashrc",
            ".ssh/authorized_keys",
            "CON",
            "x\n\r\u{202e}y",
            &"a/".repeat(500),
            &"ż".repeat(400),
        ] {
            let saved = put(&folder, name, name.as_bytes());
            assert!(!saved.starts_with(['/', '.']) && !saved.contains("../"), "{name}: {saved}");
            assert_eq!(fs::read(chosen.join(&saved)).unwrap(), name.as_bytes(), "{name}: {saved}");
        }
        folder.make("link/sub").unwrap();
        let found = all(dir.path());
        let (inside, outside): (Vec<_>, Vec<_>) = found.iter().partition(|(path, _)| path.starts_with(&chosen));
        assert_eq!((inside.len(), outside.len()), (23, 1));
        assert_eq!(outside[0].1, b"mine");
        assert!(inside.iter().all(|(path, _)| !path.to_string_lossy().ends_with(SUFFIX)));
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "mine").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let long = format!("{}.txt", "x".repeat(251));
        assert_eq!(put(&folder, "a.txt", b"1"), "a (2).txt");
        assert_eq!(put(&folder, "a.txt", b"2"), "a (3).txt");
        assert_eq!(put(&folder, "a.txt/b", b"3"), "a (4).txt/b");
        assert_eq!(put(&folder, &long, b"4"), long);
        assert_eq!(put(&folder, &long, b"5"), format!("{} (2).txt", "x".repeat(247)));
        assert_eq!(fs::read(dir.path().join("a.txt")).unwrap(), b"mine");
        // One that comes while the file is being written
        let partial = folder.begin("late").unwrap();
        fs::write(dir.path().join("late"), "mine").unwrap();
        assert_eq!(partial.finish().unwrap(), "late (2)");
        assert_eq!(fs::read(dir.path().join("late")).unwrap(), b"mine");
    }

    #[test]
    fn only_what_is_said_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        fs::write(dir.path().join("mine"), "mine").unwrap();
        symlink("mine", dir.path().join("link")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for (name, kind) in
            [("folder", FileType::Directory), ("mine", FileType::RegularFile), ("link", FileType::Symlink)]
        {
            assert_eq!(folder.look(name).unwrap(), Some(kind));
        }
        assert_eq!(folder.look("none").unwrap(), None);
        let mut partial = folder.begin_as("link").unwrap();
        partial.write_all(b"new").unwrap();
        assert_eq!(partial.replace().unwrap(), "link");
        assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"mine", "the link was replaced, not what it leads to");
        assert_eq!(fs::read(dir.path().join("link")).unwrap(), b"new");
        assert!(folder.begin_as("folder").unwrap().replace().is_err());
        assert!(folder.begin_as("../outside").is_err());
        assert_eq!(all(dir.path()).len(), 2, "nothing incomplete is left");
    }

    #[test]
    fn a_name_has_no_folders() {
        for (offered, name) in [
            ("report.docx", "report.docx"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            (".bashrc", "_bashrc"),
            ("a/.ssh", "_ssh"),
            ("..", "file"),
            ("", "file"),
            ("x\n\u{1b}[2Jy", "x[2Jy"),
        ] {
            assert_eq!(local_name(offered), name, "{offered:?}");
        }
    }

    #[test]
    fn another_process_goes_on_with_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let begun = || {
            let mut partial = folder.begin("sub/a.txt").unwrap();
            partial.write_all(b"half").unwrap();
            let mark = partial.mark().unwrap();
            (partial, mark)
        };
        let (partial, mark) = begun();
        partial.leave();
        let Reopened::Partial(mut partial) = folder.reopen(mark.clone()).unwrap() else { panic!("it is not complete") };
        assert_eq!(partial.digest().unwrap(), (4, blake3::hash(b"half").to_hex().to_string()));
        partial.write_all(b" and half").unwrap();
        fs::write(dir.path().join("sub/a.txt"), "mine").unwrap();
        assert_eq!(partial.finish().unwrap(), "sub/a (2).txt");
        assert_eq!(fs::read(dir.path().join("sub/a (2).txt")).unwrap(), b"half and half");
        assert!(matches!(folder.reopen(mark), Ok(Reopened::Finished { bytes: 13 })));

        // Somebody else's file, or a link, in its place
        fs::write(dir.path().join("other"), "x").unwrap();
        let (partial, mark) = begun();
        drop(partial);
        let place = dir.path().join(format!("sub/a.txt{SUFFIX}"));
        symlink("/etc/passwd", &place).unwrap();
        assert!(folder.reopen(mark.clone()).is_err());
        fs::remove_file(&place).unwrap();
        fs::hard_link(dir.path().join("other"), &place).unwrap();
        assert!(folder.reopen(mark).is_err());
    }

    #[test]
    fn what_is_not_complete_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let mut partial = folder.begin("a.txt").unwrap();
        partial.write_all(b"half").unwrap();
        let during: Vec<_> = all(dir.path()).into_keys().collect();
        assert_eq!(during, [dir.path().join(format!("a.txt{SUFFIX}"))]);
        drop(partial);
        assert!(all(dir.path()).is_empty());
    }
}
