//! Links as rows, and the moves between their states. Each move is one conditional update.

mod claims;
mod list;

pub use claims::{begun, ledger, may_go_on, parse, recover, store};
pub use list::{Filter, Listed, count, page};

use crate::server::features::links::refusals::{EXPIRED_LINK, REVOKED_LINK, UNKNOWN_LINK, USED_LINK};
use crate::server::refusals::FILE_NOT_FOUND;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::audit::{Action, Entry, Origin};
use crate::server::auth::Role;
use crate::server::clock::after;
use crate::server::db::schema::{blobs, documents, download_links as links, sessions, users};
use crate::server::db::{Conn, literal};
use crate::server::error::{Error, Result};
use crate::server::leases::FINISH;

/// States, as the database has them.
pub const STATES: [&str; 5] = [ISSUED, CLAIMED, CONSUMED, EXPIRED, REVOKED];
pub const ISSUED: &str = "issued";
pub const CLAIMED: &str = "claimed";
pub const CONSUMED: &str = "consumed";
pub const EXPIRED: &str = "expired";
pub const REVOKED: &str = "revoked";

/// The file behind a link.
#[derive(Clone, Debug, Queryable)]
pub struct Target {
    pub blob: String,
    pub size: i64,
    pub blake3: String,
    pub sha256: Option<String>,
    pub name: String,
    pub version: i32,
}

impl Target {
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }

    /// A strong entity tag (RFC 9110 section 8.8.3).
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.blake3)
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = links)]
pub struct Link {
    pub id: String,
    pub token_digest: String,
    pub document_id: String,
    pub issued_to: String,
    pub state: String,
    pub expires_at: NaiveDateTime,
    pub ledger: String,
    pub lease_until: Option<NaiveDateTime>,
}

impl Link {
    /// Whether somebody is downloading it, who may also finish when its time is over.
    pub fn is_held(&self, now: NaiveDateTime) -> bool {
        self.lease_until.is_some_and(|until| until > now) && now < after(self.expires_at, FINISH)
    }

    /// Why it opens nothing, if so; [`LINK_BUSY`](super::refusals::LINK_BUSY) is not asked here.
    pub fn refusal(&self, now: NaiveDateTime) -> Option<Error> {
        match self.state.as_str() {
            REVOKED => Some(REVOKED_LINK),
            EXPIRED => Some(EXPIRED_LINK),
            CONSUMED => Some(USED_LINK),
            _ if self.expires_at <= now => Some(EXPIRED_LINK),
            _ => None,
        }
    }
}

/// A link about to be issued.
pub struct NewLink<'a> {
    pub id: &'a str,
    pub token: &'a str,
    pub document: &'a str,
    pub user: &'a str,
    pub now: NaiveDateTime,
    pub end: NaiveDateTime,
}

/// The form in which a token is stored.
pub fn digest(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// Issues a link, if the document is still there.
pub fn issue(conn: &mut Conn, new: &NewLink) -> Result<()> {
    let there: i64 = conn.first(documents::table.find(new.document).filter(documents::deleted_at.is_null()).count())?;
    if there == 0 {
        return Err(FILE_NOT_FOUND);
    }
    conn.insert(
        links::table,
        (
            links::id.eq(new.id),
            links::token_digest.eq(digest(new.token)),
            links::document_id.eq(new.document),
            links::issued_to.eq(new.user),
            links::state.eq(ISSUED),
            links::issued_at.eq(new.now),
            links::expires_at.eq(new.end),
            links::starts.eq(0),
        ),
    )?;
    Ok(())
}

/// Finds the link of a token, and its file; the file of a deleted document is gone, and so is that of a link whose minter may not
/// download any more.
///
/// # Errors
/// [`UNKNOWN_LINK`] when there is no such link, or its token is another one.
pub fn find(conn: &mut Conn, id: &str, token: &str) -> Result<(Link, Option<Target>)> {
    use subtle::ConstantTimeEq as _;
    let link: Option<Link> = conn.first(links::table.find(id).select(Link::as_select())).optional()?;
    let link = link
        .filter(|link| bool::from(link.token_digest.as_bytes().ct_eq(digest(token).as_bytes())))
        .ok_or(UNKNOWN_LINK)?;
    let minter = users::table.find(&link.issued_to).filter(users::disabled_at.is_null());
    let minter: Option<String> =
        conn.first(minter.filter(users::role.eq(Role::Client.as_str())).select(users::id)).optional()?;
    if minter.is_none() {
        return Ok((link, None));
    }
    let document = documents::table.inner_join(blobs::table).filter(documents::id.eq(&link.document_id));
    let columns = (blobs::id, blobs::size, blobs::blake3, blobs::sha256, documents::name, documents::version);
    let target = conn.first(document.select(columns)).optional()?;
    Ok((link, target))
}

/// issued, claimed → revoked. False when there is no such link (of `owner`, if one is named).
pub fn revoke(conn: &mut Conn, id: &str, owner: Option<&str>) -> Result<bool> {
    let mut query = links::table.filter(links::id.eq(id)).select(links::id).into_boxed();
    if let Some(owner) = owner {
        query = query.filter(links::issued_to.eq(owner));
    }
    let found: Option<String> = query.first(conn).optional()?;
    if found.is_some() {
        conn.update(
            links::table.find(id).filter(links::state.eq_any([ISSUED, CLAIMED])),
            (links::state.eq(REVOKED), links::lease_until.eq(None::<NaiveDateTime>)),
        )?;
    }
    Ok(found.is_some())
}

/// issued, claimed → revoked for all links to a document.
pub fn revoke_all(conn: &mut Conn, document: &str) -> Result<()> {
    conn.update(
        links::table.filter(links::document_id.eq(document)).filter(links::state.eq_any([ISSUED, CLAIMED])),
        (links::state.eq(REVOKED), links::lease_until.eq(None::<NaiveDateTime>)),
    )?;
    Ok(())
}

/// issued, claimed → revoked for all links that a user minted: rights that have ended once do not come back with them.
pub fn revoke_minted_by(conn: &mut Conn, user: &str) -> Result<()> {
    conn.update(
        links::table.filter(links::issued_to.eq(user)).filter(links::state.eq_any([ISSUED, CLAIMED])),
        (links::state.eq(REVOKED), links::lease_until.eq(None::<NaiveDateTime>)),
    )?;
    Ok(())
}

/// After a restore: nobody knows which of the open links were used since the copy was made, or which sessions were ended.
/// Returns the number of links revoked.
pub fn end_restored(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    let open = links::table.filter(links::state.eq_any([ISSUED, CLAIMED]));
    let revoked = conn.update(open, (links::state.eq(REVOKED), links::lease_until.eq(None::<NaiveDateTime>)))?;
    diesel::delete(sessions::table).execute(conn)?;
    let entry =
        Entry::new(Action::LinkRevoked, "all open links").detail(format!("{revoked} links: the data was restored"));
    Origin::default().record(conn, now, entry)?;
    Ok(revoked)
}

/// Links that [`forget`] looks at in one write, so that others get their turn.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// Drops some of the links that ended before `oldest`. They lie in the order in which they were issued, so those to be
/// dropped are among the first. False when there is none any more.
pub fn forget(conn: &mut Conn, oldest: NaiveDateTime) -> Result<bool> {
    let first =
        links::table.order(links::id).limit(FORGOTTEN_AT_ONCE).select((links::id, links::state, links::expires_at));
    let first: Vec<(String, String, NaiveDateTime)> = first.load(conn)?;
    let over = first.into_iter().filter(|(_, state, end)| *end < oldest && state != CLAIMED);
    let over: Vec<String> = over.map(|(id, ..)| id).collect();
    Ok(diesel::delete(links::table.filter(links::id.eq_any(&over))).execute(conn)? == FORGOTTEN_AT_ONCE as usize)
}

/// issued → expired for all whose time is over, and claimed ones whose lease has run out too. Returns their number.
pub fn expire(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    let mut expired = 0;
    for state in [ISSUED, CLAIMED] {
        let over = links::table
            .filter(links::state.eq(literal(state)))
            .filter(links::expires_at.le(now))
            .filter(links::lease_until.is_null().or(links::lease_until.le(now)));
        expired += conn.update(over, (links::state.eq(EXPIRED), links::lease_until.eq(None::<NaiveDateTime>)))?;
    }
    Ok(expired)
}
