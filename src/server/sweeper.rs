//! What time ends: sessions past their end, old audit rows, files that nothing refers to, and what each feature lets end.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::web;
use diesel::prelude::*;
use futures_util::future::LocalBoxFuture;

use crate::server::app::App;
use crate::server::db::schema::{audit, blobs, sessions};
use crate::server::error::{Chain, Error, Result};
use crate::server::http::idempotency;

/// How often rows are swept, and how often the files.
const ROWS: Duration = Duration::from_secs(30);
const FILES: Duration = Duration::from_secs(6 * 3600);

/// What a feature lets end, and what it calls that in the log.
pub struct Sweep {
    pub what: &'static str,
    pub run: fn(web::Data<App>) -> LocalBoxFuture<'static, Result<()>>,
}

/// Sweeps until the runtime ends. A sweep that fails is logged and tried again the next time.
pub async fn run(app: web::Data<App>, features: &[Sweep]) {
    let mut ticks = 0u32;
    loop {
        if ticks == 0
            && let Err(error) = files(&app).await
        {
            tracing::warn!(cause = %Chain(&error), "the files could not be swept");
        }
        for sweep in features {
            if let Err(error) = (sweep.run)(app.clone()).await {
                tracing::warn!(what = sweep.what, cause = %Chain(&error), "what has ended could not be swept");
            }
        }
        if let Err(error) = rows(&app).await {
            tracing::warn!(cause = %Chain(&error), "the rows could not be swept");
        }
        let reserve = app.db.reserve();
        // Without room for it the next turn tries again.
        let _ = web::block(move || reserve.keep()).await;
        app.digester.wake();
        ticks = (ticks + 1) % (FILES.as_secs() / ROWS.as_secs()) as u32;
        actix_rt::time::sleep(ROWS).await;
    }
}

/// Ends sessions past their time, and drops what is older than the audit is kept.
pub async fn rows(app: &App) -> Result<()> {
    let now = app.clock.now();
    let oldest = now - chrono::TimeDelta::from_std(app.config.audit_life).unwrap_or(chrono::TimeDelta::MAX);
    app.db
        .write(move |conn| {
            idempotency::expire(conn, now)?;
            diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(conn)?;
            diesel::delete(audit::table.filter(audit::at.lt(oldest))).execute(conn)?;
            Ok(())
        })
        .await?;
    app.metrics.subscribers.set(app.bus.subscribers() as i64);
    Ok(())
}

/// Removes files that no row refers to. Returns their number.
pub async fn files(app: &App) -> Result<usize> {
    let (store, readers) = (app.blobs.clone(), app.db.readers());
    web::block(move || {
        store.sweep(|ids| {
            let known: Vec<String> =
                readers.read(|conn| Ok(blobs::table.filter(blobs::id.eq_any(ids)).select(blobs::id).load(conn)?))?;
            Ok::<_, SweepError>(HashSet::from_iter(known))
        })
    })
    .await
    .map_err(Error::internal)?
    .map_err(|SweepError(error)| error)
}

/// A sweep stops at the first failure, of the disk or of the database, before it removes anything on the strength of it.
struct SweepError(Error);

impl From<std::io::Error> for SweepError {
    fn from(error: std::io::Error) -> Self {
        SweepError(Error::Unavailable(Box::new(error)))
    }
}

impl From<Error> for SweepError {
    fn from(error: Error) -> Self {
        SweepError(error)
    }
}
