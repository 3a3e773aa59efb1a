//! What is sent while both ends are connected.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Next;
use crate::client::direct::source::{Reading, Source};
use crate::protocol::direct::PIECE;
use crate::protocol::direct::message::Start;

/// What remains to be sent in this round.
pub struct Round {
    pub outbox: mpsc::Sender<Bytes>,
    /// While it is found out whether a file begins with what another process of the receiver's has of it, where to begin.
    pub checking: Option<(Start, JoinHandle<bool>)>,
    /// The entry that is being sent, and those after it.
    pub reading: Option<Reading>,
    pub wanted: VecDeque<u32>,
    pub window: u64,
    /// Content that was there before this round, that was sent in it, and the part of that which the receiver has confirmed.
    pub before: u64,
    pub sent: u64,
    /// What was there or was sent of entries that were then left out.
    pub dropped: u64,
    pub acked: u64,
    /// Entries that are sent, with the count of content at their end, until the receiver has confirmed it.
    pub unconfirmed: VecDeque<(u64, u32)>,
}

impl Round {
    /// Waits for room in the window and on the connection, and reads what goes there.
    pub async fn next(round: &mut Option<Round>, sources: &mut [Source]) -> Next {
        if let Some(round) = round
            && let Some((start, checking)) = &mut round.checking
        {
            let begins_so = checking.await.unwrap_or(false);
            let offset = if begins_so { start.offset } else { 0 };
            return Next::Checked(Start { offset, ..start.clone() });
        }
        if let Some(round) = round
            && let Some(reading) = &mut round.reading
            && round.sent - round.acked + PIECE as u64 <= round.window
            && let Some(source) = sources.get_mut(reading.entry as usize)
            && let Ok(permit) = round.outbox.clone().reserve_owned().await
        {
            return Next::Piece(permit, reading.next(source).await);
        }
        std::future::pending().await
    }
}
