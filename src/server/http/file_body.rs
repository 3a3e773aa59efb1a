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

use actix_rt::task::JoinHandle;
use actix_web::HttpRequest;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};

use super::connection::Connection;

/// What is made sure to be in memory at a time, and the most that one sendfile(2) sends.
const WINDOW: u64 = 2 << 20;
/// What a body sends before it lets the worker's other connections have their turn.
const TURN: u64 = 4 << 20;
/// A piece that is read on the worker where sendfile cannot be used.
const PIECE: usize = 64 << 10;

/// Who watches over a download. Dropping the lease before [`Lease::delivered`] means that it broke off.
pub trait Lease: 'static {
    /// Bytes have left.
    ///
    /// # Errors
    /// When the right to go on has ended meanwhile; the connection is cut then.
    fn progressed(&mut self) -> io::Result<()>;

    /// Asked when all but the last byte of the representation have left: once this is ready, that byte leaves too.
    fn poll_release_last_byte(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Called when all but the last byte of a range that ends before the representation does have left: whoever has got
    /// that byte may ask for the next range at once.
    fn part_ends(&mut self);

    /// The representation's last byte has been given to the connection, which sends it or does not: from here on nobody can tell
    /// that it has not left. Not called where [`Lease::delivered`] follows at once.
    fn handed_on(&mut self);

    /// The last byte that was asked for has left.
    fn delivered(&mut self);
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
pub struct FileBody<C> {
    segments: Box<dyn Iterator<Item = io::Result<Segment>>>,
    /// What is being sent, less what has been.
    segment: Segment,
    /// Where that is in the whole representation, and where the body ends.
    position: u64,
    end: u64,
    /// The position of the body's last byte, until the lease has released it.
    held_from: u64,
    /// Whether that is the representation's last byte.
    to_the_end: bool,
    /// The file of the segment is in memory up to here.
    cached_to: u64,
    reading: Option<JoinHandle<io::Result<()>>>,
    connection: Option<Rc<Connection>>,
    stage: Stage,
    lease: C,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    HeadLeaves,
    Sending,
    Over,
}

impl<C: Lease> FileBody<C> {
    /// A body of `range` of `file`, which has `size` bytes.
    pub fn new(req: &HttpRequest, file: File, size: u64, range: Range<u64>, lease: C) -> Self {
        let segment = Segment::File(Arc::new(file), range.clone());
        Self::of_segments(req, std::iter::once(Ok(segment)), size, range, lease)
    }

    /// A body of `segments`, which are `range` of a representation of `size` bytes.
    pub fn of_segments(
        req: &HttpRequest,
        segments: impl Iterator<Item = io::Result<Segment>> + 'static,
        size: u64,
        range: Range<u64>,
        lease: C,
    ) -> Self {
        let connection = req.conn_data::<Rc<Connection>>().cloned();
        FileBody {
            segments: Box::new(segments),
            segment: Segment::Bytes(Bytes::new()),
            position: range.start,
            end: range.end,
            held_from: range.end.saturating_sub(1),
            to_the_end: range.end == size,
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
                _ if self.position == self.end => {
                    self.lease.delivered();
                    self.stage = Stage::Over;
                    return Poll::Ready(None);
                }
                _ if self.position == self.held_from => {
                    match self.to_the_end {
                        true => ready!(self.lease.poll_release_last_byte(cx))?,
                        false => self.lease.part_ends(),
                    }
                    self.held_from = u64::MAX;
                }
                _ if self.segment.is_empty() => {
                    self.segment = self.segments.next().ok_or(io::ErrorKind::UnexpectedEof)??;
                    self.cached_to = 0;
                }
                (_, Some(_)) => {
                    sent_now += ready!(self.poll_write(cx))?;
                    self.lease.progressed()?;
                    if sent_now >= TURN {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                (_, None) => {
                    let piece = ready!(self.poll_read(cx))?;
                    self.lease.progressed()?;
                    if self.held_from == u64::MAX && self.to_the_end {
                        self.lease.handed_on();
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
        }
    }

    /// How much may leave before the last byte is released.
    fn allowed(&self) -> u64 {
        self.held_from.min(self.end) - self.position
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
