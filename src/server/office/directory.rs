//! Reads the central directory (APPNOTE.TXT 6.3.10, 4.3.12) in one pass and small memory, and
//! refuses what its records alone show to be hostile or broken.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::expansion::Expansion;
use super::names::{Key, Keys, PartName};
use super::refusal::shown;
use super::source::{Fields, Source, Window};
use super::zip::{Extent, RECORD_SIGNATURE};
use super::{InspectError, Refusal, programs, rules};

const RECORD_BYTES: usize = 46;
/// A local header's fixed part (APPNOTE 4.3.7).
pub(super) const LOCAL_BYTES: u64 = 30;
pub(super) const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flag bits 0 and 6 (encrypted) and 13 (header masked), APPNOTE 4.4.4.
pub(super) const ENCRYPTED_FLAGS: u16 = 1 | 1 << 6 | 1 << 13;
const ZIP64_FIELD: u16 = 0x0001;
/// Info-ZIP's Unicode Path (APPNOTE 4.6.9): a second name, which some readers prefer.
const UNICODE_PATH_FIELD: u16 = 0x7075;
const SYMLINK_MODE: u32 = 0o120_000;
const FORMAT_MODE: u32 = 0o170_000;

/// What is kept of an entry. Its name is read again from `record_at` when it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) extension: Key,
    pub(super) role: Role,
    record_at: u64,
    pub(super) local_at: u64,
    pub(super) compressed: u64,
    pub(super) expanded: u64,
    pub(super) crc: u32,
    pub(super) method: u16,
    pub(super) name_len: u16,
}

/// What an entry's name makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Part,
    Relationships,
}

impl Entry {
    /// The entry's name as a part's.
    pub(super) fn name<R: Read + Seek>(&self, source: &mut Source<'_, R>) -> Result<PartName, InspectError> {
        let at = self.record_at.saturating_add(RECORD_BYTES as u64);
        Ok(PartName::new(&source.read_vec(at, self.name_len.into())?))
    }

    /// The entry's name as it may be shown to people.
    pub(super) fn shown_name<R: Read + Seek>(&self, source: &mut Source<'_, R>) -> Result<String, InspectError> {
        let at = self.record_at.saturating_add(RECORD_BYTES as u64);
        Ok(shown(&source.read_vec(at, self.name_len.into())?))
    }

    /// The least offset at which another entry can begin; the local extra field is not known yet.
    fn ends_at(&self) -> Option<u64> {
        self.local_at.checked_add(LOCAL_BYTES)?.checked_add(self.name_len.into())?.checked_add(self.compressed)
    }
}

/// All entries in the order in which they stand in the file.
pub(super) fn read<R: Read + Seek>(
    source: &mut Source<'_, R>,
    extent: Extent,
    keys: &Keys,
) -> Result<Vec<Entry>, InspectError> {
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    let mut expansion = Expansion::default();
    let mut window = Window::new(source, extent.at, extent.at.saturating_add(extent.size));
    while window.remaining() > 0 {
        let held = entries.len() as u64;
        if held >= rules::MAX_ENTRIES {
            return Err(Refusal::TooLarge {
                what: "number of entries",
                found: extent.listed.max(held.saturating_add(1)),
                limit: rules::MAX_ENTRIES,
            }
            .into());
        }
        let record_at = window.position();
        let mut lengths = Fields(window.peek(RECORD_BYTES)?);
        lengths.skip(28)?;
        let variable = [lengths.u16()?, lengths.u16()?, lengths.u16()?];
        let len = RECORD_BYTES + variable.map(usize::from).iter().sum::<usize>();
        let record = Record::parse(window.peek(len)?)?;
        record.check()?;
        let part = record.part_name()?;
        let key = keys.of(part.as_bytes());
        if !seen.insert(key) {
            return Err(record.unsafe_entry("is there twice").into());
        }
        if let Some(second) = record.second_name(&part)? {
            seen.insert(keys.of(second.as_bytes()));
        }
        let entry = Entry {
            key,
            extension: keys.of(part.extension()),
            role: if part.is_relationships() { Role::Relationships } else { Role::Part },
            record_at,
            local_at: record.local_at,
            compressed: record.compressed,
            expanded: record.expanded,
            crc: record.crc,
            method: record.method,
            name_len: variable.first().copied().unwrap_or_default(),
        };
        if entry.ends_at().is_none_or(|end| end > extent.at) {
            return Err(record.broken("reaches beyond the end of the file").into());
        }
        expansion.add(record.compressed, record.expanded, record.name)?;
        entries.push(entry);
        window.advance(len);
    }
    check_count(extent, entries.len() as u64)?;
    drop(seen);

    entries.sort_unstable_by_key(|entry| entry.local_at);
    check_layout(source, &entries)?;
    Ok(entries)
}

fn check_count(extent: Extent, held: u64) -> Result<(), Refusal> {
    let wraps = !extent.zip64 && held % (1 << 16) == extent.listed;
    if held == extent.listed || wraps {
        return Ok(());
    }
    let listed = extent.listed;
    Err(Refusal::EntryCount { listed, held })
}

/// Entries may not share bytes: that is how a ZIP of some MiB expands to PiB (David Fifield, "A
/// better zip bomb", 2019) or holds itself. The first one stands at the start of the file, since a
/// program that reads from there would otherwise see an entry that the directory does not name.
fn check_layout<R: Read + Seek>(source: &mut Source<'_, R>, entries: &[Entry]) -> Result<(), InspectError> {
    if entries.first().is_none_or(|entry| entry.local_at != 0) {
        return Err(Refusal::Ambiguous("its directory leaves out what the file begins with").into());
    }
    for (entry, next) in entries.iter().zip(entries.iter().skip(1)) {
        if entry.ends_at().is_none_or(|end| end > next.local_at) {
            let name = next.shown_name(source)?;
            let fault = "shares its bytes with another one";
            return Err(Refusal::UnsafeEntry { name, fault }.into());
        }
    }
    Ok(())
}

/// A directory record, borrowed from the window.
struct Record<'b> {
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    expanded: u64,
    disk: u32,
    mode: u32,
    local_at: u64,
    name: &'b [u8],
    extra: &'b [u8],
}

impl<'b> Record<'b> {
    fn parse(bytes: &'b [u8]) -> Result<Self, Refusal> {
        let mut fields = Fields(bytes);
        if fields.u32()? != RECORD_SIGNATURE {
            return Err(Refusal::Malformed("its directory holds something else than entries"));
        }
        fields.skip(4)?; // versions
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.skip(4)?; // time, date
        let crc = fields.u32()?;
        let compressed = fields.u32()?.into();
        let expanded = fields.u32()?.into();
        let name_len = fields.u16()?.into();
        let extra_len = fields.u16()?.into();
        fields.skip(2)?; // comment length
        let disk = fields.u16()?.into();
        fields.skip(2)?; // internal attributes
        let mode = fields.u32()? >> 16;
        let local_at = fields.u32()?.into();
        let name = fields.take(name_len)?;
        let extra = fields.take(extra_len)?;
        let mut record = Self { flags, method, crc, compressed, expanded, disk, mode, local_at, name, extra };
        record.widen()?;
        Ok(record)
    }

    /// Takes the fields that did not fit from the ZIP64 extra field (APPNOTE 4.5.3), where they
    /// stand in this order, each only if its narrow form is all ones.
    fn widen(&mut self) -> Result<(), Refusal> {
        let Some(wide) = extra_field(self.extra, ZIP64_FIELD) else {
            return Ok(());
        };
        let mut fields = Fields(wide);
        for narrow in [&mut self.expanded, &mut self.compressed, &mut self.local_at] {
            if *narrow == u64::from(u32::MAX) {
                *narrow = fields.u64()?;
            }
        }
        if self.disk == u32::from(u16::MAX) {
            self.disk = fields.u32()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.flags & ENCRYPTED_FLAGS != 0 {
            return Err(self.unsafe_entry("is encrypted, so nobody can check it"));
        }
        if self.mode & FORMAT_MODE == SYMLINK_MODE {
            return Err(self.unsafe_entry("is a symbolic link"));
        }
        if self.disk != 0 {
            return Err(self.broken("is on another disk of a split archive"));
        }
        match self.method {
            STORED if self.compressed != self.expanded => Err(self.broken("is stored, but its two sizes differ")),
            DEFLATED if rules::understates(self.compressed, self.expanded) => {
                Err(self.unsafe_entry("says that it is much smaller than its own data"))
            }
            STORED | DEFLATED => Ok(()),
            method => Err(Refusal::Method { name: shown(self.name), method }),
        }
    }

    /// The entry's name, if it is safe and neither a macro's nor a program's.
    fn part_name(&self) -> Result<PartName, Refusal> {
        self.admit(self.name)
    }

    /// The name in the Unicode Path field, where it says more than the code page of the other one
    /// could. Beside an ASCII name it has no reason to be but to show two readers two names.
    fn second_name(&self, first: &PartName) -> Result<Option<PartName>, Refusal> {
        let Some(raw) = extra_field(self.extra, UNICODE_PATH_FIELD).and_then(|f| f.get(5..)) else {
            return Ok(None);
        };
        let second = self.admit(raw)?;
        if second.as_bytes() == first.as_bytes() {
            return Ok(None);
        }
        if self.name.is_ascii() {
            return Err(self.unsafe_entry("has a second name"));
        }
        Ok(Some(second))
    }

    fn admit(&self, raw: &[u8]) -> Result<PartName, Refusal> {
        let part = PartName::new(raw);
        if let Some(fault) = part.fault() {
            let name = shown(raw);
            return Err(Refusal::UnsafeName { name, fault });
        }
        if rules::is_macro_name(part.as_bytes()) {
            return Err(Refusal::Macros(shown(raw)));
        }
        if programs::is_ending(part.extension()) {
            return Err(Refusal::Program(shown(raw)));
        }
        Ok(part)
    }

    fn broken(&self, fault: &'static str) -> Refusal {
        let name = shown(self.name);
        Refusal::BrokenEntry { name, fault }
    }

    fn unsafe_entry(&self, fault: &'static str) -> Refusal {
        let name = shown(self.name);
        Refusal::UnsafeEntry { name, fault }
    }
}

/// The first extra field of this kind (APPNOTE 4.5.1). A tail that is no field is passed over:
/// some archivers pad with zeros.
fn extra_field(extra: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut fields = Fields(extra);
    loop {
        let kind = fields.u16().ok()?;
        let len = fields.u16().ok()?;
        let data = fields.take(len.into()).ok()?;
        if kind == wanted {
            return Some(data);
        }
    }
}
