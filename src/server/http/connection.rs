//! The connection under HTTP/1.1: counts what passes, drops peers that stall, and lets a response body write to the
//! socket itself, with sendfile(2).
//!
//! actix-http copies every chunk of a body into its own write buffer, which costs more than all else in a large download.
//! Here the head goes its usual way, and once the dispatcher has flushed it the body takes over: [`Connection::poll_head_out`]
//! tells when, [`Connection::poll_send_file`] and [`Connection::poll_send`] write. The dispatcher writes nothing meanwhile, because
//! for it the body is a stream that has not said anything yet; it calls `poll_flush` only when its own buffer is empty.
//!
//! The other way round a handler may take the rest of a request's body from the socket itself: [`Connection::hold`] keeps the
//! dispatcher from reading on, and [`Connection::socket`] is what to read from.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future as _;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_rt::time::{Instant, Sleep, sleep, sleep_until};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::no_request;
use crate::server::metrics::Metrics;
use crate::server::places::Share;

/// Time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the whole head of a request, from its first byte.
    pub head: Duration,
    /// In which a peer must take at least one byte of an answer.
    pub stall: Duration,
}

/// Called when the connection is reset behind an answer that has left whole: its client may not have read the end of it.
pub type OnReset = Box<dyn FnOnce()>;

/// The half of a connection that handlers and bodies see, from `HttpRequest::conn_data`.
pub struct Connection {
    tcp: TcpStream,
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Requests that have begun and whose answer is not over.
    active: Cell<u32>,
    /// A request has begun since this was last asked: also one that was answered before anything else happened.
    begun: Cell<bool>,
    /// What the dispatcher writes is, or may be, the answer to a request.
    answering: Cell<bool>,
    flushed: Cell<bool>,
    flush_waiter: RefCell<Option<Waker>>,
    /// See [`Connection::hold`], and who wants to read meanwhile.
    held: Cell<bool>,
    /// See [`Hold::took_all`].
    taken: Cell<bool>,
    read_waiter: RefCell<Option<Waker>>,
    /// The client waits to be told to send its body; see `expect`.
    pub(super) asked: Cell<bool>,
    write_stall: RefCell<Option<Pin<Box<Sleep>>>>,
    /// See [`Connection::watch`].
    watched: RefCell<Vec<OnReset>>,
}

impl Connection {
    /// Marks the connection as busy with a request for as long as the guard lives.
    pub fn begin(self: &Rc<Self>) -> ActiveRequest {
        self.active.set(self.active.get() + 1);
        self.begun.set(true);
        self.answering.set(true);
        ActiveRequest(self.clone())
    }

    /// Asks to be told when everything that the dispatcher has buffered so far is out; call it from the first poll of a
    /// body, when the head is in that buffer, and return `Pending`.
    pub fn await_flush(&self, cx: &Context<'_>) {
        self.flushed.set(false);
        self.flush_waiter.replace(Some(cx.waker().clone()));
    }

    /// Whether that has happened. The dispatcher is woken when it does.
    pub fn poll_flushed(&self, cx: &Context<'_>) -> Poll<()> {
        if self.flushed.get() {
            Poll::Ready(())
        } else {
            self.flush_waiter.replace(Some(cx.waker().clone()));
            Poll::Pending
        }
    }

    /// Sends up to `length` bytes of `file` from `offset` on, which it moves; zero-copy.
    ///
    /// # Errors
    /// Those of the socket, `TimedOut` when the peer takes nothing, `UnexpectedEof` when the file is shorter.
    pub fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        file: &File,
        offset: &mut u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(self.poll_io(cx, || Ok(rustix::fs::sendfile(&self.tcp, file, Some(offset), length)?)))?;
        match sent {
            0 if length > 0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            sent => Poll::Ready(Ok(sent)),
        }
    }

    /// Sends up to all of `head` and then `rest`; how much of both.
    pub fn poll_send_both(&self, cx: &mut Context<'_>, head: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        let both = [IoSlice::new(head), IoSlice::new(rest)];
        let mut nothing = SendAncillaryBuffer::default();
        self.poll_io(cx, || Ok(sendmsg(&self.tcp, &both, &mut nothing, SendFlags::NOSIGNAL)?))
    }

    /// Sends up to all of `bytes`; where `more` follows at once, they may wait for it to share a packet.
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8], more: bool) -> Poll<io::Result<usize>> {
        // A peer that has gone is an error here, not a signal.
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, more);
        self.poll_io(cx, || Ok(rustix::net::send(&self.tcp, bytes, flags)?))
    }

    /// Sends up to `length` bytes that are in `pipe`; zero-copy.
    pub fn poll_splice(&self, cx: &mut Context<'_>, pipe: &OwnedFd, length: usize) -> Poll<io::Result<usize>> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        self.poll_io(cx, || Ok(splice(pipe, None, &self.tcp, None, length, flags)?))
    }

    /// Keeps the dispatcher from reading for as long as the guard lives: what the client sends stays in the socket.
    pub fn hold(self: &Rc<Self>) -> Hold {
        self.held.set(true);
        Hold(self.clone())
    }

    /// Reads up to `most` bytes into `buffer`, which gets room for them only when there are some; 0 is the end. For whoever
    /// holds the connection, see [`Connection::hold`].
    pub fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut BytesMut, most: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            buffer.reserve(most);
            match self.tcp.try_read_buf(&mut buffer.limit(most)) {
                Ok(read) => {
                    self.metrics.received(read);
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // the readiness was stale
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The socket once more, to read the rest of a body from it, on any worker; see [`super::splice`].
    pub fn socket(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&self.tcp, 0)?)
    }

    /// Whether the client still waits to be told to send its body (`Expect: 100-continue`).
    pub fn is_asked(&self) -> bool {
        self.asked.get()
    }

    /// Waits until the peer has closed its side, also behind bytes that nobody has read yet; noticed within a second.
    pub async fn hung_up(self: Rc<Self>) {
        while !self.is_hung_up() {
            sleep(LOOK).await;
        }
    }

    fn is_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(&self.tcp, PollFlags::RDHUP)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|events| events > 0)
    }

    /// Ends the connection by a reset when it is dropped, where an orderly end would look like that of a whole answer.
    pub fn reset(&self) {
        if let Err(error) = rustix::net::sockopt::set_socket_linger(&self.tcp, Some(Duration::ZERO)) {
            tracing::debug!(cause = %error, "SO_LINGER was not set");
        }
    }

    /// Bytes that were written and that the peer has not acknowledged, those of a head among them.
    pub fn unacknowledged(&self) -> io::Result<u64> {
        send_queue::unacknowledged(&self.tcp)
    }

    /// # Errors
    /// When the connection has broken; for whoever waits without writing.
    pub fn check(&self) -> io::Result<()> {
        rustix::net::sockopt::socket_error(&self.tcp)?.map_err(io::Error::from)
    }

    /// Calls `on_reset` if the peer resets the connection before it sends anything more or closes it: it has gone then, and may not have
    /// read what was written.
    pub fn watch(&self, on_reset: OnReset) {
        self.watched.borrow_mut().push(on_reset);
    }

    /// The peer goes on, or has closed the connection as one does who has read all.
    fn was_read(&self) {
        self.watched.borrow_mut().clear();
    }

    fn was_reset(&self) {
        self.watched.take().into_iter().for_each(|on_reset| on_reset());
    }

    /// Watches on behind the end of the connection, until the peer has closed it too or some time has passed.
    async fn watch_on(self: Rc<Self>) {
        let (until, mut pause) = (Instant::now() + WATCHED_FOR, Duration::from_millis(5));
        while Instant::now() < until {
            match self.ended() {
                Some(true) => return self.was_read(),
                Some(false) => return self.was_reset(),
                None => sleep(pause).await,
            }
            pause = (2 * pause).min(LOOK);
        }
    }

    /// Whether it has ended as one does that was read to its end; by a reset that is not so.
    fn ended(&self) -> Option<bool> {
        let mut fds = [PollFd::new(&self.tcp, PollFlags::RDHUP)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).ok()?;
        let events = fds[0].revents();
        match events.contains(PollFlags::ERR) {
            true => Some(false),
            false => {
                events.contains(PollFlags::RDHUP).then_some(true).filter(|_| self.unacknowledged().unwrap_or(0) == 0)
            }
        }
    }

    /// How long a peer may take or send nothing.
    pub fn stall(&self) -> Duration {
        self.limits.stall
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn wake_reader(&self) {
        if let Some(waiter) = self.read_waiter.take() {
            waiter.wake();
        }
    }

    /// Runs `write` once the socket takes bytes; a peer that takes none for too long is an error.
    fn poll_io(&self, cx: &mut Context<'_>, mut write: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            if self.tcp.poll_write_ready(cx)?.is_pending() {
                return self.poll_stalled(cx);
            }
            match self.tcp.try_io(Interest::WRITABLE, &mut write) {
                Ok(sent) => {
                    self.write_stall.take();
                    self.metrics.sent(sent);
                    return Poll::Ready(Ok(sent));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // the readiness was stale
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_stalled(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stall = self.write_stall.borrow_mut();
        let timer = stall.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + self.limits.stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes")))
    }
}

/// See [`Connection::hung_up`].
const LOOK: Duration = Duration::from_millis(500);

/// How long a client may take to read the last bytes of an answer that its system has acknowledged.
const WATCHED_FOR: Duration = Duration::from_secs(60);

/// See [`Connection::hold`].
pub struct Hold(Rc<Connection>);

impl Hold {
    /// Somebody else has read the request's body to its end. The dispatcher does not know: behind its answer it would wait
    /// for the rest until it loses patience, and so it is shown the end of the connection, which it closes then.
    pub fn took_all(self) {
        self.0.taken.set(true);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.held.set(false);
        self.0.wake_reader();
    }
}

/// See [`Connection::begin`].
pub struct ActiveRequest(Rc<Connection>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
        if self.0.taken.get() {
            self.0.wake_reader();
        }
    }
}

/// The half that the dispatcher owns.
pub struct Stream {
    connection: Rc<Connection>,
    /// Runs from the first byte of a head until its request begins.
    head_deadline: Option<Pin<Box<Sleep>>>,
    /// What is left to say instead of what the dispatcher writes.
    instead: Option<Bytes>,
    _share: Option<Share>,
}

impl Stream {
    pub fn new(tcp: TcpStream, limits: Limits, metrics: Arc<Metrics>) -> Stream {
        // Small answers go out as they are written: waiting for more would cost a round trip.
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(cause = %error, "TCP_NODELAY was not set");
        }
        metrics.connections.inc();
        let connection = Connection {
            tcp,
            limits,
            metrics,
            active: Cell::new(0),
            begun: Cell::new(false),
            answering: Cell::new(false),
            flushed: Cell::new(true),
            flush_waiter: RefCell::new(None),
            held: Cell::new(false),
            taken: Cell::new(false),
            read_waiter: RefCell::new(None),
            asked: Cell::new(false),
            write_stall: RefCell::new(None),
            watched: RefCell::default(),
        };
        Stream { connection: Rc::new(connection), head_deadline: None, instead: None, _share: None }
    }

    /// Keeps a place among all connections for as long as this one lives.
    pub fn holding(mut self, share: Option<Share>) -> Stream {
        self._share = share;
        self
    }

    pub fn connection(&self) -> Rc<Connection> {
        self.connection.clone()
    }

    /// Whether a head may be on its way. The deadline of one that has become a request is over.
    fn expects_head(&mut self) -> bool {
        let active = self.connection.active.get() > 0;
        if self.connection.begun.replace(false) || active {
            self.head_deadline = None;
        }
        !active
    }

    fn start_head_deadline(&mut self) {
        let deadline = Instant::now() + self.connection.limits.head;
        self.head_deadline.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
    }

    fn poll_head_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.expects_head();
        match &mut self.head_deadline {
            Some(deadline) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head of a request takes too long")))
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.metrics.connections.dec();
        if !self.connection.watched.borrow().is_empty() {
            actix_rt::spawn(self.connection.clone().watch_on());
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.connection.held.get() || self.connection.taken.get() && self.connection.active.get() > 0 {
            self.connection.read_waiter.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if self.connection.taken.get() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.connection.tcp.poll_read_ready(cx)?.is_pending() {
                return self.poll_head_deadline(cx);
            }
            match self.connection.tcp.try_read_buf(buf) {
                Ok(read) => {
                    self.connection.metrics.received(read);
                    if read > 0 {
                        self.connection.was_read();
                    }
                    if self.expects_head() && read > 0 {
                        // actix times the head of a connection's first request alone.
                        self.start_head_deadline();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.connection.was_reset();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.connection.answering.get() && this.instead.is_none() {
            this.instead = no_request::answer(bytes);
        }
        let Some(instead) = &mut this.instead else { return this.connection.poll_send(cx, bytes, false) };
        while !instead.is_empty() {
            let sent = ready!(this.connection.poll_send(cx, instead, false))?;
            instead.advance(sent);
        }
        this.instead = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.flushed.set(true);
        // All that was written is out; what comes next belongs to the requests that are still answered.
        self.connection.answering.set(self.connection.active.get() > 0);
        if let Some(waiter) = self.connection.flush_waiter.take() {
            waiter.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match rustix::net::shutdown(&self.connection.tcp, rustix::net::Shutdown::Write) {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}
