//! The two sockets.

use crate::server::refusals::UPGRADE_REQUIRED;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::hub::{Arrival, BOUNDS, Hub};
use super::relay::{refuse, serve, serve_again, serve_receiver};
use crate::protocol::direct::{Role, Signal};
use crate::server::app::App;
use crate::server::auth::Guess;
use crate::server::error::Result;
use crate::server::http::gate::{Caller, is_signed_in};
use crate::server::http::peer::{client_network, public_url};
use crate::server::http::socket::Handshake;

/// The page where a receiver types the code; the fragment of its address may hold it.
const PAGE: &str = "/direct";

#[derive(Deserialize)]
pub struct Again {
    /// The nameplate of a sender whose connection broke.
    rejoin: Option<u32>,
}

pub async fn send(
    req: HttpRequest,
    app: web::Data<App>,
    hub: web::Data<Hub>,
    caller: Option<Caller>,
    again: web::Query<Again>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (now, address) = (app.clock.now(), client_network(&req)?);
    let page_url = public_url(&req, &app, PAGE)?;
    let (response, incoming, outgoing) = Handshake::of(&req, &app)?.open(payload, BOUNDS);
    let hub = hub.get_ref().clone();
    let who = Arrival { sign_in: caller.map(|caller| caller.session), address, outgoing, now };
    if let Some(nameplate) = again.rejoin {
        actix_rt::spawn(serve_again(app, hub, (nameplate, Role::Sender), who, incoming));
        return Ok(response);
    }
    let outgoing = who.outgoing.clone();
    match hub.open(who) {
        Ok(admitted) => {
            let expires_in = (admitted.expires_at - now).num_seconds().unsigned_abs();
            let code = Signal::Code {
                nameplate: admitted.participant.nameplate,
                expires_at: admitted.expires_at.and_utc(),
                expires_in,
                token: admitted.token,
                grace: hub.grace().as_secs(),
                page_url,
            };
            admitted.participant.welcome(&code, now);
            actix_rt::spawn(serve(app, admitted.participant, incoming));
        }
        Err(end) => drop(actix_rt::spawn(refuse((end, None), incoming, outgoing))),
    }
    Ok(response)
}

#[derive(Deserialize)]
pub struct ReceiverAgain {
    /// Whether this is a receiver whose connection broke.
    #[serde(default)]
    rejoin: bool,
}

pub async fn receive(
    req: HttpRequest,
    app: web::Data<App>,
    hub: web::Data<Hub>,
    nameplate: web::Path<String>,
    again: web::Query<ReceiverAgain>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (now, address) = (app.clock.now(), client_network(&req)?);
    // Whoever comes back proves it by a token, and only then.
    let guess = Guess::Short { signed_in: !again.rejoin && is_signed_in(&req) };
    let (response, incoming, outgoing) = match Handshake::of(&req, &app) {
        // A page is not told why a socket was refused, and asks once more without the handshake.
        Err(error) if error.is(&UPGRADE_REQUIRED) => {
            app.throttle.guess(guess, address, now)?;
            app.throttle.forgive_guess(guess, address);
            return Err(error);
        }
        handshake => handshake?.open(payload, BOUNDS),
    };
    let hub = hub.get_ref().clone();
    // What is not a number is nobody's nameplate.
    let nameplate = nameplate.parse().unwrap_or_default();
    app.throttle.guess(guess, address, now)?;
    let who = Arrival { sign_in: None, address, outgoing, now };
    if again.rejoin {
        actix_rt::spawn(serve_again(app, hub, (nameplate, Role::Receiver), who, incoming));
    } else {
        actix_rt::spawn(serve_receiver(app, hub, nameplate, guess, who, incoming));
    }
    Ok(response)
}
