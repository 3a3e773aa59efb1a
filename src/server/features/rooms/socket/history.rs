//! What was said before a member came, or while it was away.

use actix_web::web;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::protocol::rooms::event::{History, ServerMessage};
use crate::server::app::App;
use crate::server::error::{Chain, Error};
use crate::server::features::rooms::guard::Known;
use crate::server::features::rooms::model::events::{self, Page};
use crate::server::http::socket::{Urgent, text_frame};

/// Events of the past that a newcomer is given, and what they may take together; the page asks for older ones.
pub const HISTORY: i64 = 200;
const HISTORY_BYTES: usize = 256 << 10;

/// Close code: try again later (IANA registry of close codes).
const TRY_AGAIN: u16 = 1013;

/// As many events as fit into [`HISTORY_BYTES`]: the oldest, or the newest.
pub fn cut(mut page: Page, oldest: bool) -> Page {
    let mut bytes = 0;
    let mut fits = |(_, body): &&(i64, String)| {
        bytes += body.len();
        bytes <= HISTORY_BYTES
    };
    match oldest {
        true => {
            let count = page.iter().take_while(&mut fits).count().max(1);
            page.truncate(count);
        }
        false => {
            let count = page.iter().rev().take_while(&mut fits).count().max(1);
            page.drain(..page.len().saturating_sub(count));
        }
    }
    page
}

/// Gives a member who was away for long all that it has missed, page after page, before what happens now.
pub async fn catch_up(
    app: web::Data<App>,
    known: Known,
    mut last: i64,
    head: i64,
    backlog: mpsc::Sender<Bytes>,
    urgent: Urgent,
) {
    while last < head {
        let id = known.room.id.clone();
        let page =
            app.db.read(move |conn| events::after(conn, &id, last, head, HISTORY)).await.map(|page| cut(page, true));
        let frame = page.and_then(|page| {
            last = page.last().map_or(head, |(last, _)| *last);
            serde_json::to_string(&History { history: known.render(page)? }).map_err(Error::internal)
        });
        match frame {
            Ok(frame) if backlog.send(text_frame(&frame)).await.is_ok() => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(cause = %Chain(&error), "the history of a room cannot be read");
                // The member comes back and asks again; until then it hears nothing, which it would miss else.
                urgent.farewell(Some(ServerMessage::error(error.code(), error.to_string(), None).json()), TRY_AGAIN);
                return backlog.closed().await;
            }
        }
    }
}
