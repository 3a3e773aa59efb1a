//! The ledger of a link: which bytes are delivered, and which are owned by whom. See [`crate::server::leases`].

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{CLAIMED, CONSUMED, ISSUED, REVOKED};
use crate::server::auth::Role;
use crate::server::clock::after;
use crate::server::db::Conn;
use crate::server::db::schema::{blobs, documents, download_links as links, users};
use crate::server::error::{Error, Result};
use crate::server::features::links::refusals::{EXPIRED_LINK, REVOKED_LINK};
use crate::server::leases::{FINISH, Ledger};

/// The ledger of a link that is not revoked.
pub fn ledger(conn: &mut Conn, link: &str) -> Result<Option<Ledger>> {
    let row = links::table.find(link).filter(links::state.ne(REVOKED)).select(links::ledger);
    let ledger: Option<String> = conn.first(row).optional()?;
    ledger.as_deref().map(parse).transpose()
}

/// The text of a ledger; a link that nobody has begun to fetch has none.
pub fn parse(ledger: &str) -> Result<Ledger> {
    match ledger {
        "" => Ok(Ledger::default()),
        ledger => serde_json::from_str(ledger).map_err(Error::internal),
    }
}

/// Writes a ledger down, and with it the state: issued, claimed or consumed, unless the link is revoked.
pub fn store(conn: &mut Conn, link: &str, ledger: &Ledger, now: NaiveDateTime) -> Result<()> {
    let state = match ledger.lease_until() {
        _ if ledger.is_used() || ledger.is_exhausted() => CONSUMED,
        Some(_) => CLAIMED,
        None => ISSUED,
    };
    conn.update(
        links::table.find(link).filter(links::state.ne(REVOKED)),
        (
            links::state.eq(state),
            links::ledger.eq(serde_json::to_string(ledger).map_err(Error::internal)?),
            links::lease_until.eq(ledger.lease_until()),
            links::fetched.eq(i64::try_from(ledger.fetched()).unwrap_or(i64::MAX)),
            links::moved_at.eq(now),
            links::fetched_at.eq(ledger.is_delivered().then_some(now)),
        ),
    )?;
    Ok(())
}

/// A download begins, from this address.
pub fn begun(conn: &mut Conn, link: &str, from: Option<&str>) -> Result<()> {
    conn.update(links::table.find(link), (links::starts.eq(links::starts + 1), links::fetched_from.eq(from)))?;
    Ok(())
}

/// Whether what runs may run on.
///
/// # Errors
/// [`REVOKED_LINK`] when the link was taken back, or whoever minted it may not download any more; [`EXPIRED_LINK`] when its time has been
/// over for [`FINISH`].
pub fn may_go_on(conn: &mut Conn, link: &str, now: NaiveDateTime) -> Result<()> {
    let row = links::table.inner_join(users::table).filter(links::id.eq(link));
    let open = row.filter(links::state.ne(REVOKED)).filter(users::disabled_at.is_null());
    let open = open.filter(users::role.eq(Role::Client.as_str())).select(links::expires_at);
    let expires_at: Option<NaiveDateTime> = conn.first(open).optional()?;
    match expires_at {
        None => Err(REVOKED_LINK),
        Some(expires_at) if after(expires_at, FINISH) <= now => Err(EXPIRED_LINK),
        Some(_) => Ok(()),
    }
}

/// After a start: whoever held a link died with the process before. Returns the number of links given back.
pub fn recover(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    let held: Vec<(String, String, i64)> = links::table
        .inner_join(documents::table.inner_join(blobs::table))
        .filter(links::lease_until.is_not_null())
        .filter(links::state.ne(REVOKED))
        .select((links::id, links::ledger, blobs::size))
        .load(conn)?;
    for (link, ledger, size) in &held {
        let mut ledger = parse(ledger)?;
        ledger.recover(u64::try_from(*size).unwrap_or_default());
        store(conn, link, &ledger, now)?;
    }
    Ok(held.len())
}
