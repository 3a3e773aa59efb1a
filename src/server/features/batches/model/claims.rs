//! How often each file of a batch may still be downloaded, where its sender has set a limit.
//!
//! A download claims its files before the first byte leaves (`running`), turns the claim into a complete copy before the
//! last byte leaves (`complete`), and gives it back when it breaks off. Claims and copies together never pass the limit,
//! so no race gives one copy too many. Starts are bounded as well: who breaks off just before the end, over and over, is
//! refused in the end.

use crate::server::features::batches::refusals::{DOWNLOADS_BUSY, DOWNLOADS_USED};
use diesel::prelude::*;

use crate::server::db::Conn;
use crate::server::db::schema::batch_files as files;
use crate::server::error::Result;

/// Downloads of a file that may be started for each copy of it.
pub const STARTS: i32 = 10;

/// The files of a download.
#[derive(Clone, Debug)]
pub enum Which {
    /// All up to this one: what is added later is not in the ZIP.
    UpTo(String),
    These(Vec<String>),
}

/// A claim on files of a batch.
#[derive(Clone, Debug)]
pub struct Claim {
    pub batch: String,
    pub which: Which,
}

macro_rules! of_claim {
    ($query:expr, $claim:expr) => {{
        let query = $query.filter(files::batch_id.eq(&$claim.batch));
        match &$claim.which {
            Which::UpTo(last) => query.filter(files::id.le(last)),
            Which::These(ids) => query.filter(files::id.eq_any(ids)),
        }
    }};
}

/// Claims `number` files of a batch, each of which may be downloaded `most` times.
///
/// # Errors
/// [`DOWNLOADS_USED`] when a file has no copy or no start left, [`DOWNLOADS_BUSY`] while all that are left are
/// claimed by others. Nothing is claimed then, once the transaction is rolled back.
pub fn claim(conn: &mut Conn, claim: &Claim, number: usize, most: i32) -> Result<()> {
    let starts = most.saturating_mul(STARTS);
    let free = of_claim!(diesel::update(files::table).into_boxed(), claim)
        .filter((files::running + files::complete).lt(most))
        .filter(files::starts.lt(starts));
    let claimed =
        free.set((files::running.eq(files::running + 1), files::starts.eq(files::starts + 1))).execute(conn)?;
    if claimed == number {
        return Ok(());
    }
    let used: i64 = of_claim!(files::table.into_boxed(), claim)
        .filter(files::complete.ge(most).or(files::starts.ge(starts)))
        .count()
        .get_result(conn)?;
    Err(if used > 0 { DOWNLOADS_USED } else { DOWNLOADS_BUSY })
}

/// A claim becomes a complete copy: from here on it counts, unless [`take_back`] says that the last byte did not leave.
pub fn complete(conn: &mut Conn, claim: &Claim) -> Result<()> {
    of_claim!(diesel::update(files::table).into_boxed(), claim)
        .set((files::running.eq(files::running - 1), files::complete.eq(files::complete + 1)))
        .execute(conn)?;
    Ok(())
}

/// Gives a claim back that has not become a copy.
pub fn release(conn: &mut Conn, claim: &Claim) -> Result<()> {
    of_claim!(diesel::update(files::table).into_boxed(), claim)
        .set(files::running.eq(files::running - 1))
        .execute(conn)?;
    Ok(())
}

/// Gives a copy back whose last byte never left.
pub fn take_back(conn: &mut Conn, claim: &Claim) -> Result<()> {
    of_claim!(diesel::update(files::table).into_boxed(), claim)
        .set(files::complete.eq(files::complete - 1))
        .execute(conn)?;
    Ok(())
}

/// After a start: whoever held a claim died with the process before.
pub fn recover(conn: &mut Conn) -> Result<usize> {
    Ok(diesel::update(files::table.filter(files::running.gt(0))).set(files::running.eq(0)).execute(conn)?)
}
