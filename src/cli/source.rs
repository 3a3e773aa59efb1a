//! A file on its way to a server, read while it is sent.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::Body;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::progress::Meter;
use crate::client::Failure;

/// Bytes that are read at a time.
const PIECE: usize = 128 << 10;

/// See the module.
pub struct Source {
    /// The file's name, without folders.
    pub name: String,
    /// Bytes
    pub size: u64,
    path: PathBuf,
    file: File,
}

impl Source {
    /// # Errors
    /// [`Failure::Local`]: it is no file, has no name that can be sent, or cannot be read.
    pub async fn open(path: &Path) -> Result<Source, Failure> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failure::Local(format!("{} has no name that can be sent", path.display())))?;
        let file = File::open(path).await.map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().await.map_err(|error| unreadable(path, &error))?;
        if !metadata.is_file() {
            return Err(Failure::Local(format!("{} is not a file", path.display())));
        }
        Ok(Source { name: name.to_owned(), size: metadata.len(), path: path.to_owned(), file })
    }

    /// Its content as the body of a request, and what is known of it once that has been made.
    pub fn body(self, meter: Meter) -> (Body, Sent) {
        let state = Arc::new(Mutex::new(State { hasher: blake3::Hasher::new(), bytes: 0, error: None }));
        let body = Body::wrap_stream(content(self.file, self.size, meter, state.clone()));
        (body, Sent { path: self.path, state })
    }
}

/// What has left of a file.
pub struct Sent {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

struct State {
    hasher: blake3::Hasher,
    bytes: u64,
    error: Option<io::Error>,
}

impl Sent {
    /// The answer; where the request broke off because of this side, why.
    ///
    /// # Errors
    /// Those of `answer`, and [`Failure::Local`].
    pub fn explain<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        match (answer, lock(&self.state).error.take()) {
            (Err(Failure::Unreachable(_)), Some(error)) => Err(unreadable(&self.path, &error)),
            (answer, _) => answer,
        }
    }

    /// BLAKE3 in hex.
    pub fn digest(&self) -> String {
        lock(&self.state).hasher.finalize().to_hex().to_string()
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Local(format!("{} cannot be read: {error}", path.display()))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The content of a file, no more and no less than was announced.
fn content(
    file: File,
    size: u64,
    meter: Meter,
    sent: Arc<Mutex<State>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, meter, sent), move |(mut file, mut meter, sent)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await;
        let mut state = lock(&sent);
        let read = read.and_then(|read| match state.bytes + read as u64 {
            all if all > size || read == 0 && all < size => Err(io::Error::other("it has changed meanwhile")),
            _ => Ok(read),
        });
        let read = read.inspect_err(|error| {
            state.error = Some(io::Error::new(error.kind(), error.to_string()));
        })?;
        if read == 0 {
            return Ok(None);
        }
        piece.truncate(read);
        state.hasher.update(&piece);
        state.bytes += read as u64;
        meter.at(state.bytes);
        drop(state);
        Ok(Some((piece.into(), (file, meter, sent))))
    })
}
