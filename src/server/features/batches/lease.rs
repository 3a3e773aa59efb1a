//! The watch over one download of a batch: cuts it off when the batch ends, counts a complete copy before its last byte
//! leaves, and gives the claim back when the connection breaks.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web;
use chrono::{NaiveDateTime, TimeDelta};

use super::events;
use super::model::claims::{self, Claim};
use super::model::fetches::{self, NewFetch};
use super::model::{still_open, topic};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::Result;
use crate::server::http::file_body::Lease;
use crate::server::metrics::OpenTransfer;

/// How long a download may go on in a batch that has ended.
const LOOK: TimeDelta = TimeDelta::seconds(1);

pub struct BatchLease {
    app: web::Data<App>,
    fetch: NewFetch,
    /// Where the batch limits downloads.
    claim: Option<Claim>,
    /// What the sender fetches is not told to the sender.
    by_sender: bool,
    origin: Origin,
    looked: NaiveDateTime,
    completing: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    state: State,
    _transfer: OpenTransfer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Counted as a copy; the last byte may leave.
    Complete,
    /// The last byte is out of our hands.
    HandedOn,
    Over,
}

impl BatchLease {
    pub fn new(
        app: web::Data<App>,
        fetch: NewFetch,
        claim: Option<Claim>,
        by_sender: bool,
        origin: Origin,
    ) -> BatchLease {
        BatchLease {
            fetch,
            claim,
            by_sender,
            origin,
            looked: app.clock.now(),
            completing: None,
            state: State::Running,
            _transfer: app.metrics.transfer("download"),
            app,
        }
    }
}

impl Lease for BatchLease {
    fn progressed(&mut self) -> io::Result<()> {
        let now = self.app.clock.now();
        if (now - self.looked).abs() >= LOOK {
            self.looked = now;
            self.app.db.lookup(|conn| still_open(conn, &self.fetch.batch, now)).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn poll_release_last_byte(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(claim) = &self.claim {
            let completing = self.completing.get_or_insert_with(|| {
                let (app, claim) = (self.app.clone(), claim.clone());
                Box::pin(async move { app.db.write(move |conn| claims::complete(conn, &claim)).await })
            });
            let completed = ready!(completing.as_mut().poll(cx));
            self.completing = None;
            completed.map_err(io::Error::other)?;
        }
        self.state = State::Complete;
        Poll::Ready(Ok(()))
    }

    fn part_ends(&mut self) {
        // Nobody waits for it: the one writer takes it before the claim of whoever asks on.
        if let Some(claim) = self.claim.take() {
            self.app.db.writer().post("give a claim back", move |conn| claims::release(conn, &claim));
        }
    }

    fn handed_on(&mut self) {
        self.state = State::HandedOn;
    }

    fn delivered(&mut self) {
        let (state, now) = (std::mem::replace(&mut self.state, State::Over), self.app.clock.now());
        let (fetch, origin, claim) = (self.fetch.clone(), self.origin.clone(), self.claim.take());
        let (by_sender, is_counted, app) = (self.by_sender, claim.is_some(), self.app.clone());
        self.app.db.writer().post("end a download of a batch", move |conn| {
            match (claim, state) {
                // A range that ends before the last byte.
                (_, State::Running) if fetch.bytes > 0 => return Ok(()),
                // Nothing was there to be released.
                (Some(claim), State::Running) => claims::complete(conn, &claim)?,
                _ => {}
            }
            if !by_sender {
                fetches::record(conn, &fetch, now)?;
            }
            if is_counted {
                events::counted(&app, conn, &fetch);
            }
            origin.record(conn, now, Entry::new(Action::BatchFetched, &fetch.what).detail(topic(&fetch.batch)))
        });
    }
}

impl Drop for BatchLease {
    fn drop(&mut self) {
        if self.state == State::Over {
            return;
        }
        // A write that is on its way will count the copy.
        let state = if self.completing.is_some() { State::Complete } else { self.state };
        let now = self.app.clock.now();
        let (fetch, origin, claim) = (self.fetch.clone(), self.origin.clone(), self.claim.take());
        self.app.db.writer().post("give a download of a batch back", move |conn| {
            match (&claim, state) {
                (Some(claim), State::Running) => claims::release(conn, claim)?,
                (Some(claim), State::Complete) => claims::take_back(conn, claim)?,
                _ => {}
            }
            origin.record(conn, now, Entry::new(Action::BatchFetchBroken, &fetch.what).detail(topic(&fetch.batch)))
        });
    }
}
