//! The sectors, chains and directory of an OLE2 compound file ([MS-CFB]).
//!
//! Own code where the crate `cfb` could be: 0.14 in its permissive way refuses what SheetJS and
//! excelize write (a table that ends in marks of ends beyond the file), and it holds all of the table,
//! 40 MB for a file of a GiB. Here chains are followed in the file, those that matter alone, as in
//! other readers: what the table says of sectors in no chain means nothing.

use std::io::{Read, Seek};

use super::source::{Fields, Source};
use super::{InspectError, Refusal};

const HEADER_BYTES: usize = 512;
const HEADER_DIFAT_LEN: usize = 109;
const DIRECTORY_ENTRY_BYTES: usize = 128;
const MINI_SECTOR_BYTES: u64 = 64;
/// The largest regular sector number; those above are marks ([MS-CFB] 2.1).
const MAX_REGULAR_SECTOR: u32 = 0xFFFF_FFFA;
const NO_STREAM: u32 = 0xFFFF_FFFF;
pub(super) const STREAM: u8 = 2;
pub(super) const ROOT: u8 = 5;

/// Protected documents have some ten entries.
const MAX_DIRECTORY_ENTRIES: usize = 4_096;
/// Enough for a file of 8 GiB in 512-byte sectors: each names 127 sectors of 128 entries.
const MAX_DIFAT_SECTORS: usize = 1_024;
/// How far into the mini stream `EncryptionInfo` may begin; it is the first or second in it.
const MAX_MINI_HOPS: u64 = 4_096;

const LOOPS: Refusal = Refusal::Malformed("its OLE2 sectors or entries run in circles");

pub(super) struct Compound<'s, 'a, R> {
    source: &'s mut Source<'a, R>,
    sector_shift: u32,
    first_directory_sector: u32,
    mini_cutoff: u64,
    /// The sectors that hold the FAT, in order.
    fat: Vec<u32>,
    /// The one of them that was read last, and what it holds: chains mostly run on.
    table: Option<(u32, Vec<u8>)>,
}

pub(super) struct DirectoryEntry {
    pub(super) name: String,
    pub(super) kind: u8,
    left: u32,
    right: u32,
    child: u32,
    start: u32,
    pub(super) size: u64,
}

impl<'s, 'a, R: Read + Seek> Compound<'s, 'a, R> {
    /// Reads the header ([MS-CFB] 2.2) and the list of FAT sectors (2.5).
    pub(super) fn open(source: &'s mut Source<'a, R>) -> Result<Self, InspectError> {
        let header = source.read_vec(0, HEADER_BYTES)?;
        let mut fields = Fields(&header);
        fields.skip(26)?; // magic, class id, minor version
        let major = fields.u16()?;
        let byte_order = fields.u16()?;
        let sector_shift = fields.u16()?;
        let mini_shift = fields.u16()?;
        let known = matches!((major, sector_shift), (3, 9) | (4, 12));
        if !known || byte_order != 0xFFFE || mini_shift != 6 {
            return Err(Refusal::Malformed("its OLE2 header is of no known version").into());
        }
        fields.skip(14)?; // reserved, counts of directory and FAT sectors
        let first_directory_sector = fields.u32()?;
        fields.skip(4)?; // transactions
        let mini_cutoff = fields.u32()?.into();
        fields.skip(8)?; // mini FAT
        let mut difat_sector = fields.u32()?;
        fields.skip(4)?; // count of DIFAT sectors: the chain says it, too
        let mut fat = Vec::new();
        for _ in 0..HEADER_DIFAT_LEN {
            push_regular(&mut fat, fields.u32()?);
        }
        let mut compound =
            Self { source, sector_shift: sector_shift.into(), first_directory_sector, mini_cutoff, fat, table: None };
        for _ in 0..MAX_DIFAT_SECTORS {
            if difat_sector > MAX_REGULAR_SECTOR {
                return Ok(compound);
            }
            let sector = compound.sector(difat_sector)?;
            let mut fields = Fields(&sector);
            for _ in 0..compound.numbers_per_sector().saturating_sub(1) {
                push_regular(&mut compound.fat, fields.u32()?);
            }
            difat_sector = fields.u32()?;
        }
        Err(LOOPS.into())
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    fn sector_bytes(&self) -> u64 {
        1 << self.sector_shift
    }

    fn numbers_per_sector(&self) -> u64 {
        self.sector_bytes() / 4
    }

    /// Where a sector stands; the header takes the place of one.
    fn offset(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) << self.sector_shift
    }

    fn sector(&mut self, sector: u32) -> Result<Vec<u8>, InspectError> {
        self.source.read_vec(self.offset(sector), self.sector_bytes() as usize)
    }

    /// The sector after this one in its chain, by the FAT ([MS-CFB] 2.3).
    fn next(&mut self, sector: u32) -> Result<u32, InspectError> {
        let index = u64::from(sector) / self.numbers_per_sector();
        let within = u64::from(sector) % self.numbers_per_sector();
        let fat_sector = self.fat.get(index as usize).copied();
        let fat_sector = fat_sector.ok_or(Refusal::EndsEarly("the end of its OLE2 table"))?;
        let held = self.table.take().filter(|(held, _)| *held == fat_sector);
        let table = match held {
            Some((_, table)) => table,
            None => self.sector(fat_sector)?,
        };
        let number = table.as_chunks::<4>().0.get(within as usize).copied();
        self.table = Some((fat_sector, table));
        Ok(u32::from_le_bytes(number.unwrap_or([0xFF; 4])))
    }

    /// All directory entries ([MS-CFB] 2.6).
    pub(super) fn directory(&mut self) -> Result<Vec<DirectoryEntry>, InspectError> {
        let mut entries = Vec::new();
        let mut sector = self.first_directory_sector;
        while sector <= MAX_REGULAR_SECTOR {
            if entries.len() >= MAX_DIRECTORY_ENTRIES {
                return Err(LOOPS.into());
            }
            let bytes = self.sector(sector)?;
            for entry in bytes.chunks_exact(DIRECTORY_ENTRY_BYTES) {
                entries.push(self.directory_entry(entry)?);
            }
            sector = self.next(sector)?;
        }
        Ok(entries)
    }

    fn directory_entry(&self, bytes: &[u8]) -> Result<DirectoryEntry, Refusal> {
        let mut fields = Fields(bytes);
        let name = fields.take(64)?;
        let name_bytes: usize = fields.u16()?.into();
        let kind = fields.take(1)?.first().copied().unwrap_or_default();
        fields.skip(1)?; // colour
        let [left, right, child] = [fields.u32()?, fields.u32()?, fields.u32()?];
        fields.skip(36)?; // class id, state, times
        let start = fields.u32()?;
        let size = fields.u64()?;
        let units = name.get(..name_bytes.saturating_sub(2)).unwrap_or_default();
        let units = units.as_chunks::<2>().0.iter().copied();
        let name = char::decode_utf16(units.map(u16::from_le_bytes))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Ok(DirectoryEntry {
            name,
            kind,
            left,
            right,
            child,
            start,
            // Old writers left rubbish in the upper half of version 3 ([MS-CFB] 2.6.3).
            size: match self.sector_shift {
                9 => size & u64::from(u32::MAX),
                _ => size,
            },
        })
    }

    /// A stream's first eight bytes. A stream below the cutoff is in the mini stream, which is the
    /// root's own stream ([MS-CFB] 2.4); no more than eight bytes are ever in one mini sector's way.
    pub(super) fn stream_head(
        &mut self,
        stream: &DirectoryEntry,
        root: &DirectoryEntry,
    ) -> Result<[u8; 8], InspectError> {
        if stream.size < 8 {
            return Err(Refusal::EndsEarly("the end of its encryption record").into());
        }
        let at = if stream.size >= self.mini_cutoff {
            self.offset(stream.start)
        } else {
            let mini_at = u64::from(stream.start).saturating_mul(MINI_SECTOR_BYTES);
            let hops = mini_at / self.sector_bytes();
            if hops > MAX_MINI_HOPS {
                return Err(LOOPS.into());
            }
            let mut sector = root.start;
            for _ in 0..hops {
                sector = self.next(sector)?;
            }
            let within = mini_at % self.sector_bytes();
            self.offset(sector).saturating_add(within)
        };
        let mut head = [0; 8];
        self.source.read_at(at, &mut head)?;
        Ok(head)
    }

    /// Whether a stream is in the mini stream.
    pub(super) fn is_mini(&self, stream: &DirectoryEntry) -> bool {
        stream.size < self.mini_cutoff
    }

    /// The whole of a stream that is not in the mini stream; the caller has bounded its size.
    pub(super) fn read(&mut self, stream: &DirectoryEntry) -> Result<Vec<u8>, InspectError> {
        let mut bytes = Vec::new();
        let mut sector = stream.start;
        while (bytes.len() as u64) < stream.size {
            bytes.extend(self.sector(sector)?);
            sector = self.next(sector)?;
        }
        bytes.truncate(stream.size as usize);
        Ok(bytes)
    }

    /// Each of these streams must be there to its last byte: a file that was cut off is damaged. A chain may run on behind
    /// its stream, but streams share no sectors, so that all of them together take no more steps than the file has sectors.
    pub(super) fn check_whole<'e>(
        &mut self,
        streams: impl Iterator<Item = &'e DirectoryEntry>,
    ) -> Result<(), InspectError> {
        let mut steps = self.size() >> self.sector_shift;
        let cutoff = self.mini_cutoff;
        for stream in streams.filter(|stream| stream.kind == ROOT || stream.size >= cutoff) {
            let mut left = stream.size;
            let mut sector = stream.start;
            while left > 0 {
                let here = left.min(self.sector_bytes());
                let there = sector <= MAX_REGULAR_SECTOR && self.offset(sector).saturating_add(here) <= self.size();
                if !there {
                    return Err(Refusal::EndsEarly("the end of its OLE2 streams").into());
                }
                left -= here;
                steps = steps.checked_sub(1).ok_or(LOOPS)?;
                if left > 0 {
                    sector = self.next(sector)?;
                }
            }
        }
        Ok(())
    }
}

fn push_regular(fat: &mut Vec<u32>, sector: u32) {
    if sector <= MAX_REGULAR_SECTOR {
        fat.push(sector);
    }
}

/// The entries directly below the root, which are its child and that one's siblings: a binary tree
/// ([MS-CFB] 2.6.4). Nobody promises that it is one, so every entry is visited at most once.
pub(super) fn children<'e>(
    root: &DirectoryEntry,
    entries: &'e [DirectoryEntry],
) -> Result<Vec<&'e DirectoryEntry>, Refusal> {
    let mut visited = vec![false; entries.len()];
    let mut pending = vec![root.child];
    let mut children = Vec::new();
    while let Some(index) = pending.pop() {
        if index == NO_STREAM {
            continue;
        }
        let index = index as usize;
        let (Some(entry), Some(visited)) = (entries.get(index), visited.get_mut(index)) else {
            return Err(Refusal::Malformed("its OLE2 directory names an entry that is not there"));
        };
        if std::mem::replace(visited, true) {
            return Err(LOOPS);
        }
        pending.extend([entry.left, entry.right]);
        children.push(entry);
    }
    Ok(children)
}
