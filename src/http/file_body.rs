//! The body of a download: a range of a file, sent without copying where the connection allows it.
//!
//! On plain HTTP/1.1 the bytes go by sendfile(2) from the page cache to the socket (see [`super::wire`]). Elsewhere (TLS,
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

use super::wire::Wire;

/// What is made sure to be in memory at a time, and the most that one sendfile(2) sends.
const WINDOW: u64 = 2 << 20;
/// What a body sends before it lets the worker's other connections have their turn.
const TURN: u64 = 4 << 20;
/// A piece that is read on the worker where sendfile cannot be used.
const PIECE: usize = 64 << 10;

/// Who watches over a download. Dropping the custody before [`Custody::delivered`] means that it broke off.
pub trait Custody: 'static {
    /// Bytes have left.
    ///
    /// # Errors
    /// When the right to go on has ended meanwhile; the connection is cut then.
    fn progressed(&mut self) -> io::Result<()>;

    /// Asked when all but the last byte of the file have left: once this is ready, that byte leaves too.
    fn poll_release_last_byte(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Called when all but the last byte of a range that ends before the file does have left: whoever has got that byte
    /// may ask for the next range at once.
    fn part_ends(&mut self);

    /// The file's last byte has been given to the connection, which sends it or does not: from here on nobody can tell
    /// that it has not left. Not called where [`Custody::delivered`] follows at once.
    fn handed_on(&mut self);

    /// The last byte that was asked for has left.
    fn delivered(&mut self);
}

/// See the module.
pub struct FileBody<C> {
    file: Arc<File>,
    offset: u64,
    end: u64,
    /// The offset of the range's last byte, until the custody has released it.
    held_from: u64,
    /// Whether that is the file's last byte.
    to_the_end: bool,
    /// The file is in memory up to here.
    cached_to: u64,
    reading: Option<JoinHandle<io::Result<()>>>,
    wire: Option<Rc<Wire>>,
    stage: Stage,
    custody: C,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    HeadLeaves,
    Sending,
    Over,
}

impl<C: Custody> FileBody<C> {
    /// A body of `range` of `file`, which has `size` bytes.
    pub fn new(req: &HttpRequest, file: File, size: u64, range: Range<u64>, custody: C) -> Self {
        let wire = req.conn_data::<Rc<Wire>>().cloned();
        FileBody {
            file: Arc::new(file),
            offset: range.start,
            end: range.end,
            held_from: range.end.saturating_sub(1),
            to_the_end: range.end == size,
            cached_to: range.start,
            reading: None,
            stage: if wire.is_some() { Stage::Head } else { Stage::Sending },
            wire,
            custody,
        }
    }

    /// Waits until the window at the offset is in the page cache.
    fn poll_cached(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                read.map_err(io::Error::other)??;
            }
            if self.cached_to > self.offset {
                return Poll::Ready(Ok(()));
            }
            let window = self.offset..self.end.min(self.offset + WINDOW);
            self.cached_to = window.end;
            if !in_memory(&self.file, &window)? {
                let file = self.file.clone();
                self.reading = Some(actix_rt::task::spawn_blocking(move || read_in(&file, window)));
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut sent_now = 0;
        loop {
            match (self.stage, &self.wire) {
                (Stage::Head, Some(wire)) => {
                    wire.await_flush(cx);
                    self.stage = Stage::HeadLeaves;
                    return Poll::Pending;
                }
                (Stage::HeadLeaves, Some(wire)) => {
                    ready!(wire.poll_flushed(cx));
                    self.stage = Stage::Sending;
                }
                (Stage::Over, _) => return Poll::Ready(None),
                _ if self.offset == self.end => {
                    self.custody.delivered();
                    self.stage = Stage::Over;
                    return Poll::Ready(None);
                }
                _ if self.offset == self.held_from => {
                    match self.to_the_end {
                        true => ready!(self.custody.poll_release_last_byte(cx))?,
                        false => self.custody.part_ends(),
                    }
                    self.held_from = u64::MAX;
                }
                _ => {
                    ready!(self.poll_cached(cx))?;
                    let until = self.cached_to.min(self.held_from).min(self.end);
                    let length = (until - self.offset) as usize;
                    if let Some(wire) = &self.wire {
                        sent_now += ready!(wire.poll_send_file(cx, &self.file, &mut self.offset, length))? as u64;
                        self.custody.progressed()?;
                        if sent_now >= TURN {
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                    } else {
                        let mut piece = vec![0; length.min(PIECE)];
                        self.file.read_exact_at(&mut piece, self.offset)?;
                        let released = self.held_from == u64::MAX && self.to_the_end;
                        self.offset += piece.len() as u64;
                        self.custody.progressed()?;
                        if released {
                            self.custody.handed_on();
                        }
                        return Poll::Ready(Some(Ok(piece.into())));
                    }
                }
            }
        }
    }
}

impl<C: Custody + Unpin> MessageBody for FileBody<C> {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        match self.wire {
            // For the dispatcher a stream of unknown length that never says anything; the head states the length.
            Some(_) => BodySize::Stream,
            None => BodySize::Sized(self.end - self.offset),
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
