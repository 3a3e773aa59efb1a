//! SHA-256 of large blobs, made in the background: for people who check with sha256sum.
//!
//! One thread of the lowest priority works through the blobs whose row has none, which makes it go on after a restart by
//! itself. The digest is aws-lc's assembly.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use aws_lc_rs::digest;
use diesel::prelude::*;

use super::Blobs;
use crate::server::background::give_way;
use crate::server::db::schema::blobs;
use crate::server::db::{Db, Readers, Writer};
use crate::server::error::Result;

/// Wakes the thread; dropping it ends the thread within a megabyte.
pub struct Digester {
    wake: SyncSender<()>,
    stop: Arc<AtomicBool>,
}

impl Digester {
    pub fn start(db: &Db, store: Blobs) -> io::Result<Digester> {
        let (wake, woken) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job { readers: db.readers(), writer: db.writer().clone(), store, stop: stop.clone() };
        let digester = Digester { wake, stop };
        digester.wake();
        std::thread::Builder::new().name("sha256".into()).spawn(move || {
            give_way();
            while woken.recv().is_ok() {
                if let Err(error) = job.run() {
                    tracing::warn!(cause = %crate::server::error::Chain(&error), "SHA-256 in the background has to wait");
                }
            }
        })?;
        Ok(digester)
    }

    /// There may be something to do.
    pub fn wake(&self) {
        // A full channel means that the thread has been woken already.
        let _ = self.wake.try_send(());
    }
}

impl Drop for Digester {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Job {
    readers: Readers,
    writer: Writer,
    store: Blobs,
    stop: Arc<AtomicBool>,
}

impl Job {
    fn run(&self) -> Result<()> {
        let mut after = String::new();
        while !self.stop.load(Ordering::Relaxed) {
            let next: Option<String> = self.readers.read(|conn| {
                let missing = blobs::table.filter(blobs::sha256.is_null()).filter(blobs::id.gt(&after));
                Ok(conn.first(missing.order(blobs::id).select(blobs::id)).optional()?)
            })?;
            let Some(id) = next else { break };
            match self.digest(&id) {
                Ok(Some(sha256)) => {
                    let id = id.clone();
                    self.writer.post("sha256", move |conn| {
                        conn.update(blobs::table.find(id), blobs::sha256.eq(sha256))?;
                        Ok(())
                    });
                }
                Ok(None) => break,
                // Deleted meanwhile, or unreadable: the others need not wait for it.
                Err(error) => tracing::warn!(blob = %id, cause = %error, "no SHA-256 of this blob"),
            }
            after = id;
        }
        Ok(())
    }

    /// `None` when the server stops meanwhile.
    fn digest(&self, id: &str) -> io::Result<Option<String>> {
        let mut file = self.store.get(id)?;
        let mut context = digest::Context::new(&digest::SHA256);
        let mut buffer = vec![0; 1 << 20];
        while !self.stop.load(Ordering::Relaxed) {
            match file.read(&mut buffer)? {
                0 => return Ok(Some(hex::encode(context.finish().as_ref()))),
                read => context.update(&buffer[..read]),
            }
        }
        Ok(None)
    }
}
