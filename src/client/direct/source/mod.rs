//! What a sender has: files, folders, standard input.

mod reading;
mod stream;

pub use reading::{Piece, Reading};
pub use stream::Stream;

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::protocol::direct::message::Entry;

/// Everything that may be allowed.
const ALL: u32 = 0o777;

/// Where the content of an entry comes from.
pub enum Source {
    File {
        path: PathBuf,
        size: u64,
        modified: Option<SystemTime>,
    },
    Folder,
    Stream(Stream),
    /// A folder that cannot be listed: whoever takes it is told.
    Unreadable,
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
    /// Adds a file, or a folder with all that is in it. Links in a folder are left out: they may lead anywhere. What is in a
    /// folder and cannot be read is offered and then left out, so that both sides know.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn add(&mut self, path: &Path) -> Result<(), String> {
        let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
        let metadata = fs::metadata(path).map_err(unreadable)?;
        // `.` and `..` have a name too.
        let named = path.canonicalize().map_err(unreadable);
        let own = if path.file_name().is_some() { path } else { &named? };
        let name = own.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| format!("{} has no name", path.display()))?;
        match metadata.is_dir() {
            true => drop(fs::read_dir(path).map_err(unreadable)?),
            false => {
                let file = File::open(path).map_err(unreadable)?;
                if metadata.file_type().is_fifo() {
                    // What a shell puts in the place of `<(command)`.
                    self.add_stream(&name, file);
                    return Ok(());
                }
            }
        }
        self.put(path, name, &metadata, ALL);
        Ok(())
    }

    /// Adds a stream of unknown length, e.g. standard input.
    pub fn add_stream(&mut self, name: &str, reader: impl Read + Send + 'static) {
        self.push(Entry { path: name.to_owned(), ..Entry::default() }, Source::Stream(Stream::new(reader)));
    }

    /// The same for the same text, names, sizes and times of change; `None` where there is a stream, which is read once.
    pub fn digest(&self, text: Option<&str>) -> Option<String> {
        let mut times = Vec::new();
        for source in &self.sources {
            match source {
                Source::File { modified, .. } => times.push(*modified),
                Source::Folder | Source::Unreadable => times.push(None),
                Source::Stream(_) => return None,
            }
        }
        let all = serde_json::to_vec(&(text, &self.entries, times)).ok()?;
        Some(blake3::hash(&all).to_hex().to_string())
    }

    /// `allowed` is what the folders around it allow.
    fn put(&mut self, path: &Path, name: String, metadata: &Metadata, allowed: u32) {
        if metadata.is_dir() {
            return self.put_folder(path, &name, metadata, allowed);
        }
        if !metadata.is_file() {
            return self.skipped.push(format!("{} is neither a file nor a folder", path.display()));
        }
        let (size, changed) = (metadata.len(), metadata.modified().ok());
        if size == 0
            && let Some(content) = without_size(path)
        {
            return self.add_stream(&name, content);
        }
        let mode = Some(metadata.permissions().mode() & allowed);
        let entry =
            Entry { path: name, size: Some(size), mode, modified: changed.and_then(seconds), ..Entry::default() };
        self.push(entry, Source::File { path: path.to_owned(), size, modified: changed });
    }

    fn put_folder(&mut self, path: &Path, name: &str, metadata: &Metadata, allowed: u32) {
        let folder = Entry { path: name.to_owned(), folder: true, ..Entry::default() };
        let Ok(inside) = fs::read_dir(path).and_then(|inside| inside.collect::<Result<Vec<_>, _>>()) else {
            return self.push(folder, Source::Unreadable);
        };
        if inside.is_empty() {
            return self.push(folder, Source::Folder);
        }
        let allowed = allowed & inside_of(metadata.permissions().mode());
        let mut inside = inside;
        inside.sort_by_key(fs::DirEntry::file_name);
        for entry in inside {
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            match entry.metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    self.skipped.push(format!("{} is a link", entry.path().display()))
                }
                Ok(metadata) => self.put(&entry.path(), name, &metadata, allowed),
                Err(_) => self.push(Entry { path: name, ..Entry::default() }, Source::Unreadable),
            }
        }
    }

    fn push(&mut self, entry: Entry, source: Source) {
        self.entries.push(entry);
        self.sources.push(source);
    }
}

/// Who may come to the files in a folder of this mode: the receiver's folders are as open as their owner's others.
fn inside_of(mode: u32) -> u32 {
    let group = if mode & 0o010 == 0 { 0 } else { 0o070 };
    let others = if mode & 0o001 == 0 { 0 } else { 0o007 };
    0o700 | group | others
}

fn seconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
    }
}

/// The content of a file that is said to have none: the system makes up some when they are read (proc(5)).
fn without_size(path: &Path) -> Option<impl Read + Send + 'static> {
    let mut file = File::open(path).ok()?;
    let mut first = [0; 4096];
    let read = file.read(&mut first).ok().filter(|read| *read > 0)?;
    Some(io::Cursor::new(first[..read].to_vec()).chain(file))
}
