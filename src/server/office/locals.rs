//! Holds an entry's own header (APPNOTE.TXT 6.3.10, 4.3.7) against the directory, so that a program
//! that reads from the front sees the same package as one that reads from the end.

use std::io::{Read, Seek};

use super::contents::Ahead;
use super::directory::{ENCRYPTED_FLAGS, Entry, LOCAL_BYTES};
use super::names::{Keys, PartName};
use super::source::{Fields, Source};
use super::{InspectError, Refusal};

const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
/// Flag bit 3: the sizes follow the data (APPNOTE 4.4.4), so those in the header mean nothing.
const SIZES_FOLLOW: u16 = 1 << 3;

/// What may follow an entry's data: a descriptor (APPNOTE 4.3.9), and padding.
const MAX_GAP_BYTES: u64 = 32 << 10;

/// Where the entry's data begins. `next_at` is where the next entry or the directory begins.
pub(super) fn data_at<R: Read + Seek>(
    source: &mut Source<'_, R>,
    ahead: &mut Ahead,
    keys: &Keys,
    entry: &Entry,
    next_at: u64,
) -> Result<u64, InspectError> {
    let header_len = LOCAL_BYTES.saturating_add(entry.name_len.into());
    let header = ahead.exact(source, entry.local_at, header_len as usize)?;
    match parse(header, keys, entry, next_at) {
        Ok(at) => {
            check_gap(source, ahead, at.saturating_add(entry.compressed), next_at)?;
            Ok(at)
        }
        Err(fault) => {
            let name = entry.shown_name(source)?;
            Err(Refusal::BrokenEntry { name, fault }.into())
        }
    }
}

/// Nothing that looks like an entry may stand between two of them: a program that reads from the front would see it.
fn check_gap<R: Read + Seek>(
    source: &mut Source<'_, R>,
    ahead: &mut Ahead,
    from: u64,
    next_at: u64,
) -> Result<(), InspectError> {
    let gap = next_at.saturating_sub(from);
    if gap < 4 {
        return Ok(());
    }
    let hidden = gap > MAX_GAP_BYTES
        || ahead.exact(source, from, gap as usize)?.windows(4).any(|bytes| bytes == LOCAL_SIGNATURE.to_le_bytes());
    match hidden {
        true => Err(Refusal::Ambiguous("its directory leaves out what stands between its entries").into()),
        false => Ok(()),
    }
}

fn parse(header: &[u8], keys: &Keys, entry: &Entry, next_at: u64) -> Result<u64, &'static str> {
    let short = |_| "has no header of its own";
    let mut fields = Fields(header);
    if fields.u32().map_err(short)? != LOCAL_SIGNATURE {
        return Err("has no header of its own");
    }
    fields.skip(2).map_err(short)?; // version
    let flags = fields.u16().map_err(short)?;
    let method = fields.u16().map_err(short)?;
    fields.skip(8).map_err(short)?; // time, date, CRC-32
    let compressed = fields.u32().map_err(short)?;
    let expanded = fields.u32().map_err(short)?;
    let name_len = fields.u16().map_err(short)?;
    let extra_len = fields.u16().map_err(short)?;
    let name = fields.0;

    if name_len != entry.name_len || keys.of(PartName::new(name).as_bytes()) != entry.key {
        return Err("has another name in its own header");
    }
    if method != entry.method || flags & ENCRYPTED_FLAGS != 0 {
        return Err("is packed otherwise than the directory says");
    }
    // 0 and all ones: left for later by a writer that forgot the flag, and ZIP64.
    let says_nothing = flags & SIZES_FOLLOW != 0 || matches!(compressed, 0 | u32::MAX);
    let other = |narrow: u32, wide: u64| u64::from(narrow) != wide && narrow != u32::MAX;
    if !says_nothing && (other(compressed, entry.compressed) || other(expanded, entry.expanded)) {
        return Err("has another size in its own header");
    }
    let data_at =
        entry.local_at.saturating_add(LOCAL_BYTES).saturating_add(name_len.into()).saturating_add(extra_len.into());
    if data_at.saturating_add(entry.compressed) > next_at {
        return Err("runs into the next one");
    }
    Ok(data_at)
}
