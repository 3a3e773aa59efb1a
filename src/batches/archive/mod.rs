//! The layout of a ZIP archive (PKWARE APPNOTE 6.3.10) of stored entries whose sizes and CRCs are known: every byte of it
//! has its place before the first is read, so that it can be sent from any offset, and is never held as a whole.
//!
//! ```text
//! local header, contents · local header, contents · … · central directory · ZIP64 end and its locator · end
//! ```
//!
//! ZIP64 records (section 4.3.14, extra field 0x0001 in 4.5.3) are there where a size, an offset or the count asks for
//! them, and nowhere else: old programs read what they always could.

use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

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

/// A 32-bit field of this value says: look into the ZIP64 record (section 4.4.1.4).
const LOOK_64: u64 = u32::MAX as u64;
const LOOK_64_COUNT: usize = u16::MAX as usize;

const LOCAL_HEADER: u64 = 30;
const CENTRAL_HEADER: u64 = 46;
const END: u64 = 22;
const END_64: u64 = 56;
const LOCATOR_64: u64 = 20;
/// Extra field "UT" (Info-ZIP): the time in UTC, which the field of MS-DOS times has no zone for.
const EXTRA_TIME: u64 = 9;

/// Versions of the specification that a reader needs: 2.0 for folders, 4.5 for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Flag bit 11: the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// Made by version 4.5 of the specification on Unix (3), which gives the attributes their meaning.
const MADE_BY: u16 = 3 << 8 | ZIP64;
/// A regular file that all may read and its owner write: never one that can be run.
const ATTRIBUTES: u32 = 0o100_644 << 16;

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
        let mut archive = Archive { entries, offsets, directory: offset..end, size: 0 };
        archive.size = end + END + if archive.is_large() { END_64 + LOCATOR_64 } else { 0 };
        archive
    }

    /// Bytes of the whole.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the end needs its ZIP64 form.
    fn is_large(&self) -> bool {
        self.entries.len() >= LOOK_64_COUNT
            || self.directory.start >= LOOK_64
            || self.directory.end - self.directory.start >= LOOK_64
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
            Place::Local(index) => (Piece::Bytes(self.local_header(index)), Place::Contents(index)),
            Place::Contents(index) => {
                let next = index + 1;
                let place = if next < self.entries.len() { Place::Local(next) } else { self.directory_from(0) };
                (Piece::Contents(index, 0..self.entries[index].size), place)
            }
            Place::Directory(mut index) => {
                let mut bytes = BytesMut::with_capacity(DIRECTORY_PIECE + 2048);
                while index < self.entries.len() && bytes.len() < DIRECTORY_PIECE {
                    self.put_central_header(index, &mut bytes);
                    index += 1;
                }
                (Piece::Bytes(bytes.freeze()), self.directory_from(index))
            }
            Place::End => (Piece::Bytes(self.end()), Place::End),
        }
    }

    fn directory_from(&self, index: usize) -> Place {
        if index < self.entries.len() { Place::Directory(index) } else { Place::End }
    }

    fn local_header(&self, index: usize) -> Bytes {
        let entry = &self.entries[index];
        let large = entry.size >= LOOK_64;
        let size = if large { u32::MAX } else { entry.size as u32 };
        let mut header = BytesMut::with_capacity(local_size(entry) as usize);
        header.put_u32_le(0x0403_4b50);
        put_common(&mut header, entry, if large { ZIP64 } else { PLAIN });
        header.put_u32_le(size);
        header.put_u32_le(size);
        header.put_u16_le(entry.name.len() as u16);
        header.put_u16_le((local_size(entry) - LOCAL_HEADER) as u16 - entry.name.len() as u16);
        header.put_slice(entry.name.as_bytes());
        if large {
            header.put_u16_le(1);
            header.put_u16_le(16);
            header.put_u64_le(entry.size);
            header.put_u64_le(entry.size);
        }
        put_time(&mut header, entry);
        header.freeze()
    }

    fn put_central_header(&self, index: usize, header: &mut BytesMut) {
        let (entry, offset) = (&self.entries[index], self.offsets[index]);
        let (large, far) = (entry.size >= LOOK_64, offset >= LOOK_64);
        let size = if large { u32::MAX } else { entry.size as u32 };
        header.put_u32_le(0x0201_4b50);
        header.put_u16_le(MADE_BY);
        put_common(header, entry, if large || far { ZIP64 } else { PLAIN });
        header.put_u32_le(size);
        header.put_u32_le(size);
        header.put_u16_le(entry.name.len() as u16);
        header.put_u16_le((central_size(entry, offset) - CENTRAL_HEADER) as u16 - entry.name.len() as u16);
        header.put_u16_le(0); // comment
        header.put_u16_le(0); // disk
        header.put_u16_le(0); // internal attributes
        header.put_u32_le(ATTRIBUTES);
        header.put_u32_le(if far { u32::MAX } else { offset as u32 });
        header.put_slice(entry.name.as_bytes());
        if large || far {
            header.put_u16_le(1);
            header.put_u16_le(if large { 16 } else { 0 } + if far { 8 } else { 0 });
            if large {
                header.put_u64_le(entry.size);
                header.put_u64_le(entry.size);
            }
            if far {
                header.put_u64_le(offset);
            }
        }
        put_time(header, entry);
    }

    fn end(&self) -> Bytes {
        let (count, size) = (self.entries.len() as u64, self.directory.end - self.directory.start);
        let mut end = BytesMut::with_capacity((self.size - self.directory.end) as usize);
        if self.is_large() {
            end.put_u32_le(0x0606_4b50);
            end.put_u64_le(END_64 - 12);
            end.put_u16_le(MADE_BY);
            end.put_u16_le(ZIP64);
            end.put_u32_le(0);
            end.put_u32_le(0);
            end.put_u64_le(count);
            end.put_u64_le(count);
            end.put_u64_le(size);
            end.put_u64_le(self.directory.start);
            end.put_u32_le(0x0706_4b50);
            end.put_u32_le(0);
            end.put_u64_le(self.directory.end);
            end.put_u32_le(1);
        }
        end.put_u32_le(0x0605_4b50);
        end.put_u32_le(0); // disks
        end.put_u16_le(count.min(LOOK_64_COUNT as u64) as u16);
        end.put_u16_le(count.min(LOOK_64_COUNT as u64) as u16);
        end.put_u32_le(size.min(LOOK_64) as u32);
        end.put_u32_le(self.directory.start.min(LOOK_64) as u32);
        end.put_u16_le(0); // comment
        end.freeze()
    }
}

/// What local and central headers share: version, flags, method 0 (stored), time, CRC.
fn put_common(header: &mut BytesMut, entry: &Entry, version: u16) {
    let (date, time) = dos_time(entry.modified);
    header.put_u16_le(version);
    header.put_u16_le(UTF8);
    header.put_u16_le(0);
    header.put_u16_le(time);
    header.put_u16_le(date);
    header.put_u32_le(entry.crc32);
}

fn put_time(header: &mut BytesMut, entry: &Entry) {
    header.put_u16_le(0x5455);
    header.put_u16_le(5);
    header.put_u8(1); // the time of the last change is there
    header.put_i32_le(i32::try_from(entry.modified.and_utc().timestamp()).unwrap_or(i32::MAX));
}

/// Date and time as MS-DOS has them (section 4.4.6): in steps of two seconds, from 1980 to 2107.
fn dos_time(time: NaiveDateTime) -> (u16, u16) {
    let year = time.year().clamp(1980, 2107) - 1980;
    let date = (year as u32) << 9 | time.month() << 5 | time.day();
    let time = time.hour() << 11 | time.minute() << 5 | time.second() / 2;
    (date as u16, time as u16)
}

fn local_size(entry: &Entry) -> u64 {
    let zip64 = if entry.size >= LOOK_64 { 20 } else { 0 };
    LOCAL_HEADER + entry.name.len() as u64 + zip64 + EXTRA_TIME
}

fn central_size(entry: &Entry, offset: u64) -> u64 {
    let zip64 = match (entry.size >= LOOK_64, offset >= LOOK_64) {
        (true, true) => 28,
        (true, false) => 20,
        (false, true) => 12,
        (false, false) => 0,
    };
    CENTRAL_HEADER + entry.name.len() as u64 + zip64 + EXTRA_TIME
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
