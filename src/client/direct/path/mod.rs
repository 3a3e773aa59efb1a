//! A direct path: a TCP connection between the two ends that the hub does not see. Each frame is preceded by its length, in
//! 4 bytes, big-endian.

mod network;
mod rendezvous;

pub use network::{Interface, Network, Route, ThisMachine};
pub use rendezvous::Rendezvous;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::link::{Lost, QUEUE};
use crate::protocol::direct::LARGEST_FRAME;

/// Bytes of a length.
const LENGTH: usize = 4;

/// See the module.
pub struct Path {
    outbox: mpsc::Sender<Bytes>,
    inbox: OwnedReadHalf,
    /// What has come of a length, or of the frame that it announced.
    buffer: BytesMut,
    announced: Option<usize>,
    /// Writes; ends with the path.
    _writer: JoinSet<()>,
    /// Our end of it.
    pub local: Option<SocketAddr>,
    /// When something was last heard, be it a part of a frame.
    pub heard: Instant,
}

impl Path {
    fn new(stream: TcpStream) -> Path {
        let local = stream.local_addr().ok();
        let (inbox, outgoing) = stream.into_split();
        let (outbox, frames) = mpsc::channel(QUEUE);
        let mut writer = JoinSet::new();
        writer.spawn(async move {
            if let Err(error) = write(outgoing, frames).await {
                tracing::debug!(cause = %error, "the direct path takes nothing any more");
            }
        });
        let heard = Instant::now();
        Path { outbox, inbox, buffer: BytesMut::new(), announced: None, _writer: writer, local, heard }
    }

    /// Where frames go. It waits when the path does not take them.
    pub fn outbox(&self) -> &mpsc::Sender<Bytes> {
        &self.outbox
    }

    /// The next frame. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Bytes, Lost> {
        loop {
            let missing = self.announced.unwrap_or(LENGTH) - self.buffer.len();
            if missing > 0 {
                let read = self.inbox.read_buf(&mut (&mut self.buffer).limit(missing)).await;
                self.heard = Instant::now();
                match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Err(Lost),
                }
            } else if self.announced.take().is_some() {
                return Ok(std::mem::take(&mut self.buffer).freeze());
            } else {
                let length = usize::try_from(self.buffer.get_u32()).ok().filter(|length| *length <= LARGEST_FRAME);
                // A frame's buffer is its own, so that it can be opened in place.
                self.buffer = BytesMut::with_capacity(length.ok_or(Lost)?);
                self.announced = length;
            }
        }
    }

    /// Waits, for as long as `patience`, until the other end has heard what is left to say and closes the path. Closed here
    /// first, it would be broken for the other end. Returns whether it did.
    pub async fn close(mut self, patience: Duration) -> bool {
        let mut rest = vec![0; LARGEST_FRAME];
        let closed = async { while matches!(self.inbox.read(&mut rest).await, Ok(1..)) {} };
        let is_closed = timeout(patience, closed).await.is_ok();
        if !is_closed {
            tracing::debug!("the other end leaves the direct path open");
        }
        is_closed
    }
}

async fn write(mut stream: OwnedWriteHalf, mut frames: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(frame) = frames.recv().await {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        stream.write_all_buf(&mut Buf::chain(&length.to_be_bytes()[..], frame)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Path, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Path::new(near), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn frames_pass_in_whatever_pieces_they_come() {
        let (mut near, mut far) = pair().await;
        let frames = [Bytes::new(), Bytes::from_static(b"x"), vec![7; LARGEST_FRAME].into()];
        let mut wire = Vec::new();
        for frame in &frames {
            wire.put_u32(frame.len() as u32);
            wire.put_slice(frame);
        }
        let writing = tokio::spawn(async move {
            for piece in wire.chunks(999) {
                far.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            far
        });
        for frame in frames {
            // A reading that is given up loses nothing.
            let mut dropped = 0;
            let read = loop {
                tokio::select! {
                    biased;
                    () = tokio::task::yield_now(), if dropped < 3 => dropped += 1,
                    read = near.next() => break read.unwrap(),
                }
            };
            assert!(read == frame);
        }
        drop(writing.await.unwrap());
        assert!(near.next().await.is_err(), "the end");
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_is_not_waited_for() {
        let (mut near, mut far) = pair().await;
        far.write_u32(LARGEST_FRAME as u32 + 1).await.unwrap();
        assert!(near.next().await.is_err());
    }

    #[tokio::test]
    async fn the_other_end_closes_once_it_has_heard_all() {
        let (near, mut far) = pair().await;
        near.outbox().send(Bytes::from_static(b"ab")).await.unwrap();
        let closing = tokio::spawn(near.close(Duration::from_secs(60)));
        let mut read = [0; 6];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"\0\0\0\x02ab");
        drop(far);
        assert!(closing.await.unwrap());
    }
}
