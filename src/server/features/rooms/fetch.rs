//! GET /api/rooms/{room}/files/{file}: the bytes of a file, for members.

use crate::server::features::rooms::refusals::NOT_A_MEMBER;
use std::io;
use std::task::{Context, Poll};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDateTime, TimeDelta};
use serde::Deserialize;

use super::guard::{Known, fetcher};
use super::hub::Rooms;
use super::model::files::{self, File};
use super::model::log::Who;
use super::model::{self, members};
use crate::protocol::rooms::event::ServerMessage;
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::Error;
use crate::server::error::Result;
use crate::server::features::page::error_page;
use crate::server::http::connection::OnReset;
use crate::server::http::download::{Download, Wanted};
use crate::server::http::file_body::{FileBody, Lease};
use crate::server::metrics::OpenTransfer;

/// How long a download may go on after its right to has ended.
const LOOK: TimeDelta = TimeDelta::seconds(1);

#[derive(Deserialize)]
pub struct Wish {
    key: Option<String>,
    /// A look at it, as a page has by itself, and nobody's wish to have the file: whoever shared it is not told.
    #[serde(default)]
    preview: bool,
}

pub async fn file(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    known: Known,
    path: web::Path<(String, String)>,
    query: web::Query<Wish>,
) -> HttpResponse {
    let asked = req.clone();
    let answer = bring(req, app, rooms, known, &path.1, query.into_inner()).await;
    answer.unwrap_or_else(|error| error_page::refusal(&asked, &error))
}

async fn bring(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    known: Known,
    file: &str,
    query: Wish,
) -> Result<HttpResponse> {
    let member = fetcher(&req, &known, query.key.as_deref())?;
    let file = app.db.lookup(|conn| files::find(conn, &known.room.id, file))?;
    let download = Download {
        name: file.name.clone(),
        media_type: "application/octet-stream",
        size: file.size_bytes(),
        etag: file.etag(),
        sha256: file.sha256.clone(),
    };
    if req.method() == Method::HEAD {
        return Ok(download.without_body());
    }
    let range = Wanted::of(&req).range_of(&download)?;
    let contents = app.blobs.get(&file.blob).map_err(|error| {
        // Our failure, unless it was taken away this very moment.
        match app.db.lookup(|conn| files::find(conn, &known.room.id, &file.id)) {
            Ok(_) => Error::Unavailable(Box::new(error)),
            Err(error) => error,
        }
    })?;
    let mut lease = RoomLease {
        _transfer: app.metrics.transfer("download"),
        app: app.clone(),
        rooms: rooms.get_ref().clone(),
        origin: Origin::of(&req, known.caller.as_ref()),
        room: known.room.id,
        who: member.who(),
        file,
        preview: query.preview,
        looked: app.clock.now(),
        whole: false,
        over: false,
    };
    let (mut response, range) = download.head(range);
    lease.whole = range.end == download.size;
    Ok(response.body(FileBody::new(&req, contents, range, lease)))
}

/// The watch over one download: cuts it off when the member leaves, the file goes or the room ends, and tells whoever
/// shared the file that it was fetched.
struct RoomLease {
    app: web::Data<App>,
    rooms: Rooms,
    origin: Origin,
    room: String,
    who: Who,
    file: File,
    preview: bool,
    looked: NaiveDateTime,
    /// The body ends with the last byte of the file.
    whole: bool,
    over: bool,
    _transfer: OpenTransfer,
}

impl RoomLease {
    fn may_go_on(&self) -> Result<()> {
        let now = self.app.clock.now();
        self.app.db.lookup(|conn| {
            model::still_open(conn, &self.room, now)?;
            files::find(conn, &self.room, &self.file.id)?;
            match members::is_present(conn, &self.room, &self.who.id)? {
                true => Ok(()),
                false => Err(NOT_A_MEMBER),
            }
        })
    }

    fn record(&self, action: Action) {
        let entry = Entry::new(action, &self.file.name).detail(model::topic(&self.room));
        crate::server::audit::post(&self.app, self.origin.clone(), entry);
    }
}

impl Lease for RoomLease {
    fn progressed(&mut self, _: u64) -> io::Result<()> {
        let now = self.app.clock.now();
        if (now - self.looked).abs() >= LOOK {
            self.looked = now;
            self.may_go_on().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn delivered(&mut self) -> Option<OnReset> {
        self.over = true;
        if self.whole {
            self.tell();
        }
        None
    }
}

impl RoomLease {
    /// Tells whoever shared the file.
    fn tell(&self) {
        self.record(Action::RoomFileFetched);
        if self.preview || self.who.id == self.file.member {
            return;
        }
        let now = self.app.clock.now();
        // Where nobody can be told, it stands in the next welcome.
        let room = self.rooms.in_memory(&self.room);
        let (file, who) = (self.file.clone(), self.who.clone());
        let noted = self.app.db.writer().submit(
            {
                let (file, who) = (file.id.clone(), who.clone());
                move |conn| files::fetched(conn, &file, &who, now)
            },
            move |first| match first {
                Ok(true) => {
                    let word = ServerMessage::Fetched {
                        of: file.seq,
                        file_id: file.id.into(),
                        by: who.name.into(),
                        at: now.and_utc(),
                    };
                    if let Some(room) = room {
                        room.whisper(&file.member, &word);
                    }
                }
                Ok(false) => {}
                Err(error) => tracing::error!(cause = %crate::server::error::Chain(&error), "a fetch was not noted"),
            },
        );
        if let Err(error) = noted {
            tracing::error!(cause = %crate::server::error::Chain(&error), "a fetch was not noted");
        }
    }
}

impl Drop for RoomLease {
    fn drop(&mut self) {
        if !self.over {
            self.record(Action::RoomFetchBroken);
        }
    }
}
