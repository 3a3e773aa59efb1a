//! The layout of a ZIP archive (PKWARE APPNOTE 6.3.10) of stored entries whose sizes and CRCs are known: every byte of it
//! has its place before the first is read, so that it can be sent from any offset, and is never held as a whole.
//!
//! ```text
//! local header, contents · local header, contents · … · central directory · ZIP64 end and its locator · end
//! ```
//!
//! ZIP64 records (section 4.3.14, extra field 0x0001 in 4.5.3) are there where a size, an offset or the count asks for
//! them, and nowhere else: old programs read what they always could.

mod names;
mod records;

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::NaiveDateTime;

pub use names::portable;
use records::{central_size, end, end_size, local_header, local_size, put_central_header};

/// A file of the archive.
#[derive(Clone, Debug)]
pub struct Entry {
    /// With `/` between folders.
    pub name: String,
    pub size: u64,
    pub crc32: u32,
    /// UTC
    pub modified: NaiveDateTime,
}

/// What a part of the archive is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Bytes),
    /// This range of the contents of the entry with this index.
    Contents(usize, Range<u64>),
}

/// An archive of these entries, in this order.
#[derive(Debug)]
pub struct Archive {
    entries: Vec<Entry>,
    /// Where the local header of each entry begins.
    offsets: Vec<u64>,
    /// Where the central directory begins and ends, and the archive ends.
    directory: Range<u64>,
    size: u64,
}

/// Bytes of the central directory that are made at a time.
const DIRECTORY_PIECE: usize = 16 << 10;

impl Archive {
    pub fn new(entries: Vec<Entry>) -> Archive {
        let mut offsets = Vec::with_capacity(entries.len());
        let mut offset = 0;
        for entry in &entries {
            offsets.push(offset);
            offset += local_size(entry) + entry.size;
        }
        let mut end = offset;
        for (entry, offset) in entries.iter().zip(&offsets) {
            end += central_size(entry, *offset);
        }
        let directory = offset..end;
        let size = end + end_size(&directory, entries.len() as u64);
        Archive { entries, offsets, directory, size }
    }

    /// Bytes of the whole.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// `range` of the archive, piece by piece; it lies within [`Archive::size`].
    pub fn pieces(self: Arc<Self>, range: Range<u64>) -> Pieces {
        // The last entry that begins at the range or before it.
        let entry = self.offsets.partition_point(|offset| *offset <= range.start).saturating_sub(1);
        let (place, position) = match self.offsets.get(entry).filter(|_| range.start < self.directory.start) {
            Some(offset) => (Place::Local(entry), *offset),
            None => (self.directory_from(0), self.directory.start),
        };
        Pieces { archive: self, place, position, range }
    }

    /// What lies at `place`, and what comes after it.
    fn piece(&self, place: Place) -> (Piece, Place) {
        match place {
            Place::Local(index) => (Piece::Bytes(local_header(&self.entries[index])), Place::Contents(index)),
            Place::Contents(index) => {
                let next = index + 1;
                let place = if next < self.entries.len() { Place::Local(next) } else { self.directory_from(0) };
                (Piece::Contents(index, 0..self.entries[index].size), place)
            }
            Place::Directory(mut index) => {
                let mut bytes = BytesMut::with_capacity(DIRECTORY_PIECE + 2048);
                while index < self.entries.len() && bytes.len() < DIRECTORY_PIECE {
                    put_central_header(&mut bytes, &self.entries[index], self.offsets[index]);
                    index += 1;
                }
                (Piece::Bytes(bytes.freeze()), self.directory_from(index))
            }
            Place::End => (Piece::Bytes(end(&self.directory, self.entries.len() as u64)), Place::End),
        }
    }

    fn directory_from(&self, index: usize) -> Place {
        if index < self.entries.len() { Place::Directory(index) } else { Place::End }
    }
}

/// See [`Archive::pieces`].
pub struct Pieces {
    archive: Arc<Archive>,
    place: Place,
    /// Where the piece at the place begins.
    position: u64,
    range: Range<u64>,
}

#[derive(Clone, Copy)]
enum Place {
    /// The local header of the entry with this index.
    Local(usize),
    Contents(usize),
    /// The central directory from that entry's header on.
    Directory(usize),
    End,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        while self.position < self.range.end {
            let (piece, next) = self.archive.piece(self.place);
            let (start, length) = (self.position, piece.len());
            self.position += length;
            self.place = next;
            let from = self.range.start.saturating_sub(start);
            let to = length.min(self.range.end - start);
            if from < to {
                return Some(piece.slice(from..to));
            }
        }
        None
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Contents(_, range) => range.end - range.start,
        }
    }

    fn slice(self, part: Range<u64>) -> Piece {
        match self {
            Piece::Bytes(bytes) => Piece::Bytes(bytes.slice(part.start as usize..part.end as usize)),
            Piece::Contents(index, range) => Piece::Contents(index, range.start + part.start..range.start + part.end),
        }
    }
}

#[cfg(test)]
mod tests;
