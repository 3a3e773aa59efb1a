//! The addresses of a batch that people and pages are given.

use actix_web::HttpRequest;

use crate::server::app::App;
use crate::server::error::Result;
use crate::server::http::peer::public_url;

pub struct Urls {
    /// The page for receivers.
    pub receiver: String,
    pub qr: String,
    pub zip: String,
}

pub fn of(req: &HttpRequest, app: &App, address: &str) -> Result<Urls> {
    Ok(Urls {
        receiver: public_url(req, app, &format!("/b/{address}"))?,
        qr: public_url(req, app, &format!("/api/batches/{address}/qr.svg"))?,
        zip: public_url(req, app, &format!("/api/batches/{address}/zip"))?,
    })
}
