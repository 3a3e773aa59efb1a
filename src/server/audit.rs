//! The audit: who did what, when and from where. Rows are added and, after their time, dropped; never changed.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::app::App;
use crate::server::db::Conn;
use crate::server::db::schema::audit;
use crate::server::error::{Error, Result};

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
        let (actor_id, actor) = self.actor.clone().unzip();
        conn.insert(
            audit::table,
            (
                audit::id.eq(crate::server::id::new()),
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
}

/// Records what has no transaction of its own, such as a refusal. Nobody waits for it.
pub fn post(app: &App, origin: Origin, entry: Entry) {
    let now = app.clock.now();
    app.db.writer().post("audit", move |conn| origin.record(conn, now, entry));
}
