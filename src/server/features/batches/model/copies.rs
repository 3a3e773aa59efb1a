//! How often each file of a batch may still be downloaded, where its sender has set a limit.
//!
//! Each download is of a copy, which has a ledger of which bytes are delivered to its holder (see [`crate::server::leases`]).
//! While a transfer owns bytes of it, the copy counts as `running` for each of its files; once it is covered, as `complete`;
//! between, it counts for nothing. Both together never pass the limit. Copies that were begun are bounded as well.

use crate::server::features::batches::refusals::{DOWNLOADS_BUSY, DOWNLOADS_USED};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::server::db::Conn;
use crate::server::db::schema::{batch_copies as copies, batch_files as files};
use crate::server::error::{Error, Result};
use crate::server::leases::Ledger;

/// Copies that may be begun for each one that is allowed.
pub const STARTS: i32 = 10;

/// Copies under way that are looked at for one that stands still.
const LOOKED_AT: i64 = 100;

/// The files of a download.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Which {
    /// All up to this one: what is added later is not in the ZIP.
    UpTo(String),
    These(Vec<String>),
}

/// A copy that is given out.
#[derive(Clone, Debug)]
pub struct Copy {
    pub id: String,
    pub batch: String,
    /// The entity tag of what it is a copy of.
    pub content: String,
    pub which: Which,
    /// Bytes
    pub size: u64,
}

/// What a copy counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Nothing,
    Running,
    Complete,
}

impl Counts {
    fn of(ledger: &Ledger) -> Counts {
        match ledger.lease_until() {
            _ if ledger.is_used() => Counts::Complete,
            Some(_) => Counts::Running,
            None => Counts::Nothing,
        }
    }
}

macro_rules! of_copy {
    ($query:expr, $batch:expr, $which:expr) => {{
        let query = $query.filter(files::batch_id.eq($batch));
        match $which {
            Which::UpTo(last) => query.filter(files::id.le(last)),
            Which::These(ids) => query.filter(files::id.eq_any(ids)),
        }
    }};
}

/// The copy with this id, or else the latest of this holder, of the same content, that is not complete.
pub fn find(
    conn: &mut Conn,
    batch: &str,
    content: &str,
    id: Option<&str>,
    holder: &str,
) -> Result<Option<(String, Ledger)>> {
    let all = copies::table.filter(copies::batch_id.eq(batch)).filter(copies::content.eq(content));
    let row = (copies::id, copies::ledger);
    let found: Option<(String, String)> = match id {
        Some(id) => all.filter(copies::id.eq(id)).select(row).first(conn).optional()?,
        None => all.filter(copies::holder.eq(holder)).order(copies::id.desc()).select(row).first(conn).optional()?,
    };
    let found = found.map(|(id, ledger)| Ok::<_, Error>((id, parse(&ledger)?))).transpose()?;
    Ok(found.filter(|(_, ledger)| !ledger.is_used() && !ledger.is_exhausted()))
}

/// Copies of the same content of which bytes are owned, the oldest first.
pub fn running(conn: &mut Conn, batch: &str, content: &str) -> Result<Vec<(String, Ledger)>> {
    let rows: Vec<(String, String)> = copies::table
        .filter(copies::batch_id.eq(batch))
        .filter(copies::content.eq(content))
        .filter(copies::lease_until.is_not_null())
        .order(copies::id)
        .limit(LOOKED_AT)
        .select((copies::id, copies::ledger))
        .load(conn)?;
    rows.into_iter().map(|(id, ledger)| Ok((id, parse(&ledger)?))).collect()
}

/// Whether one more copy of `number` files may run, each of which may be downloaded `most` times; `begins` if it is a new one.
///
/// # Errors
/// [`DOWNLOADS_USED`] when a file has no copy or no start left, [`DOWNLOADS_BUSY`] while all that are left are under way.
pub fn check(conn: &mut Conn, batch: &str, which: &Which, number: usize, most: i32, begins: bool) -> Result<()> {
    let starts = if begins { most.saturating_mul(STARTS) } else { i32::MAX };
    let free: i64 = of_copy!(files::table.into_boxed(), batch, which)
        .filter((files::running + files::complete).lt(most))
        .filter(files::starts.lt(starts))
        .count()
        .get_result(conn)?;
    if usize::try_from(free) == Ok(number) {
        return Ok(());
    }
    let used: i64 = of_copy!(files::table.into_boxed(), batch, which)
        .filter(files::complete.ge(most).or(files::starts.ge(starts)))
        .count()
        .get_result(conn)?;
    Err(if used > 0 { DOWNLOADS_USED } else { DOWNLOADS_BUSY })
}

/// Begins a copy.
pub fn begin(conn: &mut Conn, copy: &Copy, holder: &str, now: NaiveDateTime) -> Result<()> {
    let which = serde_json::to_string(&copy.which).map_err(Error::internal)?;
    diesel::insert_into(copies::table)
        .values((
            copies::id.eq(&copy.id),
            copies::batch_id.eq(&copy.batch),
            copies::content.eq(&copy.content),
            copies::files.eq(which),
            copies::size.eq(i64::try_from(copy.size).unwrap_or(i64::MAX)),
            copies::holder.eq(holder),
            copies::ledger.eq(text(&Ledger::default())?),
            copies::moved_at.eq(now),
        ))
        .execute(conn)?;
    of_copy!(diesel::update(files::table).into_boxed(), &copy.batch, &copy.which)
        .set(files::starts.eq(files::starts + 1))
        .execute(conn)?;
    Ok(())
}

/// The ledger of a copy; `None` when it went with its batch.
pub fn ledger(conn: &mut Conn, id: &str) -> Result<Option<Ledger>> {
    let ledger: Option<String> = copies::table.find(id).select(copies::ledger).first(conn).optional()?;
    ledger.as_deref().map(parse).transpose()
}

/// Writes the ledger of a copy down, and counts it as what it is now.
pub fn store(conn: &mut Conn, id: &str, batch: &str, which: &Which, new: &Ledger, now: NaiveDateTime) -> Result<()> {
    let Some(old) = ledger(conn, id)? else { return Ok(()) };
    diesel::update(copies::table.find(id))
        .set((copies::ledger.eq(text(new)?), copies::lease_until.eq(new.lease_until()), copies::moved_at.eq(now)))
        .execute(conn)?;
    let (before, after) = (Counts::of(&old), Counts::of(new));
    if before == after {
        return Ok(());
    }
    let change = |kind: Counts| i32::from(after == kind) - i32::from(before == kind);
    of_copy!(diesel::update(files::table).into_boxed(), batch, which)
        .set((
            files::running.eq(files::running + change(Counts::Running)),
            files::complete.eq(files::complete + change(Counts::Complete)),
        ))
        .execute(conn)?;
    Ok(())
}

/// After a start: whoever owned bytes of a copy died with the process before.
pub fn recover(conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
    let held: Vec<(String, String, String, i64, String)> = copies::table
        .filter(copies::lease_until.is_not_null())
        .select((copies::id, copies::batch_id, copies::files, copies::size, copies::ledger))
        .load(conn)?;
    for (id, batch, which, size, ledger) in &held {
        let mut ledger = parse(ledger)?;
        ledger.recover(u64::try_from(*size).unwrap_or_default());
        store(conn, id, batch, &serde_json::from_str(which).map_err(Error::internal)?, &ledger, now)?;
    }
    diesel::update(files::table.filter(files::running.gt(0))).set(files::running.eq(0)).execute(conn)?;
    Ok(())
}

fn parse(ledger: &str) -> Result<Ledger> {
    serde_json::from_str(ledger).map_err(Error::internal)
}

fn text(ledger: &Ledger) -> Result<String> {
    serde_json::to_string(ledger).map_err(Error::internal)
}
