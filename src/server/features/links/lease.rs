//! A link as a copy that is given out once, with the words of its audit.

use chrono::NaiveDateTime;

use super::model;
use super::refusals::{LINK_BUSY, USED_LINK};
use crate::server::audit::{Action, Entry, Origin};
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::http::copy_lease::{Books, CopyLease, Event};
use crate::server::leases::{Ledger, Refused};

pub type LinkLease = CopyLease<LinkBooks>;

/// Where the ledger of a link is kept.
#[derive(Clone)]
pub struct LinkBooks {
    pub link: String,
    /// Bytes of its file.
    pub size: u64,
    /// What the audit was told at the start; it is told of the end in the same words.
    pub started: Entry,
    pub origin: Origin,
}

impl Books for LinkBooks {
    fn subject(&self) -> String {
        format!("link:{}", self.link)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn load(&self, conn: &mut Conn) -> Result<Option<Ledger>> {
        model::ledger(conn, &self.link)
    }

    fn store(&self, conn: &mut Conn, ledger: &Ledger, now: NaiveDateTime) -> Result<()> {
        model::store(conn, &self.link, ledger, now)
    }

    fn may_go_on(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
        model::may_go_on(conn, &self.link, now)
    }

    fn record(&self, conn: &mut Conn, event: Event, now: NaiveDateTime) -> Result<()> {
        let action = match event {
            Event::Delivered { whole: true } => Action::Downloaded,
            Event::Delivered { whole: false } => Action::PartDownloaded,
            Event::Broken | Event::Reopened => Action::DownloadBroken,
        };
        self.origin.record(conn, now, Entry { action, ..self.started.clone() })
    }

    fn refusal(&self, refused: Refused) -> Error {
        match refused {
            Refused::Busy(wait) => LINK_BUSY.with("retry-after", wait.as_millis().div_ceil(1000).to_string()),
            Refused::Used => USED_LINK,
        }
    }
}
