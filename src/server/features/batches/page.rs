//! GET /b/{id}: the page of a batch. A script makes it a living one; what is in the HTML itself, the files as plain links,
//! is for whoever has none, or whose scripts do not arrive.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytesize::ByteSize;

use super::model::{self, Batch, files};
use super::secret::is_address;
use crate::server::app::App;
use crate::server::error::{Error, Result};
use crate::server::features::page::{Frame, answer, escape, fill};
use crate::server::http::headers::PAGE;

/// Files that get a link of their own; the others are in the ZIP.
const LINKS: i64 = 200;

pub async fn show(req: HttpRequest, app: web::Data<App>) -> Result<HttpResponse> {
    let address = req.match_info().get("id").unwrap_or_default();
    let found = match is_address(address) {
        true => app.db.lookup(|conn| model::find(conn, address, app.clock.now())).map(|(batch, _)| Some(batch)),
        false => Ok(None),
    };
    let plain = match found {
        // Names are for whoever gives the password.
        Ok(Some(batch)) if batch.password_hash.is_some() => {
            "<p>This batch has a password. Giving it takes this page's scripts.</p>".to_owned()
        }
        Ok(Some(batch)) => {
            let id = batch.id.clone();
            let files = app.db.read(move |conn| files::first(conn, &id, LINKS)).await?;
            links(address, &batch, &files)
        }
        Ok(None) => NO_BATCH.to_owned(),
        Err(Error::Refused(_)) => NO_BATCH.to_owned(),
        Err(error) => return Err(error),
    };
    let main = fill(include_str!("batch.html"), &[("plain", &plain)]);
    let frame = Frame { root: "../", title: "Files for you", module: Some("batch/batch.js"), main: &main };
    let mut response = answer(HttpResponse::Ok());
    response.insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE)));
    Ok(response.body(frame.html()))
}

const NO_BATCH: &str = "<h1>There is no such batch</h1>\n<p>The address may be cut off, its time may be over, or its sender \
                        has ended it. Ask them for a new link.</p>";

fn links(address: &str, batch: &Batch, files: &[files::File]) -> String {
    let title = if batch.title.is_empty() { "Files for you" } else { &batch.title };
    let left = |file: &&files::File| batch.max_downloads.is_none_or(|most| file.complete < most);
    let links: String = files.iter().filter(left).map(|file| link(address, file)).collect();
    let more = i64::from(batch.files) - files.len() as i64;
    let more = if more > 0 { format!("<p>And {more} more in the ZIP.</p>\n") } else { String::new() };
    let zip = match batch.files {
        0 => "<p class=\"quiet\">Nothing here yet.</p>\n".to_owned(),
        _ => format!("<p><a class=\"button\" href=\"../api/batches/{address}/zip\">Download all as a ZIP</a></p>\n"),
    };
    format!("<h1 class=\"large\">{}</h1>\n{zip}<ul class=\"rows\">\n{links}</ul>\n{more}", escape(title))
}

fn link(address: &str, file: &files::File) -> String {
    format!(
        "<li class=\"row\"><a href=\"../api/batches/{address}/files/{}\" download>{}</a> <span class=\"small quiet\">{}</span></li>\n",
        file.id,
        escape(&file.name),
        ByteSize(file.size_bytes()).display().si(),
    )
}
