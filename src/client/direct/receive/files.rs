//! The files that are received, one after another.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Target;
use super::existing::Existing;
use super::state::{At, State};
use crate::client::direct::event::{Event, Failure, Summary};
use crate::client::folder::{Folder, Partial, Reopened};
use crate::protocol::direct::message::{Data, Entry, Skip, Start};

/// See the module.
pub struct Files {
    output: Output,
    /// Files that another transfer has begun here.
    begun: BTreeSet<u32>,
    /// Of those that are wanted, the one that is being received, or is next.
    pub next: usize,
    current: Option<Current>,
    /// Content of this round.
    pub received: u64,
    pub summary: Summary,
}

enum Output {
    Folder(Folder),
    Stream(Box<dyn Write + Send>),
}

/// A file that is being received.
struct Current {
    /// `None` where it goes to a stream.
    partial: Option<Partial>,
    offset: u64,
    /// Of what another process has left, as long as nothing was added.
    digest: Option<String>,
}

impl Files {
    /// The folder or stream, and what a killed process has left there. It takes as long as reading that does.
    ///
    /// # Errors
    /// [`Failure::Local`].
    pub fn open(target: Target, state: Option<&State>) -> Result<Files, Failure> {
        let path = match (target, state) {
            (Target::Output(output), _) => return Ok(Files::new(Output::Stream(output))),
            (Target::Folder(_), Some(state)) => state.folder.clone(),
            (Target::Folder(path), None) => path,
        };
        let folder = Folder::open(&path).map_err(|error| unusable(&path, &error))?;
        let mut files = Files::new(Output::Folder(folder));
        if let Some(state) = state {
            files.restore(&state.at);
        }
        Ok(files)
    }

    fn new(output: Output) -> Files {
        Files { output, begun: BTreeSet::new(), next: 0, current: None, received: 0, summary: Summary::default() }
    }

    fn restore(&mut self, at: &At) {
        (self.next, self.summary) = (at.next, at.summary);
        let (Output::Folder(folder), Some(mark)) = (&self.output, &at.mark) else { return };
        match folder.reopen(mark.clone()) {
            Ok(Reopened::Partial(mut partial)) => {
                // What cannot be read is begun anew.
                if let Ok((offset, digest)) = partial.digest() {
                    self.summary.bytes += offset;
                    self.current = Some(Current { partial: Some(partial), offset, digest: Some(digest) });
                }
            }
            Ok(Reopened::Finished { bytes }) => {
                self.next += 1;
                self.summary.files += 1;
                self.summary.bytes += bytes;
            }
            Err(error) => tracing::debug!(cause = %error, "a file that was begun is not there any more"),
        }
    }

    /// Leaves everything as it is, for another process; returns the name of what is not complete, and how much there is.
    pub fn leave(&mut self) -> Option<(String, u64)> {
        let current = self.current.take().filter(|current| current.offset > 0)?;
        let left = current.partial.as_ref()?.path();
        current.partial?.leave();
        Some((left, current.offset))
    }

    /// Where to look for what is there already; `None` where nothing can be.
    pub fn existing(&self) -> Option<Existing> {
        let Output::Folder(folder) = &self.output else { return None };
        let skip = self.current.as_ref().filter(|current| current.offset > 0).map(|_| self.next);
        folder.try_clone().ok().map(|folder| Existing { folder, next: self.next, skip })
    }

    /// What another transfer has begun may be gone on with.
    pub fn may_go_on_with(&mut self, begun: impl Iterator<Item = u32>) {
        self.begun.extend(begun);
    }

    /// Bytes that the disk has room for; `None` where that is not known.
    pub fn free(&self) -> Option<u64> {
        let Output::Folder(folder) = &self.output else { return None };
        folder.free().ok()
    }

    /// The sender leaves an entry out: what has come of it goes.
    ///
    /// # Errors
    /// [`Failure`] when it is not what comes next, or cannot be taken back.
    pub fn skip(
        &mut self,
        entry: u32,
        reason: Skip,
        wanted: &[u32],
        entries: &[Entry],
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), Failure> {
        let next = wanted.get(self.next).filter(|next| **next == entry);
        let skipped = next.and_then(|entry| entries.get(*entry as usize));
        let skipped = skipped.ok_or(Failure::Protocol("it leaves out what is not next"))?;
        let current = self.current.take();
        let dropped = current.as_ref().map_or(0, |current| current.offset);
        if dropped > 0 && matches!(self.output, Output::Stream(_)) {
            return Err(Failure::Local(format!("{} was broken off by its sender", skipped.path)));
        }
        self.summary.bytes -= dropped;
        self.next += 1;
        match reason {
            Skip::Same => self.summary.same += 1,
            _ => self.summary.skipped += 1,
        }
        tell(Event::FileSkipped { entry, path: skipped.path.clone(), reason });
        Ok(())
    }

    /// How far it is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn at(&self) -> std::io::Result<At> {
        let partial = self.current.as_ref().and_then(|current| current.partial.as_ref());
        let mark = partial.map(Partial::mark).transpose()?;
        let offset = self.current.as_ref().map_or(0, |current| current.offset);
        Ok(At { next: self.next, mark, summary: Summary { bytes: self.summary.bytes - offset, ..self.summary } })
    }

    /// Where to begin, when that is not the beginning. `end` is one past the last entry.
    pub fn start(&self, wanted: &[u32], end: u32) -> Option<Start> {
        let entry = wanted.get(self.next).copied().unwrap_or(end);
        let current = self.current.as_ref();
        let (offset, digest) = current.map_or((0, None), |current| (current.offset, current.digest.clone()));
        (self.next > 0 || offset > 0).then_some(Start { entry, offset, digest })
    }

    /// Takes a piece; `true` when a file was begun or is complete.
    ///
    /// # Errors
    /// [`Failure`] when it is not what comes next, or cannot be written.
    pub fn take(
        &mut self,
        data: &Data,
        wanted: &[u32],
        entries: &[Entry],
        tell: &mut dyn FnMut(Event),
    ) -> Result<bool, Failure> {
        let next = wanted.get(self.next).filter(|entry| **entry == data.entry);
        let entry = next.and_then(|entry| entries.get(*entry as usize));
        let entry = entry.ok_or(Failure::Protocol("it sends a file that is not next"))?;
        let local = |error: std::io::Error| Failure::Local(format!("{} cannot be written: {error}", entry.path));
        let is_new = self.current.is_none();
        if is_new {
            self.begin(entry, data.entry, data.offset).map_err(local)?;
        }
        let Some(current) = &mut self.current else { return Ok(false) };
        if data.offset == 0 && current.offset > 0 && !is_new && self.received == 0 {
            // The sender does not have what we have of it.
            self.summary.bytes -= current.offset;
            current.restart().map_err(local)?;
        }
        let end = data.offset + data.content.len() as u64;
        let fits = entry.size.is_none_or(|size| if data.last { end == size } else { end < size || size == 0 });
        if data.offset != current.offset || !entry.folder && !fits || entry.folder && end > 0 {
            return Err(Failure::Protocol("it sends a piece that does not fit"));
        }
        if !entry.folder && (is_new || self.received == 0) {
            let (path, offset) = (entry.path.clone(), data.offset);
            tell(Event::FileStarted { entry: data.entry, path, size: entry.size, offset });
        }
        match (&mut current.partial, &mut self.output) {
            (Some(partial), _) => partial.write_all(&data.content).map_err(local)?,
            (None, Output::Stream(stream)) => stream.write_all(&data.content).map_err(local)?,
            (None, Output::Folder(_)) => {}
        }
        (current.offset, current.digest) = (end, None);
        self.received += data.content.len() as u64;
        self.summary.bytes += data.content.len() as u64;
        if data.last {
            self.finish(entry, data.entry, tell).map_err(local)?;
        }
        Ok(is_new || data.last)
    }

    /// Begins a file, or goes on with what another transfer has begun of it.
    fn begin(&mut self, entry: &Entry, number: u32, offset: u64) -> std::io::Result<()> {
        let mut begun = 0;
        let partial = match &self.output {
            Output::Folder(folder) if !entry.folder => {
                let left = if offset > 0 && self.begun.contains(&number) { folder.adopt(&entry.path)? } else { None };
                begun = left.as_ref().map_or(Ok(0), Partial::size)?;
                Some(left.map_or_else(|| folder.begin(&entry.path, entry.mode), Ok)?)
            }
            _ => None,
        };
        self.summary.bytes += begun;
        self.current = Some(Current { partial, offset: begun, digest: None });
        Ok(())
    }

    fn finish(&mut self, entry: &Entry, number: u32, tell: &mut dyn FnMut(Event)) -> std::io::Result<()> {
        let current = self.current.take();
        self.next += 1;
        match (current.and_then(|current| Some((current.partial?, current.offset))), &mut self.output) {
            (Some((partial, bytes)), _) => {
                partial.date(entry.mode, entry.modified);
                let path = partial.finish()?;
                self.summary.files += 1;
                tell(Event::FileDone { entry: number, path, bytes });
            }
            (None, Output::Folder(folder)) => drop(folder.make(&entry.path)?),
            (None, Output::Stream(stream)) => {
                stream.flush()?;
                self.summary.files += 1;
                tell(Event::FileDone { entry: number, path: entry.path.clone(), bytes: 0 });
            }
        }
        Ok(())
    }
}

/// Why nothing can go to a folder, for whoever has chosen it.
fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::Local(match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => format!("{path} is a file; --to names a folder"),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            format!("{path} cannot be written: {error}; say with --to where files go")
        }
        ErrorKind::StorageFull => format!("there is no room in {path}; say with --to where files go"),
        _ => format!("{path}: {error}"),
    })
}

impl Current {
    fn restart(&mut self) -> std::io::Result<()> {
        self.offset = 0;
        match &mut self.partial {
            Some(partial) => partial.restart(),
            None => Err(std::io::Error::other("what has gone to a stream cannot be taken back")),
        }
    }
}
