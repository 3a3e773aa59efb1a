//! How a receiver gets its place at the server: a new one, or the one that a killed process had.

use tokio::time::timeout;

use super::state::State;
use crate::client::Server;
use crate::client::direct::Pace;
use crate::client::direct::event::Failure;
use crate::client::direct::link::{Heard, Link};
use crate::client::direct::peer::{Place, rejoin};
use crate::client::direct::resume_state::ResumeState;
use crate::protocol::direct::{Code, Role, Signal};

/// A process was killed before it knew whether its guess was taken, and another one must not guess again. The sender, which
/// would wait for it, is told.
pub async fn spent(server: &Server, pace: &Pace, place: &Place, resume: Option<ResumeState>) -> Failure {
    match rejoin(server, pace, place, false).await {
        Ok(link) => link.give_up(pace.goodbye).await,
        Err(Failure::Ended { .. }) => {} // it knows
        Err(failure) => return failure,
    }
    resume.iter().for_each(ResumeState::clear);
    Failure::Unconfirmed
}

/// Takes the place at the server: the one that a killed process had, else a new one.
pub async fn begin(server: &Server, code: &Code, pace: &Pace, state: Option<&State>) -> Result<(Link, Place), Failure> {
    match state {
        Some(state) => {
            rejoin(server, pace, &state.place, state.master().is_some()).await.map(|link| (link, state.place.clone()))
        }
        None => open(server, code, pace).await,
    }
}

async fn open(server: &Server, code: &Code, pace: &Pace) -> Result<(Link, Place), Failure> {
    let path = format!("/api/direct/receive/{}", code.nameplate);
    let mut link = Link::open(server, &path, pace).await?;
    match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Joined { nameplate, token, grace, .. }))) => {
            Ok((link, Place { role: Role::Receiver, nameplate, token, grace: Place::grace(grace) }))
        }
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => Err(Failure::Ended { code, by }),
        _ => Err(Failure::Unreachable("it does not say what a Handover server says".into())),
    }
}
