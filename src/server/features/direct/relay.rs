//! One side's socket, from the handshake to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web;
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::hub::{Admitted, Arrival, Hub, Participant, Place, text};
use crate::protocol::direct::{End, LARGEST_SIGNAL, Role, Signal};
use crate::protocol::websocket::{Broken, In, NORMAL};
use crate::server::app::App;
use crate::server::auth::Guess;
use crate::server::http::socket::{Incoming, Out, Outgoing};

/// How often a side is asked whether it is there, and how long it may take to show it.
const HEARTBEAT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a side is asked while the other holds it up and nothing of it is read: it may take silence for a dead line.
const NUDGE: Duration = Duration::from_secs(2);
/// How long a receiver waits where somebody is in its way, and how often it looks.
const QUEUE_TIME: Duration = Duration::from_secs(12);
const QUEUE_STEP: Duration = Duration::from_millis(200);
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
                        if !pass_on(app, participant, frame, place).await {
                            return Gone::Quietly;
                        }
                        heard = Instant::now(); // likewise
                    }
                    Ok(In::Text(text)) => match read(&text) {
                        Some(Signal::End { code }) if code.is_of_an_end() => participant.end(code, Some(participant.role)),
                        _ => return Gone::Malformed(1008),
                    },
                    Ok(In::Ping(payload)) => drop(participant.urgent(Out::Pong(payload))),
                    Ok(In::Pong) => {}
                    Ok(In::Close) | Err(Broken::Gone) => return Gone::Quietly,
                    Err(Broken::Malformed(code)) => return Gone::Malformed(code),
                }
            }
            () = participant.over() => return Gone::Quietly,
            () = sleep(NUDGE), if place.is_none() => if !participant.urgent(Out::Ping) { return Gone::Quietly },
            _ = heartbeat.tick() => {
                let is_silent = place.is_some() && heard.elapsed() >= PATIENCE;
                if is_silent || !participant.urgent(Out::Ping) {
                    return Gone::Quietly;
                }
            }
        }
    }
}

/// Waits for the other side to take a frame, and goes on asking this one whether it is there: it may not be silent for as
/// long as a stalled connection is borne with.
async fn pass_on(app: &App, participant: &mut Participant, frame: Bytes, place: Place) -> bool {
    participant.note(&frame, app.clock.now());
    let outgoing = participant.outgoing().clone();
    let passing = participant.pass_on(frame, place);
    tokio::pin!(passing);
    loop {
        tokio::select! {
            passed = &mut passing => return passed.is_ok(),
            () = sleep(NUDGE) => if !outgoing.urgent(Out::Ping) { return false },
        }
    }
}

fn read(text: &str) -> Option<Signal> {
    (text.len() <= LARGEST_SIGNAL).then(|| serde_json::from_str(text).ok())?
}

/// Lets a receiver in and serves it. Where somebody has the place who does not show that the code is there, it waits a little.
/// What was booked for its network is given back, and booked again if it goes without having shown that it has the code.
pub async fn serve_receiver(
    app: web::Data<App>,
    hub: Hub,
    nameplate: u32,
    guess: Guess,
    who: Arrival,
    incoming: Incoming,
) {
    let (outgoing, address, until) = (who.outgoing.clone(), who.address, Instant::now() + QUEUE_TIME);
    let admitted = loop {
        let who = Arrival { sign_in: None, address, outgoing: outgoing.clone(), now: app.clock.now() };
        match hub.join(nameplate, who) {
            Err(End::CodeInUse) if hub.is_unproven(nameplate) && Instant::now() < until => sleep(QUEUE_STEP).await,
            admitted => break admitted,
        }
    };
    match admitted {
        Ok(Admitted { participant, token, is_proven, .. }) => {
            app.throttle.forgive_guess(guess, address);
            let grace = hub.grace().as_secs();
            participant.welcome(&Signal::Joined { nameplate, token, grace }, app.clock.now());
            serve(app.clone(), participant, incoming).await;
            if !is_proven.load(Ordering::Relaxed) {
                // Whether it has any left is asked the next time.
                let _ = app.throttle.guess(guess, address, app.clock.now());
            }
        }
        Err(end) => refuse((end, None), incoming, outgoing).await,
    }
}

/// Waits for the token of a side that comes back, and then serves it. Where a guess was booked for its address, whoever has
/// the token has not guessed.
pub async fn serve_again(
    app: web::Data<App>,
    hub: Hub,
    (nameplate, role): (u32, Role),
    who: Arrival,
    mut incoming: Incoming,
) {
    let rejoin = match timeout(TOKEN_TIME, incoming.next()).await {
        Ok(Ok(In::Text(text))) => match read(&text) {
            Some(Signal::Rejoin { token, is_confirmed }) => Some((token, is_confirmed)),
            _ => None,
        },
        _ => None,
    };
    let (outgoing, address) = (who.outgoing.clone(), who.address);
    let who = Arrival { now: app.clock.now(), ..who };
    let participant = rejoin
        .ok_or((End::BadMessage, None))
        .and_then(|(token, is_confirmed)| hub.rejoin((nameplate, role), &token, is_confirmed, who));
    match participant {
        Ok(participant) => {
            if role == Role::Receiver && !hub.is_unproven(nameplate) {
                // The token was right: a line that breaks often is no guess.
                app.throttle.forgive_guess(Guess::Short { signed_in: false }, address);
            }
            participant.welcome(&Signal::Rejoined { nameplate }, app.clock.now());
            serve(app, participant, incoming).await;
        }
        Err(end) => refuse(end, incoming, outgoing).await,
    }
}

/// Says why there is no place, and waits a moment for the client to take it.
pub async fn refuse((end, by): (End, Option<Role>), mut incoming: Incoming, outgoing: Outgoing) {
    outgoing.urgent(Out::Farewell(Some(text(&end.ended(by))), NORMAL));
    drop(outgoing);
    tokio::select! {
        _ = async { while !matches!(incoming.next().await, Ok(In::Close) | Err(_)) {} } => {}
        () = sleep(TOKEN_TIME) => {}
    }
}
