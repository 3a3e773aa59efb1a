//! A copy of an installation: the rows of one moment, and the files of these rows. It is made beside a running server,
//! however much that writes, and a server that starts on it knows it for a copy.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use super::blobs::identity::{self, Unpaired};
use super::blobs::{Blobs, Space, TrashRule};
use super::clock::Clock;
use super::config::Config;
use super::db::schema::blobs;
use super::db::{Conn, StartError, open_to_look};
use super::error::Error;
use super::folder;

/// A file that tells a server that its folder is a copy; see [`is_restored`].
const MARK: &str = "restored";
/// Rows that are read in one go.
const GROUP: i64 = 500;

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copied {
    pub files: u64,
    pub bytes: u64,
    /// Files whose rows were copied and that were nowhere to be found.
    pub missing: u64,
}

/// Why there is no copy: one line for the person who wants one.
#[derive(Debug, thiserror::Error)]
pub enum CannotCopy {
    #[error("{0} is not empty; name a folder that is not there yet")]
    Full(String),
    #[error("there is no database {0}")]
    Nothing(String),
    #[error(transparent)]
    Database(#[from] StartError),
    #[error("the rows cannot be copied: {}", .0.in_full())]
    Rows(#[from] Error),
    #[error(transparent)]
    Unpaired(#[from] Unpaired),
    #[error("{path} cannot be copied: {cause}")]
    File { path: String, cause: io::Error },
}

/// Copies the installation of `config` into the folder `goal`, which is made. Blocks for as long as that takes.
pub fn make(config: &Config, goal: &Path) -> Result<Copied, CannotCopy> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |cause| CannotCopy::File { path, cause }
    };
    let database = config.store.database_path();
    if !database.exists() {
        return Err(CannotCopy::Nothing(database.display().to_string()));
    }
    folder::make(goal).map_err(failed(goal))?;
    if fs::read_dir(goal).map_err(failed(goal))?.next().is_some() {
        return Err(CannotCopy::Full(goal.display().to_string()));
    }
    folder::write_whole(&goal.join(MARK), b"a server that starts here revokes the links that were open\n")
        .map_err(failed(goal))?;
    let root = config.blobs_path();
    let trash = TrashRule { clock: Clock::System, life: config.trash_life };
    let store = Blobs::open(&root, Space::new(config.quota(), &root), trash).map_err(failed(&root))?;
    // Rows first: what is deleted from now on lies in the trash, and what is stored is left out whole.
    let mut rows = snapshot(&database, &goal.join("handover.db"))?;
    identity::check(&mut rows, &store)?;
    copy_folder(&config.store.data.join("keys"), &goal.join("keys"))?;
    let copied = copy_files(&mut rows, &store, &goal.join("blobs"))?;
    let synced = File::open(goal).and_then(|goal| Ok(rustix::fs::syncfs(goal)?));
    synced.map_err(failed(goal))?;
    Ok(copied)
}

/// Copies the rows as they are at this moment, and opens the copy.
fn snapshot(from: &Path, to: &Path) -> Result<Conn, CannotCopy> {
    let opened = |cause| StartError::Open { path: from.display().to_string(), cause };
    let mut conn = Conn::open_sqlite(from).map_err(opened)?;
    folder::keep_private(to).map_err(|cause| CannotCopy::File { path: to.display().to_string(), cause })?;
    conn.copy_into(to).map_err(Error::from)?;
    Ok(open_to_look(to)?.0)
}

fn copy_files(rows: &mut Conn, store: &Blobs, goal: &Path) -> Result<Copied, CannotCopy> {
    let mut copied = Copied::default();
    let failed = |path: &Path, cause| CannotCopy::File { path: path.display().to_string(), cause };
    folder::make(goal).map_err(|cause| failed(goal, cause))?;
    identity::copy(store, goal).map_err(|cause| failed(goal, cause))?;
    let mut after = String::new();
    loop {
        let group = blobs::table.filter(blobs::id.gt(&after)).order(blobs::id).limit(GROUP).select(blobs::id);
        let group: Vec<String> = group.load(rows).map_err(Error::from)?;
        let Some(last) = group.last() else { return Ok(copied) };
        after.clone_from(last);
        for id in group {
            match store.copy(&id, goal).map_err(|cause| failed(Path::new(&id), cause))? {
                Some(bytes) => {
                    copied.files += 1;
                    copied.bytes += bytes;
                }
                None => copied.missing += 1,
            }
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CannotCopy> {
    let copy = || -> io::Result<()> {
        folder::make(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    };
    match copy() {
        // The secret is kept elsewhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(()),
        copied => copied.map_err(|cause| CannotCopy::File { path: from.display().to_string(), cause }),
    }
}

/// Whether the data folder is a copy on which no server has started yet.
pub fn is_restored(data: &Path) -> bool {
    mark(data).exists()
}

/// From now on it is a data folder like any other.
pub fn settle(data: &Path) -> io::Result<()> {
    fs::remove_file(mark(data))
}

fn mark(data: &Path) -> PathBuf {
    data.join(MARK)
}
