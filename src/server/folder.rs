//! Folders and files of the server's own, made in one way whoever comes first: for the account that runs it alone. And the
//! lock that keeps a second server out of a folder.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Makes a folder, with those above it, that nobody else can look into. One that is there stays as it is.
pub fn make(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// How files are opened that may be made by it: nobody else can read a new one, in whatever folder.
pub fn private() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Makes sure that there is a file, and that nobody else can read it.
pub fn keep_private(path: &Path) -> io::Result<()> {
    let file = private().create(true).append(true).open(path)?;
    close_to_others(&file)
}

/// Likewise for a file that may be missing, and then stays so.
pub fn keep_private_if_there(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => close_to_others(&file?),
    }
}

fn close_to_others(file: &File) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => file.set_permissions(Permissions::from_mode(mode & 0o700)),
    }
}

/// Writes a file so that a crash leaves the whole of it or none, and nobody else can read it.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let draft = path.with_extension("new");
    let _ = fs::remove_file(&draft);
    let mut file = private().write(true).create_new(true).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

/// Keeps other servers out of a folder for as long as it lives.
pub struct Lock(File);

/// Locks a folder for this process; `None` when another one has it.
pub fn lock(folder: &Path) -> io::Result<Option<Lock>> {
    let file = private().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock(file))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Drop for Lock {
    /// Closing alone would not do: a child of this process has the file too, from its fork to its exec (flock(2)).
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(cause = %error, "a folder stays locked until the process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_free_once_its_server_has_ended_whoever_else_holds_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap().expect("nobody has it");
        assert!(lock(folder.path()).unwrap().is_none(), "a second one is kept out");
        let childs = held.0.try_clone().unwrap();
        drop(held);
        assert!(lock(folder.path()).unwrap().is_some());
        drop(childs);
    }

    #[test]
    fn what_was_open_to_others_is_closed_and_what_was_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "rows").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        keep_private(&path).unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o600, "rows"));
        write_whole(&path, b"others").unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o600, "others"));
        keep_private_if_there(&dir.path().join("none")).unwrap();
        assert!(!dir.path().join("none").exists());
    }
}
