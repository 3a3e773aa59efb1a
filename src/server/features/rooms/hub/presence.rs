//! One member in a room that is in memory: its connection, and how much it may say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{NaiveDateTime, TimeDelta};

use crate::protocol::rooms::event::ServerMessage;
use crate::server::features::rooms::model::members::Member;
use crate::server::http::socket::{Out, Urgent};

/// How often a member is asked whether it is there, and after how many times in a row without a sign of life it is not.
const HEARTBEAT: TimeDelta = TimeDelta::seconds(15);
const SILENT: u32 = 2;

/// How much a member may say: a bucket that drains.
#[derive(Clone, Copy)]
pub struct Rate {
    burst: u32,
    drain: TimeDelta,
}

impl Rate {
    /// So many messages a second for long, and five times as many at once.
    pub fn a_second(messages: u32) -> Rate {
        let drain = TimeDelta::microseconds(1_000_000 / i64::from(messages.max(1)));
        Rate { burst: messages.saturating_mul(5), drain }
    }
}

/// What [`Rooms::allow`](super::Rooms::allow) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// Not now; in so many seconds.
    Wait(u64),
    /// It does not listen.
    Enough,
}

/// A member's.
pub struct Presence {
    pub member: Member,
    pub connection: Option<Connection>,
    pub lost_at: NaiveDateTime,
    /// When the bucket of its messages is empty, and how often it was told that it is full.
    quiet_at: NaiveDateTime,
    told: u32,
    typed_at: NaiveDateTime,
}

impl Presence {
    pub fn away(member: Member, now: NaiveDateTime) -> Presence {
        let long_ago = NaiveDateTime::MIN;
        Presence { member, connection: None, lost_at: now, quiet_at: now, told: 0, typed_at: long_ago }
    }

    /// Whether it may say one more thing now.
    pub fn allow(&mut self, rate: Rate, now: NaiveDateTime) -> Allowed {
        let level = (self.quiet_at - now).max(TimeDelta::zero());
        let over = level + rate.drain - rate.drain * i32::try_from(rate.burst).unwrap_or(i32::MAX);
        if over <= TimeDelta::zero() {
            self.quiet_at = now + level + rate.drain;
            self.told = 0;
            return Allowed::Yes;
        }
        self.told += 1;
        match self.told > rate.burst {
            true => Allowed::Enough,
            false => Allowed::Wait(over.num_seconds().unsigned_abs() + 1),
        }
    }

    /// Whether the others are told that it types: once a second at most.
    pub fn types(&mut self, now: NaiveDateTime) -> bool {
        let tells = now - self.typed_at >= TimeDelta::seconds(1);
        if tells {
            self.typed_at = now;
        }
        tells
    }
}

/// A member's socket, as the room has it.
pub struct Connection {
    pub number: u64,
    pub urgent: Urgent,
    heard: Arc<AtomicBool>,
    asked_at: NaiveDateTime,
    /// Heartbeats in a row before which nothing was heard.
    silent: u32,
}

/// A member's socket, as its reader has it.
#[derive(Clone, Debug)]
pub struct Line {
    pub number: u64,
    heard: Arc<AtomicBool>,
}

impl Line {
    /// The member has given a sign of life.
    pub fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    pub fn new(number: u64, urgent: Urgent, now: NaiveDateTime) -> Connection {
        Connection { number, urgent, heard: Arc::new(AtomicBool::new(true)), asked_at: now, silent: 0 }
    }

    pub fn line(&self) -> Line {
        Line { number: self.number, heard: self.heard.clone() }
    }

    /// Asks the member now and then whether it is there; `false` when it is not, or takes nothing. A clock that leaps, as
    /// after a pause of the whole machine, is one heartbeat and not many.
    pub fn beat(&mut self, now: NaiveDateTime) -> bool {
        if (now - self.asked_at).abs() < HEARTBEAT {
            return true;
        }
        self.asked_at = now;
        self.silent = match self.heard.swap(false, Ordering::Relaxed) {
            true => 0,
            false => self.silent + 1,
        };
        self.silent < SILENT && self.urgent.say(Out::Ping)
    }

    pub fn farewell(&self, code: &str, msg: String, close: u16) {
        let word = ServerMessage::Error { code: code.into(), msg, nonce: None };
        self.urgent.farewell(Some(word.json()), close);
    }
}
