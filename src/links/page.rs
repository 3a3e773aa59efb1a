//! GET and POST /d/{download_token}: the page for people. Looking at it spends nothing; pressing the button does.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use bytesize::ByteSize;

use super::download::{look, refusal};
use crate::app::App;
use crate::error::Error;
use crate::http::headers::PAGE;
use crate::http::openapi::escape;

const LINK_PAGE: &str = include_str!("../page/link.html");
const SORRY_PAGE: &str = include_str!("../page/sorry.html");

pub async fn show(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match look(&app, &token) {
        Ok((link, target)) => {
            let expires = link.expires_at.and_utc();
            html(HttpResponse::Ok()).body(
                LINK_PAGE
                    .replace("{{name}}", &escape(&target.name))
                    .replace("{{size}}", &ByteSize(target.size_bytes()).display().si().to_string())
                    .replace("{{expires_at}}", &expires.to_rfc3339())
                    .replace("{{expires}}", &expires.format("%-d %B %Y, %H:%M UTC").to_string()),
            )
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
    let (status, code) = error.shape();
    let (title, text) = match error {
        Error::UsedLink => (
            "This link has been used",
            "The file was downloaded already. Each link gives it once. Ask for a new link if you still need the file.",
        ),
        Error::ExpiredLink => {
            ("This link has expired", "Its time was over before the file was downloaded. Ask for a new link.")
        }
        Error::RevokedLink => (
            "This link was withdrawn",
            "Whoever made it has taken it back, or the file was deleted. Ask them for a new link.",
        ),
        Error::LinkBusy => (
            "This link is being downloaded right now",
            "Somebody, perhaps you in another window, is fetching the file. If that breaks off, try again in a minute.",
        ),
        Error::UnknownLink => {
            ("There is no such link", "The address may have been cut off or mistyped. Check it, or ask for a new link.")
        }
        _ => ("That did not work", ""),
    };
    let said = error.error_response(); // writes the cause of a failure of ours to the log, and has the headers
    let detail = error.to_string();
    let text = if text.is_empty() { detail.as_str() } else { text };
    let mut response = html(HttpResponse::build(status));
    for name in [header::RETRY_AFTER, header::CONTENT_RANGE] {
        if let Some(value) = said.headers().get(&name) {
            response.insert_header((name, value.clone()));
        }
    }
    response.body(SORRY_PAGE.replace("{{title}}", title).replace("{{text}}", &escape(text)).replace("{{code}}", code))
}

fn html(mut response: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE)))
        .insert_header((header::CACHE_CONTROL, "private, no-store"));
    response
}
