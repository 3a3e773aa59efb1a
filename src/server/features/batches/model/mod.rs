//! Batches as rows.

pub mod copies;
pub mod fetches;
pub mod files;
pub mod names;

use crate::server::features::batches::refusals::BATCH_NOT_FOUND;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::secret::digest;
use crate::server::blobs::{Account, rows};
use crate::server::clock::{after, before};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{batch_files, batches, users};
use crate::server::error::Result;
use crate::server::leases::FINISH;

/// A batch that is open.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = batches)]
pub struct Batch {
    pub id: String,
    pub key_digest: String,
    pub title: String,
    pub password_hash: Option<String>,
    pub account: String,
    pub made_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub max_downloads: Option<i32>,
    pub files: i32,
    pub bytes: i64,
    pub fetches: i64,
}

impl Batch {
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or_default()
    }

    /// What its files are booked to.
    pub fn account(&self) -> Account {
        Account::of_key(self.account.clone())
    }

    /// What its events are published under.
    pub fn topic(&self) -> String {
        topic(&self.id)
    }
}

/// See [`Batch::topic`].
pub fn topic(id: &str) -> String {
    format!("batch:{id}")
}

/// A batch about to be made.
pub struct NewBatch {
    pub id: String,
    pub address: String,
    pub key: String,
    pub title: String,
    pub password_hash: Option<String>,
    /// The user who makes it, if it is not a guest.
    pub made_by: Option<String>,
    pub account: Account,
    pub expires_at: NaiveDateTime,
    pub max_downloads: Option<i32>,
}

pub fn make(conn: &mut Conn, new: &NewBatch, now: NaiveDateTime) -> Result<()> {
    diesel::insert_into(batches::table)
        .values((
            batches::id.eq(&new.id),
            batches::address_digest.eq(digest(&new.address)),
            batches::key_digest.eq(digest(&new.key)),
            batches::title.eq(&new.title),
            batches::password_hash.eq(&new.password_hash),
            batches::made_by.eq(&new.made_by),
            batches::account.eq(new.account.key()),
            batches::made_at.eq(now),
            batches::expires_at.eq(new.expires_at),
            batches::max_downloads.eq(new.max_downloads),
            batches::files.eq(0),
            batches::bytes.eq(0),
            batches::fetches.eq(0),
        ))
        .execute(conn)?;
    Ok(())
}

/// The open batch at an address, and the name of the user who made it.
///
/// # Errors
/// [`BATCH_NOT_FOUND`]: unknown, ended and expired are the same, and so are those of a disabled user.
pub fn find(conn: &mut Conn, address: &str, now: NaiveDateTime) -> Result<(Batch, Option<String>)> {
    batches::table
        .left_join(users::table)
        .filter(batches::address_digest.eq(digest(address)))
        .filter(batches::ended_at.is_null())
        .filter(batches::expires_at.gt(now))
        .filter(users::disabled_at.is_null()) // of a guest there is none
        .select((Batch::as_select(), users::username.nullable()))
        .first(conn)
        .optional()?
        .ok_or(BATCH_NOT_FOUND)
}

/// An open batch by its row, for what goes on after it was found.
///
/// # Errors
/// [`BATCH_NOT_FOUND`] when it has ended meanwhile.
pub fn still_open(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<Batch> {
    batches::table
        .find(id)
        .filter(batches::ended_at.is_null())
        .filter(batches::expires_at.gt(now))
        .select(Batch::as_select())
        .first(conn)
        .optional()?
        .ok_or(BATCH_NOT_FOUND)
}

/// Whether what runs of a batch may run on: its end by time cuts nothing off for [`FINISH`].
///
/// # Errors
/// [`BATCH_NOT_FOUND`] when its sender has ended it, or is not allowed to have it any more.
pub fn may_go_on(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<()> {
    batches::table
        .left_join(users::table)
        .filter(batches::id.eq(id))
        .filter(batches::ended_at.is_null())
        .filter(users::disabled_at.is_null())
        .select(batches::expires_at)
        .first(conn)
        .optional()?
        .filter(|expires_at| now < after(*expires_at, FINISH))
        .map(|_: NaiveDateTime| ())
        .ok_or(BATCH_NOT_FOUND)
}

/// Changes what is given of an open batch.
pub fn change(
    conn: &mut Conn,
    id: &str,
    title: Option<&str>,
    expires_at: Option<NaiveDateTime>,
    now: NaiveDateTime,
) -> Result<Batch> {
    let before = still_open(conn, id, now)?;
    diesel::update(batches::table.find(id))
        .set((
            batches::title.eq(title.unwrap_or(&before.title)),
            batches::expires_at.eq(expires_at.unwrap_or(before.expires_at)),
        ))
        .execute(conn)?;
    still_open(conn, id, now)
}

/// Ends a batch: from here on nobody finds it. Its files go with [`clear`].
pub fn end(conn: &mut Conn, id: &str, now: NaiveDateTime) -> Result<()> {
    let ended = diesel::update(batches::table.find(id).filter(batches::ended_at.is_null()))
        .set(batches::ended_at.eq(now))
        .execute(conn)?;
    if ended == 1 { Ok(()) } else { Err(BATCH_NOT_FOUND) }
}

/// Files that one write of [`clear`] removes, so that others get their turn.
const CLEARED_AT_ONCE: i64 = 500;

/// What [`clear`] has removed.
pub struct Cleared {
    pub batch: String,
    pub blobs: Vec<String>,
}

/// Removes some files of a batch that has ended or expired; the batch itself with the last of them. `None` when there is
/// none any more. Of those that have expired the `busy` ones stay for [`FINISH`].
pub fn clear(conn: &mut Conn, quota: &Quota, busy: &[String], now: NaiveDateTime) -> Result<Option<Cleared>> {
    let row = (batches::id, batches::account);
    let ended = batches::table.filter(batches::ended_at.is_not_null()).select(row);
    let long_ago = batches::expires_at.le(before(now, FINISH));
    let expired =
        batches::table.filter(batches::expires_at.le(now)).filter(batches::id.ne_all(busy).or(long_ago)).select(row);
    let over: Option<(String, String)> = match ended.first(conn).optional()? {
        None => expired.first(conn).optional()?,
        over => over,
    };
    let Some((batch, account)) = over else { return Ok(None) };
    let files: Vec<(String, String)> = batch_files::table
        .filter(batch_files::batch_id.eq(&batch))
        .select((batch_files::id, batch_files::blob_id))
        .limit(CLEARED_AT_ONCE)
        .load(conn)?;
    let account = Account::of_key(account);
    for (file, blob) in &files {
        diesel::delete(batch_files::table.find(file)).execute(conn)?;
        rows::remove(conn, blob, &account, quota)?;
    }
    if files.len() < CLEARED_AT_ONCE as usize {
        diesel::delete(batches::table.find(&batch)).execute(conn)?;
    }
    Ok(Some(Cleared { batch, blobs: files.into_iter().map(|(_, blob)| blob).collect() }))
}

/// Open batches, for the metrics.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(batches::table.filter(batches::ended_at.is_null()).count().get_result(conn)?)
}
