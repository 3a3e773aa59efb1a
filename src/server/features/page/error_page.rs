//! Refusals in the form that the client reads: a page for a person, a problem document for a program.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};

use super::html::{Frame, answer, escape, fill};
use crate::server::error::Error;

/// See the module.
pub fn refusal(req: &HttpRequest, error: &Error) -> HttpResponse {
    let accept = req.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match accept.contains("text/html") {
        true => error_page(error),
        false => error.error_response(),
    }
}

/// What a person reads instead of a problem document.
fn error_page(error: &Error) -> HttpResponse {
    let (status, code) = (error.status(), error.code());
    let (title, text) = match code {
        "used_link" => (
            "This link has been used",
            "The file was downloaded already. Each link gives it once. Ask for a new link if you still need the file.",
        ),
        "expired_link" => {
            ("This link has expired", "Its time was over before the file was downloaded. Ask for a new link.")
        }
        "revoked_link" => (
            "This link was withdrawn",
            "Whoever made it has taken it back, or the file was deleted. Ask them for a new link.",
        ),
        "link_busy" => (
            "This link is being downloaded right now",
            "Somebody, perhaps you in another window, is fetching the file. If that breaks off, try again in a minute.",
        ),
        "unknown_link" => {
            ("There is no such link", "The address may have been cut off or mistyped. Check it, or ask for a new link.")
        }
        _ => ("That did not work", ""),
    };
    let said = error.error_response(); // writes the cause of a failure of ours to the log, and has the headers
    let detail = error.to_string();
    let text = if text.is_empty() { detail.as_str() } else { text };
    let mut response = answer(HttpResponse::build(status));
    for name in [header::RETRY_AFTER, header::CONTENT_RANGE] {
        if let Some(value) = said.headers().get(&name) {
            response.insert_header((name, value.clone()));
        }
    }
    let main = fill(include_str!("error_page.html"), &[("title", title), ("text", &escape(text)), ("code", code)]);
    response.body(Frame { root: "../", title, module: None, main: &main }.html())
}
