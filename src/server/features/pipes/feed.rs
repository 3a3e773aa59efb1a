//! The sender's side: what it sends goes into the flow.
//!
//! Where the length is known, the rest of the body is not read here: the receiver's side takes it from the socket (see
//! [`crate::server::http::splice`]), once it has got what the dispatcher had read before it was kept from reading on.

use crate::server::features::pipes::refusals::peer_lost;
use std::future::pending;
use std::rc::Rc;
use std::task::Poll;

use actix_web::error::PayloadError;
use actix_web::web;
use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::{Stream as _, StreamExt as _};
use tokio::sync::mpsc;

use super::flow::{Given, Piece};
use crate::server::error::{Error, Result};
use crate::server::http::connection::{Connection, Hold};
use crate::server::http::json::broken_off;

const LOST: Error = peer_lost("The receiver went away before it had everything. Start both sides again.");

/// A request body that has not been read.
pub struct Source {
    pub payload: web::Payload,
    /// In bytes, where it is known.
    pub length: Option<u64>,
    /// Its connection, from which nothing is read before it is asked for.
    pub connection: Option<(Rc<Connection>, Hold)>,
}

/// Passes the body on. Returns its size once the last byte has left for the receiver.
///
/// # Errors
/// [`peer_lost`] when the receiver goes, and what else ends a request body or a transfer.
pub async fn feed(source: Source, given: Given) -> Result<u64> {
    let Given { pieces, passed } = given;
    let mut held = None;
    let feeding = async {
        match pour(source, &pieces).await {
            // The other end says what became of it.
            Ok(hold) => {
                held = hold;
                pending().await
            }
            Err(error) => error,
        }
    };
    let passed = tokio::select! {
        passed = passed => passed.unwrap_or(Err(LOST)),
        error = feeding => Err(error),
    };
    if let (Ok(_), Some(held)) = (&passed, held) {
        held.took_all();
    }
    passed
}

/// Returns what must be held until the transfer is over, if the receiver's side reads the rest.
async fn pour(mut source: Source, pieces: &mpsc::Sender<Piece>) -> Result<Option<Hold>> {
    // A receiver that has gone says so at the other end.
    let give = async |piece| drop(pieces.send(piece).await);
    if let (Some(mut left), Some((connection, _))) = (source.length, &source.connection) {
        while let Some(piece) = buffered(&mut source.payload, connection).await {
            let piece = piece.map_err(|error| broken_off(&error))?;
            left = left.saturating_sub(piece.len() as u64);
            give(Piece::Bytes(piece)).await;
        }
        if left > 0 {
            give(Piece::Rest(connection.socket().map_err(Error::internal)?, left)).await;
            return Ok(source.connection.map(|(_, hold)| hold));
        }
    }
    source.connection = None;
    while let Some(piece) = source.payload.next().await {
        give(Piece::Bytes(piece.map_err(|error| broken_off(&error))?)).await;
    }
    give(Piece::End).await;
    Ok(None)
}

/// The next piece of what the dispatcher has read already; `None` when that was all.
///
/// It decodes what it holds before each turn of the handler, so nothing is left once two turns in a row have brought
/// nothing. A client that waits to be told to send (`Expect: 100-continue`) is told by the first look into its body, which
/// may take some turns of its own.
async fn buffered(payload: &mut web::Payload, connection: &Connection) -> Option<Result<Bytes, PayloadError>> {
    let mut was_empty = false;
    poll_fn(|cx| match std::pin::Pin::new(&mut *payload).poll_next(cx) {
        Poll::Ready(piece) => Poll::Ready(piece),
        Poll::Pending if connection.is_asked() => Poll::Pending,
        Poll::Pending if was_empty => Poll::Ready(None),
        Poll::Pending => {
            was_empty = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
