//! The first word to a member: the room as it is, and what was said before.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use super::history::{HISTORY, cut};
use crate::app::App;
use crate::error::{Error, Result};
use crate::rooms::guard::Known;
use crate::rooms::hub::{Place, Present};
use crate::rooms::model::members::NewMember;
use crate::rooms::model::{self, events, files};

/// See the module.
#[derive(Serialize)]
#[serde(tag = "type", rename = "welcome")]
pub struct Welcome {
    you: You,
    room: About,
    members: Vec<Other>,
    history: Vec<Box<RawValue>>,
    /// There are events before these.
    more: bool,
    /// Who has fetched what this member has shared.
    fetched: Vec<Fetched>,
    /// The last event of the history.
    #[serde(skip)]
    pub last: Option<i64>,
}

#[derive(Serialize)]
struct You {
    id: String,
    name: String,
    /// Gives the place back after a broken connection, and does all that a member may do over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// For the addresses of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize)]
struct About {
    title: String,
    locked: bool,
    expires_at: DateTime<Utc>,
    /// Seconds without a word after which the room ends.
    quiet: u64,
}

#[derive(Serialize)]
struct Other {
    id: String,
    name: String,
    joined_at: DateTime<Utc>,
    away: bool,
}

#[derive(Serialize)]
struct Fetched {
    of: i64,
    file_id: String,
    by: String,
    at: DateTime<Utc>,
}

impl Welcome {
    pub async fn of(
        app: &App,
        known: &Known,
        place: &Place,
        new: Option<&NewMember>,
        after: Option<i64>,
    ) -> Result<Welcome> {
        let (id, head, member) = (known.room.id.clone(), place.head, place.member.id.clone());
        let now = app.clock.now();
        let (row, page, fetches) = app
            .db
            .read(move |conn| {
                let page = match after {
                    Some(after) => events::after(conn, &id, after, head, HISTORY)?,
                    None => events::before(conn, &id, head + 1, HISTORY)?,
                };
                Ok((model::still_open(conn, &id, now)?, page, files::fetches_of(conn, &id, &member)?))
            })
            .await?;
        let page = cut(page, after.is_some());
        let you = place.member.clone();
        let fetched = |fetch: files::Fetch| Fetched {
            of: fetch.seq,
            file_id: fetch.file,
            by: fetch.by,
            at: fetch.fetched_at.and_utc(),
        };
        let other = |present: Present| Other {
            away: present.away && present.member.id != you.id,
            id: present.member.id,
            name: present.member.name,
            joined_at: present.member.joined_at.and_utc(),
        };
        Ok(Welcome {
            you: You {
                id: you.id.clone(),
                name: you.name.clone(),
                token: new.map(|new| new.token.clone()),
                key: new.map(|new| new.key.clone()),
            },
            room: About {
                title: row.title,
                locked: row.locked,
                expires_at: place.room.expires_at().and_utc(),
                quiet: place.room.quiet().as_secs(),
            },
            members: place.room.present().into_iter().map(other).collect(),
            more: page.first().is_some_and(|(first, _)| *first > after.unwrap_or_default() + 1),
            last: page.last().map(|(last, _)| *last),
            history: known.render(page)?,
            fetched: fetches.into_iter().map(fetched).collect(),
        })
    }

    pub fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}
