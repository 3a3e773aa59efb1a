//! From one connection to another without a copy: splice(2) moves the rest of a request's body from its socket through a
//! pipe of the kernel's into the socket of an answer.

use std::future::Future as _;
use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::TcpStream;
use actix_rt::time::{Instant, Sleep, sleep_until};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;

use super::connection::Connection;

/// What the pipe holds; where the system grants less, that.
const PIPE: usize = 512 << 10;

/// See the module.
pub struct Splice {
    source: TcpStream,
    out_of: OwnedFd,
    into: OwnedFd,
    /// Bytes that are still to come from the source.
    left: u64,
    /// Bytes in the pipe.
    held: usize,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Splice {
    /// Takes `length` bytes from `socket`, which nobody else reads from; see [`Connection::hold`].
    pub fn new(socket: OwnedFd, length: u64) -> io::Result<Splice> {
        let (out_of, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        if let Err(error) = fcntl_setpipe_size(&into, PIPE) {
            tracing::debug!(cause = %error, "a pipe keeps its usual size");
        }
        let source = TcpStream::from_std(net::TcpStream::from(socket))?;
        Ok(Splice { source, out_of, into, left: length, held: 0, stalled: None })
    }

    /// Whether everything has come from the source.
    pub fn has_all(&self) -> bool {
        self.left == 0
    }

    /// Whether something has come that has not left yet.
    pub fn holds_some(&self) -> bool {
        self.held > 0
    }

    /// Takes some bytes from the source, once there is nothing left in the pipe; how many. The time limit is that of
    /// `connection`, the connection they go to.
    ///
    /// # Errors
    /// Those of the socket, `UnexpectedEof` when it ends before its time, `TimedOut` when nothing comes for too long.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<io::Result<usize>> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let most = usize::try_from(self.left).unwrap_or(PIPE).min(PIPE);
        loop {
            if self.source.poll_read_ready(cx)?.is_pending() {
                return self.poll_stalled(cx, connection);
            }
            let take = || Ok(splice(&self.source, None, &self.into, None, most, flags)?);
            match self.source.try_io(Interest::READABLE, take) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(taken) => {
                    connection.metrics().received(taken);
                    self.stalled = None;
                    self.left -= taken as u64;
                    self.held += taken;
                    return Poll::Ready(Ok(taken));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // the readiness was stale
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Sends some of what is in the pipe; how much.
    ///
    /// # Errors
    /// As for [`Connection::poll_send`].
    pub fn poll_give(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<io::Result<usize>> {
        let sent = ready!(connection.poll_splice(cx, &self.out_of, self.held))?;
        self.held -= sent;
        Poll::Ready(Ok(sent))
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<io::Result<usize>> {
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + connection.stall())));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer sends no bytes")))
    }
}
