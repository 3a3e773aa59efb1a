//! The sweep: what no row refers to goes to the trash. A crash leaves such files between the writing of a blob and its row,
//! and a restored database for whatever was stored after it was copied.
//!
//! Some hundred files are looked at in one go, whatever the store holds. Where more are unknown than a crash explains, the
//! database is the wrong one, and nothing is moved.

use std::collections::HashSet;
use std::fs::{self, ReadDir};
use std::io;
use std::path::PathBuf;

use super::{Blobs, trash};
use crate::server::id;

/// Files that the database is asked for in one go.
const GROUP: usize = 500;
/// Files that one sweep moves at most: the next one goes on.
const MOST_MOVED: usize = 10_000;
/// So many unknown files stop no sweep, whatever their share is.
const FEW: u64 = 100;

/// Asks the database which of some ids have a row. When it fails nothing is moved on the strength of it.
pub trait IsKnown<E>: FnMut(Vec<String>) -> Result<HashSet<String>, E> {}

impl<E, F: FnMut(Vec<String>) -> Result<HashSet<String>, E>> IsKnown<E> for F {}

/// What a look at the whole store finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Whole files, and of these how many no row refers to.
    pub files: u64,
    pub unknown: u64,
}

impl Survey {
    /// Whether more is unknown than a sweep may take: over a hundred files and `percent` of all.
    pub fn is_too_much(self, percent: u8) -> bool {
        self.unknown > FEW && u128::from(self.unknown) * 100 > u128::from(self.files) * u128::from(percent)
    }
}

/// What a sweep has found, and done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Swept {
    pub survey: Survey,
    /// Files moved to the trash, and broken uploads removed.
    pub moved: usize,
    /// Too much was unknown: nothing was moved.
    pub stopped: bool,
}

impl Blobs {
    /// Looks at all files without moving one. Blocks.
    pub fn survey<E: From<io::Error>>(&self, is_known: impl IsKnown<E>) -> Result<Survey, E> {
        Ok(self.look(is_known)?.0)
    }

    /// Sweeps, unless more than `percent` of the files would go. Blocks.
    pub fn sweep<E: From<io::Error>>(&self, percent: u8, is_known: impl IsKnown<E>) -> Result<Swept, E> {
        let (survey, unknown, parts) = self.look(is_known)?;
        let mut swept = Swept { survey, moved: 0, stopped: survey.is_too_much(percent) };
        // Half of a file was never acknowledged, and is nobody's.
        for path in parts {
            fs::remove_file(path)?;
            swept.moved += 1;
        }
        if swept.stopped {
            return Ok(swept);
        }
        for (id, path) in unknown {
            tracing::info!(blob = %id, "a file that nothing refers to goes to the trash");
            self.move_to_trash(&id, &path)?;
            swept.moved += 1;
        }
        Ok(swept)
    }

    /// Counts, and gathers some of what could be moved and of the parts of broken uploads.
    #[expect(clippy::type_complexity, reason = "two lists, and an error of the caller's")]
    fn look<E: From<io::Error>>(
        &self,
        mut is_known: impl IsKnown<E>,
    ) -> Result<(Survey, Vec<(String, PathBuf)>, Vec<PathBuf>), E> {
        let (mut survey, mut unknown, mut parts) = (Survey::default(), Vec::new(), Vec::new());
        for folder in self.folders()? {
            for group in groups(fs::read_dir(folder)?) {
                let mut group = group?;
                group.retain(|(id, _)| !self.pending().contains(id));
                let known = is_known(group.iter().map(|(id, _)| id.clone()).collect())?;
                for (id, path) in group {
                    if path.extension().is_some() {
                        parts.push(path);
                        continue;
                    }
                    survey.files += 1;
                    if !known.contains(&id) {
                        survey.unknown += 1;
                        if unknown.len() < MOST_MOVED {
                            unknown.push((id, path));
                        }
                    }
                }
            }
        }
        Ok((survey, unknown, parts))
    }

    /// Up to `most` whole files, from all folders.
    pub(super) fn sample(&self, most: usize) -> io::Result<Vec<String>> {
        let folders = self.folders()?;
        let each = most.div_ceil(folders.len().max(1));
        let mut sample = Vec::new();
        for folder in folders {
            let entries = fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            sample.extend(entries.filter(|name| id::is_valid(name)).take(each));
        }
        Ok(sample)
    }

    /// The folders of contents.
    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(self.root())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name() != trash::FOLDER {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    }
}

/// The files of our making in a folder, by id, some at a time. What is not of our making is not ours to move.
pub(super) fn groups(mut entries: ReadDir) -> impl Iterator<Item = io::Result<Vec<(String, PathBuf)>>> {
    std::iter::from_fn(move || {
        let mut group = Vec::new();
        for entry in entries.by_ref() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            let file = name.strip_suffix(".part").unwrap_or(&name);
            if id::is_valid(file) {
                group.push((file.to_owned(), entry.path()));
            }
            if group.len() == GROUP {
                break;
            }
        }
        (!group.is_empty()).then_some(Ok(group))
    })
}

#[cfg(test)]
mod tests {
    use super::Survey;

    #[test]
    fn a_crash_stops_no_sweep_and_a_wrong_database_does() {
        for (unknown, files, percent, stops) in [
            (100, 100, 5, false),
            (101, 101, 5, true),
            (101, 2020, 5, false),
            (102, 2020, 5, true),
            (500_000, 500_000, 100, false),
            (101, 1_000_000, 0, true),
        ] {
            assert_eq!(Survey { files, unknown }.is_too_much(percent), stops, "{unknown} of {files} at {percent} %");
        }
    }
}
