//! The blob store: immutable contents, named by ids of our making, durable before they are acknowledged.
//!
//! Contents lie in `ROOT/PREFIX/ID`, where the prefix is the time part of the id: new contents share a folder, and with it
//! one sync of that folder. What is being written is called `ID.part`. Beside these folders lie `store-id`, which names the
//! database that it belongs to, `lock`, and the trash.

mod account;
mod digester;
mod folder_sync;
pub mod identity;
mod incoming;
pub mod rows;
mod space;
mod sweep;
mod trash;

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use account::{Account, EVERYBODY, cost};
pub use digester::Digester;
pub use incoming::{Content, INLINE_SHA256, Incoming, commit_all, receive};
pub use space::{Reservation, Space};
pub use sweep::{IsKnown, Survey, Swept};
pub use trash::TrashRule;

use folder_sync::FolderSync;
use sweep::groups;

use crate::server::folder;

/// The local blob store. Clones share it.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    root: PathBuf,
    /// Ids that are being written or are not yet in the database: the sweep keeps its hands off them.
    pending: Mutex<HashSet<String>>,
    folders: FolderSync,
    pub space: Space,
    trash: TrashRule,
    /// Once it is known: what `store-id` must say.
    id: OnceLock<String>,
}

impl Blobs {
    /// Opens the store at `root`, which is made when it is missing.
    pub fn open(root: &Path, space: Space, trash: TrashRule) -> io::Result<Blobs> {
        folder::make(root)?;
        let blobs = Blobs(Arc::new(Inner {
            root: root.to_owned(),
            pending: Mutex::default(),
            folders: FolderSync::default(),
            space,
            trash,
            id: OnceLock::new(),
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

    /// Whether the store takes and gives bytes right now, and is the one that it was.
    pub fn check(&self) -> io::Result<()> {
        self.check_id()?;
        let path = self.0.root.join(format!("check-{}.part", std::process::id()));
        folder::private().create(true).truncate(true).write(true).open(&path)?.write_all(b"handover")?;
        let read = fs::read(&path);
        fs::remove_file(&path)?;
        match read?.as_slice() {
            b"handover" => Ok(()),
            _ => Err(io::Error::other("the store gives back other bytes than it was given")),
        }
    }

    /// Removes blobs whose rows are gone, off this thread and without being waited for; what cannot be removed now is the
    /// sweep's.
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
