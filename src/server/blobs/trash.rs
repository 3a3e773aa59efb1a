//! What is deleted, and what no row refers to, lies in `ROOT/trash/HOUR/ID` for some days before it is gone: a database that
//! is restored from a backup finds the files of its rows again. Each hour has a folder, so that no file need be asked how
//! long it has lain there.
//!
//! The trash counts against no quota, and gives way where room is short.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use super::Blobs;
use crate::server::clock::Clock;
use crate::server::folder;

/// The folder of the trash in that of the store.
pub const FOLDER: &str = "trash";
const HOUR: &str = "%Y-%m-%dT%H";

/// How long what is in the trash stays there.
#[derive(Clone, Debug)]
pub struct TrashRule {
    pub clock: Clock,
    /// Zero is for no trash.
    pub life: Duration,
}

impl Blobs {
    /// Removes a blob that somebody deleted; one that is gone already is no error. Where room is short it is gone at once.
    pub fn delete(&self, id: &str) -> io::Result<()> {
        let path = self.path(id)?;
        let removed = match self.space().is_tight()? {
            true => fs::remove_file(path),
            false => self.move_to_trash(id, &path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Moves a file of the store to the trash.
    pub(super) fn move_to_trash(&self, id: &str, path: &Path) -> io::Result<()> {
        if self.0.trash.life.is_zero() {
            return fs::remove_file(path);
        }
        let hour = self.trash_root().join(self.0.trash.clock.now().format(HOUR).to_string());
        let goal = hour.join(id);
        match fs::rename(path, &goal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !hour.exists() => {
                folder::make(&hour)?;
                fs::rename(path, goal)
            }
            moved => moved,
        }
    }

    /// Opens a blob for reading. One that lies in the trash is wanted again, and comes back.
    pub fn get(&self, id: &str) -> io::Result<File> {
        let path = self.path(id)?;
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Some(trashed) = self.in_trash(id)? else { return Err(error) };
                self.take_back(id, &trashed)?;
                tracing::info!(blob = %id, "a file was wanted again, and is back from the trash");
                File::open(&path)
            }
            file => file,
        }
    }

    /// Where a blob lies, in its place or in the trash.
    pub fn find(&self, id: &str) -> io::Result<Option<PathBuf>> {
        let path = self.path(id)?;
        match path.try_exists()? {
            true => Ok(Some(path)),
            false => self.in_trash(id),
        }
    }

    /// Copies a blob into the store at `goal`, from its place or from the trash. Returns its size, or `None` when it is
    /// nowhere.
    pub fn copy(&self, id: &str, goal: &Path) -> io::Result<Option<u64>> {
        let to = goal.join(&id[..super::PREFIX]).join(id);
        // It may be on its way to the trash, or back.
        for _ in 0..3 {
            let Some(from) = self.find(id)? else { return Ok(None) };
            if let Some(parent) = to.parent() {
                folder::make(parent)?;
            }
            match fs::copy(from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => return copied.map(Some),
            }
        }
        Ok(None)
    }

    fn in_trash(&self, id: &str) -> io::Result<Option<PathBuf>> {
        Ok(self.hours()?.into_iter().rev().map(|hour| hour.join(id)).find(|path| path.exists()))
    }

    fn take_back(&self, id: &str, trashed: &Path) -> io::Result<()> {
        let path = self.path(id)?;
        if let Some(parent) = path.parent() {
            folder::make(parent)?;
        }
        fs::rename(trashed, path)
    }

    /// Empties the trash of what has lain there long enough; where the disk is short of room, the oldest first, also of what
    /// has not. What `is_known` by now goes back to its place instead. Returns the number of files removed.
    pub fn empty_trash<E: From<io::Error>>(&self, mut is_known: impl super::IsKnown<E>) -> Result<usize, E> {
        let oldest = self
            .0
            .trash
            .clock
            .now()
            .checked_sub_signed(TimeDelta::from_std(self.0.trash.life).unwrap_or(TimeDelta::MAX));
        let mut removed = 0;
        for hour in self.hours()? {
            let is_over = oldest.is_some_and(|oldest| ended_before(&hour, oldest));
            if !is_over && !self.space().is_tight()? {
                break;
            }
            for group in super::groups(fs::read_dir(&hour)?) {
                let group = group?;
                let known = is_known(group.iter().map(|(id, _)| id.clone()).collect())?;
                for (id, path) in group {
                    match known.contains(&id) {
                        true => self.take_back(&id, &path)?,
                        false => fs::remove_file(path)?,
                    }
                    removed += usize::from(!known.contains(&id));
                }
            }
            // A file may have come meanwhile, of this very hour.
            if let Err(error) = fs::remove_dir(&hour)
                && error.kind() != io::ErrorKind::DirectoryNotEmpty
            {
                return Err(error.into());
            }
        }
        self.space().was_given();
        Ok(removed)
    }

    /// The folders of the trash, the oldest first.
    fn hours(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.trash_root()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut hours = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        hours.retain(|hour| start(hour).is_some());
        hours.sort();
        Ok(hours)
    }

    fn trash_root(&self) -> PathBuf {
        self.root().join(FOLDER)
    }
}

/// When the hour of a folder began.
fn start(hour: &Path) -> Option<NaiveDateTime> {
    let name = hour.file_name()?.to_str()?;
    NaiveDateTime::parse_from_str(&format!("{name}:00"), &format!("{HOUR}:%M")).ok()
}

fn ended_before(hour: &Path, time: NaiveDateTime) -> bool {
    start(hour).is_some_and(|start| start + TimeDelta::hours(1) <= time)
}
