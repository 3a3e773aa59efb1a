//! Links as people are told of them.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::db::Conn;
use crate::server::db::schema::{blobs, documents, download_links as links, link_counts, users};
use crate::server::error::Result;

/// How many links there are in each state.
pub fn count(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(link_counts::table.load(conn)?)
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
    pub fetched: i64,
    pub size: Option<i64>,
    pub moved_at: Option<NaiveDateTime>,
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
    let Some(filename) = &filter.filename else { return page_of(conn, filter, None, before, limit) };
    // The links of each version lie in their order; those of a name do not.
    let versions: Vec<String> =
        documents::table.filter(documents::name.eq(filename)).select(documents::id).load(conn)?;
    let mut rows = Vec::new();
    for version in &versions {
        rows.extend(page_of(conn, filter, Some(version), before, limit)?);
    }
    rows.sort_unstable_by(|one, other| other.id.cmp(&one.id));
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(rows)
}

fn page_of(conn: &mut Conn, filter: &Filter, version: Option<&str>, before: &str, limit: i64) -> Result<Vec<Listed>> {
    let mut query = links::table
        .inner_join(documents::table.left_join(blobs::table))
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
            links::fetched,
            blobs::size.nullable(),
            links::moved_at,
        ))
        .into_boxed();
    if let Some(owner) = &filter.owner {
        query = query.filter(links::issued_to.eq(owner));
    }
    if let Some(version) = version {
        query = query.filter(links::document_id.eq(version));
    }
    if let Some(state) = &filter.state {
        query = query.filter(links::state.eq(state));
    }
    Ok(query.load(conn)?)
}
