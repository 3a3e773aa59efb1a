//! Links as people are told of them.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::db::Conn;
use crate::server::db::schema::{blobs, documents, download_links as links, users};
use crate::server::error::Result;

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
    if let Some(filename) = &filter.filename {
        query = query.filter(documents::name.eq(filename));
    }
    if let Some(state) = &filter.state {
        query = query.filter(links::state.eq(state));
    }
    Ok(query.load(conn)?)
}
