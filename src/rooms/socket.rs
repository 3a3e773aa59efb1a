//! GET /api/rooms/{room}/socket: a member's socket, from joining to leaving.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::event::{
    About, Fetch, History, LARGEST_SAID, LARGEST_TEXT, LONGEST_REF, Leaving, Other, Said, Welcome, Word, You,
};
use super::guard::Known;
use super::hub::{Allowed, Place, Present, Room, Rooms};
use super::model::events::{self, Page, Who};
use super::model::members::{self, NewMember, Secret};
use super::model::{self, At, files};
use super::{code, leave};
use crate::app::App;
use crate::audit::{Action, Entry, Origin};
use crate::error::{Error, Result};
use crate::http::socket::{Broken, Handshake, In, Incoming, Out, Urgent, text_frame};

/// Longest name of a member, in characters.
const LONGEST_NAME: usize = 40;
/// Events of the past that a newcomer is given, and what they may take together; the page asks for older ones.
pub const HISTORY: i64 = 200;
const HISTORY_BYTES: usize = 256 << 10;

/// How often a member is asked whether it is there, and how long it may take to show it.
const HEARTBEAT: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(40);

const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;

#[derive(Deserialize)]
pub struct Join {
    #[serde(default)]
    name: String,
    /// The last event that a member who comes back has.
    after: Option<i64>,
    /// What gives a member its place back.
    token: Option<String>,
}

pub async fn join(
    req: HttpRequest,
    app: web::Data<App>,
    rooms: web::Data<Rooms>,
    known: Known,
    query: web::Query<Join>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let rooms = rooms.get_ref().clone();
    let handshake = match Handshake::of(&req, &app) {
        // A page is not told why its socket was refused, and asks once more without the handshake.
        Err(Error::UpgradeRequired) => return Err(refusal(&app, &rooms, &known, &query)),
        handshake => handshake?,
    };
    let (place, secrets) = match query.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => (rejoin(&app, &rooms, &known, token)?, None),
        None => {
            let new = NewMember { name: name(&query.name)?, token: code::new_token(), key: code::new_token() };
            known.admit(&app)?;
            let origin = Origin::of(&req, known.caller.as_ref());
            (enter(&app, &rooms, &known, new.clone(), origin).await?, Some(new))
        }
    };
    let first = First::of(&app, &known, &place, secrets.as_ref(), query.after).await?;
    let welcome = first.json()?;
    let too_slow = Word::Error {
        code: "too_slow".into(),
        msg: "You have missed messages: join again with the number of the last one that you have.".into(),
        nonce: None,
    };
    let Place { room, member, head, live } = place;
    let (response, incoming, urgent, backlog) = handshake.open_channel(payload, LARGEST_SAID, live, too_slow.json());
    urgent.say(Out::Text(welcome));
    let connection =
        room.connect(&member.id, urgent.clone(), known.session(), secrets.is_none()).ok_or(Error::NotAMember)?;
    if query.after.is_some() {
        actix_rt::spawn(catch_up(app.clone(), known.clone(), first.last.unwrap_or(head), head, backlog));
    }
    let seat = Seat { app, rooms, room: room.id.clone(), who: member.who(), urgent };
    actix_rt::spawn(async move {
        let gone = seat.listen(incoming).await;
        seat.rise(gone, connection).await;
    });
    Ok(response)
}

/// Why somebody would not be let in; if nothing is in the way, that no socket was asked for.
fn refusal(app: &App, rooms: &Rooms, known: &Known, join: &Join) -> Error {
    let (id, limits, now) = (&known.room.id, rooms.limits(), app.clock.now());
    let allowed = match join.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => app.db.lookup(|conn| members::find(conn, id, Secret::Token(token))).map(drop),
        None => name(&join.name)
            .and_then(|_| app.db.lookup(|conn| members::may_join(conn, At { room: id, limits: &limits, now })))
            .and_then(|()| known.admit(app)),
    };
    allowed.err().unwrap_or(Error::UpgradeRequired)
}

/// A name as it may be shown.
///
/// # Errors
/// [`Error::InvalidName`].
fn name(given: &str) -> Result<String> {
    let name: Vec<&str> = given.split_whitespace().collect();
    let name: String = name.join(" ").chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let name = name.trim();
    match name.chars().count() {
        1..=LONGEST_NAME => Ok(name.to_owned()),
        _ => Err(Error::InvalidName),
    }
}

/// Characters that are there without being seen, or turn the text around them: names would look alike that are not.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}')
}

fn rejoin(app: &App, rooms: &Rooms, known: &Known, token: &str) -> Result<Place> {
    let id = &known.room.id;
    let room = rooms.room(&app.db, id, app.clock.now())?;
    let member = app.db.lookup(|conn| members::find(conn, id, Secret::Token(token)))?;
    room.rejoined(&member)
}

/// Stores that somebody new is there, and tells the others.
async fn enter(app: &web::Data<App>, rooms: &Rooms, known: &Known, new: NewMember, origin: Origin) -> Result<Place> {
    let (now, limits, id) = (app.clock.now(), rooms.limits(), known.room.id.clone());
    let room = rooms.room(&app.db, &id, now)?;
    let (answer, waiting) = oneshot::channel();
    app.db.writer().submit(
        move |conn| {
            let joined = members::join(conn, At { room: &id, limits: &limits, now }, &new)?;
            let entry = Entry::new(Action::RoomJoined, &joined.0.name).detail(model::topic(&id));
            origin.record(conn, now, entry)?;
            Ok(joined)
        },
        move |joined| {
            let place = joined.and_then(|(member, event)| room.joined(member, &event, now));
            drop(answer.send(place));
        },
    )?;
    waiting.await.map_err(|_| Error::Unavailable("the database writer has ended".into()))?
}

/// What a member is told first, and the last event that is in it.
struct First {
    welcome: Welcome,
    last: Option<i64>,
}

impl First {
    async fn of(app: &App, known: &Known, place: &Place, new: Option<&NewMember>, after: Option<i64>) -> Result<First> {
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
        let other = |present: Present| Other {
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

    fn json(&self) -> Result<String> {
        serde_json::to_string(&self.welcome).map_err(Error::internal)
    }
}

/// As many events as fit into [`HISTORY_BYTES`]: the oldest, or the newest.
fn cut(mut page: Page, oldest: bool) -> Page {
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
async fn catch_up(app: web::Data<App>, known: Known, mut last: i64, head: i64, backlog: mpsc::Sender<Bytes>) {
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
                // The member comes back and asks again.
                tracing::error!(cause = %crate::error::Chain(&error), "the history of a room cannot be read");
                return backlog.closed().await;
            }
        }
    }
}

/// A connected member.
struct Seat {
    app: web::Data<App>,
    rooms: Rooms,
    room: String,
    who: Who,
    urgent: Urgent,
}

enum Gone {
    Broken,
    Left,
    Told(u16, &'static str, String),
}

impl Seat {
    /// Serves a member until it leaves, its connection breaks or the room is over.
    async fn listen(&self, mut incoming: Incoming) -> Gone {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = incoming.next() => {
                    heard = Instant::now();
                    let text = match message {
                        Ok(In::Text(text)) => text,
                        Ok(In::Ping(payload)) => {
                            self.urgent.say(Out::Pong(payload));
                            continue;
                        }
                        Ok(In::Pong) => continue,
                        Ok(In::Binary(_)) => return Gone::Told(1003, "bad_message", "This socket takes texts.".into()),
                        Ok(In::Close) | Err(Broken::Gone) => return Gone::Broken,
                        Err(Broken::Malformed(close)) => {
                            return Gone::Told(close, "bad_message", "This is not what a client sends.".into());
                        }
                    };
                    if let Some(gone) = self.hear(&text).await {
                        return gone;
                    }
                }
                _ = heartbeat.tick() => {
                    if heard.elapsed() >= PATIENCE || !self.urgent.say(Out::Ping) {
                        return Gone::Broken;
                    }
                }
            }
        }
    }

    /// Does what a member says.
    async fn hear(&self, text: &str) -> Option<Gone> {
        let now = self.app.clock.now();
        let Ok(room) = self.rooms.room(&self.app.db, &self.room, now) else { return Some(Gone::Broken) };
        match serde_json::from_str(text) {
            Ok(Said::Message { text, nonce }) => match self.rooms.allow(&room, &self.who.id, now) {
                Allowed::Yes => {
                    if let Err(error) = self.say(room, text, nonce.clone()).await {
                        self.tell(&error, nonce.as_deref());
                    }
                    None
                }
                Allowed::Wait(seconds) => {
                    self.tell(&Error::TooManyRequests(seconds), nonce.as_deref());
                    None
                }
                Allowed::Enough => {
                    Some(Gone::Told(POLICY, "too_many_requests", "You send more than anybody can read.".into()))
                }
            },
            Ok(Said::Typing) => {
                room.typing(&self.who.id, now);
                None
            }
            Ok(Said::Ping) => {
                self.urgent.say(Out::Text(Word::Pong.json()));
                None
            }
            Ok(Said::Leave) => Some(Gone::Left),
            Ok(Said::Unknown) => None,
            Err(error) => {
                self.tell(&Error::BadRequest(format!("The message does not fit: {error}.")), None);
                None
            }
        }
    }

    /// Stores a message and tells it to everybody. Waits until that is done: a member has one on its way at a time.
    async fn say(&self, room: Arc<Room>, text: String, nonce: Option<String>) -> Result<()> {
        if text.trim().is_empty() {
            return Err(Error::BadRequest("A message has a text.".into()));
        }
        if text.len() > LARGEST_TEXT || nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_REF) {
            return Err(Error::BadRequest(format!(
                "A message has {LARGEST_TEXT} bytes at most, and its ref {LONGEST_REF}."
            )));
        }
        let (limits, now) = (self.rooms.limits(), self.app.clock.now());
        let (id, who) = (self.room.clone(), self.who.clone());
        let (answer, waiting) = oneshot::channel();
        self.app.db.writer().submit(
            move |conn| events::say(conn, At { room: &id, limits: &limits, now }, &who, text, nonce),
            move |said| {
                let told = said.and_then(|event| event.map_or(Ok(()), |event| room.tell(&event, now)));
                drop(answer.send(told));
            },
        )?;
        waiting.await.map_err(|_| Error::Unavailable("the database writer has ended".into()))?
    }

    fn tell(&self, error: &Error, nonce: Option<&str>) {
        if let Error::Internal(cause) | Error::Unavailable(cause) = error {
            tracing::error!(cause = %crate::error::Chain(cause.as_ref()), "a message was not stored");
        }
        self.urgent.say(Out::Text(Word::error(error, nonce).json()));
    }

    /// The connection is over.
    async fn rise(self, gone: Gone, connection: u64) {
        let now = self.app.clock.now();
        let Ok(room) = self.rooms.room(&self.app.db, &self.room, now) else { return };
        match gone {
            Gone::Left => {
                self.urgent.say(Out::Farewell(None, NORMAL));
                if let Err(error) = leave(&self.app, &self.rooms, &self.room, self.who.clone(), Leaving::Left).await {
                    tracing::debug!(%error, "a member could not leave yet");
                    room.disconnect(&self.who.id, connection, now);
                }
            }
            Gone::Told(close, code, msg) => {
                self.urgent.say(Out::Farewell(Some(Word::Error { code: code.into(), msg, nonce: None }.json()), close));
                room.disconnect(&self.who.id, connection, now);
            }
            Gone::Broken => room.disconnect(&self.who.id, connection, now),
        }
    }
}
