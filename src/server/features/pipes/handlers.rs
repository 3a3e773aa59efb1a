//! The handlers: a name for a pipe, the two sides, and a peek that changes nothing.

use crate::server::features::pipes::refusals::peer_lost;
use crate::server::refusals::bad_request;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::header::{RANGE, USER_AGENT};
use actix_web::http::{Method, Version};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{PipeBody, over_quota};
use super::feed::{Source, feed};
use super::offer::Offer;
use super::registry::{Arrival, Pipes};
use crate::protocol::secret;
use crate::server::app::App;
use crate::server::error::{Error, Result};
use crate::server::http::connection::Connection;
use crate::server::http::file_body::NoBody;
use crate::server::http::gate::Caller;
use crate::server::http::origin::check_fetch;
use crate::server::http::peer::{client_network, public_url};

/// Longest name.
const LONGEST: usize = 128;
/// How long a sender may go on after its session has ended.
const RIGHTS_CHECK: Duration = Duration::from_secs(1);

/// A name that nobody guesses, and where it leads.
#[derive(Serialize, ToSchema)]
pub struct NewPipe {
    name: String,
    url: String,
    /// How long each side waits for the other, in seconds.
    wait: u64,
}

pub async fn name(req: HttpRequest, app: web::Data<App>) -> Result<HttpResponse> {
    // 75 bits, in groups that can be read out.
    let name = [secret::random(5), secret::random(5), secret::random(5)].join("-");
    let url = public_url(&req, &app, &format!("/pipe/{name}"))?;
    Ok(HttpResponse::Created().json(NewPipe { name, url, wait: app.config.code_life.as_secs() }))
}

#[derive(Deserialize)]
pub struct Named {
    /// What the receiver's file is to be called.
    filename: Option<String>,
}

/// What became of what was sent.
#[derive(Serialize, ToSchema)]
pub struct Passed {
    message: &'static str,
    /// Bytes
    size: u64,
}

pub async fn send(
    req: HttpRequest,
    app: web::Data<App>,
    pipes: web::Data<Pipes>,
    name: web::Path<String>,
    query: web::Query<Named>,
    caller: Option<Caller>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let connection = wire_of(&req)?;
    let hold = connection.hold();
    check_name(&name)?;
    let offer = Offer::of(&req, query.filename.as_deref())?;
    let source = Source { payload, length: offer.length, connection: Some((connection.clone(), hold)) };
    // What is kept for those who have signed in is not for whoever has just made an account.
    let is_guest = caller.as_ref().is_none_or(|caller| caller.user.self_made);
    let who = Arrival { address: client_network(&req)?, is_guest, now: app.clock.now() };
    let spent = app.budget.of(who.address, who.now);
    if let Some(limit) = spent.reached() {
        return Err(over_quota(limit));
    }
    let waiting = pipes.offer(&name, offer, spent, who)?;
    let sending = async {
        let given = tokio::select! {
            met = waiting.met => met.map_err(Error::internal)??,
            () = connection.hung_up() => return Err(peer_lost("The sender went away.")),
        };
        feed(source, given).await
    };
    let size = tokio::select! {
        size = sending => size?,
        error = rights_end(&app, caller) => return Err(error),
    };
    Ok(HttpResponse::Ok().json(Passed { message: "The receiver has been sent everything.", size }))
}

pub async fn receive(
    req: HttpRequest,
    app: web::Data<App>,
    pipes: web::Data<Pipes>,
    name: web::Path<String>,
) -> Result<HttpResponse> {
    let connection = wire_of(&req)?;
    check_fetch(&req, &app)?;
    check_name(&name)?;
    if req.headers().contains_key(RANGE) {
        return Err(bad_request("A pipe is read once, from its beginning: ask without Range.".into()));
    }
    if req.method() == Method::HEAD {
        return peek(&app, &pipes, &name);
    }
    if is_robot(&req) {
        return Err(bad_request("Previews and robots receive nothing here. HEAD tells what there is.".into()));
    }
    // Whoever fetches need not sign in, and is a guest.
    let who = Arrival { address: client_network(&req)?, is_guest: true, now: app.clock.now() };
    let waiting = pipes.claim(&name, who)?;
    let taken = tokio::select! {
        met = waiting.met => met.map_err(Error::internal)??,
        () = connection.clone().hung_up() => return Err(peer_lost("The receiver went away.")),
    };
    let mut response = head(taken.offer.length, taken.offer.headers());
    // HTTP/1.0 knows no chunks: what has no length ends with the connection.
    let ends_by_closing = taken.offer.length.is_none() && req.version() < Version::HTTP_11;
    let transfer = app.metrics.transfer("pipe");
    let mut response = response.body(PipeBody::new(taken, waiting.place, connection, ends_by_closing, transfer));
    if ends_by_closing {
        response.head_mut().no_chunking(true);
    }
    Ok(response)
}

/// The answer to HEAD: whether somebody sends, and what.
fn peek(app: &App, pipes: &Pipes, name: &str) -> Result<HttpResponse> {
    let (length, headers) = pipes.peek(name, app.clock.now())?;
    Ok(head(length, headers).body(NoBody))
}

fn head(length: Option<u64>, headers: actix_web::http::header::HeaderMap) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    for header in headers {
        response.insert_header(header);
    }
    if let Some(length) = length {
        response.no_chunking(length);
    }
    response
}

/// # Errors
/// [`bad_request`]. A name is no path and no file's name; it is only compared.
fn check_name(name: &str) -> Result<()> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_good) {
        true => Ok(()),
        false => Err(bad_request(format!(
            "The name of a pipe has 1 to {LONGEST} characters: ASCII letters, digits, hyphens, dots, underscores and tildes."
        ))),
    }
}

/// Whether nobody has asked for it yet: a link preview, a crawler, a browser that fetches ahead.
fn is_robot(req: &HttpRequest) -> bool {
    const WORDS: [&str; 6] = ["bot", "crawl", "spider", "preview", "externalhit", "whatsapp"];
    let header = |name: &str| {
        let value = req.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    };
    let agent = header(USER_AGENT.as_str());
    WORDS.iter().any(|word| agent.contains(word))
        || header("sec-purpose").contains("prefetch")
        || header("purpose").contains("prefetch")
}

/// Waits until the sender may not send any more: logged out, disabled, its session over. A guest's rights do not end.
async fn rights_end(app: &App, caller: Option<Caller>) -> Error {
    let Some(caller) = caller else { return std::future::pending().await };
    loop {
        tokio::time::sleep(RIGHTS_CHECK).await;
        if let Err(error) = caller.check(app) {
            return error;
        }
    }
}

fn wire_of(req: &HttpRequest) -> Result<Rc<Connection>> {
    req.conn_data::<Rc<Connection>>().cloned().ok_or_else(|| Error::Internal("a request without a connection".into()))
}
