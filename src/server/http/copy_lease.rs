//! The watch over one transfer of a copy: says how far it has come, has the end written down before the last byte leaves,
//! and gives back what it owns when the connection breaks.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use actix_web::web;
use chrono::{NaiveDateTime, TimeDelta};

use super::connection::OnReset;
use super::file_body::Lease;
use crate::server::app::App;
use crate::server::db::Conn;
use crate::server::error::{Error, Result};
use crate::server::leases::{Ask, LEASE, Ledger, Refused, Transfer};
use crate::server::metrics::OpenTransfer;

/// How long a transfer may go on after its right to has ended.
const LOOK: TimeDelta = TimeDelta::seconds(1);

/// What becomes of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All that it owned has left; with it the whole copy is delivered, or not.
    Delivered { whole: bool },
    /// The connection broke.
    Broken,
    /// The connection was reset behind the last byte: the copy is open again.
    Reopened,
}

/// Where the ledger of a copy is kept. Clones are the same.
pub trait Books: Clone + Send + 'static {
    /// What the copy is of, for [`crate::server::leases::Transfers::subjects`].
    fn subject(&self) -> String;

    /// Bytes of the whole.
    fn size(&self) -> u64;

    /// The ledger; `None` when the copy was revoked or is gone.
    fn load(&self, conn: &mut Conn) -> Result<Option<Ledger>>;

    fn store(&self, conn: &mut Conn, ledger: &Ledger, now: NaiveDateTime) -> Result<()>;

    /// # Errors
    /// When the right to the copy has ended, also for what is under way.
    fn may_go_on(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<()>;

    /// Writes down what others are told.
    fn record(&self, conn: &mut Conn, event: Event, now: NaiveDateTime) -> Result<()>;

    fn refusal(&self, refused: Refused) -> Error;
}

type Writing<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Holds a claim. Dropped before the end, it gives it back.
pub struct CopyLease<B: Books> {
    app: web::Data<App>,
    books: B,
    id: String,
    start: u64,
    transfer: Arc<Transfer>,
    renewed: NaiveDateTime,
    looked: NaiveDateTime,
    /// Set when a renewal finds that the claim is lost.
    lost: Arc<AtomicBool>,
    finishing: Option<Writing<Option<bool>>>,
    extending: Option<Writing<Option<u64>>>,
    /// See [`Ledger::turn`].
    pub turn: u32,
    whole: bool,
    /// What it owned has left, and it may not have more.
    cut: bool,
    /// All up to here has left, owned or not.
    sent: u64,
    over: bool,
    _open: OpenTransfer,
}

impl<B: Books> CopyLease<B> {
    /// Claims what is asked for. For within a write, so that there is no moment in which a claim stands and nobody would give
    /// it back.
    ///
    /// # Errors
    /// [`Books::refusal`].
    pub fn claim(
        app: &web::Data<App>,
        conn: &mut Conn,
        books: B,
        mut ledger: Ledger,
        ask: &Ask,
    ) -> Result<CopyLease<B>> {
        let (now, start) = (app.clock.now(), ask.range.start);
        let granted = ledger
            .claim(ask, books.size(), now, &|id| app.transfers.progress(id))
            .map_err(|refused| books.refusal(refused))?;
        books.store(conn, &ledger, now)?;
        granted.shortened.iter().for_each(|(id, end)| app.transfers.shorten(id, *end));
        let id = ask.id.to_owned();
        Ok(CopyLease {
            transfer: app.transfers.begin(id.clone(), books.subject(), start, granted.end, now),
            app: app.clone(),
            books,
            id,
            start,
            renewed: now,
            looked: now,
            lost: Arc::default(),
            finishing: None,
            extending: None,
            turn: ledger.turn(),
            whole: false,
            cut: false,
            sent: start,
            over: false,
            _open: app.metrics.transfer("download"),
        })
    }

    fn renew(&mut self, acked: u64, now: NaiveDateTime) {
        self.renewed = now;
        let (books, id, lost) = (self.books.clone(), self.id.clone(), self.lost.clone());
        self.app.db.writer().post("renew a lease", move |conn| {
            if let Some(mut ledger) = books.load(conn)?
                && ledger.renew(&id, acked, now)
            {
                return books.store(conn, &ledger, now);
            }
            lost.store(true, Ordering::Relaxed);
            Ok(())
        });
    }

    /// What it owns.
    fn owned(&self) -> Range<u64> {
        self.start..self.transfer.owned_end()
    }

    /// Ends the claim, for nobody who waits.
    fn end(&mut self, acked: u64, broken: bool, event: Event) {
        self.over = true;
        self.app.transfers.end(&self.id);
        let (books, id, now) = (self.books.clone(), self.id.clone(), self.app.clock.now());
        let (owned, sent) = (self.owned(), self.start..self.sent);
        self.app.db.writer().post("end a download", move |conn| {
            if let Some(mut ledger) = books.load(conn)? {
                let ended = ledger.end(&id, acked, broken, books.size());
                let beyond = owned.end.max(sent.start)..sent.end;
                if !beyond.is_empty() {
                    ledger.sent(&beyond);
                }
                if ended || !beyond.is_empty() {
                    books.store(conn, &ledger, now)?;
                }
            }
            books.record(conn, event, now)
        });
    }
}

impl<B: Books> Lease for CopyLease<B> {
    fn owned_end(&self) -> u64 {
        self.transfer.owned_end()
    }

    fn progressed(&mut self, acked: u64) -> io::Result<()> {
        let now = self.app.clock.now();
        self.transfer.acked(acked, now);
        if self.lost.load(Ordering::Relaxed) || self.books.size() > 0 && self.owned().is_empty() {
            return Err(lost());
        }
        if (now - self.looked).abs() >= LOOK {
            self.looked = now;
            self.app.db.lookup(|conn| self.books.may_go_on(conn, now)).map_err(io::Error::other)?;
        }
        if (now - self.renewed).abs() * 4 > TimeDelta::from_std(LEASE).unwrap_or_default() {
            self.renew(acked, now);
        }
        Ok(())
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let finishing = self.finishing.get_or_insert_with(|| {
            let (app, books, id, now) = (self.app.clone(), self.books.clone(), self.id.clone(), self.app.clock.now());
            Box::pin(async move {
                let finish = move |conn: &mut Conn| {
                    books.may_go_on(conn, now)?;
                    let Some(mut ledger) = books.load(conn)? else { return Ok(None) };
                    if !ledger.finish(&id, books.size(), now) {
                        return Ok(None);
                    }
                    books.store(conn, &ledger, now)?;
                    Ok(Some(ledger.is_used()))
                };
                app.db.write(finish).await
            })
        });
        let finished = ready!(finishing.as_mut().poll(cx));
        self.finishing = None;
        self.whole = finished.map_err(io::Error::other)?.ok_or_else(lost)?;
        Poll::Ready(Ok(()))
    }

    fn poll_extend(&mut self, cx: &mut Context<'_>, end: u64) -> Poll<io::Result<()>> {
        let extending = self.extending.get_or_insert_with(|| {
            let (app, books, id, now) = (self.app.clone(), self.books.clone(), self.id.clone(), self.app.clock.now());
            Box::pin(async move {
                let extend = move |conn: &mut Conn| {
                    let Some(mut ledger) = books.load(conn)? else { return Ok(None) };
                    let extended = ledger.extend(&id, end, books.size());
                    if extended.is_some() {
                        books.store(conn, &ledger, now)?;
                    }
                    Ok(extended)
                };
                app.db.write(extend).await
            })
        });
        let extended = ready!(extending.as_mut().poll(cx));
        self.extending = None;
        match extended.map_err(io::Error::other)? {
            Some(end) => self.transfer.extended(end),
            // All that it owned has left, and the rest is another transfer's.
            None => {
                self.cut = true;
                return Poll::Ready(Err(lost()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn delivered(&mut self) -> Option<OnReset> {
        let owned = self.owned();
        self.end(owned.end, false, Event::Delivered { whole: self.whole });
        let (app, books) = (self.app.clone(), self.books.clone());
        Some(Box::new(move || {
            let now = app.clock.now();
            app.db.writer().post("open a copy again", move |conn| {
                let Some(mut ledger) = books.load(conn)? else { return Ok(()) };
                let reopened = ledger.retract(&owned, books.size());
                books.store(conn, &ledger, now)?;
                if reopened { books.record(conn, Event::Reopened, now) } else { Ok(()) }
            });
        }))
    }

    fn handed_on(&mut self) {
        self.over = true;
        self.app.transfers.end(&self.id);
        let (books, id, now) = (self.books.clone(), self.id.clone(), self.app.clock.now());
        self.app.db.writer().post("end a download", move |conn| {
            if let Some(mut ledger) = books.load(conn)?
                && ledger.leave(&id, books.size())
            {
                books.store(conn, &ledger, now)?;
            }
            books.record(conn, Event::Broken, now)
        });
    }

    fn broke(&mut self, acked: u64, sent: u64) {
        self.transfer.acked(acked, self.app.clock.now());
        self.sent = sent;
    }
}

impl<B: Books> Drop for CopyLease<B> {
    fn drop(&mut self) {
        if !self.over {
            match self.cut {
                true => self.end(self.transfer.owned_end(), false, Event::Delivered { whole: self.whole }),
                false => self.end(self.transfer.progress().acked, true, Event::Broken),
            }
        }
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "what was to be sent is another transfer's, or nobody's, by now")
}
