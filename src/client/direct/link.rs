//! One connection to the hub: a WebSocket, read here and written by a task of its own.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Pace;
use super::event::Failure;
use crate::client::{self, Reader, Server, Writer, open_frames};
use crate::protocol::direct::{End, Frame, LARGEST_FRAME, Signal};
use crate::protocol::websocket::In;
use crate::protocol::websocket::parser::OpCode;

/// Frames that wait for a writer.
pub const QUEUE: usize = 4;

/// See the module.
pub struct Link {
    outbox: mpsc::Sender<Bytes>,
    signals: mpsc::Sender<String>,
    /// What the hub's pings are answered with.
    pongs: mpsc::Sender<Bytes>,
    inbox: Reader,
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
        let (inbox, outgoing) =
            open_frames(server, path, LARGEST_FRAME, pace.connect).await.map_err(|failure| match failure {
                client::Failure::Unreachable(cause) => Failure::Unreachable(cause),
                refused => Failure::Refused(refused.to_string()),
            })?;
        let ((outbox, frames), (signals, told), (pongs, asked)) =
            (mpsc::channel(QUEUE), mpsc::channel(1), mpsc::channel(1));
        let writer = tokio::spawn(async move {
            if let Err(error) = write(outgoing, frames, told, asked).await {
                tracing::debug!(cause = %error, "the connection takes nothing any more");
            }
        });
        Ok(Link { outbox, signals, pongs, inbox, writer, heard: Instant::now() })
    }

    /// Waits until everything is written, for as long as `patience`, and says goodbye.
    pub async fn close(self, patience: Duration) {
        drop((self.outbox, self.signals, self.pongs));
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
                Ok(In::Text(text)) => return serde_json::from_str(&text).map(Heard::Signal).map_err(|_| Lost),
                Ok(In::Binary(bytes)) => return Frame::parse(bytes).map(Heard::Frame).ok_or(Lost),
                // One that waits to be written answers this ping, too.
                Ok(In::Ping(payload)) => drop(self.pongs.try_send(payload)),
                Ok(In::Pong) => {}
                Ok(In::Close) | Err(_) => return Err(Lost),
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
        self.signals.send(text).await.map_err(|_| Lost)
    }
}

/// Writes until nobody has anything to write any more, or the connection is over.
async fn write(
    mut outgoing: Writer,
    mut frames: mpsc::Receiver<Bytes>,
    mut signals: mpsc::Receiver<String>,
    mut pongs: mpsc::Receiver<Bytes>,
) -> io::Result<()> {
    loop {
        tokio::select! {
            biased;
            Some(payload) = pongs.recv() => outgoing.send(OpCode::Pong, payload).await?,
            Some(frame) = frames.recv() => outgoing.send(OpCode::Binary, frame).await?,
            Some(signal) = signals.recv() => outgoing.send(OpCode::Text, signal.into()).await?,
            else => break,
        }
        if frames.is_empty() && signals.is_empty() {
            outgoing.flush().await?;
        }
    }
    outgoing.close().await
}
