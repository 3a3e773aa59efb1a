//! The blob store: immutable contents, named by ids of our making, durable before they are acknowledged.
//!
//! Contents lie in `ROOT/PREFIX/ID`, where the prefix is the time part of the id: new contents share a folder, and with it
//! one sync of that folder. What is being written is called `ID.part`.

mod account;
mod digester;
mod folder;
mod incoming;
pub mod rows;
mod space;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use account::{Account, EVERYBODY};
pub use digester::Digester;
pub use incoming::{Content, INLINE_SHA256, Incoming, commit_all, receive};
pub use space::{Reservation, Space};

use folder::FolderSync;

/// The local blob store. Clones share it.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    root: PathBuf,
    /// Ids that are being written or are not yet in the database: the sweep keeps its hands off them.
    pending: Mutex<HashSet<String>>,
    folders: FolderSync,
    pub space: Space,
}

impl Blobs {
    /// Opens the store at `root`, which is made when it is missing.
    pub fn open(root: &Path, space: Space) -> io::Result<Blobs> {
        make_folder(root)?;
        let blobs = Blobs(Arc::new(Inner {
            root: root.to_owned(),
            pending: Mutex::default(),
            folders: FolderSync::default(),
            space,
        }));
        blobs.check()?;
        Ok(blobs)
    }

    pub fn space(&self) -> &Space {
        &self.0.space
    }

    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Whether the store takes and gives bytes right now.
    pub fn check(&self) -> io::Result<()> {
        let path = self.0.root.join(format!("check-{}.part", std::process::id()));
        fs::write(&path, b"handover")?;
        let read = fs::read(&path);
        fs::remove_file(&path)?;
        match read?.as_slice() {
            b"handover" => Ok(()),
            _ => Err(io::Error::other("the store gives back other bytes than it was given")),
        }
    }

    /// Opens a blob for reading.
    pub fn get(&self, id: &str) -> io::Result<File> {
        File::open(self.path(id)?)
    }

    /// Removes a blob; one that is gone already is no error.
    pub fn delete(&self, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes blobs whose rows are gone for good, off this thread and without being waited for; what cannot be removed
    /// now is the sweep's.
    pub fn discard(&self, ids: Vec<String>) {
        let blobs = self.clone();
        actix_rt::task::spawn_blocking(move || {
            for id in ids {
                if let Err(error) = blobs.delete(&id) {
                    tracing::warn!(blob = %id, cause = %error, "the contents of a deleted file are left for the sweep");
                }
            }
        });
    }

    /// Removes what no row refers to: what a crash left between the writing of a blob and its row, or between the end of
    /// a row and its blob. `is_known` asks the database for some ids; when it fails, nothing is removed.
    ///
    /// Returns the number of files removed.
    pub fn sweep<E: From<io::Error>>(
        &self,
        mut is_known: impl FnMut(Vec<String>) -> Result<HashSet<String>, E>,
    ) -> Result<usize, E> {
        let mut removed = 0;
        for folder in fs::read_dir(&self.0.root)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            let mut candidates = Vec::new();
            for file in fs::read_dir(folder.path())? {
                let Ok(name) = file?.file_name().into_string() else { continue };
                let id = name.strip_suffix(".part").unwrap_or(&name);
                // What is not of our making is not ours to remove.
                if crate::server::id::is_valid(id) && !self.pending().contains(id) {
                    candidates.push((id.to_owned(), folder.path().join(&name)));
                }
            }
            for group in candidates.chunks(500) {
                let known = is_known(group.iter().map(|(id, _)| id.clone()).collect())?;
                for (id, path) in group.iter().filter(|(id, path)| !known.contains(id) || path.extension().is_some()) {
                    tracing::info!(blob = %id, "sweeping a file that nothing refers to");
                    fs::remove_file(path)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, id: &str) -> io::Result<PathBuf> {
        if !crate::server::id::is_valid(id) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a blob id"));
        }
        Ok(self.0.root.join(&id[..PREFIX]).join(id))
    }

    fn pending(&self) -> MutexGuard<'_, HashSet<String>> {
        // A set of ids is whole after any panic.
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Characters of a UUIDv7 that name the folder: these change every four and a half hours.
const PREFIX: usize = 6;

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
