//! Finds the central directory from the end of the file (APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16).

use std::io::{Read, Seek};

use super::source::{Fields, Source};
use super::{InspectError, Refusal, rules};

const END_SIGNATURE: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
/// A comment's length is a u16 (APPNOTE 4.4.11), so the end record cannot begin earlier than this.
const MAX_TAIL_BYTES: usize = END_BYTES + u16::MAX as usize;
const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;
const LOCATOR_BYTES: usize = 20;
const END64_SIGNATURE: u32 = 0x0606_4b50;
const END64_BYTES: usize = 56;
pub(super) const RECORD_SIGNATURE: u32 = 0x0201_4b50;

/// Multipart forms and mail leave a line behind a file, some disks fill up a sector.
const MAX_APPENDED_BYTES: usize = 1_024;

const TWICE: Refusal = Refusal::Ambiguous("it ends twice, so programs would not agree on it");

/// Where the central directory stands and how many entries it is said to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: u64,
    pub(super) size: u64,
    pub(super) listed: u64,
    /// Without ZIP64 the count is 16 bits wide, and old writers let it wrap.
    pub(super) zip64: bool,
}

/// Finds the one directory that the file's end points to.
///
/// Programs differ in which end record they believe when there are several: the last signature, or
/// the one whose comment reaches the end; and in where they then look for the directory: where the
/// record says, or right before it. So every signature in the tail is followed both ways. Those that
/// lead to no directory are noise, as are those of a package that is embedded unpacked; all others
/// must lead to one and the same. A few bytes after the end record are let in, as LibreOffice and POI do.
pub(super) fn find_directory<R: Read + Seek>(source: &mut Source<'_, R>) -> Result<Extent, InspectError> {
    let size = source.size();
    let tail_len = size.min(MAX_TAIL_BYTES as u64);
    let tail_at = size - tail_len;
    let tail = source.read_vec(tail_at, tail_len as usize)?;

    let mut found: Option<(Extent, u64)> = None;
    let mut signed = false;
    let mut elsewhere = false;
    for (offset, record) in tail.windows(END_BYTES).enumerate() {
        if !record.starts_with(&END_SIGNATURE.to_le_bytes()) {
            continue;
        }
        signed = true;
        let at = tail_at + offset as u64;
        match follow(source, at, record)? {
            Leads::ToDirectory(extent) if found.is_some_and(|(other, _)| other != extent) => return Err(TWICE.into()),
            Leads::ToDirectory(extent) => found = Some((extent, end_of(at, record))),
            // Within an entry it is noise, unless it reaches to the end as only the real one should.
            Leads::Elsewhere if found.is_some() || end_of(at, record) == size => return Err(TWICE.into()),
            Leads::Elsewhere => elsewhere = true,
            Leads::Nowhere => {}
        }
    }
    let Some((extent, end)) = found else {
        return Err(match signed {
            _ if elsewhere => TWICE,
            true => Refusal::Malformed("its directory is not where its end record says"),
            false => Refusal::NoDirectory,
        }
        .into());
    };
    let appended = tail.get(end.saturating_sub(tail_at) as usize..).unwrap_or_default();
    let padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    if appended.len() > MAX_APPENDED_BYTES && !appended.iter().all(padding) {
        return Err(Refusal::Ambiguous("something else is appended to it").into());
    }
    if extent.size > rules::MAX_DIRECTORY_BYTES {
        return Err(Refusal::TooLarge {
            what: "directory in bytes",
            found: extent.size,
            limit: rules::MAX_DIRECTORY_BYTES,
        }
        .into());
    }
    Ok(extent)
}

/// Where an end record and its comment end.
fn end_of(at: u64, record: &[u8]) -> u64 {
    let comment = record.last_chunk().copied().map_or(0, u16::from_le_bytes);
    at.saturating_add(END_BYTES as u64).saturating_add(comment.into())
}

/// Where an end record leads to.
enum Leads {
    /// To a directory that stands where the record says and right before it.
    ToDirectory(Extent),
    /// To one of the two places, or to an archive of nothing.
    Elsewhere,
    Nowhere,
}

/// Where the end record at `at` leads to.
fn follow<R: Read + Seek>(source: &mut Source<'_, R>, at: u64, record: &[u8]) -> Result<Leads, InspectError> {
    let mut fields = Fields(record);
    fields.skip(4)?;
    let disks = [fields.u16()?, fields.u16()?];
    let counts = [fields.u16()?, fields.u16()?];
    let size = fields.u32()?;
    let start = fields.u32()?;

    let (extent, ends_at) = match locate_end64(source, at)? {
        Locator::None => {
            let one_disk = disks == [0, 0] && counts.first() == counts.last();
            let [_, listed] = counts.map(u64::from);
            let extent = Extent { at: start.into(), size: size.into(), listed, zip64: false };
            (one_disk.then_some(extent), at)
        }
        Locator::Broken => (None, at),
        Locator::End64(extent, end64_at) => {
            // Programs differ in whether they look for ZIP64 unasked: both views must be one.
            let agrees = disks.iter().all(|&disk| matches!(disk, 0 | u16::MAX))
                && counts.iter().all(|&count| count == u16::MAX || u64::from(count) == extent.listed)
                && (size == u32::MAX || u64::from(size) == extent.size)
                && (start == u32::MAX || u64::from(start) == extent.at);
            (agrees.then_some(extent), end64_at)
        }
    };
    let Some(extent) = extent else {
        return Ok(Leads::Nowhere);
    };
    if extent.size == 0 && extent.listed == 0 {
        return Ok(Leads::Elsewhere);
    }
    // Some programs count the directory's place from the file's start, some back from its end.
    let mut is_directory = |at: Option<u64>| -> Result<bool, InspectError> {
        let fits = at.filter(|at| extent.size >= 4 && at.saturating_add(4) <= ends_at);
        let mut signature = [0; 4];
        fits.map(|at| source.read_at(at, &mut signature)).transpose()?;
        Ok(signature == RECORD_SIGNATURE.to_le_bytes())
    };
    let before = ends_at.checked_sub(extent.size);
    let (said, before_is) = (is_directory(Some(extent.at))?, is_directory(before)?);
    Ok(match said && before == Some(extent.at) {
        true => Leads::ToDirectory(extent),
        false if said || before_is => Leads::Elsewhere,
        false => Leads::Nowhere,
    })
}

enum Locator {
    /// There is none: the file is a plain ZIP.
    None,
    /// There is one, but no ZIP64 end record fits it.
    Broken,
    /// The directory by the ZIP64 end record, and where that stands.
    End64(Extent, u64),
}

/// Looks for the ZIP64 locator before the end record at `end_at` (APPNOTE 4.3.15) and reads the
/// ZIP64 end record (4.3.14) that it points to.
fn locate_end64<R: Read + Seek>(source: &mut Source<'_, R>, end_at: u64) -> Result<Locator, InspectError> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_BYTES as u64) else {
        return Ok(Locator::None);
    };
    let mut locator = [0; LOCATOR_BYTES];
    source.read_at(locator_at, &mut locator)?;
    let mut fields = Fields(&locator);
    if fields.u32()? != LOCATOR_SIGNATURE {
        return Ok(Locator::None);
    }
    let disk = fields.u32()?;
    let end64_at = fields.u64()?;
    let disks = fields.u32()?;
    let fits = end64_at.checked_add(END64_BYTES as u64).is_some_and(|end| end <= locator_at);
    if disk != 0 || disks > 1 || !fits {
        return Ok(Locator::Broken);
    }

    let mut record = [0; END64_BYTES];
    source.read_at(end64_at, &mut record)?;
    let mut fields = Fields(&record);
    let signature = fields.u32()?;
    fields.skip(12)?; // the record's own size and the two versions
    let disks = [fields.u32()?, fields.u32()?];
    let counts = [fields.u64()?, fields.u64()?];
    let size = fields.u64()?;
    let at = fields.u64()?;
    let [here, listed] = counts;
    if signature != END64_SIGNATURE || disks != [0, 0] || here != listed {
        return Ok(Locator::Broken);
    }
    let extent = Extent { at, size, listed, zip64: true };
    Ok(Locator::End64(extent, end64_at))
}
