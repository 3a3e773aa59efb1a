//! What joins the two sides of a pipe: the sender's end of it, and the receiver's.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::offer::Offer;
use crate::server::byte_budget::Spent;
use crate::server::error::Error;

/// Pieces that wait for the receiver; each is what a connection delivers at once, 128 KiB at most.
const QUEUE: usize = 2;

/// Part of what is sent.
pub enum Piece {
    Bytes(Bytes),
    /// All that is left: so many bytes that are to be read from the sender's socket.
    Rest(OwnedFd, u64),
    /// There is no more. Without it, the sender has broken off.
    End,
}

/// The sender's end. Dropping it before the transfer is over breaks it off.
pub struct Given {
    pub pieces: mpsc::Sender<Piece>,
    /// Told once the last byte has left for the receiver, and how many there were.
    pub passed: oneshot::Receiver<Result<u64, Error>>,
}

/// The receiver's end, likewise.
pub struct Taken {
    pub offer: Offer,
    pub pieces: mpsc::Receiver<Piece>,
    pub passed: oneshot::Sender<Result<u64, Error>>,
    pub spent: Spent,
}

pub fn flow(offer: Offer, spent: Spent) -> (Given, Taken) {
    let (to, pieces) = mpsc::channel(QUEUE);
    let (pass, passed) = oneshot::channel();
    (Given { pieces: to, passed }, Taken { offer, pieces, passed: pass, spent })
}
