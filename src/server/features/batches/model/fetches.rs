//! What was fetched of a batch, for whoever holds its manage key. The audit has the same for those who run the server.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::db::Conn;
use crate::server::db::schema::{batch_fetches as fetches, batches};
use crate::server::error::Result;

/// Fetches of a batch that are kept, and how often the others are dropped.
const KEPT: i64 = 1000;
const TRIM: i64 = 100;

/// A complete download.
#[derive(Clone, Debug)]
pub struct NewFetch {
    pub batch: String,
    /// `None` for a ZIP.
    pub file: Option<String>,
    pub what: String,
    pub files: usize,
    pub bytes: u64,
    pub address: Option<String>,
}

pub fn record(conn: &mut Conn, new: &NewFetch, now: NaiveDateTime) -> Result<()> {
    let counted: Option<i64> = diesel::update(batches::table.find(&new.batch))
        .set(batches::fetches.eq(batches::fetches + 1))
        .returning(batches::fetches)
        .get_result(conn)
        .optional()?;
    let Some(counted) = counted else { return Ok(()) }; // removed meanwhile
    diesel::insert_into(fetches::table)
        .values((
            fetches::id.eq(crate::server::id::new()),
            fetches::batch_id.eq(&new.batch),
            fetches::file_id.eq(&new.file),
            fetches::what.eq(&new.what),
            fetches::files.eq(i32::try_from(new.files).unwrap_or(i32::MAX)),
            fetches::bytes.eq(i64::try_from(new.bytes).unwrap_or(i64::MAX)),
            fetches::fetched_at.eq(now),
            fetches::address.eq(&new.address),
        ))
        .execute(conn)?;
    if counted % TRIM == 0 {
        let of_batch = fetches::table.filter(fetches::batch_id.eq(&new.batch));
        let oldest: Option<String> =
            of_batch.order(fetches::id.desc()).offset(KEPT).select(fetches::id).first(conn).optional()?;
        if let Some(oldest) = oldest {
            diesel::delete(of_batch.filter(fetches::id.le(oldest))).execute(conn)?;
        }
    }
    Ok(())
}

/// A row of the list.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fetches)]
pub struct Fetch {
    pub id: String,
    pub file_id: Option<String>,
    pub what: String,
    pub files: i32,
    pub bytes: i64,
    pub fetched_at: NaiveDateTime,
    pub address: Option<String>,
}

/// Fetches with ids below `before`, newest first.
pub fn page(conn: &mut Conn, batch: &str, before: &str, limit: i64) -> Result<Vec<Fetch>> {
    Ok(fetches::table
        .filter(fetches::batch_id.eq(batch))
        .filter(fetches::id.lt(before))
        .order(fetches::id.desc())
        .limit(limit)
        .select(Fetch::as_select())
        .load(conn)?)
}
