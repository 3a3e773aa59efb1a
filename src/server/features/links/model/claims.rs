//! Who holds a link, for how long, and what becomes of it then.

use crate::server::features::links::refusals::{LINK_BUSY, USED_LINK};
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{CLAIMED, CONSUMED, ISSUED, Link, MAX_STARTS};
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::db::schema::download_links as links;
use crate::server::error::Result;

/// How long a claim stands without a sign of life. It is renewed while bytes flow.
pub const LEASE: Duration = Duration::from_secs(60);

/// A claim that was won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub link: String,
    /// Proves that the link is still ours at each later move.
    pub id: String,
    /// The link was consumed before, and this claim is for the last byte that may never have left.
    pub last_byte_only: bool,
}

/// issued → claimed, for a download that begins at `start` of a file of `size` bytes.
///
/// # Errors
/// [`LINK_BUSY`] while somebody else holds it, else what [`Link::refusal`] says.
pub fn claim(
    conn: &mut Conn,
    link: &Link,
    start: u64,
    size: u64,
    from: Option<&str>,
    now: NaiveDateTime,
) -> Result<Claim> {
    if let Some(refusal) = link.refusal(now) {
        return Err(refusal);
    }
    if link.is_held(now) {
        return Err(LINK_BUSY);
    }
    let last_byte_only = link.misses_last_byte();
    if last_byte_only && start + 1 < size {
        return Err(USED_LINK);
    }
    let claim = Claim { link: link.id.clone(), id: crate::server::id::new(), last_byte_only };
    let moved = conn.update(
        links::table
            .find(&link.id)
            .filter(links::state.eq(&link.state))
            .filter(links::lease_until.is_null().or(links::lease_until.le(now)))
            .filter(links::starts.eq(link.starts)),
        (
            links::state.eq(if last_byte_only { CONSUMED } else { CLAIMED }),
            links::claim_id.eq(&claim.id),
            links::lease_until.eq(after(now, LEASE)),
            links::starts.eq(link.starts + 1),
            links::fetched_from.eq(from),
        ),
    )?;
    if moved == 1 { Ok(claim) } else { Err(LINK_BUSY) }
}

/// Renews the lease of a claim. False when the claim has been lost: revoked, deleted, or taken over.
pub fn renew(conn: &mut Conn, claim: &Claim, now: NaiveDateTime) -> Result<bool> {
    let renewed = conn.update(held(claim), links::lease_until.eq(after(now, LEASE)))?;
    Ok(renewed == 1)
}

/// claimed → consumed: from here on nobody else gets a complete copy. False when the claim has been lost.
pub fn consume(conn: &mut Conn, claim: &Claim, now: NaiveDateTime) -> Result<bool> {
    let moved = conn.update(held(claim), (links::state.eq(CONSUMED), links::lease_until.eq(after(now, LEASE))))?;
    Ok(moved == 1)
}

/// The last byte has left.
pub fn fetched(conn: &mut Conn, claim: &Claim, now: NaiveDateTime) -> Result<()> {
    conn.update(
        held(claim),
        (links::fetched_at.eq(now), links::claim_id.eq(None::<String>), links::lease_until.eq(None::<NaiveDateTime>)),
    )?;
    Ok(())
}

/// claimed, consumed → issued: the download is over before its last byte has left. A link without a start left is used up.
pub fn release(conn: &mut Conn, claim: &Claim) -> Result<()> {
    if claim.last_byte_only {
        // The rest of the file has left once already: the link stays consumed, and its last byte to be had.
        conn.update(held(claim), links::lease_until.eq(None::<NaiveDateTime>))?;
        return Ok(());
    }
    free(conn, Some(claim))
}

/// After a start: whoever held a link died with the process before. Returns the number of links given back.
pub fn recover(conn: &mut Conn) -> Result<usize> {
    let held: i64 = conn.first(links::table.filter(links::state.eq(CLAIMED)).count())?;
    free(conn, None)?;
    conn.update(
        links::table.filter(links::state.eq(CONSUMED)).filter(links::lease_until.is_not_null()),
        links::lease_until.eq(None::<NaiveDateTime>),
    )?;
    Ok(usize::try_from(held).unwrap_or_default())
}

/// Gives back the link of a claim, or all claimed ones.
fn free(conn: &mut Conn, claim: Option<&Claim>) -> Result<()> {
    for (spent, state) in [(true, CONSUMED), (false, ISSUED)] {
        let mut update = diesel::update(links::table).into_boxed().filter(links::fetched_at.is_null());
        update = match claim {
            Some(claim) => update.filter(links::id.eq(&claim.link)).filter(links::claim_id.eq(&claim.id)),
            None => update,
        };
        update = match (claim, spent) {
            (Some(_), _) => update.filter(links::state.eq_any([CLAIMED, CONSUMED])),
            (None, _) => update.filter(links::state.eq(CLAIMED)),
        };
        update = match spent {
            true => update.filter(links::starts.ge(MAX_STARTS)),
            false => update.filter(links::starts.lt(MAX_STARTS)),
        };
        update
            .set((
                links::state.eq(state),
                links::claim_id.eq(None::<String>),
                links::lease_until.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
    }
    Ok(())
}

type Held = diesel::dsl::Filter<diesel::dsl::Find<links::table, String>, diesel::dsl::Eq<links::claim_id, String>>;

/// The row of a link, if the claim still stands: whatever ends a claim takes its id out of the row.
fn held(claim: &Claim) -> Held {
    links::table.find(claim.link.clone()).filter(links::claim_id.eq(claim.id.clone()))
}
