//! One connection to the hub: a WebSocket, read here and written by a task of its own.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::Pace;
use super::event::Failure;
use crate::client::{self, Server, Socket, open_socket};
use crate::direct::protocol::{End, Frame, LARGEST_FRAME, Signal};

/// Frames that wait for a writer.
pub const QUEUE: usize = 4;

/// See the module.
pub struct Link {
    outbox: mpsc::Sender<Bytes>,
    signals: mpsc::Sender<Message>,
    inbox: SplitStream<Socket>,
    writer: JoinHandle<()>,
    /// When something was last heard from the hub.
    pub heard: Instant,
}

/// The connection is over.
#[derive(Debug)]
pub struct Lost;

/// What comes from the hub.
pub enum Heard {
    Signal(Signal),
    Frame(Frame),
}

impl Link {
    /// Connects to `path` of the server.
    ///
    /// # Errors
    /// [`Failure::Unreachable`], and [`Failure::Refused`] when the server answers but opens no socket.
    pub async fn open(server: &Server, path: &str, pace: &Pace) -> Result<Link, Failure> {
        let stream = open_socket(server, path, LARGEST_FRAME, pace.connect).await.map_err(|failure| match failure {
            client::Failure::Unreachable(cause) => Failure::Unreachable(cause),
            refused => Failure::Refused(refused.to_string()),
        })?;
        let (sink, inbox) = stream.split();
        let ((outbox, frames), (signals, told)) = (mpsc::channel(QUEUE), mpsc::channel(1));
        let writer = tokio::spawn(write(sink, frames, told));
        Ok(Link { outbox, signals, inbox, writer, heard: Instant::now() })
    }

    /// Waits until everything is written, for as long as `patience`, and says goodbye.
    pub async fn close(self, patience: Duration) {
        drop((self.outbox, self.signals));
        if timeout(patience, self.writer).await.is_err() {
            tracing::debug!("the connection took no goodbye");
        }
    }

    /// Tells the hub that this end does not go on, and closes, within `patience` each.
    pub async fn give_up(mut self, patience: Duration) {
        // Best said; without, the other end waits until the place is given up.
        self.end(End::Failed, patience).await;
        self.close(patience).await;
    }

    /// Tells the hub that it is over, and waits, for as long as `patience`, until it has heard that: closed with something
    /// unread, the connection would be reset, and what was said lost.
    pub async fn end(&mut self, code: End, patience: Duration) {
        let farewell = async {
            self.signal(&Signal::End { code }).await?;
            while !matches!(self.next().await?, Heard::Signal(Signal::Ended { .. })) {}
            Ok::<_, Lost>(())
        };
        if timeout(patience, farewell).await.is_err() {
            tracing::debug!("the server did not answer the goodbye");
        }
    }

    /// The next word from the hub. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Heard, Lost> {
        loop {
            let message = self.inbox.next().await;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map(Heard::Signal).map_err(|_| Lost);
                }
                Some(Ok(Message::Binary(bytes))) => return Frame::parse(bytes).map(Heard::Frame).ok_or(Lost),
                Some(Ok(_)) => {} // pings are answered by the socket itself
                Some(Err(_)) | None => return Err(Lost),
            }
        }
    }

    /// Where frames for the other end go. It waits when the connection does not take them.
    pub fn outbox(&self) -> &mpsc::Sender<Bytes> {
        &self.outbox
    }

    /// Tells the hub something, after all frames that wait.
    pub async fn signal(&self, signal: &Signal) -> Result<(), Lost> {
        let text = serde_json::to_string(signal).map_err(|_| Lost)?;
        self.signals.send(Message::Text(text.into())).await.map_err(|_| Lost)
    }
}

/// Writes until nobody has anything to write any more, or the connection is over.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut frames: mpsc::Receiver<Bytes>,
    mut signals: mpsc::Receiver<Message>,
) {
    loop {
        let message = tokio::select! {
            biased;
            Some(frame) = frames.recv() => Message::Binary(frame),
            Some(signal) = signals.recv() => signal,
            else => break,
        };
        let is_last = frames.is_empty() && signals.is_empty();
        if sink.feed(message).await.is_err() || is_last && sink.flush().await.is_err() {
            return;
        }
    }
    // Whether the goodbye arrives is of no interest any more.
    let _ = sink.close().await;
}
