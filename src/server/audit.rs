//! The audit: who did what, when and from where. Rows are added and, after their time, dropped; never changed.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::app::App;
use crate::server::shares::network_of;
use crate::server::db::Conn;
use crate::server::db::schema::audit;
use crate::server::error::{Error, Result};
use crate::server::tally::{Kind, Noted};

/// What happened. The words are part of the API: filters and exports use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Registered,
    LoggedIn,
    LoginFailed,
    LoggedOut,
    PasswordChanged,
    UserAdded,
    UserDisabled,
    UserEnabled,
    RoleChanged,
    FileUploaded,
    FileDeleted,
    LinkIssued,
    LinkRevoked,
    DownloadStarted,
    DownloadBroken,
    /// A range that ends before the file does has left whole.
    PartDownloaded,
    Downloaded,
    BatchMade,
    BatchChanged,
    BatchEnded,
    BatchFileAdded,
    BatchFileRemoved,
    BatchFetched,
    BatchFetchBroken,
    RoomMade,
    RoomChanged,
    RoomEnded,
    RoomJoined,
    RoomMemberRemoved,
    RoomFileShared,
    RoomEventRemoved,
    RoomFileFetched,
    RoomFetchBroken,
    Refused,
}

impl Action {
    pub const ALL: [Action; 34] = [
        Action::Registered,
        Action::LoggedIn,
        Action::LoginFailed,
        Action::LoggedOut,
        Action::PasswordChanged,
        Action::UserAdded,
        Action::UserDisabled,
        Action::UserEnabled,
        Action::RoleChanged,
        Action::FileUploaded,
        Action::FileDeleted,
        Action::LinkIssued,
        Action::LinkRevoked,
        Action::DownloadStarted,
        Action::DownloadBroken,
        Action::PartDownloaded,
        Action::Downloaded,
        Action::BatchMade,
        Action::BatchChanged,
        Action::BatchEnded,
        Action::BatchFileAdded,
        Action::BatchFileRemoved,
        Action::BatchFetched,
        Action::BatchFetchBroken,
        Action::RoomMade,
        Action::RoomChanged,
        Action::RoomEnded,
        Action::RoomJoined,
        Action::RoomMemberRemoved,
        Action::RoomFileShared,
        Action::RoomEventRemoved,
        Action::RoomFileFetched,
        Action::RoomFetchBroken,
        Action::Refused,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::Registered => "registered",
            Action::LoggedIn => "logged_in",
            Action::LoginFailed => "login_failed",
            Action::LoggedOut => "logged_out",
            Action::PasswordChanged => "password_changed",
            Action::UserAdded => "user_added",
            Action::UserDisabled => "user_disabled",
            Action::UserEnabled => "user_enabled",
            Action::RoleChanged => "role_changed",
            Action::FileUploaded => "file_uploaded",
            Action::FileDeleted => "file_deleted",
            Action::LinkIssued => "link_issued",
            Action::LinkRevoked => "link_revoked",
            Action::DownloadStarted => "download_started",
            Action::DownloadBroken => "download_broken",
            Action::PartDownloaded => "part_downloaded",
            Action::Downloaded => "downloaded",
            Action::BatchMade => "batch_made",
            Action::BatchChanged => "batch_changed",
            Action::BatchEnded => "batch_ended",
            Action::BatchFileAdded => "batch_file_added",
            Action::BatchFileRemoved => "batch_file_removed",
            Action::BatchFetched => "batch_fetched",
            Action::BatchFetchBroken => "batch_fetch_broken",
            Action::RoomMade => "room_made",
            Action::RoomChanged => "room_changed",
            Action::RoomEnded => "room_ended",
            Action::RoomJoined => "room_joined",
            Action::RoomMemberRemoved => "room_member_removed",
            Action::RoomFileShared => "room_file_shared",
            Action::RoomEventRemoved => "room_event_removed",
            Action::RoomFileFetched => "room_file_fetched",
            Action::RoomFetchBroken => "room_fetch_broken",
            Action::Refused => "refused",
        }
    }
}

/// One thing to be recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    pub action: Action,
    /// What was acted on, by name or id.
    pub subject: Option<String>,
    pub detail: Option<String>,
}

impl Entry {
    pub fn new(action: Action, subject: impl Into<String>) -> Entry {
        Entry { action, subject: Some(subject.into()), detail: None }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Entry {
        self.detail = Some(detail.into());
        self
    }

    /// A request that was turned away, with the code of why.
    pub fn refusal(error: &Error) -> Entry {
        Entry { action: Action::Refused, subject: None, detail: Some(error.code().to_owned()) }
    }
}

/// Who acts, and from where: taken from a request once, kept as long as the work goes on.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub actor: Option<(String, String)>,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

impl Origin {
    /// Adds a row, within the transaction that does what the row tells of.
    pub fn record(&self, conn: &mut Conn, now: NaiveDateTime, entry: Entry) -> Result<()> {
        self.record_as(conn, &crate::server::id::new(), now, entry)
    }

    fn record_as(&self, conn: &mut Conn, id: &str, now: NaiveDateTime, entry: Entry) -> Result<()> {
        let (actor_id, actor) = self.actor.clone().unzip();
        conn.insert(
            audit::table,
            (
                audit::id.eq(id),
                audit::at.eq(now),
                audit::action.eq(entry.action.as_str()),
                audit::actor_id.eq(actor_id),
                audit::actor.eq(actor),
                audit::subject.eq(entry.subject),
                audit::detail.eq(entry.detail),
                audit::address.eq(&self.address),
                audit::request_id.eq(&self.request_id),
            ),
        )?;
        Ok(())
    }

    /// What is counted together: whatever one account does, or one network without an account, in one way for one reason.
    fn kind(&self, entry: &Entry) -> Kind {
        let network = || {
            let address = self.address.as_deref()?;
            Some(address.parse().map_or_else(|_| address.to_owned(), |address| network_of(address).to_string()))
        };
        let who = self.actor.as_ref().map(|(id, _)| id.clone()).or_else(network);
        let mut why = entry.detail.clone();
        // A refusal is the same whatever it was asked for; all else is told apart by what it was done to.
        if entry.action != Action::Refused {
            why = Some(format!("{} {}", entry.subject.as_deref().unwrap_or_default(), why.unwrap_or_default()));
        }
        Kind { who, what: entry.action.as_str(), why }
    }
}

/// Records what has no transaction of its own, such as a refusal. Nobody waits for it, and what is repeated within a minute
/// shares a row.
pub fn post(app: &App, mut origin: Origin, mut entry: Entry) {
    let (id, now) = (crate::server::id::new(), app.clock.now());
    match app.tally.note(origin.kind(&entry), &id, now) {
        Noted::Counted => return,
        Noted::First => {}
        // It stands for many, of many.
        Noted::FirstOfMany => {
            origin = Origin::default();
            (entry.subject, entry.detail) = (None, Some("from many addresses".into()));
        }
    }
    // Whoever is turned away must not fill the room that is kept free.
    if entry.action == Action::Refused && app.blobs.space().is_full(&app.config.store.database_path()) {
        return;
    }
    app.db.writer().post("audit", move |conn| origin.record_as(conn, &id, now, entry));
}

/// Tells rows how many they stand for by now.
pub async fn count(app: &App) -> Result<()> {
    let grown = app.tally.grown();
    if grown.is_empty() {
        return Ok(());
    }
    let count = move |conn: &mut Conn| {
        for (id, count) in grown {
            conn.update(audit::table.find(id).filter(audit::count.lt(count)), audit::count.eq(count))?;
        }
        Ok(())
    };
    app.db.write(count).await
}

/// Rows that are dropped in one write, so that others get their turn.
const DROPPED_AT_ONCE: i64 = 500;

/// Drops rows from before `oldest`. They lie in the order in which they were written.
pub async fn forget(app: &App, oldest: NaiveDateTime) -> Result<()> {
    loop {
        let dropped = app.db.write(move |conn| {
            let first = audit::table.order(audit::id).limit(DROPPED_AT_ONCE).select((audit::id, audit::at));
            let first: Vec<(String, NaiveDateTime)> = first.load(conn)?;
            let old = first.into_iter().take_while(|(_, at)| *at < oldest).map(|(id, _)| id);
            let Some(last) = old.last() else { return Ok(0) };
            Ok(diesel::delete(audit::table.filter(audit::id.le(last))).execute(conn)?)
        });
        if dropped.await? < DROPPED_AT_ONCE as usize {
            return Ok(());
        }
    }
}
