//! The first word to a member: the room as it is, and what was said before.

use super::history::{HISTORY, cut};
use crate::protocol::rooms::event::{About, Fetch, Member, Welcome, You};
use crate::server::app::App;
use crate::server::error::{Error, Result};
use crate::server::features::rooms::guard::Known;
use crate::server::features::rooms::hub::{Place, Present};
use crate::server::features::rooms::model::members::NewMember;
use crate::server::features::rooms::model::{self, events, files};

/// What a member is told first, and the last event that is in it.
pub struct First {
    welcome: Welcome,
    pub last: Option<i64>,
}

impl First {
    pub async fn of(
        app: &App,
        known: &Known,
        place: &Place,
        new: Option<&NewMember>,
        after: Option<i64>,
    ) -> Result<First> {
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
        let fetched = |fetch: files::Fetch| Fetch {
            of: fetch.seq,
            file_id: fetch.file,
            by: fetch.by,
            at: fetch.fetched_at.and_utc(),
        };
        let other = |present: Present| Member {
            away: present.away && present.member.id != you.id,
            id: present.member.id,
            name: present.member.name,
            joined_at: present.member.joined_at.and_utc(),
        };
        let more = page.first().is_some_and(|(first, _)| *first > after.unwrap_or_default() + 1);
        let last = page.last().map(|(last, _)| *last);
        let welcome = Welcome {
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
            more,
            history: known.render(page)?,
            fetched: fetches.into_iter().map(fetched).collect(),
        };
        Ok(First { welcome, last })
    }

    pub fn json(&self) -> Result<String> {
        serde_json::to_string(&self.welcome).map_err(Error::internal)
    }
}
