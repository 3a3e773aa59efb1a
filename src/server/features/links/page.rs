//! GET and POST /d/{download_token}: the page for people. Looking at it spends nothing; pressing the button does.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytesize::ByteSize;

use super::download::peek;
use crate::server::app::App;
use crate::server::features::page::{Frame, answer, error_page, escape, fill};

pub async fn show(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match peek(&app, &token) {
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
            let frame = Frame { root: "../", title: &target.name, module: Some("link/link.js"), main: &main };
            let mut response = answer(HttpResponse::Ok());
            // So that the button's form says where it comes from, and nobody else is told.
            response.insert_header((header::REFERRER_POLICY, HeaderValue::from_static("same-origin")));
            response.body(frame.html())
        }
        Err(error) => error_page::refusal(&req, &error),
    }
}

/// Leads to the file, whose own address a browser can resume from. Only a person presses buttons; a robot that does gets
/// as far as a claim, which is given back when it does not take the file.
pub async fn press(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> HttpResponse {
    match peek(&app, &token) {
        // Relative, so that it is right under every base path.
        Ok(_) => {
            HttpResponse::SeeOther().insert_header((header::LOCATION, format!("../download_file/{token}"))).finish()
        }
        Err(error) => error_page::refusal(&req, &error),
    }
}
