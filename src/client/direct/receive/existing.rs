//! What a receiver has already of what is offered: files that an earlier transfer has brought, or begun.

use std::fs::File;
use std::io;

use crate::client::folder::Folder;
use crate::protocol::direct::message::{Entry, Had};

/// Where to look.
pub struct Existing {
    pub folder: Folder,
    /// The first that is wanted still, and one of which it is known what there is.
    pub next: usize,
    pub skip: Option<usize>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub had: Vec<Had>,
    /// Those of them that are not complete.
    pub begun: Vec<u32>,
}

impl Existing {
    /// Looks for files of the same name and size, and for the beginnings of others. It takes as long as reading them does.
    pub fn look(&self, wanted: &[u32], entries: &[Entry]) -> Found {
        let mut found = Found::default();
        for (place, number) in wanted.iter().enumerate().skip(self.next) {
            let Some(entry) = entries.get(*number as usize).filter(|entry| !entry.folder) else { continue };
            let (Some(size), true) = (entry.size, self.skip != Some(place)) else { continue };
            // What cannot be read is received anew.
            if let Ok(Some(had)) = self.whole(entry, *number, size) {
                found.had.push(had);
            } else if let Ok(Some(had)) = self.part(entry, *number, size) {
                found.begun.push(*number);
                found.had.push(had);
            }
        }
        found
    }

    fn whole(&self, entry: &Entry, number: u32, size: u64) -> io::Result<Option<Had>> {
        match self.folder.existing(&entry.path)? {
            Some(file) if file.metadata()?.len() == size => digest(&file, number).map(Some),
            _ => Ok(None),
        }
    }

    fn part(&self, entry: &Entry, number: u32, size: u64) -> io::Result<Option<Had>> {
        match self.folder.begun(&entry.path)? {
            Some(file) if (1..size).contains(&file.metadata()?.len()) => digest(&file, number).map(Some),
            _ => Ok(None),
        }
    }
}

fn digest(file: &File, entry: u32) -> io::Result<Had> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(Had { entry, offset: hasher.count(), digest: hasher.finalize().to_hex().to_string() })
}
