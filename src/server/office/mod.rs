//! Decides whether an uploaded file is the office document that its name says.
//!
//! The verdict rests on what a reader of the format rests on: the ZIP central directory (PKWARE
//! APPNOTE.TXT 6.3.10), the package's own list of content types and its relationships (ECMA-376
//! Part 2, OPC). What these show to be hostile is refused before anything is unpacked; then each
//! entry is, in file order and constant memory, and held against what the directory says of it.
//! A password-protected document is an OLE2 compound file ([MS-CFB], [MS-OFFCRYPTO]) and is let
//! in when it is laid out as one.

mod compound;
mod content_types;
mod contents;
mod directory;
mod document;
mod expansion;
mod locals;
mod names;
mod notes;
mod package;
mod programs;
mod refusal;
mod relationships;
mod rules;
mod sectors;
mod source;
mod xml;
mod zip;

#[cfg(test)]
mod tests;

use std::io::{Read, Seek};

pub use notes::Note;
pub use refusal::{InspectError, Refusal};
use source::Source;

/// A local file header (APPNOTE 4.3.7): how a ZIP with at least one entry begins.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// How a ZIP without entries begins (APPNOTE 4.3.16).
const EMPTY_ZIP_MAGIC: &[u8] = b"PK\x05\x06";
/// How a compound file begins ([MS-CFB] 2.2).
const COMPOUND_MAGIC: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// How a PDF begins, for its readers within this much of any other file (ISO 32000-1 Annex H, 3.4.1).
const PDF_MAGIC: &[u8] = b"%PDF-";
const HEAD_BYTES: u64 = 1_024;

/// The three kinds of document that the gate knows, each with its one extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `.docx`
    Document,
    /// `.xlsx`
    Workbook,
    /// `.pptx`
    Presentation,
}

impl Kind {
    /// The three of them, in the order in which people name them.
    pub const ALL: [Self; 3] = [Self::Document, Self::Workbook, Self::Presentation];

    /// The kind that a file name claims by its last extension, in any letter case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|kind| kind.extension().eq_ignore_ascii_case(extension))
    }

    /// The extension, lower-case and without its dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Document => "docx",
            Self::Workbook => "xlsx",
            Self::Presentation => "pptx",
        }
    }

    /// The type registered with IANA, to serve the file with.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Document => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Workbook => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Presentation => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        }
    }

    /// What people call it.
    fn noun(self) -> &'static str {
        match self {
            Self::Document => "text document (.docx)",
            Self::Workbook => "workbook (.xlsx)",
            Self::Presentation => "presentation (.pptx)",
        }
    }
}

/// Says whether `file`, `size` bytes long, is a document of `kind` that may be let in, and what its
/// receivers should know of it.
///
/// Reads the file about once and unpacks 4 GiB beyond its size at most, in some 300 KiB of memory; blocking, so call it off
/// the async threads.
///
/// # Errors
/// [`InspectError::Refused`] says what is wrong with the file, a file that ends before `size`
/// included. [`InspectError::Io`] is a failure of ours to read or seek and says nothing about it.
pub fn inspect<R: Read + Seek>(file: &mut R, size: u64, kind: Kind) -> Result<Vec<Note>, InspectError> {
    if size == 0 {
        return Err(Refusal::Empty.into());
    }
    let mut source = Source::new(file, size);
    let head = source.read_vec(0, size.min(HEAD_BYTES) as usize)?;
    if head.starts_with(ZIP_MAGIC) && head.windows(PDF_MAGIC.len()).any(|bytes| bytes == PDF_MAGIC) {
        return Err(Refusal::Ambiguous("it is a PDF file as well").into());
    }

    // Junk before the first header is legal in a ZIP (self-extractors), but no office program
    // writes it, and a file that is two formats at once is how a gate like this one is fooled.
    if head.starts_with(ZIP_MAGIC) {
        package::inspect(&mut source, kind)
    } else if head.starts_with(COMPOUND_MAGIC) {
        compound::inspect(&mut source).map(|()| Vec::new())
    } else if head.starts_with(EMPTY_ZIP_MAGIC) {
        Err(Refusal::NoContentTypes.into())
    } else {
        Err(Refusal::UnknownFormat.into())
    }
}
