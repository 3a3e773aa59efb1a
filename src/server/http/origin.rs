//! Pages of other sites: what browsers let them send here without asking, and what is therefore refused.

use crate::server::refusals::FOREIGN_ORIGIN;
use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

use super::peer::public_url;
use crate::server::app::App;
use crate::server::error::Result;

/// Lets in our own pages, those of the origins in the settings, and programs, which send no Origin.
///
/// # Errors
/// [`FOREIGN_ORIGIN`].
pub fn check_origin(req: &HttpRequest, app: &App) -> Result<()> {
    let Some(origin) = req.headers().get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().map_err(|_| FOREIGN_ORIGIN)?;
    let ours = public_url(req, app, "").is_ok_and(|url| origin_of(&url).eq_ignore_ascii_case(origin_of(origin)));
    match ours || app.config.cors_origins.iter().any(|allowed| allowed == origin) {
        true => Ok(()),
        false => Err(FOREIGN_ORIGIN),
    }
}

/// Likewise for a GET that takes something: a page of another site may make a browser fetch it, as an image or in a frame,
/// without an Origin (Fetch Metadata, section 2). A link that a person follows from there is let in.
///
/// # Errors
/// [`FOREIGN_ORIGIN`].
pub fn check_fetch(req: &HttpRequest, app: &App) -> Result<()> {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let embedded = header("sec-fetch-site") == "cross-site" && header("sec-fetch-dest") != "document";
    match embedded && !req.headers().contains_key(ORIGIN) {
        true => Err(FOREIGN_ORIGIN),
        false => check_origin(req, app),
    }
}

/// Host and port of a URL. The scheme is left out: without a public address in the settings the server cannot know
/// whether a proxy before it speaks TLS.
fn origin_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_by_host_and_port() {
        assert_eq!(origin_of("https://files.example.org/handover"), "files.example.org");
        assert_eq!(origin_of("http://127.0.0.1:5000"), "127.0.0.1:5000");
        assert_eq!(origin_of("null"), "null");
    }
}
