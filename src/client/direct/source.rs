//! What a sender has: files, folders, standard input.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::protocol::direct::PIECE;
use crate::protocol::direct::message::{Data, Entry, Start};

/// What is kept of a stream that cannot be read twice, for a receiver whose connection breaks.
const KEPT: usize = super::receive::WINDOW as usize + PIECE;
/// Pieces of a stream that wait to be sent.
const AHEAD: usize = 4;

/// Where the content of an entry comes from.
pub enum Source {
    File { path: PathBuf, size: u64, modified: Option<SystemTime> },
    Folder,
    Stream(Stream),
}

/// The entries of an offer, and where each comes from.
#[derive(Default)]
pub struct Sources {
    pub entries: Vec<Entry>,
    pub sources: Vec<Source>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

impl Sources {
    /// Adds a file, or a folder with all that is in it. Links in a folder are left out: they may lead anywhere.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn add(&mut self, path: &Path) -> Result<(), String> {
        let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
        let metadata = fs::metadata(path).map_err(unreadable)?;
        // `.` and `..` have a name too.
        let named = path.canonicalize().map_err(unreadable)?;
        let own = if path.file_name().is_some() { path } else { &named };
        let name = own.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| format!("{} has no name", path.display()))?;
        self.put(path, name, &metadata)
    }

    /// Adds a stream of unknown length, e.g. standard input.
    pub fn add_stream(&mut self, name: &str, reader: impl Read + Send + 'static) {
        self.push(Entry { path: name.to_owned(), size: None, folder: false }, Source::Stream(Stream::new(reader)));
    }

    /// The same for the same text, names, sizes and times of change; `None` where there is a stream, which is read once.
    pub fn digest(&self, text: Option<&str>) -> Option<String> {
        let mut times = Vec::new();
        for source in &self.sources {
            match source {
                Source::File { modified, .. } => times.push(*modified),
                Source::Folder => times.push(None),
                Source::Stream(_) => return None,
            }
        }
        let all = serde_json::to_vec(&(text, &self.entries, times)).ok()?;
        Some(blake3::hash(&all).to_hex().to_string())
    }

    fn put(&mut self, path: &Path, name: String, metadata: &Metadata) -> Result<(), String> {
        if metadata.is_dir() {
            return self.put_folder(path, &name);
        }
        if !metadata.is_file() {
            self.skipped.push(format!("{} is neither a file nor a folder", path.display()));
            return Ok(());
        }
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        let entry = Entry { path: name, size: Some(size), folder: false };
        self.push(entry, Source::File { path: path.to_owned(), size, modified });
        Ok(())
    }

    fn put_folder(&mut self, path: &Path, name: &str) -> Result<(), String> {
        let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
        let mut inside = fs::read_dir(path).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        inside.sort_by_key(fs::DirEntry::file_name);
        if inside.is_empty() {
            self.push(Entry { path: name.to_owned(), size: None, folder: true }, Source::Folder);
        }
        for entry in inside {
            let metadata = entry.metadata().map_err(unreadable)?;
            if metadata.is_symlink() {
                self.skipped.push(format!("{} is a link", entry.path().display()));
                continue;
            }
            self.put(&entry.path(), format!("{name}/{}", entry.file_name().to_string_lossy()), &metadata)?;
        }
        Ok(())
    }

    fn push(&mut self, entry: Entry, source: Source) {
        self.entries.push(entry);
        self.sources.push(source);
    }
}

/// An entry that is being sent.
pub struct Reading {
    pub entry: u32,
    pub offset: u64,
    file: Option<File>,
}

impl Reading {
    /// Opens an entry at the place where the receiver wants it to begin.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn open(source: &Source, entry: u32, offset: u64) -> Result<Reading, String> {
        let file = match source {
            Source::Folder => None,
            Source::Stream(stream) => stream.can_go_on(offset).map(|()| None)?,
            Source::File { path, .. } => {
                let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
                let mut file = File::open(path).map_err(unreadable)?;
                file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
                Some(file)
            }
        };
        Ok(Reading { entry, offset, file })
    }

    /// The next piece, ready to be sealed, how much content it has, and whether it is the last one. Nothing is lost when
    /// the future is dropped before it is ready.
    ///
    /// # Errors
    /// A sentence that names the path; also when the file has changed since it was offered.
    pub async fn next(&mut self, source: &mut Source) -> Result<Piece, String> {
        let mut buffer = Data::buffer(self.entry, self.offset);
        let (length, last) = match (source, &mut self.file) {
            (Source::Stream(stream), _) => {
                let piece = stream.next(self.offset).await?;
                buffer.extend_from_slice(&piece);
                (piece.len(), piece.is_empty())
            }
            (Source::File { path, size, modified }, Some(file)) => {
                let most = size.saturating_sub(self.offset).min(PIECE as u64);
                let read = file.take(most).read_to_end(&mut buffer);
                let length = read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                let last = self.offset + most == *size;
                if (length as u64) < most || last && !is_unchanged(file, *size, *modified) {
                    return Err(format!("{} has changed while it was being sent", path.display()));
                }
                (length, last)
            }
            _ => (0, true),
        };
        self.offset += length as u64;
        Ok(Piece { buffer: Data::finish(buffer, last), length, last })
    }
}

/// See [`Reading::next`].
pub struct Piece {
    pub buffer: Vec<u8>,
    pub length: usize,
    pub last: bool,
}

fn is_unchanged(file: &File, size: u64, modified: Option<SystemTime>) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.len() == size && metadata.modified().ok() == modified)
}

impl Source {
    /// Finds out, on a thread of its own, whether it begins with what the receiver has of it.
    pub fn check(&self, start: &Start) -> JoinHandle<bool> {
        let path = match self {
            Source::File { path, .. } => Some(path.clone()),
            Source::Folder | Source::Stream(_) => None,
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

/// Something that can be read once, read ahead by a thread of its own. The last of it is kept.
pub struct Stream {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    kept: VecDeque<u8>,
    /// How much of it has been read.
    end: u64,
    over: bool,
}

impl Stream {
    fn new(mut reader: impl Read + Send + 'static) -> Stream {
        let (sender, pieces) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match reader.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let over = !matches!(read, Ok(1..));
                let piece = read.map(|read| {
                    piece.truncate(read);
                    piece.into()
                });
                if sender.blocking_send(piece).is_err() || over {
                    return;
                }
            }
        });
        Stream { pieces, kept: VecDeque::new(), end: 0, over: false }
    }

    fn can_go_on(&self, offset: u64) -> Result<(), String> {
        match (self.end - self.kept.len() as u64..=self.end).contains(&offset) {
            true => Ok(()),
            false => Err("the receiver has lost more of the stream than can be sent again".into()),
        }
    }

    /// What follows `offset`; nothing at the end.
    async fn next(&mut self, offset: u64) -> Result<Bytes, String> {
        if offset < self.end {
            let skip = self.kept.len() - (self.end - offset) as usize;
            return Ok(self.kept.iter().skip(skip).take(PIECE).copied().collect());
        }
        if self.over {
            return Ok(Bytes::new());
        }
        let piece = match self.pieces.recv().await {
            Some(piece) => piece.map_err(|error| format!("standard input cannot be read: {error}"))?,
            None => Bytes::new(),
        };
        self.over = piece.is_empty();
        self.end += piece.len() as u64;
        self.kept.extend(&piece);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        Ok(piece)
    }
}
