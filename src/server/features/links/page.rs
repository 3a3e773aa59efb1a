//! GET and POST /d/{download_token}: the page for people. Looking at it spends nothing; pressing the button does.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use bytesize::ByteSize;

use super::download::{look, refusal};
use crate::server::app::App;
use crate::server::error::Error;
use crate::server::features::page::{Frame, answer, escape, fill};

pub async fn show(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match look(&app, &token) {
        Ok((link, target)) => {
            let expires = link.expires_at.and_utc();
            let main = fill(
                include_str!("link.html"),
                &[
                    ("name", &escape(&target.name)),
                    ("size", &ByteSize(target.size_bytes()).display().si().to_string()),
                    ("expires_at", &expires.to_rfc3339()),
                    ("expires", &expires.format("%-d %B %Y, %H:%M UTC").to_string()),
                ],
            );
            let frame = Frame { root: "../", title: &target.name, module: Some("screens/link.js"), main: &main };
            let mut response = answer(HttpResponse::Ok());
            // So that the button's form says where it comes from, and nobody else is told.
            response.insert_header((header::REFERRER_POLICY, HeaderValue::from_static("same-origin")));
            response.body(frame.html())
        }
        Err(error) => refusal(&req, &error),
    }
}

/// Leads to the file, whose own address a browser can resume from. Only a person presses buttons; a robot that does gets
/// as far as a claim, which is given back when it does not take the file.
pub async fn press(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match look(&app, &token) {
        // Relative, so that it is right under every base path.
        Ok(_) => {
            HttpResponse::SeeOther().insert_header((header::LOCATION, format!("../download_file/{token}"))).finish()
        }
        Err(error) => refusal(&req, &error),
    }
}

/// What a person reads instead of a problem document.
pub fn sorry(error: &Error) -> HttpResponse {
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
    let main = fill(include_str!("sorry.html"), &[("title", title), ("text", &escape(text)), ("code", code)]);
    response.body(Frame { root: "../", title, module: None, main: &main }.html())
}
