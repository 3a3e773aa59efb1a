//! The watch over one download of a batch: cuts it off when the batch ends, and tells its sender of a complete copy. Where the
//! batch limits downloads, what is sent is a copy that is given out once (see [`crate::server::leases`]).

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::web;
use chrono::{NaiveDateTime, TimeDelta};

use super::model::copies::{self, Copy};
use super::model::fetches::{self, NewFetch};
use super::model::{may_go_on, topic};
use super::refusals::{DOWNLOADS_BUSY, DOWNLOADS_USED};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::http::connection::OnReset;
use crate::server::http::copy_lease::{Books, CopyLease, Event};
use crate::server::http::file_body::Lease;
use crate::server::leases::{Ledger, Refused, Transfer};
use crate::server::metrics::OpenTransfer;

/// How the subjects of transfers of batches begin.
pub const BATCH: &str = "batch:";

/// How long a download may go on in a batch that has ended.
const LOOK: TimeDelta = TimeDelta::seconds(1);

pub type LimitedLease = CopyLease<BatchBooks>;

/// Where the ledger of a copy is kept.
#[derive(Clone)]
pub struct BatchBooks {
    pub copy: Copy,
    pub fetch: NewFetch,
    pub origin: Origin,
}

impl Books for BatchBooks {
    fn subject(&self) -> String {
        format!("{BATCH}{}", self.copy.batch)
    }

    fn size(&self) -> u64 {
        self.copy.size
    }

    fn load(&self, conn: &mut Conn) -> Result<Option<Ledger>> {
        copies::ledger(conn, &self.copy.id)
    }

    fn store(&self, conn: &mut Conn, ledger: &Ledger, now: NaiveDateTime) -> Result<()> {
        copies::store(conn, &self.copy.id, &self.copy.batch, &self.copy.which, ledger, now)
    }

    fn may_go_on(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
        may_go_on(conn, &self.copy.batch, now)
    }

    fn record(&self, conn: &mut Conn, event: Event, now: NaiveDateTime) -> Result<()> {
        match event {
            Event::Delivered { whole: false } => return Ok(()),
            Event::Delivered { whole: true } => fetches::record(conn, &self.fetch, now)?,
            Event::Broken | Event::Reopened => {}
        }
        self.origin.record(conn, now, entry(&self.fetch, event))
    }

    fn refusal(&self, refused: Refused) -> Error {
        match refused {
            Refused::Busy(wait) => DOWNLOADS_BUSY.with("retry-after", wait.as_millis().div_ceil(1000).to_string()),
            Refused::Used => DOWNLOADS_USED,
        }
    }
}

fn entry(fetch: &NewFetch, event: Event) -> Entry {
    let action = match event {
        Event::Delivered { .. } => Action::BatchFetched,
        Event::Broken | Event::Reopened => Action::BatchFetchBroken,
    };
    Entry::new(action, &fetch.what).detail(topic(&fetch.batch))
}

/// Where anybody may download as often as they like; and the sender everywhere.
pub struct FreeLease {
    app: web::Data<App>,
    fetch: NewFetch,
    /// What the sender fetches is not told to the sender.
    by_sender: bool,
    origin: Origin,
    looked: NaiveDateTime,
    /// For [`crate::server::leases::Transfers::subjects`].
    id: String,
    transfer: Arc<Transfer>,
    /// The body ends with the last byte of what is fetched.
    to_the_end: bool,
    over: bool,
    _open: OpenTransfer,
}

impl FreeLease {
    pub fn new(app: web::Data<App>, fetch: NewFetch, to_the_end: bool, by_sender: bool, origin: Origin) -> FreeLease {
        let (id, now) = (crate::server::id::new(), app.clock.now());
        let subject = format!("{BATCH}{}", fetch.batch);
        FreeLease {
            transfer: app.transfers.begin(id.clone(), subject, 0, u64::MAX, now),
            id,
            fetch,
            to_the_end,
            by_sender,
            origin,
            looked: now,
            over: false,
            _open: app.metrics.transfer("download"),
            app,
        }
    }

    fn record(&mut self, event: Event) {
        self.over = true;
        let (fetch, origin, now) = (self.fetch.clone(), self.origin.clone(), self.app.clock.now());
        let is_told = matches!(event, Event::Delivered { .. }) && !self.by_sender;
        self.app.db.writer().post("end a download of a batch", move |conn| {
            if is_told {
                fetches::record(conn, &fetch, now)?;
            }
            origin.record(conn, now, entry(&fetch, event))
        });
    }
}

impl Lease for FreeLease {
    fn progressed(&mut self, acked: u64) -> io::Result<()> {
        let now = self.app.clock.now();
        self.transfer.acked(acked, now);
        if (now - self.looked).abs() >= LOOK {
            self.looked = now;
            self.app.db.lookup(|conn| may_go_on(conn, &self.fetch.batch, now)).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn delivered(&mut self) -> Option<OnReset> {
        match self.to_the_end {
            true => self.record(Event::Delivered { whole: true }),
            false => self.over = true,
        }
        None
    }
}

impl Drop for FreeLease {
    fn drop(&mut self) {
        self.app.transfers.end(&self.id);
        if !self.over {
            self.record(Event::Broken);
        }
    }
}
