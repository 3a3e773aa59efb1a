//! What time ends: sessions past their end, old audit rows, files that nothing refers to, and what each feature lets end.

use std::time::Duration;

use actix_web::web;
use diesel::prelude::*;
use futures_util::future::LocalBoxFuture;

use crate::server::app::App;
use crate::server::audit;
use crate::server::blobs::{Survey, rows};
use crate::server::db::schema::sessions;
use crate::server::error::{Chain, Error, Result};

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
        if let Err(error) = trash(&app).await {
            tracing::warn!(cause = %Chain(&error), "the trash could not be emptied");
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
    audit::count(app).await?;
    app.db
        .write(move |conn| {
            diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(conn)?;
            Ok(())
        })
        .await?;
    audit::forget(app, oldest).await?;
    app.db.shrink().await?;
    app.metrics.subscribers.set(app.bus.subscribers() as i64);
    Ok(())
}

/// Moves files that no row refers to into the trash, as far as that is no more than a crash explains. Returns their number.
pub async fn files(app: &App) -> Result<usize> {
    let (store, readers, percent) = (app.blobs.clone(), app.db.readers(), app.config.sweep_limit);
    let swept = web::block(move || {
        store.sweep(percent, |ids| Ok::<_, SweepError>(readers.read(|conn| rows::known(conn, ids))?))
    })
    .await
    .map_err(Error::internal)?
    .map_err(|SweepError(error)| error)?;
    let Survey { files, unknown } = swept.survey;
    app.metrics.unknown_files.set(unknown as i64);
    app.metrics.sweep_stopped.set(swept.stopped.into());
    if swept.stopped {
        tracing::error!(
            files,
            unknown,
            "the sweep has stopped: the database knows too few of the files, so it may be the wrong one or an old one; if they \
             are nobody's, start once with --sweep-limit 100"
        );
    }
    Ok(swept.moved)
}

/// Removes what has lain in the trash long enough, or has to give way. Returns the number of files.
pub async fn trash(app: &App) -> Result<usize> {
    let (store, readers) = (app.blobs.clone(), app.db.readers());
    web::block(move || store.empty_trash(|ids| Ok::<_, SweepError>(readers.read(|conn| rows::known(conn, ids))?)))
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
