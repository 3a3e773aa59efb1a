//! The records of a ZIP archive: headers, the directory's, and the end.

use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

use super::Entry;

/// A 32-bit field of this value says: look into the ZIP64 record (section 4.4.1.4).
pub const LOOK_64: u64 = u32::MAX as u64;
const LOOK_64_COUNT: u64 = u16::MAX as u64;

const LOCAL_HEADER: u64 = 30;
const CENTRAL_HEADER: u64 = 46;
pub const END: u64 = 22;
pub const END_64: u64 = 56;
pub const LOCATOR_64: u64 = 20;
/// Extra field "UT" (Info-ZIP): the time in UTC, which the field of MS-DOS times has no zone for.
const EXTRA_TIME: u64 = 9;

/// Versions of the specification that a reader needs: 2.0 for folders, 4.5 for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Flag bit 11: the name is UTF-8.
pub const UTF8: u16 = 1 << 11;
/// Made by version 4.5 of the specification on Unix (3), which gives the attributes their meaning.
const MADE_BY: u16 = 3 << 8 | ZIP64;
/// A regular file that all may read and its owner write: never one that can be run.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// The header before the contents of an entry (section 4.3.7).
pub fn local_header(entry: &Entry) -> Bytes {
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

/// The header in the central directory of an entry whose local header begins at `offset` (section 4.3.12).
pub fn put_central_header(header: &mut BytesMut, entry: &Entry, offset: u64) {
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

/// The end of an archive whose central directory lies there and has so many entries (sections 4.3.14 to 4.3.16).
pub fn end(directory: &Range<u64>, count: u64) -> Bytes {
    let size = directory.end - directory.start;
    let mut end = BytesMut::with_capacity(end_size(directory, count) as usize);
    if is_large(directory, count) {
        end.put_u32_le(0x0606_4b50);
        end.put_u64_le(END_64 - 12);
        end.put_u16_le(MADE_BY);
        end.put_u16_le(ZIP64);
        end.put_u32_le(0);
        end.put_u32_le(0);
        end.put_u64_le(count);
        end.put_u64_le(count);
        end.put_u64_le(size);
        end.put_u64_le(directory.start);
        end.put_u32_le(0x0706_4b50);
        end.put_u32_le(0);
        end.put_u64_le(directory.end);
        end.put_u32_le(1);
    }
    end.put_u32_le(0x0605_4b50);
    end.put_u32_le(0); // disks
    end.put_u16_le(count.min(LOOK_64_COUNT) as u16);
    end.put_u16_le(count.min(LOOK_64_COUNT) as u16);
    end.put_u32_le(size.min(LOOK_64) as u32);
    end.put_u32_le(directory.start.min(LOOK_64) as u32);
    end.put_u16_le(0); // comment
    end.freeze()
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
pub fn dos_time(time: NaiveDateTime) -> (u16, u16) {
    let year = time.year().clamp(1980, 2107) - 1980;
    let date = (year as u32) << 9 | time.month() << 5 | time.day();
    let time = time.hour() << 11 | time.minute() << 5 | (time.second() / 2);
    (date as u16, time as u16)
}

/// Bytes of [`local_header`].
pub fn local_size(entry: &Entry) -> u64 {
    let zip64 = if entry.size >= LOOK_64 { 20 } else { 0 };
    LOCAL_HEADER + entry.name.len() as u64 + zip64 + EXTRA_TIME
}

/// Bytes of [`put_central_header`].
pub fn central_size(entry: &Entry, offset: u64) -> u64 {
    let zip64 = match (entry.size >= LOOK_64, offset >= LOOK_64) {
        (true, true) => 28,
        (true, false) => 20,
        (false, true) => 12,
        (false, false) => 0,
    };
    CENTRAL_HEADER + entry.name.len() as u64 + zip64 + EXTRA_TIME
}

/// Bytes of [`end`].
pub fn end_size(directory: &Range<u64>, count: u64) -> u64 {
    END + if is_large(directory, count) { END_64 + LOCATOR_64 } else { 0 }
}

/// Whether the end needs its ZIP64 form.
pub fn is_large(directory: &Range<u64>, count: u64) -> bool {
    count >= LOOK_64_COUNT || directory.start >= LOOK_64 || directory.end - directory.start >= LOOK_64
}
