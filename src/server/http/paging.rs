//! Pages of a list: `?limit=` and `?cursor=`.

use crate::server::refusals::bad_request;
use serde::Deserialize;

use crate::server::error::Result;

/// Rows of a page when the client does not say, and at most.
const DEFAULT: i64 = 50;
pub const MOST: i64 = 200;

/// The part of a query string that asks for a page. Lists are ordered by id, newest first, and the cursor is the id of
/// the last row that the client has.
#[derive(Debug, Default, Deserialize)]
pub struct Paging {
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

impl Paging {
    /// Rows to give: 1 to 200.
    pub fn limit(&self) -> Result<i64> {
        match self.limit {
            None => Ok(DEFAULT),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(bad_request(format!("A limit is a number from 1 to {MOST}."))),
        }
    }

    /// Where to go on: rows with smaller ids. A value above every id stands for the first page.
    pub fn before(&self) -> Result<String> {
        match self.cursor.as_deref() {
            None | Some("") => Ok("~".into()),
            Some(cursor) if crate::server::id::is_valid(cursor) => Ok(cursor.to_lowercase()),
            Some(_) => Err(bad_request("This cursor is not one that the server gave.".into())),
        }
    }
}

/// Cuts `rows`, which were read with one more than the limit, to a page; returns the cursor of the next one.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64, id: impl Fn(&T) -> &str) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(|row| id(row).to_owned())
}
