//! POST /api/rooms/{room}/files: a member shares a file, which all are told of once it is on disk.

use crate::server::features::rooms::refusals::room_full;
use crate::server::refusals::{NO_FILE, busy};
use actix_web::{HttpRequest, HttpResponse, web};
use bytesize::ByteSize;
use futures_util::StreamExt as _;

use super::guard::Inside;
use super::hub::Rooms;
use super::model::{self, At, files};
use crate::protocol::file_name::FileName;
use crate::protocol::rooms::event::Event;
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::blobs::rows::{self, NewBlob};
use crate::server::blobs::{commit_all, receive};
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::http::form::{self, Allowance, file_name, malformed};
use crate::server::http::slow_body::{Pace, paced};

/// What a file is called whose name nothing is left of.
const UNNAMED: &str = "unnamed";

pub async fn share(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    inside: Inside,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let _share = app.uploads.take(&inside.holder()).ok_or(busy(2))?;
    let _transfer = app.metrics.transfer("upload");
    let mut form = form::open(req.headers(), paced(payload, Pace::of(&app.config)))?;
    let mut others = Allowance::default();
    while let Some(part) = form.next().await {
        let mut part = part.map_err(malformed)?;
        let given = file_name(&part)?.filter(|given| !given.is_empty() && part.name() == Some("file"));
        let Some(given) = given else {
            others.skip(&mut part).await?;
            continue;
        };
        let name = FileName::new(&given).map_or_else(|| UNNAMED.to_owned(), FileName::into_inner);
        let content = part.map(|chunk| chunk.map_err(malformed));
        let event = store(&req, &app, &rooms, inside, name, content).await?;
        return Ok(HttpResponse::Created().json(event));
    }
    Err(NO_FILE)
}

async fn store(
    req: &HttpRequest,
    app: &web::Data<App>,
    rooms: &Rooms,
    inside: Inside,
    name: String,
    content: impl futures_util::Stream<Item = Result<bytes::Bytes>>,
) -> Result<Event> {
    let Inside { known, member } = inside;
    let (limits, quota, account) = (rooms.limits(), *app.blobs.space().quota(), known.room.account());
    let used = app.db.lookup(|conn| rows::usage(conn, &account, &quota))?;
    let mut reservation = app.blobs.space().reserve(&account, used);
    let left = known.room.space_left(&limits);
    let largest = app.config.max_file_size.0;
    let content = receive(&app.blobs, content, largest.min(left), &mut reservation, |_, _| Ok(())).await;
    let (content, ()) = content.map_err(|error| match error {
        error if error.code() == "file_too_large" && left < largest => room_full(ByteSize(limits.bytes)),
        error => error,
    })?;
    let blob = NewBlob::from(&content);
    let (app, rooms, origin) = (app.clone(), rooms.clone(), Origin::of(req, known.caller.as_ref()));
    // It goes on when the client has left meanwhile: what is stored is told of.
    let stored = actix_rt::spawn(async move {
        let now = app.clock.now();
        let (id, who) = (known.room.id.clone(), member.who());
        let room = rooms.room(&app.db, &id, now)?;
        let share = move |conn: &mut Conn| {
            let event = files::share(conn, At { room: &id, limits: &limits, now }, &who, name, &blob, &quota)?;
            if let Event::File { filename, .. } = &event {
                let entry = Entry::new(Action::RoomFileShared, filename).detail(model::topic(&id));
                origin.record(conn, now, entry)?;
            }
            Ok(event)
        };
        let tell = move |shared: Result<Event>| {
            let mut event = shared?;
            if let Event::File { url, file_id, .. } = &mut event {
                *url = known.file_url(file_id);
            }
            room.tell(&event, now)?;
            Ok(event)
        };
        let event = commit_all(vec![content], app.db.writer().write_then(share, tell)).await?;
        drop(reservation);
        app.digester.wake();
        Ok(event)
    });
    stored.await.map_err(Error::internal)?
}
