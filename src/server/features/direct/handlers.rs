//! The two sockets.

use crate::server::refusals::UPGRADE_REQUIRED;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Settings;
use super::hub::{BOUNDS, Hub};
use super::ice::ice_servers;
use super::relay::{refuse, serve, serve_again};
use crate::protocol::direct::{Role, Signal};
use crate::server::app::App;
use crate::server::error::Result;
use crate::server::http::gate::Caller;
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
    settings: web::Data<Settings>,
    caller: Option<Caller>,
    again: web::Query<Again>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (now, address) = (app.clock.now(), client_network(&req)?);
    let page_url = public_url(&req, &app, PAGE)?;
    let (response, incoming, outgoing) = Handshake::of(&req, &app)?.open(payload, BOUNDS);
    let hub = hub.get_ref().clone();
    if let Some(nameplate) = again.rejoin {
        actix_rt::spawn(serve_again(app, hub, (nameplate, Role::Sender), address, incoming, outgoing));
        return Ok(response);
    }
    match hub.open(caller.map(|caller| caller.session), address, outgoing.clone(), now) {
        Ok(admitted) => {
            let expires_in = (admitted.expires_at - now).num_seconds().unsigned_abs();
            admitted.participant.welcome(&Signal::Code {
                nameplate: admitted.participant.nameplate,
                expires_at: admitted.expires_at.and_utc(),
                expires_in,
                token: admitted.token,
                grace: settings.rejoin_time.as_secs(),
                page_url,
                ice_servers: ice_servers(&settings.ice_servers, now),
            });
            actix_rt::spawn(serve(app, admitted.participant, incoming));
        }
        Err(end) => drop(actix_rt::spawn(refuse(end, incoming, outgoing))),
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
    settings: web::Data<Settings>,
    nameplate: web::Path<String>,
    again: web::Query<ReceiverAgain>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (now, address) = (app.clock.now(), client_network(&req)?);
    let (response, incoming, outgoing) = match Handshake::of(&req, &app) {
        // A page is not told why a socket was refused, and asks once more without the handshake.
        Err(error) if error.is(&UPGRADE_REQUIRED) => {
            app.throttle.guess(address, now)?;
            app.throttle.forgive_guess(address);
            return Err(error);
        }
        handshake => handshake?.open(payload, BOUNDS),
    };
    let hub = hub.get_ref().clone();
    // What is not a number is nobody's nameplate.
    let nameplate = nameplate.parse().unwrap_or_default();
    app.throttle.guess(address, now)?;
    if again.rejoin {
        actix_rt::spawn(serve_again(app, hub, (nameplate, Role::Receiver), address, incoming, outgoing));
        return Ok(response);
    }
    match hub.join(nameplate, address, outgoing.clone(), now) {
        Ok(admitted) => {
            app.throttle.forgive_guess(address);
            admitted.participant.welcome(&Signal::Joined {
                nameplate,
                token: admitted.token,
                grace: settings.rejoin_time.as_secs(),
                ice_servers: ice_servers(&settings.ice_servers, now),
            });
            actix_rt::spawn(serve(app, admitted.participant, incoming));
        }
        Err(end) => drop(actix_rt::spawn(refuse(end, incoming, outgoing))),
    }
    Ok(response)
}
