//! Batches: several files behind one address, for whoever has it.
//!
//! Whoever makes a batch, with or without an account, gets two secrets: the id in its address, which opens it, and the
//! manage key, which adds, removes and ends. Everything of a batch ends with it, and each way to its names or its bytes
//! passes the same guard.

pub mod archive;
mod events;
mod fetch;
mod guard;
mod handlers;
mod incoming;
mod lease;
pub mod model;
mod qr;
pub mod refusals;
mod routes;
mod secret;
pub mod settings;
mod upload;
mod urls;

pub use settings::Settings;

pub use guard::PASSWORD;
pub use routes::endpoints;

use serde_json::json;

use crate::server::app::App;
use crate::server::error::Result;
use crate::server::sweeper::Sweep;

/// Clients that may watch one batch.
pub const MOST_WATCHERS: usize = 500;

/// What the sweeper does for batches.
pub const SWEEP: Sweep = Sweep { what: "batches", run: |app| Box::pin(async move { sweep(&app).await }) };

async fn sweep(app: &App) -> Result<()> {
    clear(app).await?;
    app.metrics.batches.set(app.db.read(model::count).await?);
    Ok(())
}

/// Removes what is left of batches that have ended or expired.
pub async fn clear(app: &App) -> Result<()> {
    loop {
        let (now, quota) = (app.clock.now(), *app.blobs.space().quota());
        let busy = app.transfers.subjects(lease::BATCH);
        let Some(cleared) = app.db.write(move |conn| model::clear(conn, &quota, &busy, now)).await? else {
            return Ok(());
        };
        events::publish(app, &cleared.batch, events::ENDED, &json!({}));
        app.blobs.discard(cleared.blobs);
    }
}
