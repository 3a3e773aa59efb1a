//! The file under inspection: positioned reads that cannot leave it, and little-endian fields.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::{InspectError, Refusal};

/// A file of a known size, read at positions.
pub(super) struct Source<'a, R> {
    file: &'a mut R,
    size: u64,
}

impl<'a, R: Read + Seek> Source<'a, R> {
    pub(super) fn new(file: &'a mut R, size: u64) -> Self {
        Self { file, size }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buffer` from `at`. What the file points to beyond its end is the file's fault; so is
    /// an end before the size that was stored, since both mean that bytes are missing.
    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), InspectError> {
        let end = at.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(Refusal::EndsEarly("something that it refers to").into());
        }
        self.file.seek(SeekFrom::Start(at))?;
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(Refusal::EndsEarly("the size that it was sent with").into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `len` bytes from `at`, on the heap; the caller has bounded `len`.
    pub(super) fn read_vec(&mut self, at: u64, len: usize) -> Result<Vec<u8>, InspectError> {
        let mut buffer = vec![0; len];
        self.read_at(at, &mut buffer)?;
        Ok(buffer)
    }
}

/// A run of the file from `at` to `end`, read through one window so that its size costs no memory.
pub(super) struct Window<'s, 'a, R> {
    source: &'s mut Source<'a, R>,
    buffer: Vec<u8>,
    /// The unread bytes are `buffer[start..]`; they stand at `at` in the file.
    start: usize,
    at: u64,
    end: u64,
}

/// A directory record is 46 bytes and three fields of up to 64 KiB (APPNOTE 4.3.12): the largest
/// piece ever asked of a window fits beside a full read.
const WINDOW_BYTES: usize = 64 << 10;

impl<'s, 'a, R: Read + Seek> Window<'s, 'a, R> {
    pub(super) fn new(source: &'s mut Source<'a, R>, at: u64, end: u64) -> Self {
        Self { source, buffer: Vec::new(), start: 0, at, end }
    }

    /// Where the next byte stands in the file.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The next `len` bytes, without moving on.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], InspectError> {
        if len as u64 > self.remaining() {
            return Err(Refusal::EndsEarly("the end of its directory").into());
        }
        let held = self.buffer.len().saturating_sub(self.start);
        if held < len {
            self.buffer.drain(..self.start);
            self.start = 0;
            let from = self.at.saturating_add(held as u64);
            let wanted = WINDOW_BYTES.max(len - held) as u64;
            let more = wanted.min(self.end.saturating_sub(from));
            self.buffer.resize(held.saturating_add(more as usize), 0);
            if let Some(fresh) = self.buffer.get_mut(held..) {
                self.source.read_at(from, fresh)?;
            }
        }
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        Ok(unread.get(..len).unwrap_or_default())
    }

    /// Moves on by `len` bytes that were peeked at.
    pub(super) fn advance(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.buffer.len());
        self.at = self.at.saturating_add(len as u64);
    }
}

/// Little-endian fields in the order in which a record has them; a record that is too short is
/// damage, never a panic.
pub(super) struct Fields<'b>(pub(super) &'b [u8]);

impl<'b> Fields<'b> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'b [u8], Refusal> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Refusal::EndsEarly("the end of a record"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Refusal::EndsEarly("the end of a record"))
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<(), Refusal> {
        self.take(len).map(drop)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Refusal> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }
}
