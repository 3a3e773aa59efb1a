//! Files of a batch as rows. Each row holds one blob.

use crate::server::features::batches::refusals::{batch_too_large, too_many_files};
use crate::server::refusals::FILE_NOT_FOUND;
use bytesize::ByteSize;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{Batch, names, still_open};
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{batch_files, batches, blobs};
use crate::server::error::{Error, Result};

/// A file, with what its blob is.
#[derive(Clone, Debug, Queryable)]
pub struct File {
    pub id: String,
    pub name: String,
    pub blob: String,
    pub size: i64,
    pub blake3: String,
    pub sha256: Option<String>,
    pub crc32: i64,
    pub added_at: NaiveDateTime,
    pub complete: i32,
    pub modified_at: Option<NaiveDateTime>,
}

impl File {
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }

    /// A strong entity tag (RFC 9110 section 8.8.3).
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.blake3)
    }
}

/// A file about to be added, under the name that it would like to have.
pub struct NewFile {
    pub name: String,
    pub blob: NewBlob,
    /// When its sender last changed it, where that was told.
    pub modified_at: Option<NaiveDateTime>,
}

/// What a batch may hold.
#[derive(Clone, Copy)]
pub struct Limits {
    pub files: u32,
    pub bytes: u64,
    pub quota: Quota,
}

impl Limits {
    /// Whether `files` more with `bytes` together fit into a batch.
    ///
    /// # Errors
    /// [`too_many_files`], [`batch_too_large`].
    pub fn check(&self, batch: &Batch, files: usize, bytes: u64) -> Result<()> {
        let held = u32::try_from(batch.files).unwrap_or_default();
        if u32::try_from(files).map_or(true, |files| held.saturating_add(files) > self.files) {
            return Err(too_many_files(self.files));
        }
        if batch.bytes().saturating_add(bytes) > self.bytes {
            return Err(batch_too_large(ByteSize(self.bytes)));
        }
        Ok(())
    }
}

/// Adds files to an open batch, all or none. The limits have their last word here.
pub fn add(conn: &mut Conn, batch: &str, new: Vec<NewFile>, limits: &Limits, now: NaiveDateTime) -> Result<Vec<File>> {
    let batch = still_open(conn, batch, now)?;
    let bytes = new.iter().map(|file| file.blob.size).sum();
    limits.check(&batch, new.len(), bytes)?;
    let account = batch.account();
    let mut added = Vec::with_capacity(new.len());
    for NewFile { name, blob, modified_at } in new {
        rows::add(conn, &blob, &account, &limits.quota, now)?;
        let (id, name) = (crate::server::id::new(), names::take(conn, &batch.id, &name)?);
        diesel::insert_into(batch_files::table)
            .values((
                batch_files::id.eq(&id),
                batch_files::batch_id.eq(&batch.id),
                batch_files::name.eq(&name),
                batch_files::name_key.eq(names::key(&name)),
                batch_files::blob_id.eq(&blob.id),
                batch_files::added_at.eq(now),
                batch_files::modified_at.eq(modified_at),
                batch_files::running.eq(0),
                batch_files::complete.eq(0),
                batch_files::starts.eq(0),
            ))
            .execute(conn)?;
        added.push(File {
            id,
            name,
            blob: blob.id,
            size: i64::try_from(blob.size).map_err(Error::internal)?,
            blake3: blob.blake3,
            sha256: blob.sha256,
            crc32: blob.crc32.into(),
            added_at: now,
            complete: 0,
            modified_at,
        });
    }
    count(conn, &batch.id, added.len() as i32, i64::try_from(bytes).map_err(Error::internal)?)?;
    Ok(added)
}

/// Keeps the running totals of a batch.
fn count(conn: &mut Conn, batch: &str, files: i32, bytes: i64) -> Result<()> {
    diesel::update(batches::table.find(batch))
        .set((batches::files.eq(batches::files + files), batches::bytes.eq(batches::bytes + bytes)))
        .execute(conn)?;
    Ok(())
}

/// Removes a file from an open batch and gives back its name and its blob, whose file goes once this is committed.
///
/// # Errors
/// [`FILE_NOT_FOUND`].
pub fn remove(conn: &mut Conn, batch: &Batch, id: &str, quota: &Quota) -> Result<File> {
    let file = find(conn, &batch.id, id)?;
    diesel::delete(batch_files::table.find(id)).execute(conn)?;
    rows::remove(conn, &file.blob, &batch.account(), quota)?;
    count(conn, &batch.id, -1, -file.size)?;
    Ok(file)
}

type Columns = (
    batch_files::id,
    batch_files::name,
    blobs::id,
    blobs::size,
    blobs::blake3,
    blobs::sha256,
    blobs::crc32,
    batch_files::added_at,
    batch_files::complete,
    batch_files::modified_at,
);

const COLUMNS: Columns = (
    batch_files::id,
    batch_files::name,
    blobs::id,
    blobs::size,
    blobs::blake3,
    blobs::sha256,
    blobs::crc32,
    batch_files::added_at,
    batch_files::complete,
    batch_files::modified_at,
);

/// One file of a batch.
///
/// # Errors
/// [`FILE_NOT_FOUND`], also where another batch has it.
pub fn find(conn: &mut Conn, batch: &str, id: &str) -> Result<File> {
    batch_files::table
        .inner_join(blobs::table)
        .filter(batch_files::id.eq(id))
        .filter(batch_files::batch_id.eq(batch))
        .select(COLUMNS)
        .first(conn)
        .optional()?
        .ok_or(FILE_NOT_FOUND)
}

/// The first files of a batch, in the order in which they were added.
pub fn first(conn: &mut Conn, batch: &str, most: i64) -> Result<Vec<File>> {
    Ok(batch_files::table
        .inner_join(blobs::table)
        .filter(batch_files::batch_id.eq(batch))
        .order(batch_files::id)
        .select(COLUMNS)
        .limit(most)
        .load(conn)?)
}

/// All files of a batch, in the order in which they were added.
pub fn list(conn: &mut Conn, batch: &str) -> Result<Vec<File>> {
    Ok(batch_files::table
        .inner_join(blobs::table)
        .filter(batch_files::batch_id.eq(batch))
        .order(batch_files::id)
        .select(COLUMNS)
        .load(conn)?)
}
