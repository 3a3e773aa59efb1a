//! An entry that is being sent.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use tokio::task::JoinHandle;

use super::Source;
use crate::protocol::direct::PIECE;
use crate::protocol::direct::message::{Data, Had, Message, Skip, Start};

/// See the module.
pub struct Reading {
    pub entry: u32,
    pub offset: u64,
    content: Content,
    /// Nothing of it was sent yet.
    is_new: bool,
}

enum Content {
    None,
    File(File),
    /// Beside a stream, which is where it is.
    Stream,
    /// It is left out.
    Skipped(Skip),
    /// While it is found out whether the receiver has so much of it.
    Compared(u64, JoinHandle<bool>),
}

impl Reading {
    /// Opens an entry at the place where the receiver wants it to begin; `had` is what it seems to have of it otherwise.
    pub fn open(source: &Source, entry: u32, offset: u64, had: Option<Had>) -> Reading {
        let content = match source {
            Source::Folder => Content::None,
            Source::Unreadable => Content::Skipped(Skip::Unreadable),
            Source::Stream(_) => Content::Stream,
            Source::File { size, .. } => match had.filter(|had| offset == 0 && had.offset <= *size) {
                Some(Had { offset, digest, .. }) => {
                    let start = Start { entry, offset, digest: Some(digest) };
                    Content::Compared(offset, source.check(&start))
                }
                None => opened(source, offset),
            },
        };
        Reading { entry, offset, content, is_new: offset == 0 }
    }

    /// The next piece, ready to be sealed. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// A sentence, when a stream does not go on.
    pub async fn next(&mut self, source: &mut Source) -> Result<Piece, String> {
        if let (Content::Compared(had, same), Source::File { size, .. }) = (&mut self.content, &*source) {
            let (had, same) = (*had, same.await.unwrap_or(false));
            self.content = match same {
                true if had == *size => Content::Skipped(Skip::Same),
                true => opened(source, had),
                false => opened(source, 0),
            };
            self.offset = if same { had } else { 0 };
        }
        if let (Content::Stream, Source::Stream(stream)) = (&self.content, &mut *source) {
            stream.can_go_on(self.offset)?;
            let piece = stream.next(self.offset).await?;
            let mut buffer = Data::buffer(self.entry, self.offset);
            buffer.extend_from_slice(&piece);
            return Ok(self.piece(buffer, piece.len(), piece.is_empty()));
        }
        if let (Content::File(file), Source::File { path, size, modified }) = (&mut self.content, &*source) {
            let mut buffer = Data::buffer(self.entry, self.offset);
            match read(file, &mut buffer, self.offset, *size, *modified) {
                Ok((length, last)) => return Ok(self.piece(buffer, length, last)),
                Err(skip) => {
                    tracing::debug!(path = %path.display(), ?skip, "a file is left out");
                    self.content = Content::Skipped(skip);
                }
            }
        }
        match &self.content {
            Content::Skipped(reason) => self.skipped(*reason),
            _ => Ok(self.piece(Data::buffer(self.entry, self.offset), 0, true)),
        }
    }

    fn piece(&mut self, buffer: Vec<u8>, length: usize, last: bool) -> Piece {
        let begins = std::mem::take(&mut self.is_new).then_some(self.offset);
        self.offset += length as u64;
        Piece { buffer: Data::finish(buffer, last), length, last, begins, skipped: None }
    }

    fn skipped(&self, reason: Skip) -> Result<Piece, String> {
        let dropped = if self.is_new { 0 } else { self.offset };
        let message = Message::Skipped { entry: self.entry, reason };
        let buffer = message.encode().map_err(|error| error.to_string())?;
        Ok(Piece { buffer, length: 0, last: true, begins: None, skipped: Some((reason, dropped)) })
    }
}

/// See [`Reading::next`].
pub struct Piece {
    pub buffer: Vec<u8>,
    /// Bytes of content.
    pub length: usize,
    /// Nothing more of this entry follows.
    pub last: bool,
    /// Where the content begins, in the first piece of it that this process sends.
    pub begins: Option<u64>,
    /// It says that no content of the entry comes, or no more: why, and how much there was of it.
    pub skipped: Option<(Skip, u64)>,
}

fn opened(source: &Source, offset: u64) -> Content {
    let Source::File { path, size, modified } = source else { return Content::None };
    let opened = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    });
    match opened {
        Ok(file) if is_as_offered(&file, *size, *modified) => Content::File(file),
        Ok(_) => Content::Skipped(Skip::Changed),
        Err(error) => {
            tracing::debug!(path = %path.display(), cause = %error, "a file cannot be read");
            Content::Skipped(Skip::Unreadable)
        }
    }
}

/// Reads a piece of a file behind what is in the buffer; returns how much it is, and whether it is the last.
fn read(
    file: &mut File,
    buffer: &mut Vec<u8>,
    offset: u64,
    size: u64,
    modified: Option<SystemTime>,
) -> Result<(usize, bool), Skip> {
    let most = size.saturating_sub(offset).min(PIECE as u64);
    let length = file.take(most).read_to_end(buffer).map_err(|_| Skip::Unreadable)?;
    let last = offset + most == size;
    match (length as u64) < most || last && !is_as_offered(file, size, modified) {
        true => Err(Skip::Changed),
        false => Ok((length, last)),
    }
}

/// Whether a file is what it was when it was offered. Of one that has grown nobody knows whether its beginning is the same.
fn is_as_offered(file: &File, size: u64, modified: Option<SystemTime>) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.len() == size && metadata.modified().ok() == modified)
}

impl Source {
    /// Finds out, on a thread of its own, whether it begins with what the receiver has of it.
    pub fn check(&self, start: &Start) -> JoinHandle<bool> {
        let path = match self {
            Source::File { path, .. } => Some(path.clone()),
            Source::Folder | Source::Stream(_) | Source::Unreadable => None,
        };
        let start = start.clone();
        // A file that cannot be read says so when it is opened.
        tokio::task::spawn_blocking(move || path.is_some_and(|path| begins_so(&path, &start).unwrap_or(false)))
    }
}

fn begins_so(path: &Path, start: &Start) -> io::Result<bool> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?.take(start.offset))?;
    Ok(hasher.count() == start.offset && start.digest.as_deref() == Some(hasher.finalize().to_hex().as_str()))
}
