//! Writing a blob: one pass over the bytes makes its digests and its file.

use crate::server::refusals::file_too_large;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Write as _};
use std::path::PathBuf;

use actix_rt::task::JoinHandle;
use aws_lc_rs::digest;
use bytes::Bytes;
use bytesize::ByteSize;
use futures_util::{Stream, StreamExt as _};

use super::{Blobs, PREFIX, Reservation};
use crate::server::error::{Error, Result};
use crate::server::folder;

/// What is gathered before it goes to the blocking pool: two of these are the memory of an upload.
const BUFFER: usize = 256 << 10;
/// Files up to this size get their SHA-256 at once; without SHA instructions it is slower than all else together.
pub const INLINE_SHA256: u64 = 16 << 20;
/// How much is written before the disk is set to work: the kernel alone would begin with the last sync.
const EARLY_SYNC: u64 = 32 << 20;

/// A whole blob that is on disk, and not yet in the database. Dropped without [`Content::commit`], it is removed again.
pub struct Content {
    pub id: String,
    pub size: u64,
    pub blake3: String,
    pub crc32: u32,
    /// `None` above [`INLINE_SHA256`]: it is made in the background.
    pub sha256: Option<String>,
    guard: Guard,
}

impl Content {
    /// See [`commit_all`].
    pub async fn commit<T>(self, write: impl Future<Output = Result<T>>) -> Result<T> {
        commit_all(vec![self], write).await
    }
}

/// Waits for the write that adds the rows of `contents`. The blobs stay if that succeeds and go if it is refused. While
/// the outcome is unknown (nobody waits any more, or the database failed) the files are left alone: the rows may be there.
pub async fn commit_all<T>(mut contents: Vec<Content>, write: impl Future<Output = Result<T>>) -> Result<T> {
    let decide = |contents: &mut [Content], fate| contents.iter_mut().for_each(|content| content.guard.fate = fate);
    decide(&mut contents, Fate::Unknown);
    let blobs = contents.first().map(|content| content.guard.blobs.clone());
    let result = write.await.map_err(|error| match &blobs {
        Some(blobs) if crate::server::db::is_full(&error) => blobs.space().full(),
        _ => error,
    });
    let fate = match &result {
        Ok(_) => Fate::Keep,
        // A refusal says for certain that there is no row, a failure of ours does not.
        Err(Error::Refused(_)) => Fate::Remove,
        Err(_) => Fate::Unknown,
    };
    decide(&mut contents, fate);
    result
}

/// Removes the file of a blob that did not come to be.
struct Guard {
    blobs: Blobs,
    id: String,
    path: PathBuf,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// There is no file yet.
    None,
    Remove,
    Keep,
    /// The sweep after the next start decides.
    Unknown,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.fate == Fate::Unknown {
            return; // stays among the pending: no sweep of this process may touch it
        }
        if self.fate == Fate::Remove
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(blob = %self.id, cause = %error, "a broken upload is left for the sweep");
        }
        self.blobs.pending().remove(&self.id);
    }
}

/// A blob that is being written. Its methods block.
pub struct Incoming {
    file: File,
    size: u64,
    blake3: Box<blake3::Hasher>,
    crc32: crc32fast::Hasher,
    sha256: Option<digest::Context>,
    guard: Guard,
}

impl Incoming {
    pub fn create(blobs: &Blobs) -> io::Result<Incoming> {
        let id = crate::server::id::new();
        let parent = blobs.0.root.join(&id[..PREFIX]);
        let path = parent.join(format!("{id}.part"));
        blobs.pending().insert(id.clone());
        let mut guard = Guard { blobs: blobs.clone(), id, path, fate: Fate::None };
        let create = || folder::private().read(true).write(true).create_new(true).open(&guard.path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folder::make(&parent)?;
                blobs.0.folders.sync(&blobs.0.root)?;
                create()?
            }
            file => file?,
        };
        guard.fate = Fate::Remove;
        Ok(Incoming {
            file,
            size: 0,
            blake3: Box::default(),
            crc32: crc32fast::Hasher::new(),
            sha256: Some(digest::Context::new(&digest::SHA256)),
            guard,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.blake3.update(bytes);
        self.crc32.update(bytes);
        match &mut self.sha256 {
            Some(_) if self.size > INLINE_SHA256 => self.sha256 = None,
            Some(sha256) => sha256.update(bytes),
            None => {}
        }
        self.file.write_all(bytes)
    }

    /// Makes the blob durable under its name: contents, then name, then folder.
    ///
    /// `inspect` sees the whole file first and may refuse it; what it finds is handed back.
    pub fn finish<T>(mut self, inspect: impl FnOnce(&mut File, u64) -> Result<T>) -> Result<(Content, T)> {
        let found = inspect(&mut self.file, self.size)?;
        let blobs = self.guard.blobs.clone();
        let durable = |guard: &mut Guard| -> io::Result<()> {
            self.file.sync_data()?;
            let path = guard.path.with_extension("");
            fs::rename(&guard.path, &path)?;
            guard.path = path;
            match guard.path.parent() {
                Some(folder) => blobs.0.folders.sync(folder),
                None => Ok(()),
            }
        };
        durable(&mut self.guard).map_err(|error| storage_error(&blobs, error))?;
        let content = Content {
            id: self.guard.id.clone(),
            size: self.size,
            blake3: self.blake3.finalize().to_hex().to_string(),
            crc32: self.crc32.finalize(),
            sha256: self.sha256.map(|context| hex::encode(context.finish().as_ref())),
            guard: self.guard,
        };
        Ok((content, found))
    }
}

/// A full disk (or the file size limit of the process) is something the client can be told; all else is ours.
fn storage_error(blobs: &Blobs, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            tracing::error!(cause = %error, "the disk is full");
            blobs.space().full()
        }
        _ => Error::Unavailable(Box::new(error)),
    }
}

/// Receives a stream into the store: at most `limit` bytes, within `reservation`. While one buffer is digested and
/// written on the blocking pool the next one fills, and no thread waits for a slow client.
///
/// # Errors
/// What the stream breaks off with, what `inspect` says, or the limit, quota or disk that is exceeded. Nothing stays.
pub async fn receive<S, T>(
    blobs: &Blobs,
    stream: S,
    limit: u64,
    reservation: &mut Reservation,
    inspect: impl FnOnce(&mut File, u64) -> Result<T> + Send + 'static,
) -> Result<(Content, T)>
where
    S: Stream<Item = Result<Bytes>>,
    T: Send + 'static,
{
    futures_util::pin_mut!(stream);
    let mut writing = Writing::Idle(None);
    let mut buffer = Vec::new();
    let mut size = 0u64;
    reservation.grow_to(size)?; // an empty file is a file
    let mut early = EarlySync::default();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        size += chunk.len() as u64;
        if size > limit {
            return Err(file_too_large(ByteSize(limit)));
        }
        reservation.grow_to(size)?;
        if buffer.len() + chunk.len() > BUFFER && !buffer.is_empty() {
            let (incoming, mut spare) = writing.idle().await?;
            std::mem::swap(&mut spare, &mut buffer);
            if let Some(incoming) = &incoming {
                reservation.wrote(incoming.size);
                early.follow(incoming).await.map_err(|error| storage_error(blobs, error))?;
            }
            writing = Writing::Busy(spawn_write(incoming, blobs.clone(), spare));
        }
        buffer.extend_from_slice(&chunk);
    }
    let (incoming, _) = writing.idle().await?;
    early.end().await.map_err(|error| storage_error(blobs, error))?;
    let blobs = blobs.clone();
    let content = actix_rt::task::spawn_blocking(move || {
        let mut incoming = match incoming {
            Some(incoming) => incoming,
            None => Incoming::create(&blobs).map_err(|error| storage_error(&blobs, error))?,
        };
        incoming.write(&buffer).map_err(|error| storage_error(&blobs, error))?;
        incoming.finish(inspect)
    })
    .await
    .map_err(Error::internal)??;
    reservation.wrote_all();
    Ok(content)
}

/// Syncs what has been written while more comes, so that little is left for the sync at the end.
#[derive(Default)]
struct EarlySync {
    running: Option<JoinHandle<io::Result<()>>>,
    started_at: u64,
}

impl EarlySync {
    /// Starts a sync when enough is new and the last one is over.
    async fn follow(&mut self, incoming: &Incoming) -> io::Result<()> {
        let running = self.running.as_ref().is_some_and(|sync| !sync.is_finished());
        if running || incoming.size < self.started_at + EARLY_SYNC {
            return Ok(());
        }
        self.end().await?;
        let file = incoming.file.try_clone()?;
        self.started_at = incoming.size;
        self.running = Some(actix_rt::task::spawn_blocking(move || file.sync_data()));
        Ok(())
    }

    /// Waits for the last one. Its error counts: the kernel tells it once for each open file (fsync(2)).
    async fn end(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(sync) => sync.await?,
            None => Ok(()),
        }
    }
}

type Written = (Incoming, Vec<u8>);

/// The writing half of an upload: at rest (with the file, once there is one), or at work on the blocking pool.
enum Writing {
    Idle(Option<Incoming>),
    Busy(JoinHandle<Result<Written>>),
}

impl Writing {
    /// Waits for the running write. Returns the file and a spare buffer.
    async fn idle(self) -> Result<(Option<Incoming>, Vec<u8>)> {
        match self {
            Writing::Idle(incoming) => Ok((incoming, Vec::new())),
            Writing::Busy(task) => {
                let (incoming, spare) = task.await.map_err(Error::internal)??;
                Ok((Some(incoming), spare))
            }
        }
    }
}

fn spawn_write(incoming: Option<Incoming>, blobs: Blobs, mut buffer: Vec<u8>) -> JoinHandle<Result<Written>> {
    actix_rt::task::spawn_blocking(move || {
        let write = || {
            let mut incoming = match incoming {
                Some(incoming) => incoming,
                None => Incoming::create(&blobs)?,
            };
            incoming.write(&buffer)?;
            buffer.clear();
            Ok((incoming, std::mem::take(&mut buffer)))
        };
        write().map_err(|error| storage_error(&blobs, error))
    })
}
