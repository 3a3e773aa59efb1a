//! Which database a folder of files belongs to: both hold the same id. Files are removed because rows are missing, so a
//! server never works with two halves of different installations.

use std::fs;
use std::io;
use std::path::Path;

use diesel::prelude::*;

use super::{Blobs, rows};
use crate::server::db::schema::{blobs, store};
use crate::server::db::{Conn, Db};
use crate::server::error::{Error, Result};
use crate::server::folder;

const FILE: &str = "store-id";
/// Files, and rows, that are looked at where one half has no id yet.
const SAMPLE: usize = 1000;

/// Why a database and a folder are not used together.
#[derive(Debug, thiserror::Error)]
pub enum Unpaired {
    #[error(
        "the database and the folder for files {folder} belong to two installations; give the --database-url and the --blobs-url \
         that belong together, or restore both from one backup"
    )]
    Other { folder: String },
    #[error(
        "the database does not know the files in {folder} ({unknown} of {looked} that were looked at); restore the database that \
         they belong to, or begin anew with an empty folder in --blobs-url"
    )]
    Strangers { folder: String, unknown: usize, looked: usize },
    #[error(
        "the folder for files {folder} has none of the files that the database knows; mount or restore the folder that belongs to it"
    )]
    Missing { folder: String },
    #[error("the id of the folder for files {folder} cannot be read or written: {cause}")]
    Folder { folder: String, cause: io::Error },
    #[error("the id of the database cannot be read or written: {}", .0.in_full())]
    Database(#[from] Error),
}

/// Makes sure that database and folder belong together. Where one of them has no id, as before the first start, after the
/// update to this version, and where a backup from before it was restored, it gets one if rows and files agree.
pub async fn pair(db: &Db, files: &Blobs) -> std::result::Result<(), Unpaired> {
    let shown = || files.root().display().to_string();
    let unusable = |cause| Unpaired::Folder { folder: shown(), cause };
    let ours = db.read(of_database).await?;
    let theirs = files.store_id().map_err(unusable)?;
    let id = match (ours.clone(), theirs.clone()) {
        (Some(ours), Some(theirs)) if ours == theirs => ours,
        (Some(_), Some(_)) => return Err(Unpaired::Other { folder: shown() }),
        (ours, theirs) => {
            let files = files.clone();
            db.read(move |conn| Ok(agree(conn, &files))).await??;
            ours.or(theirs).unwrap_or_else(crate::server::id::new)
        }
    };
    if theirs.is_none() {
        folder::write_whole(&files.root().join(FILE), format!("{id}\n").as_bytes()).map_err(unusable)?;
    }
    if ours.is_none() {
        let id = id.clone();
        db.write(move |conn| Ok(conn.insert(store::table, store::id.eq(id))?)).await?;
    }
    files.belongs_to(id);
    Ok(())
}

/// Likewise, for a look at both that changes neither. A folder or database without an id is judged by what it holds.
pub fn check(conn: &mut Conn, files: &Blobs) -> std::result::Result<(), Unpaired> {
    let shown = || files.root().display().to_string();
    let theirs = files.store_id().map_err(|cause| Unpaired::Folder { folder: shown(), cause })?;
    match (of_database(conn)?, theirs) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
        (Some(_), Some(_)) => Err(Unpaired::Other { folder: shown() }),
        _ => agree(conn, files),
    }
}

/// Likewise where there is no database yet: the next start would make an empty one.
pub fn check_alone(files: &Blobs) -> std::result::Result<(), Unpaired> {
    let folder = files.root().display().to_string();
    match files.sample(SAMPLE) {
        Err(cause) => Err(Unpaired::Folder { folder, cause }),
        Ok(there) if there.is_empty() => Ok(()),
        Ok(there) => Err(Unpaired::Strangers { folder, unknown: there.len(), looked: there.len() }),
    }
}

fn of_database(conn: &mut Conn) -> Result<Option<String>> {
    Ok(conn.first(store::table.select(store::id)).optional()?)
}

/// Ids are made once, so a file that has a row belongs to it: most files must be known, and some rows have their file.
fn agree(conn: &mut Conn, files: &Blobs) -> std::result::Result<(), Unpaired> {
    let folder = files.root().display().to_string();
    let unusable = |cause| Unpaired::Folder { folder: folder.clone(), cause };
    let there = files.sample(SAMPLE).map_err(unusable)?;
    let mut known = 0;
    for group in there.chunks(SAMPLE / 2) {
        known += rows::known(conn, group.to_vec())?.len();
    }
    if known * 2 < there.len() {
        return Err(Unpaired::Strangers { folder, unknown: there.len() - known, looked: there.len() });
    }
    let newest = blobs::table.select(blobs::id).order(blobs::id.desc()).limit(SAMPLE as i64);
    let newest: Vec<String> = newest.load(conn).map_err(Error::from)?;
    for id in &newest {
        if files.find(id).map_err(unusable)?.is_some() {
            return Ok(());
        }
    }
    match newest.is_empty() {
        true => Ok(()),
        false => Err(Unpaired::Missing { folder }),
    }
}

/// Gives a copy of the files the id of the folder that they are from.
pub fn copy(files: &Blobs, goal: &Path) -> io::Result<()> {
    match files.store_id()? {
        Some(id) => folder::write_whole(&goal.join(FILE), format!("{id}\n").as_bytes()),
        None => Ok(()),
    }
}

impl Blobs {
    /// The id in the folder, if it has one.
    fn store_id(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.root().join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(text?.trim().to_owned())),
        }
    }

    fn belongs_to(&self, id: String) {
        // It is said once, at the start.
        let _ = self.0.id.set(id);
    }

    /// Whether the folder is still the one that the server was started with: a disk that was unmounted leaves another one.
    pub(super) fn check_id(&self) -> io::Result<()> {
        match self.0.id.get() {
            Some(id) if self.store_id()?.as_ref() != Some(id) => {
                Err(io::Error::other("the folder for files is another one than at the start"))
            }
            _ => Ok(()),
        }
    }
}
