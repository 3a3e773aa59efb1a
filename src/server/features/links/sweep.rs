//! What time ends of links.

use chrono::TimeDelta;

use super::model;
use crate::server::app::App;
use crate::server::error::Result;
use crate::server::sweeper::Sweep;

/// What the sweeper does for links.
pub const SWEEP: Sweep = Sweep { what: "links", run: |app| Box::pin(async move { sweep(&app).await }) };

/// Ends links past their time, drops those that are older than the audit is kept, and counts the rest.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    let oldest = now - TimeDelta::from_std(app.config.audit_life).unwrap_or(TimeDelta::MAX);
    app.db.write(move |conn| model::expire(conn, now)).await?;
    while app.db.write(move |conn| model::forget(conn, oldest)).await? {}
    let counts = app.db.read(model::count).await?;
    for state in model::STATES {
        let number = counts.iter().find(|(counted, _)| counted == state).map_or(0, |(_, number)| *number);
        app.metrics.links(state, number);
    }
    Ok(())
}
