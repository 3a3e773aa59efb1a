//! Blobs as rows, and the bytes that each account has stored. A feature adds its own row that holds the blob, in the same
//! transaction.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{Account, Content, cost};
use crate::server::config::Quota;
use crate::server::db::Conn;
use crate::server::db::schema::{blobs, usage};
use crate::server::error::{Error, Result};

/// The row of a blob that is about to be added.
#[derive(Clone, Debug)]
pub struct NewBlob {
    pub id: String,
    pub size: u64,
    pub blake3: String,
    pub sha256: Option<String>,
    pub crc32: u32,
}

impl From<&Content> for NewBlob {
    fn from(content: &Content) -> NewBlob {
        NewBlob {
            id: content.id.clone(),
            size: content.size,
            blake3: content.blake3.clone(),
            sha256: content.sha256.clone(),
            crc32: content.crc32,
        }
    }
}

/// Which of some ids have a row.
pub fn known(conn: &mut Conn, ids: Vec<String>) -> Result<HashSet<String>> {
    Ok(blobs::table.filter(blobs::id.eq_any(ids)).select(blobs::id).load(conn)?.into_iter().collect())
}

/// Bytes stored in each pot of an account, in the order of [`Account::pots`].
pub fn usage(conn: &mut Conn, account: &Account, quota: &Quota) -> Result<Vec<u64>> {
    account.pots(quota).iter().map(|pot| used(conn, pot.key)).collect()
}

/// Bytes stored in the pot called `key`.
pub fn used(conn: &mut Conn, key: &str) -> Result<u64> {
    let bytes: Option<i64> = conn.first(usage::table.find(key).select(usage::bytes)).optional()?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default())
}

/// Adds a blob to those of `account`. Quotas have their last word here.
///
/// # Errors
/// [`quota_exceeded`].
pub fn add(conn: &mut Conn, new: &NewBlob, account: &Account, quota: &Quota, now: NaiveDateTime) -> Result<()> {
    charge(conn, account, quota, cost(new.size))?;
    let size = i64::try_from(new.size).map_err(Error::internal)?;
    conn.insert(
        blobs::table,
        (
            blobs::id.eq(&new.id),
            blobs::size.eq(size),
            blobs::blake3.eq(&new.blake3),
            blobs::sha256.eq(&new.sha256),
            blobs::crc32.eq(i64::from(new.crc32)),
            blobs::created_at.eq(now),
        ),
    )?;
    Ok(())
}

/// Removes the row of a blob that nothing refers to any more. Its file is removed once this is committed. Returns its size.
pub fn remove(conn: &mut Conn, id: &str, account: &Account, quota: &Quota) -> Result<i64> {
    let size: Option<i64> = diesel::delete(blobs::table.find(id)).returning(blobs::size).get_result(conn).optional()?;
    let Some(size) = size else { return Ok(0) };
    let bytes = i64::try_from(cost(size.unsigned_abs())).map_err(Error::internal)?;
    book(conn, account, quota, -bytes)?;
    Ok(size)
}

/// Books `bytes` that are stored for an account, if its quotas allow it.
///
/// # Errors
/// [`quota_exceeded`].
pub fn charge(conn: &mut Conn, account: &Account, quota: &Quota, bytes: u64) -> Result<()> {
    for pot in account.pots(quota) {
        pot.check(bytes, used(conn, pot.key)?)?;
    }
    book(conn, account, quota, i64::try_from(bytes).map_err(Error::internal)?)
}

/// Books `bytes` more (or less) in each pot of an account, whatever its quotas say.
pub fn book(conn: &mut Conn, account: &Account, quota: &Quota, bytes: i64) -> Result<()> {
    for pot in account.pots(quota) {
        let known = conn.update(usage::table.find(pot.key), usage::bytes.eq(usage::bytes + bytes))?;
        if known == 0 {
            conn.insert(usage::table, (usage::user_id.eq(pot.key), usage::bytes.eq(bytes)))?;
        }
    }
    Ok(())
}
