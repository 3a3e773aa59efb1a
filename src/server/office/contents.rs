//! What an entry holds, unpacked in constant memory: no longer than it says, with the checksum that it
//! says (APPNOTE.TXT 6.3.10, 4.4.7 to 4.4.9).

use std::io::{self, BufRead, Read, Seek};
use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::directory::{Entry, STORED};
use super::source::Source;
use super::{InspectError, Refusal};

/// Each of the two buffers of an inspection.
const BUFFER_BYTES: usize = 64 << 10;

/// What all entries are unpacked with, one after the other.
pub(super) struct Unpacker {
    pub(super) ahead: Ahead,
    inflate: Decompress,
    plain: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { ahead: Ahead::default(), inflate: Decompress::new(false), plain: vec![0; BUFFER_BYTES] }
    }
}

/// The file read forward through one buffer, since small entries stand close together.
#[derive(Default)]
pub(super) struct Ahead {
    buffer: Vec<u8>,
    at: u64,
}

impl Ahead {
    /// Some of the bytes from `at` that stand before `until`, at least one.
    fn some<R: Read + Seek>(&mut self, source: &mut Source<'_, R>, at: u64, until: u64) -> Result<&[u8], InspectError> {
        let wanted = until.saturating_sub(at).max(1);
        let held = self.held(at).len();
        if held == 0 {
            self.load(source, at)?;
        }
        let held = self.held(at);
        Ok(held.get(..wanted.min(held.len() as u64) as usize).unwrap_or_default())
    }

    /// The `len` bytes from `at`: less than a buffer.
    pub(super) fn exact<R: Read + Seek>(
        &mut self,
        source: &mut Source<'_, R>,
        at: u64,
        len: usize,
    ) -> Result<&[u8], InspectError> {
        if self.held(at).len() < len {
            self.load(source, at)?;
        }
        self.held(at).get(..len).ok_or_else(|| Refusal::EndsEarly("something that it refers to").into())
    }

    fn held(&self, at: u64) -> &[u8] {
        let skipped = at.checked_sub(self.at).unwrap_or(u64::MAX);
        usize::try_from(skipped).ok().and_then(|skipped| self.buffer.get(skipped..)).unwrap_or_default()
    }

    fn load<R: Read + Seek>(&mut self, source: &mut Source<'_, R>, at: u64) -> Result<(), InspectError> {
        let len = source.size().saturating_sub(at).clamp(1, BUFFER_BYTES as u64);
        self.buffer.resize(len as usize, 0);
        self.at = at;
        source.read_at(at, &mut self.buffer)
    }
}

/// One entry while it is unpacked. As a [`BufRead`] it keeps what went wrong for [`Contents::fault`].
pub(super) struct Contents<'c, 'a, R> {
    source: &'c mut Source<'a, R>,
    unpacker: &'c mut Unpacker,
    entry: &'c Entry,
    /// The packed bytes that are left.
    packed: Range<u64>,
    /// The unpacked bytes that wait to be read.
    plain: Range<usize>,
    made: u64,
    crc: crc32fast::Hasher,
    ended: bool,
    fault: Option<InspectError>,
}

impl<'c, 'a, R: Read + Seek> Contents<'c, 'a, R> {
    pub(super) fn open(
        source: &'c mut Source<'a, R>,
        unpacker: &'c mut Unpacker,
        entry: &'c Entry,
        data_at: u64,
    ) -> Self {
        unpacker.inflate.reset(false);
        let packed = data_at..data_at.saturating_add(entry.compressed);
        let (made, crc, ended) = (0, crc32fast::Hasher::new(), entry.expanded == 0 && entry.compressed == 0);
        Self { source, unpacker, entry, packed, plain: 0..0, made, crc, ended, fault: None }
    }

    /// What comes next, a whole buffer unless the end is near; empty at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8], InspectError> {
        if self.plain.is_empty() && !self.ended {
            let made = match self.entry.method {
                STORED => self.copy()?,
                _ => self.inflate()?,
            };
            self.plain = 0..made;
            self.made = self.made.saturating_add(made as u64);
            self.crc.update(self.unpacker.plain.get(..made).unwrap_or_default());
            if self.made > self.entry.expanded {
                return Err(self.refuse_as_unsafe("is larger than it says"));
            }
        }
        Ok(self.unpacker.plain.get(self.plain.clone()).unwrap_or_default())
    }

    fn copy(&mut self) -> Result<usize, InspectError> {
        let from = self.unpacker.ahead.some(self.source, self.packed.start, self.packed.end)?;
        let len = from.len().min(self.unpacker.plain.len());
        let (from, to) = (from.get(..len), self.unpacker.plain.get_mut(..len));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        self.packed.start = self.packed.start.saturating_add(len as u64);
        self.ended = self.packed.is_empty();
        Ok(len)
    }

    fn inflate(&mut self) -> Result<usize, InspectError> {
        let mut made = 0;
        while made < self.unpacker.plain.len() && !self.ended {
            if self.packed.is_empty() {
                return Err(self.refuse("cannot be unpacked"));
            }
            let from = self.unpacker.ahead.some(self.source, self.packed.start, self.packed.end)?;
            let to = self.unpacker.plain.get_mut(made..).unwrap_or_default();
            let inflate = &mut self.unpacker.inflate;
            let before = [inflate.total_in(), inflate.total_out()];
            let status = inflate.decompress(from, to, FlushDecompress::None);
            let took = inflate.total_in().saturating_sub(before[0]);
            made += inflate.total_out().saturating_sub(before[1]) as usize;
            self.packed.start = self.packed.start.saturating_add(took);
            match status {
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if took > 0 || made == self.unpacker.plain.len() => {}
                _ => return Err(self.refuse("cannot be unpacked")),
            }
        }
        Ok(made)
    }

    /// Unpacks what is left, and compares.
    pub(super) fn finish(mut self) -> Result<(), InspectError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        while !self.chunk()?.is_empty() {
            self.plain = 0..0;
        }
        if self.made != self.entry.expanded {
            return Err(self.refuse("is shorter than it says"));
        }
        if self.crc.clone().finalize() != self.entry.crc {
            return Err(self.refuse("does not have the checksum that it says"));
        }
        Ok(())
    }

    /// What reading failed with, if it is not the reader who found fault.
    pub(super) fn fault(&mut self) -> Option<InspectError> {
        self.fault.take()
    }

    pub(super) fn shown_name(&mut self) -> Result<String, InspectError> {
        self.entry.shown_name(self.source)
    }

    fn refuse(&mut self, fault: &'static str) -> InspectError {
        self.shown_name().map_or_else(|error| error, |name| Refusal::BrokenEntry { name, fault }.into())
    }

    fn refuse_as_unsafe(&mut self, fault: &'static str) -> InspectError {
        self.shown_name().map_or_else(|error| error, |name| Refusal::UnsafeEntry { name, fault }.into())
    }
}

impl<R: Read + Seek> Read for Contents<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read + Seek> BufRead for Contents<'_, '_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Err(fault) = self.chunk() {
            self.fault = Some(fault);
            return Err(io::Error::other("the entry cannot be read"));
        }
        Ok(self.unpacker.plain.get(self.plain.clone()).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.plain.start = self.plain.start.saturating_add(len).min(self.plain.end);
    }
}
