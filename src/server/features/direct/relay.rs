//! One side's socket, from the handshake to its end.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::web;
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::hub::{Hub, Participant, Place, text};
use crate::protocol::direct::{End, LARGEST_SIGNAL, Role, Signal};
use crate::protocol::websocket::{Broken, In, NORMAL};
use crate::server::app::App;
use crate::server::http::socket::{Incoming, Out, Outgoing};

/// How often a side is asked whether it is there, and how long it may take to show it.
const HEARTBEAT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for the token of a side that comes back.
const TOKEN_TIME: Duration = Duration::from_secs(10);

/// Serves a side until its connection or the transfer is over.
pub async fn serve(app: web::Data<App>, mut participant: Participant, mut incoming: Incoming) {
    if let Gone::Malformed(code) = listen(&app, &mut participant, &mut incoming).await {
        participant.urgent(Out::Farewell(Some(text(&End::BadMessage.ended(None))), code));
    }
    participant.leave(app.clock.now());
}

enum Gone {
    Quietly,
    Malformed(u16),
}

async fn listen(app: &App, participant: &mut Participant, incoming: &mut Incoming) -> Gone {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut place = None;
    loop {
        tokio::select! {
            // First: what has to wait does so in the socket, and takes no memory here.
            free = participant.place(), if place.is_none() => {
                place = Some(free);
                // While the other side held it up it was not listened to.
                heard = Instant::now();
            }
            message = incoming.next(), if place.is_some() => {
                heard = Instant::now();
                match message {
                    Ok(In::Binary(frame)) => {
                        let Some(place) = place.take() else { continue };
                        if !pass_on(participant, frame, place, &mut heartbeat).await {
                            return Gone::Quietly;
                        }
                        heard = Instant::now(); // likewise
                    }
                    Ok(In::Text(text)) => match read(&text) {
                        Some(Signal::End { code }) if code.is_of_an_end() => end(app, participant, code),
                        _ => return Gone::Malformed(1008),
                    },
                    Ok(In::Ping(payload)) => drop(participant.urgent(Out::Pong(payload))),
                    Ok(In::Pong) => {}
                    Ok(In::Close) | Err(Broken::Gone) => return Gone::Quietly,
                    Err(Broken::Malformed(code)) => return Gone::Malformed(code),
                }
            }
            () = participant.over() => return Gone::Quietly,
            _ = heartbeat.tick() => {
                let is_silent = place.is_some() && heard.elapsed() >= PATIENCE;
                if is_silent || !participant.urgent(Out::Ping) {
                    return Gone::Quietly;
                }
            }
        }
    }
}

/// Ends the transfer as this side says. A wrong guess counts against the network it came from.
fn end(app: &App, participant: &Participant, code: End) {
    let receiver = participant.end(code, Some(participant.role));
    if let (End::WrongCode, Some(address)) = (code, receiver) {
        // Whether it has any left is asked the next time.
        let _ = app.throttle.guess(address, app.clock.now());
    }
}

/// Waits for the other side to take a frame, and goes on asking this one whether it is there: it may not be silent for as
/// long as a stalled connection is borne with.
async fn pass_on(
    participant: &mut Participant,
    frame: Bytes,
    place: Place,
    heartbeat: &mut tokio::time::Interval,
) -> bool {
    let outgoing = participant.outgoing().clone();
    let passing = participant.pass_on(frame, place);
    tokio::pin!(passing);
    loop {
        tokio::select! {
            passed = &mut passing => return passed.is_ok(),
            _ = heartbeat.tick() => if !outgoing.urgent(Out::Ping) { return false },
        }
    }
}

fn read(text: &str) -> Option<Signal> {
    (text.len() <= LARGEST_SIGNAL).then(|| serde_json::from_str(text).ok())?
}

/// Waits for the token of a side that comes back, and then serves it. Where a guess was booked for its address, whoever has
/// the token has not guessed.
pub async fn serve_again(
    app: web::Data<App>,
    hub: Hub,
    (nameplate, role): (u32, Role),
    address: IpAddr,
    mut incoming: Incoming,
    outgoing: Outgoing,
) {
    let token = match timeout(TOKEN_TIME, incoming.next()).await {
        Ok(Ok(In::Text(text))) => match read(&text) {
            Some(Signal::Rejoin { token }) => Ok(token),
            _ => Err(End::BadMessage),
        },
        _ => Err(End::BadMessage),
    };
    let participant = token.and_then(|token| hub.rejoin(nameplate, role, &token, outgoing.clone(), app.clock.now()));
    match participant {
        Ok(participant) => {
            if role == Role::Receiver {
                // The token was right: a line that breaks often is no guess.
                app.throttle.forgive_guess(address);
            }
            participant.welcome(&Signal::Rejoined { nameplate });
            serve(app, participant, incoming).await;
        }
        Err(end) => refuse(end, incoming, outgoing).await,
    }
}

/// Says why there is no place, and waits a moment for the client to take it.
pub async fn refuse(end: End, mut incoming: Incoming, outgoing: Outgoing) {
    outgoing.urgent(Out::Farewell(Some(text(&end.ended(None))), NORMAL));
    drop(outgoing);
    tokio::select! {
        _ = async { while !matches!(incoming.next().await, Ok(In::Close) | Err(_)) {} } => {}
        () = sleep(TOKEN_TIME) => {}
    }
}
