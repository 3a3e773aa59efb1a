//! The watch over one download of a link: renews the lease while bytes flow, releases the last byte once the link is
//! consumed, and gives the link back when the connection breaks.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::web;

use super::model::{self, Claim, LEASE};
use crate::server::app::App;
use crate::server::audit::{Action, Entry, Origin};
use crate::server::error::Result;
use crate::server::http::file_body::Lease;
use crate::server::metrics::OpenTransfer;

/// Holds a claim. Dropped before the end, it gives the link back; it is made within the write that claims, so that there
/// is no moment in which a link is claimed and nobody would give it back.
pub struct LinkLease {
    app: web::Data<App>,
    claim: Claim,
    /// What the audit was told at the start; it is told of the end in the same words.
    started: Entry,
    origin: Origin,
    renewed: Instant,
    /// Set when a renewal finds that the claim is lost.
    lost: Arc<AtomicBool>,
    consuming: Option<Pin<Box<dyn Future<Output = Result<bool>> + Send>>>,
    consumed: bool,
    over: bool,
    _transfer: OpenTransfer,
}

impl LinkLease {
    pub fn new(app: web::Data<App>, claim: Claim, started: Entry, origin: Origin) -> LinkLease {
        LinkLease {
            claim,
            started,
            origin,
            renewed: Instant::now(),
            lost: Arc::default(),
            consuming: None,
            consumed: false,
            over: false,
            _transfer: app.metrics.transfer("download"),
            app,
        }
    }

    fn renew(&mut self) {
        self.renewed = Instant::now();
        let (claim, lost, now) = (self.claim.clone(), self.lost.clone(), self.app.clock.now());
        self.app.db.writer().post("renew a lease", move |conn| {
            if !model::renew(conn, &claim, now)? {
                lost.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
    }

    fn entry(&self, action: Action) -> Entry {
        Entry { action, ..self.started.clone() }
    }
}

impl Lease for LinkLease {
    fn progressed(&mut self) -> io::Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(revoked());
        }
        if self.renewed.elapsed() > LEASE / 4 {
            self.renew();
        }
        Ok(())
    }

    fn poll_release_last_byte(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let consuming = self.consuming.get_or_insert_with(|| {
            let (app, claim, now) = (self.app.clone(), self.claim.clone(), self.app.clock.now());
            Box::pin(async move { app.db.write(move |conn| model::consume(conn, &claim, now)).await })
        });
        let consumed = ready!(consuming.as_mut().poll(cx));
        self.consuming = None;
        match consumed {
            Ok(true) => {
                self.consumed = true;
                Poll::Ready(Ok(()))
            }
            Ok(false) => Poll::Ready(Err(revoked())),
            Err(error) => Poll::Ready(Err(io::Error::other(error))),
        }
    }

    fn part_ends(&mut self) {
        // Nobody waits for it: the one writer takes it before the claim of whoever asks on.
        let claim = self.claim.clone();
        self.app.db.writer().post("give a link back", move |conn| model::release(conn, &claim));
    }

    fn handed_on(&mut self) {
        // Given back now, the link gives that byte again and no more.
        self.claim.last_byte_only = true;
    }

    fn delivered(&mut self) {
        self.over = true;
        let (claim, now, consumed) = (self.claim.clone(), self.app.clock.now(), self.consumed);
        let action = if consumed { Action::Downloaded } else { Action::PartDownloaded };
        let (origin, entry) = (self.origin.clone(), self.entry(action));
        self.app.db.writer().post("end a download", move |conn| {
            if consumed {
                model::fetched(conn, &claim, now)?;
            }
            origin.record(conn, now, entry)
        });
    }
}

impl Drop for LinkLease {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (claim, now) = (self.claim.clone(), self.app.clock.now());
        let (origin, entry) = (self.origin.clone(), self.entry(Action::DownloadBroken));
        self.app.db.writer().post("give a link back", move |conn| {
            model::release(conn, &claim)?;
            origin.record(conn, now, entry)
        });
    }
}

fn revoked() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the link was revoked meanwhile")
}
