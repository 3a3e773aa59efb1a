//! Documents as rows: names with versions, each holding one blob.

use crate::server::refusals::FILE_NOT_FOUND;
use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;

use crate::server::blobs::Account;
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{blobs, document_names, documents, users};
use crate::server::db::search::{self, document_search};
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
    if let Some(text) = search.filter(|text| !text.is_empty()) {
        return found(conn, &text.to_lowercase(), before, limit);
    }
    Ok(documents::table
        .inner_join(blobs::table)
        .inner_join(users::table)
        .filter(documents::latest)
        .filter(documents::id.lt(before))
        .order(documents::id.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(conn)?)
}

/// Likewise, of those with `text` in their names. The index of names has numbers in the order of the ids.
fn found(conn: &mut Conn, text: &str, before: &str, limit: i64) -> Result<Vec<Document>> {
    let Some(pieces) = search::pieces(text) else { return Ok(Vec::new()) };
    let literal = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Ok(document_search::table
        .inner_join(document_names::table.on(document_names::number.eq(document_search::rowid)))
        .inner_join(documents::table.on(documents::id.eq(document_names::document_id)))
        .inner_join(blobs::table.on(documents::blob_id.eq(blobs::id.nullable())))
        .inner_join(users::table.on(users::id.eq(documents::uploaded_by)))
        .filter(search::matching(pieces))
        .filter(document_search::rowid.lt(number_of(conn, before)?))
        .filter(document_names::name_key.like(format!("%{literal}%")).escape('\\'))
        .order(document_search::rowid.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(conn)?)
}

/// The number of a document, or the one that a document of this id would have.
fn number_of(conn: &mut Conn, id: &str) -> Result<i32> {
    let last =
        document_names::table.filter(document_names::document_id.le(id)).order(document_names::document_id.desc());
    let last: Option<(String, i32)> =
        conn.first(last.select((document_names::document_id, document_names::number))).optional()?;
    Ok(last.map_or(0, |(known, number)| if known == id { number } else { number.saturating_add(1) }))
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
