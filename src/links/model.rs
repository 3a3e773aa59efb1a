//! Links as rows, and the moves between their states. Each move is one conditional update.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::after;
use crate::db::Conn;
use crate::db::schema::{blobs, documents, download_links as links, users};
use crate::error::{Error, Result};

/// Downloads that one link may start.
pub const MAX_STARTS: i32 = 10;

/// How long a claim stands without a sign of life. It is renewed while bytes flow.
pub const LEASE: Duration = Duration::from_secs(60);

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
    pub starts: i32,
    pub claim_id: Option<String>,
    pub lease_until: Option<NaiveDateTime>,
    pub fetched_at: Option<NaiveDateTime>,
}

impl Link {
    /// Whether somebody is downloading it: a claim whose lease still runs.
    fn is_held(&self, now: NaiveDateTime) -> bool {
        self.claim_id.is_some() && self.lease_until.is_some_and(|until| until > now)
    }

    /// Whether its last byte was released by a process that died before the byte can have left for certain. While the
    /// process lives (a lease is set, run out or not) that byte is on its way, and the link is used for all others.
    fn misses_last_byte(&self) -> bool {
        self.state == CONSUMED && self.claim_id.is_some() && self.lease_until.is_none() && self.fetched_at.is_none()
    }

    /// Why it opens nothing, if so; [`Error::LinkBusy`] is not asked here.
    pub fn refusal(&self, now: NaiveDateTime) -> Option<Error> {
        match self.state.as_str() {
            REVOKED => Some(Error::RevokedLink),
            EXPIRED => Some(Error::ExpiredLink),
            CONSUMED if !self.misses_last_byte() || self.expires_at <= now => Some(Error::UsedLink),
            _ if self.expires_at <= now => Some(Error::ExpiredLink),
            _ if self.starts >= MAX_STARTS && !self.is_held(now) => Some(Error::UsedLink),
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
        return Err(Error::FileNotFound);
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

/// Finds the link of a token, and its file; the file of a deleted document is gone.
///
/// # Errors
/// [`Error::UnknownLink`] when there is no such link, or its token is another one.
pub fn find(conn: &mut Conn, id: &str, token: &str) -> Result<(Link, Option<Target>)> {
    use subtle::ConstantTimeEq as _;
    let link: Option<Link> = conn.first(links::table.find(id).select(Link::as_select())).optional()?;
    let link = link
        .filter(|link| bool::from(link.token_digest.as_bytes().ct_eq(digest(token).as_bytes())))
        .ok_or(Error::UnknownLink)?;
    let document = documents::table.inner_join(blobs::table).filter(documents::id.eq(&link.document_id));
    let columns = (blobs::id, blobs::size, blobs::blake3, blobs::sha256, documents::name, documents::version);
    let target = conn.first(document.select(columns)).optional()?;
    Ok((link, target))
}

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
/// [`Error::LinkBusy`] while somebody else holds it, else what [`Link::refusal`] says.
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
        return Err(Error::LinkBusy);
    }
    let last_byte_only = link.misses_last_byte();
    if last_byte_only && start + 1 < size {
        return Err(Error::UsedLink);
    }
    let claim = Claim { link: link.id.clone(), id: crate::id::new(), last_byte_only };
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
    if moved == 1 { Ok(claim) } else { Err(Error::LinkBusy) }
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
            (links::state.eq(REVOKED), links::claim_id.eq(None::<String>)),
        )?;
    }
    Ok(found.is_some())
}

/// issued, claimed → revoked for all links to a document.
pub fn revoke_all(conn: &mut Conn, document: &str) -> Result<()> {
    conn.update(
        links::table.filter(links::document_id.eq(document)).filter(links::state.eq_any([ISSUED, CLAIMED])),
        (links::state.eq(REVOKED), links::claim_id.eq(None::<String>)),
    )?;
    Ok(())
}

/// issued → expired for all whose time is over, and claimed ones whose lease has run out too. Returns their number.
pub fn expire(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    let over = links::table
        .filter(links::state.eq_any([ISSUED, CLAIMED]))
        .filter(links::expires_at.le(now))
        .filter(links::lease_until.is_null().or(links::lease_until.le(now)));
    Ok(conn.update(over, (links::state.eq(EXPIRED), links::claim_id.eq(None::<String>)))?)
}

/// How many links there are in each state.
pub fn count(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(links::table.group_by(links::state).select((links::state, diesel::dsl::count_star())).load(conn)?)
}

/// A row of the list of links.
#[derive(Clone, Debug, Queryable)]
pub struct Listed {
    pub id: String,
    pub filename: String,
    pub version: i32,
    pub issued_to: String,
    pub state: String,
    pub starts: i32,
    pub issued_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub fetched_at: Option<NaiveDateTime>,
    pub fetched_from: Option<String>,
}

/// What a list of links is narrowed to.
#[derive(Default)]
pub struct Filter {
    pub owner: Option<String>,
    pub filename: Option<String>,
    pub state: Option<String>,
}

/// Links with ids below `before`, newest first.
pub fn page(conn: &mut Conn, filter: &Filter, before: &str, limit: i64) -> Result<Vec<Listed>> {
    let mut query = links::table
        .inner_join(documents::table)
        .inner_join(users::table)
        .filter(links::id.lt(before))
        .order(links::id.desc())
        .limit(limit)
        .select((
            links::id,
            documents::name,
            documents::version,
            users::username,
            links::state,
            links::starts,
            links::issued_at,
            links::expires_at,
            links::fetched_at,
            links::fetched_from,
        ))
        .into_boxed();
    if let Some(owner) = &filter.owner {
        query = query.filter(links::issued_to.eq(owner));
    }
    if let Some(filename) = &filter.filename {
        query = query.filter(documents::name.eq(filename));
    }
    if let Some(state) = &filter.state {
        query = query.filter(links::state.eq(state));
    }
    Ok(query.load(conn)?)
}
