//! GET /api/limits: what may be sent here, for whoever chooses files.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::settings::Settings;
use crate::server::app::App;
use crate::server::blobs::{Account, rows};
use crate::server::error::Result;
use crate::server::http::gate::Caller;
use crate::server::http::peer::client_network;

#[derive(Serialize, ToSchema)]
pub struct UploadLimits {
    /// Bytes of one file
    max_file_size: u64,
    /// Bytes of all files of a batch
    max_batch_size: u64,
    max_batch_files: u32,
    /// Seconds that a batch lives at most
    max_batch_life: u64,
    /// Bytes that the caller's quota and the server's still hold
    left: u64,
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    settings: web::Data<Settings>,
    caller: Option<Caller>,
) -> Result<HttpResponse> {
    let account = match caller.filter(|caller| !caller.user.self_made) {
        Some(caller) => Account::user(&caller.user.id),
        None => Account::guest(client_network(&req)?),
    };
    let quota = *app.blobs.space().quota();
    let used = app.db.lookup(|conn| rows::usage(conn, &account, &quota))?;
    let pots = account.pots(&quota);
    let left = pots.iter().zip(used).map(|(pot, used)| pot.limit.saturating_sub(used)).min();
    Ok(HttpResponse::Ok().json(UploadLimits {
        max_file_size: app.config.max_file_size.0,
        max_batch_size: settings.max_batch_size.0,
        max_batch_files: settings.max_batch_files,
        max_batch_life: settings.max_batch_life.as_secs(),
        left: left.unwrap_or_default(),
    }))
}
