//! Documents as rows: names with versions, each holding one blob.

use crate::server::refusals::FILE_NOT_FOUND;
use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;

use crate::server::blobs::Account;
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{blobs, documents, users};
use crate::server::error::Result;
use crate::server::office::Note;

/// A document that is about to be added.
pub struct NewDocument {
    pub name: String,
    pub blob: NewBlob,
    pub uploaded_by: String,
    pub notes: Vec<Note>,
}

/// A version of a document, with what its blob is.
#[derive(Clone, Debug, Queryable)]
pub struct Document {
    pub id: String,
    pub name: String,
    pub version: i32,
    pub size: i64,
    pub blake3: String,
    pub sha256: Option<String>,
    pub uploaded_by: String,
    pub uploaded_at: NaiveDateTime,
    /// See [`notes`].
    pub notes: String,
}

/// The notes of a row: their codes, with commas between. What no longer has a meaning is passed over.
pub fn notes(codes: &str) -> impl Iterator<Item = Note> {
    codes.split(',').filter_map(|code| Note::ALL.into_iter().find(|note| note.code() == code))
}

impl Document {
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }
}

/// Adds the next version of a document, with its blob, within the quotas. Returns the version.
pub fn add(conn: &mut Conn, new: NewDocument, quota: &Quota, now: NaiveDateTime) -> Result<i32> {
    rows::add(conn, &new.blob, &Account::user(&new.uploaded_by), quota, now)?;
    // Deleted versions count too: a number never stands for two contents.
    let latest: Option<i32> =
        conn.first(documents::table.filter(documents::name.eq(&new.name)).select(max(documents::version)))?;
    let version = latest.unwrap_or_default() + 1;
    conn.update(
        documents::table.filter(documents::name.eq(&new.name)).filter(documents::latest),
        documents::latest.eq(false),
    )?;
    conn.insert(
        documents::table,
        (
            documents::id.eq(crate::server::id::new()),
            documents::name.eq(&new.name),
            documents::name_key.eq(new.name.to_lowercase()),
            documents::version.eq(version),
            documents::latest.eq(true),
            documents::blob_id.eq(&new.blob.id),
            documents::uploaded_by.eq(&new.uploaded_by),
            documents::uploaded_at.eq(now),
            documents::notes.eq(new.notes.iter().map(|note| note.code()).collect::<Vec<_>>().join(",")),
        ),
    )?;
    Ok(version)
}

type Columns = (
    documents::id,
    documents::name,
    documents::version,
    blobs::size,
    blobs::blake3,
    blobs::sha256,
    users::username,
    documents::uploaded_at,
    documents::notes,
);

const COLUMNS: Columns = (
    documents::id,
    documents::name,
    documents::version,
    blobs::size,
    blobs::blake3,
    blobs::sha256,
    users::username,
    documents::uploaded_at,
    documents::notes,
);

/// Documents in their latest versions, newest first, with ids below `before`.
pub fn page(conn: &mut Conn, search: Option<&str>, before: &str, limit: i64) -> Result<Vec<Document>> {
    let mut query = documents::table
        .inner_join(blobs::table)
        .inner_join(users::table)
        .filter(documents::latest)
        .filter(documents::id.lt(before))
        .order(documents::id.desc())
        .limit(limit)
        .select(COLUMNS)
        .into_boxed();
    if let Some(search) = search {
        let literal = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query = query.filter(documents::name_key.like(format!("%{literal}%")).escape('\\'));
    }
    Ok(query.load(conn)?)
}

/// One version of a document, the latest if none is named.
pub fn find(conn: &mut Conn, name: &str, version: Option<i32>) -> Result<Option<Document>> {
    // A deleted document has no blob, so the join leaves it out.
    let named = documents::table
        .inner_join(blobs::table)
        .inner_join(users::table)
        .filter(documents::name.eq(name))
        .select(COLUMNS);
    // Two queries rather than a boxed one: these are prepared once.
    let found = match version {
        Some(version) => conn.first(named.filter(documents::version.eq(version))),
        None => conn.first(named.filter(documents::latest)),
    };
    Ok(found.optional()?)
}

/// All versions of a document that are still there, newest first, up to `limit`.
///
/// # Errors
/// [`FILE_NOT_FOUND`] when there are none.
pub fn versions(conn: &mut Conn, name: &str, limit: i64) -> Result<Vec<Document>> {
    let found: Vec<Document> = documents::table
        .inner_join(blobs::table)
        .inner_join(users::table)
        .filter(documents::name.eq(name))
        .order(documents::version.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(conn)?;
    if found.is_empty() { Err(FILE_NOT_FOUND) } else { Ok(found) }
}

/// Deletes a document, all of its versions or one, and ends its open links. Returns the blobs that nothing refers to any
/// more; their files are removed once this is committed.
///
/// # Errors
/// [`FILE_NOT_FOUND`].
pub fn delete(
    conn: &mut Conn,
    name: &str,
    version: Option<i32>,
    quota: &Quota,
    now: NaiveDateTime,
) -> Result<Vec<String>> {
    let mut query = documents::table
        .inner_join(blobs::table)
        .filter(documents::name.eq(name))
        .filter(documents::deleted_at.is_null())
        .select((documents::id, documents::uploaded_by, blobs::id))
        .into_boxed();
    if let Some(version) = version {
        query = query.filter(documents::version.eq(version));
    }
    let doomed: Vec<(String, String, String)> = query.load(conn)?;
    if doomed.is_empty() {
        return Err(FILE_NOT_FOUND);
    }
    for (id, user, blob) in &doomed {
        crate::server::features::links::model::revoke_all(conn, id)?;
        conn.update(
            documents::table.find(id),
            (documents::deleted_at.eq(now), documents::latest.eq(false), documents::blob_id.eq(None::<String>)),
        )?;
        rows::remove(conn, blob, &Account::user(user), quota)?;
    }
    let left = documents::table.filter(documents::name.eq(name)).filter(documents::deleted_at.is_null());
    let newest: Option<i32> = conn.first(left.select(max(documents::version)))?;
    if let Some(newest) = newest {
        conn.update(
            documents::table.filter(documents::name.eq(name)).filter(documents::version.eq(newest)),
            documents::latest.eq(true),
        )?;
    }
    Ok(doomed.into_iter().map(|(_, _, blob)| blob).collect())
}
