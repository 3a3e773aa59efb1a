//! The pipes: who waits under which name, and which names are in use.
//!
//! A small map behind a mutex, without a wait inside. Whoever comes second takes the first out of its waiting and joins the
//! two; what passes between them does not pass through here.

use crate::server::features::pipes::refusals::{PIPE_NOT_FOUND, nobody_came, pipe_in_use};
use crate::server::refusals::{STOPPING, busy, too_many_requests};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use chrono::NaiveDateTime;
use tokio::sync::oneshot;

use super::flow::{Given, Taken, flow};
use super::offer::Offer;
use crate::protocol::direct::Role;
use crate::server::byte_budget::Spent;
use crate::server::clock::after;
use crate::server::error::{Error, Result};
use crate::server::shares::{exceeded, of_guests};

/// Seconds after which it may be worth to try again where there are too many.
const LATER: u64 = 10;

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Pipes(Arc<Inner>);

struct Inner {
    /// How long a side waits for the other.
    life: Duration,
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pipes: BTreeMap<String, Pipe>,
    /// Numbers pipes, so that the end of one is not taken for that of the next under its name.
    made: u64,
    stopping: bool,
}

struct Pipe {
    id: u64,
    /// The network of whoever came first, and whether they had not signed in.
    address: IpAddr,
    is_guest: bool,
    stage: Stage,
}

enum Stage {
    Sender { offer: Offer, spent: Spent, until: NaiveDateTime, met: Meet<Given> },
    Receiver { until: NaiveDateTime, met: Meet<Taken> },
    Running,
}

type Meet<T> = oneshot::Sender<Result<T>>;

/// One side's hold on a name, until it is dropped; the first of the two that lets go frees the name.
pub struct Place {
    pipes: Pipes,
    name: String,
    id: u64,
}

/// A side that is waiting, or has already met the other one: its end of the flow, and its hold on the name.
pub struct Waiting<T> {
    pub met: oneshot::Receiver<Result<T>>,
    pub place: Place,
}

/// What there is now, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub waiting: usize,
    pub running: usize,
}

/// Who comes: from where, and when.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub address: IpAddr,
    /// Whether nobody has signed in.
    pub is_guest: bool,
    pub now: NaiveDateTime,
}

impl Pipes {
    pub fn new(life: Duration, most: usize) -> Pipes {
        Pipes(Arc::new(Inner { life, most, state: Mutex::default() }))
    }

    /// Comes as the sender.
    ///
    /// # Errors
    /// [`pipe_in_use`], [`too_many_requests`], [`busy`], [`STOPPING`].
    pub fn offer(&self, name: &str, offer: Offer, spent: Spent, who: Arrival) -> Result<Waiting<Given>> {
        let mut state = self.state();
        state.expire(who.now);
        let (meet, met) = oneshot::channel();
        let id = match state.pipes.get_mut(name) {
            Some(pipe) => match std::mem::replace(&mut pipe.stage, Stage::Running) {
                Stage::Receiver { met, .. } => {
                    let (given, taken) = flow(offer, spent);
                    // Whoever waited may just have gone: then the other end of the flow is closed, which says so.
                    let _ = (met.send(Ok(taken)), meet.send(Ok(given)));
                    pipe.id
                }
                stage => {
                    pipe.stage = stage;
                    return Err(pipe_in_use("Somebody else is sending under this name. Choose another one."));
                }
            },
            None => {
                let until = after(who.now, self.0.life);
                state.enter(name, who, Stage::Sender { offer, spent, until, met: meet }, self.0.most)?
            }
        };
        Ok(Waiting { met, place: self.place(name, id) })
    }

    /// Comes as the receiver.
    ///
    /// # Errors
    /// As for [`Pipes::offer`].
    pub fn claim(&self, name: &str, who: Arrival) -> Result<Waiting<Taken>> {
        let mut state = self.state();
        state.expire(who.now);
        let (meet, met) = oneshot::channel();
        let id = match state.pipes.get_mut(name) {
            Some(pipe) => match std::mem::replace(&mut pipe.stage, Stage::Running) {
                Stage::Sender { offer, spent, met, .. } => {
                    let (given, taken) = flow(offer, spent);
                    let _ = (met.send(Ok(given)), meet.send(Ok(taken)));
                    pipe.id
                }
                stage => {
                    pipe.stage = stage;
                    return Err(pipe_in_use("Somebody else is receiving under this name."));
                }
            },
            None => {
                let until = after(who.now, self.0.life);
                state.enter(name, who, Stage::Receiver { until, met: meet }, self.0.most)?
            }
        };
        Ok(Waiting { met, place: self.place(name, id) })
    }

    /// What a receiver would get now: what the sender says of the file. Changes nothing.
    ///
    /// # Errors
    /// [`PIPE_NOT_FOUND`], [`pipe_in_use`].
    pub fn peek(&self, name: &str, now: NaiveDateTime) -> Result<(Option<u64>, HeaderMap)> {
        let mut state = self.state();
        state.expire(now);
        match state.pipes.get(name).map(|pipe| &pipe.stage) {
            Some(Stage::Sender { offer, .. }) => Ok((offer.length, offer.headers())),
            Some(_) => Err(pipe_in_use("Somebody else is receiving under this name.")),
            None => Err(PIPE_NOT_FOUND),
        }
    }

    /// Ends what has waited for too long. Returns what there is.
    pub fn sweep(&self, now: NaiveDateTime) -> Count {
        let mut state = self.state();
        state.expire(now);
        let running = state.pipes.values().filter(|pipe| matches!(pipe.stage, Stage::Running)).count();
        Count { waiting: state.pipes.len() - running, running }
    }

    /// The server stops: who waits is told, and nobody else may come. Running pipes go on.
    pub fn close(&self) {
        let mut state = self.state();
        state.stopping = true;
        state.end(|_| true, || STOPPING, || STOPPING);
    }

    fn place(&self, name: &str, id: u64) -> Place {
        Place { pipes: self.clone(), name: name.to_owned(), id }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A map and counts that are changed without anything that panics between.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets somebody wait under a free name.
    fn enter(&mut self, name: &str, who: Arrival, stage: Stage, most: usize) -> Result<u64> {
        let guests = self.pipes.values().filter(|pipe| pipe.is_guest).count();
        let of_all = self.pipes.values().map(|pipe| pipe.address);
        match () {
            () if self.stopping => Err(STOPPING),
            () if exceeded(who.address, most, of_all).is_some() => Err(too_many_requests(LATER)),
            // A part is kept for those who have signed in.
            () if who.is_guest && guests >= of_guests(most) || self.pipes.len() >= most => Err(busy(LATER)),
            () => {
                self.made += 1;
                self.pipes.insert(
                    name.to_owned(),
                    Pipe { id: self.made, address: who.address, is_guest: who.is_guest, stage },
                );
                Ok(self.made)
            }
        }
    }

    fn expire(&mut self, now: NaiveDateTime) {
        let nobody = |role| match role {
            Role::Sender => nobody_came("Nobody came to receive this in time. Start both sides again."),
            Role::Receiver => nobody_came("Nobody came to send under this name in time. Start both sides again."),
        };
        self.end(|until| until <= now, || nobody(Role::Sender), || nobody(Role::Receiver));
    }

    /// Ends the waiting of those whose time is `over`.
    fn end(&mut self, over: impl Fn(NaiveDateTime) -> bool, sender: impl Fn() -> Error, receiver: impl Fn() -> Error) {
        let is_over = |pipe: &Pipe| match pipe.stage {
            Stage::Sender { until, .. } | Stage::Receiver { until, .. } => over(until),
            Stage::Running => false,
        };
        for (_, pipe) in self.pipes.extract_if(.., |_, pipe| is_over(pipe)) {
            // Who has just gone need not be told.
            match pipe.stage {
                Stage::Sender { met, .. } => drop(met.send(Err(sender()))),
                Stage::Receiver { met, .. } => drop(met.send(Err(receiver()))),
                Stage::Running => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.pipes.state();
        if state.pipes.get(&self.name).is_some_and(|pipe| pipe.id == self.id) {
            state.pipes.remove(&self.name);
        }
    }
}
