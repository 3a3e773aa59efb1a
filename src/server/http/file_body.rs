//! The body of a download: a file or a range of it, or files and bytes one after another, sent without copying where the
//! connection allows it.
//!
//! On plain HTTP/1.1 the bytes go by sendfile(2) from the page cache to the socket (see [`super::connection`]). Elsewhere (TLS,
//! HTTP/2) the same body reads pieces on the worker. Either way a part of the file that is not in memory is read in on
//! the blocking pool first, so that a slow disk never stops the worker.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::task::JoinHandle;
use actix_rt::time::{Instant, Sleep, sleep};
use actix_web::HttpRequest;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};

use super::connection::{Connection, OnReset};

/// What is made sure to be in memory at a time, and the most that one sendfile(2) sends.
const WINDOW: u64 = 2 << 20;
/// What a body sends before it lets the worker's other connections have their turn.
const TURN: u64 = 4 << 20;
/// A piece that is read on the worker where sendfile cannot be used.
const PIECE: usize = 64 << 10;

/// How often a download that waits for its peer looks how much is acknowledged.
const LOOK: Duration = Duration::from_secs(1);
/// The same where all but the last byte has left, at the beginning and in the end. No event tells of it.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);
/// Times that others get their turn before that: on a near network it takes no longer.
const TURNS: u32 = 4;

/// The right to send, and who is told what becomes of it. Positions are those in the whole representation. Dropping it
/// before [`Lease::delivered`] means that the download broke off.
pub trait Lease: 'static {
    /// Where what it may send ends, if that is before the end of the body. It may change at any time.
    fn owned_end(&self) -> u64 {
        u64::MAX
    }

    /// All up to `acked` has been acknowledged. Called often, also when that is nothing new.
    ///
    /// # Errors
    /// When the right to go on has ended meanwhile; the connection is cut then.
    fn progressed(&mut self, acked: u64) -> io::Result<()>;

    /// Asked when all but the last byte of what it may send have been acknowledged: once this is ready, that byte leaves too.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Asked when all that it may send has left, and the body goes on up to `end`.
    ///
    /// # Errors
    /// When it may not send more; the connection is cut then.
    fn poll_extend(&mut self, _cx: &mut Context<'_>, _end: u64) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()))
    }

    /// The last byte of the body has left.
    fn delivered(&mut self) -> Option<OnReset>;

    /// Likewise, where only whoever writes to the connection knows that, and has gone; the lease is dropped next.
    fn handed_on(&mut self) {}

    /// The connection has broken, or is cut, with all up to `acked` acknowledged and all up to `sent` on its way; the lease is
    /// dropped next.
    fn broke(&mut self, _acked: u64, _sent: u64) {}
}

impl Lease for Box<dyn Lease> {
    fn owned_end(&self) -> u64 {
        self.as_ref().owned_end()
    }

    fn progressed(&mut self, acked: u64) -> io::Result<()> {
        self.as_mut().progressed(acked)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_mut().poll_finish(cx)
    }

    fn poll_extend(&mut self, cx: &mut Context<'_>, end: u64) -> Poll<io::Result<()>> {
        self.as_mut().poll_extend(cx, end)
    }

    fn delivered(&mut self) -> Option<OnReset> {
        self.as_mut().delivered()
    }

    fn handed_on(&mut self) {
        self.as_mut().handed_on();
    }

    fn broke(&mut self, acked: u64, sent: u64) {
        self.as_mut().broke(acked, sent);
    }
}

/// A part of what is sent.
pub enum Segment {
    Bytes(Bytes),
    File(Arc<File>, Range<u64>),
}

impl Segment {
    fn is_empty(&self) -> bool {
        match self {
            Segment::Bytes(bytes) => bytes.is_empty(),
            Segment::File(_, range) => range.is_empty(),
        }
    }
}

/// See the module.
pub struct FileBody<C: Lease> {
    segments: Box<dyn Iterator<Item = io::Result<Segment>>>,
    /// What is being sent, less what has been.
    segment: Segment,
    /// Where that is in the whole representation, and where the body ends.
    position: u64,
    end: u64,
    /// The end of what may leave without a further word of the lease.
    released: Option<u64>,
    /// When to look next how much is acknowledged while the peer takes nothing.
    look: Option<Pin<Box<Sleep>>>,
    acknowledging: Acknowledging,
    /// The file of the segment is in memory up to here.
    cached_to: u64,
    reading: Option<JoinHandle<io::Result<()>>>,
    connection: Option<Rc<Connection>>,
    stage: Stage,
    lease: C,
}

/// Waits for the peer to acknowledge: soon, and then ever more rarely, but not for ever.
#[derive(Default)]
struct Acknowledging {
    looks: u32,
    pause: Option<Pin<Box<Sleep>>>,
    /// What was acknowledged, and since when it is no more.
    stands: Option<(u64, Instant)>,
}

impl Acknowledging {
    fn poll_next(&mut self, cx: &mut Context<'_>, acked: u64, stall: Duration) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            return Poll::Ready(Ok(()));
        }
        let since = self.stands.filter(|(before, _)| *before == acked).map_or_else(Instant::now, |(_, since)| since);
        self.stands = Some((acked, since));
        if since.elapsed() > stall {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer acknowledges no bytes")));
        }
        self.looks += 1;
        if self.looks <= TURNS {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let pause = (FIRST_LOOK * 2u32.saturating_pow((self.looks - TURNS - 1).min(10))).min(LAST_LOOK);
        let pause = self.pause.insert(Box::pin(sleep(pause)));
        pause.as_mut().poll(cx).map(Ok)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    HeadLeaves,
    Sending,
    Over,
}

impl<C: Lease> FileBody<C> {
    /// A body of `range` of `file`.
    pub fn new(req: &HttpRequest, file: File, range: Range<u64>, lease: C) -> Self {
        let segment = Segment::File(Arc::new(file), range.clone());
        Self::of_segments(req, std::iter::once(Ok(segment)), range, lease)
    }

    /// A body of `segments`, which are `range` of a representation.
    pub fn of_segments(
        req: &HttpRequest,
        segments: impl Iterator<Item = io::Result<Segment>> + 'static,
        range: Range<u64>,
        lease: C,
    ) -> Self {
        let connection = req.conn_data::<Rc<Connection>>().cloned();
        FileBody {
            segments: Box::new(segments),
            segment: Segment::Bytes(Bytes::new()),
            position: range.start,
            end: range.end,
            released: None,
            look: None,
            acknowledging: Acknowledging::default(),
            cached_to: 0,
            reading: None,
            stage: if connection.is_some() { Stage::Head } else { Stage::Sending },
            connection,
            lease,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut sent_now = 0;
        loop {
            match (self.stage, &self.connection) {
                (Stage::Head, Some(connection)) => {
                    connection.await_flush(cx);
                    self.stage = Stage::HeadLeaves;
                    return Poll::Pending;
                }
                (Stage::HeadLeaves, Some(connection)) => {
                    ready!(connection.poll_flushed(cx));
                    self.stage = Stage::Sending;
                }
                (Stage::Over, _) => return Poll::Ready(None),
                _ if self.is_released(self.end) && self.position == self.end => {
                    self.stage = Stage::Over;
                    let on_reset = self.lease.delivered();
                    if let (Some(connection), Some(on_reset)) = (&self.connection, on_reset) {
                        connection.watch(on_reset);
                    }
                    return Poll::Ready(None);
                }
                _ if self.position + 1 >= self.owned_end() && !self.is_released(self.owned_end()) => {
                    ready!(self.poll_acknowledged(cx))?;
                    ready!(self.lease.poll_finish(cx))?;
                    self.released = Some(self.owned_end());
                }
                _ if self.position >= self.owned_end() => ready!(self.lease.poll_extend(cx, self.end))?,
                _ if self.segment.is_empty() => {
                    self.segment = self.segments.next().ok_or(io::ErrorKind::UnexpectedEof)??;
                    self.cached_to = 0;
                }
                (_, Some(_)) => {
                    match self.poll_write(cx)? {
                        Poll::Ready(sent) => sent_now += sent,
                        Poll::Pending => ready!(self.poll_look(cx)),
                    }
                    self.lease.progressed(self.acknowledged()?)?;
                    if sent_now >= TURN {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                (_, None) => {
                    let piece = ready!(self.poll_read(cx))?;
                    self.lease.progressed(self.position)?;
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
        }
    }

    /// Where what may be sent ends.
    fn owned_end(&self) -> u64 {
        self.end.min(self.lease.owned_end())
    }

    fn is_released(&self, end: u64) -> bool {
        self.released.is_some_and(|released| released >= end)
    }

    /// How much may leave before the lease says more.
    fn allowed(&self) -> u64 {
        let end = self.owned_end();
        let end = if self.is_released(end) { end } else { end.saturating_sub(1) };
        end.saturating_sub(self.position)
    }

    /// Up to where the peer has acknowledged the body; what is still acknowledged of the head beside it is not counted.
    fn acknowledged(&self) -> io::Result<u64> {
        let Some(connection) = &self.connection else { return Ok(self.position) };
        Ok(self.position.saturating_sub(connection.unacknowledged()?))
    }

    /// Waits until all that may leave before the last byte has been acknowledged.
    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let acked = self.acknowledged()?;
            self.lease.progressed(acked)?;
            let Some(connection) = &self.connection else { return Poll::Ready(Ok(())) };
            if acked >= self.position.min(self.owned_end().saturating_sub(1)) {
                self.acknowledging = Acknowledging::default();
                return Poll::Ready(Ok(()));
            }
            connection.check()?;
            ready!(self.acknowledging.poll_next(cx, acked, connection.stall()))?;
        }
    }

    /// Waits until it is time to look again what is acknowledged, while the peer takes nothing.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.look.get_or_insert_with(|| Box::pin(sleep(LOOK))).as_mut().poll(cx));
        self.look = None;
        Poll::Ready(())
    }

    /// Writes some of the segment to the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let allowed = self.allowed();
        if let Segment::File(..) = self.segment {
            ready!(self.poll_cached(cx))?;
        }
        let Some(connection) = &self.connection else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let sent = match &mut self.segment {
            Segment::Bytes(bytes) => {
                let length = allowed.min(bytes.len() as u64);
                // What follows at once shares the packet.
                let more = length < allowed;
                let sent = ready!(connection.poll_send(cx, &bytes[..length as usize], more))?;
                bytes.split_to(sent).len()
            }
            Segment::File(file, range) => {
                let length = allowed.min(self.cached_to - range.start);
                ready!(connection.poll_send_file(cx, file, &mut range.start, length as usize))?
            }
        };
        self.position += sent as u64;
        Poll::Ready(Ok(sent as u64))
    }

    /// Takes some of the segment as a piece for a connection that we do not write to ourselves.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let allowed = self.allowed();
        if let Segment::File(..) = self.segment {
            ready!(self.poll_cached(cx))?;
        }
        let piece = match &mut self.segment {
            Segment::Bytes(bytes) => bytes.split_to(allowed.min(bytes.len() as u64) as usize),
            Segment::File(file, range) => {
                let mut piece = vec![0; allowed.min(self.cached_to - range.start).min(PIECE as u64) as usize];
                file.read_exact_at(&mut piece, range.start)?;
                range.start += piece.len() as u64;
                piece.into()
            }
        };
        self.position += piece.len() as u64;
        Poll::Ready(Ok(piece))
    }

    /// Waits until the window at the start of the segment's file is in the page cache.
    fn poll_cached(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Segment::File(file, range) = &self.segment else { return Poll::Ready(Ok(())) };
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                read.map_err(io::Error::other)??;
            }
            if self.cached_to > range.start {
                return Poll::Ready(Ok(()));
            }
            let window = range.start..range.end.min(range.start + WINDOW);
            self.cached_to = window.end;
            if !in_memory(file, &window)? {
                let file = file.clone();
                self.reading = Some(actix_rt::task::spawn_blocking(move || read_in(&file, window)));
            }
        }
    }
}

impl<C: Lease> Drop for FileBody<C> {
    fn drop(&mut self) {
        if self.stage == Stage::Over {
            return;
        }
        let is_handed_on = self.position == self.end && self.is_released(self.end);
        if self.connection.is_none() && is_handed_on {
            self.lease.handed_on();
        } else {
            self.lease.broke(self.acknowledged().unwrap_or_default(), self.position);
        }
    }
}

impl<C: Lease + Unpin> MessageBody for FileBody<C> {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        match self.connection {
            // For the dispatcher a stream of unknown length that never says anything; the head states the length.
            Some(_) => BodySize::Stream,
            None => BodySize::Sized(self.end - self.position),
        }
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.get_mut().poll_send(cx)
    }
}

/// The body of an answer to HEAD: the head states the length of what a GET would bring.
pub struct NoBody;

impl MessageBody for NoBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

/// Whether the first and the last byte of the window can be read without waiting for the disk. Read-ahead fills whole
/// windows, so the bytes between are as good as certain, and a wrong guess costs no more than a wait.
fn in_memory(file: &File, window: &Range<u64>) -> io::Result<bool> {
    for position in [window.start, window.end.saturating_sub(1)] {
        let mut byte = [0];
        match rustix::io::preadv2(file, &mut [io::IoSliceMut::new(&mut byte)], position, ReadWriteFlags::NOWAIT) {
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(false),
            Err(Errno::OPNOTSUPP) => return Ok(true), // a file system that cannot tell
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Reads the window, and with it fills the page cache.
fn read_in(file: &File, window: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut position = window.start;
    while position < window.end {
        match file.read_at(&mut buffer, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => position += read as u64,
        }
    }
    Ok(())
}
