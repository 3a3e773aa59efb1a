//! One connection to the hub: a WebSocket, read here and written by a task of its own.

use std::io;
use std::net::SocketAddr;
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
    /// Pings, and what the hub's are answered with.
    controls: mpsc::Sender<(OpCode, Bytes)>,
    inbox: Reader,
    writer: JoinHandle<()>,
    /// Our end of the connection.
    pub local: Option<SocketAddr>,
    /// When something was last heard from the hub.
    pub heard: Instant,
    /// Since when what was sent has brought no answer of whatever kind, and whether the hub was asked since.
    unanswered: Option<Instant>,
    is_probed: bool,
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
        let (inbox, outgoing, local) =
            open_frames(server, path, LARGEST_FRAME, pace.connect).await.map_err(|failure| match failure {
                client::Failure::Unreachable(cause) => Failure::Unreachable(cause),
                // A proxy's word for a server that is not there, or the server's for a while.
                client::Failure::Refused { status, msg, .. } if status.is_server_error() => Failure::Unreachable(msg),
                refused => Failure::Refused(refused.to_string()),
            })?;
        let ((outbox, frames), (signals, told), (controls, asked)) =
            (mpsc::channel(QUEUE), mpsc::channel(1), mpsc::channel(2));
        let writer = tokio::spawn(async move {
            if let Err(error) = write(outgoing, frames, told, asked).await {
                tracing::debug!(cause = %error, "the connection takes nothing any more");
            }
        });
        let (heard, unanswered, is_probed) = (Instant::now(), None, false);
        Ok(Link { outbox, signals, controls, inbox, writer, local, heard, unanswered, is_probed })
    }

    /// Waits until everything is written, for as long as `patience`, and says goodbye.
    pub async fn close(self, patience: Duration) {
        drop((self.outbox, self.signals, self.controls));
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
            (self.heard, self.unanswered, self.is_probed) = (Instant::now(), None, false);
            match message {
                Ok(In::Text(text)) => return serde_json::from_str(&text).map(Heard::Signal).map_err(|_| Lost),
                Ok(In::Binary(bytes)) => return Frame::parse(bytes).map(Heard::Frame).ok_or(Lost),
                // One that waits to be written answers this ping, too.
                Ok(In::Ping(payload)) => drop(self.controls.try_send((OpCode::Pong, payload))),
                Ok(In::Pong) => {}
                Ok(In::Close) | Err(_) => return Err(Lost),
            }
        }
    }

    /// Something goes out that has to bring an answer: of the other end, or of the hub that it has taken none.
    pub fn expect_answer(&mut self) {
        self.unanswered.get_or_insert_with(Instant::now);
    }

    /// When the hub has been silent for so long that it is to be asked whether it is there, or is given up.
    pub fn ask_at(&self, pace: &Pace) -> Instant {
        let patience = if self.is_probed { pace.dead } else { pace.probe };
        let silent = self.heard + pace.silence;
        self.unanswered.map_or(silent, |since| silent.min(since + patience))
    }

    /// Asks the hub; `false` when it is silent for too long already.
    pub fn ask(&mut self, pace: &Pace) -> bool {
        if self.is_probed || self.heard + pace.silence <= Instant::now() {
            return false;
        }
        self.is_probed = true;
        // Where an answer waits to be written, that is as good.
        let _ = self.controls.try_send((OpCode::Ping, Bytes::new()));
        true
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
    mut controls: mpsc::Receiver<(OpCode, Bytes)>,
) -> io::Result<()> {
    loop {
        tokio::select! {
            biased;
            Some((op, payload)) = controls.recv() => outgoing.send(op, payload).await?,
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
