//! What the gate lets in, as tables and numbers that a reader can check against the standards.

use super::Kind;

/// The main part's content type decides what a package is (ECMA-376 Part 1, 11.3.10, 12.3.23,
/// 13.3.6); strict and transitional documents share these. Templates and slide shows are let in
/// under the plain extensions: LibreOffice and POI open them, and they carry no macros.
/// Lower-case, since media types compare without regard to case (RFC 2045 5.1).
const MAIN_TYPES: [(&str, Kind); 7] = [
    ("wordprocessingml.document.main+xml", Kind::Document),
    ("wordprocessingml.template.main+xml", Kind::Document),
    ("spreadsheetml.sheet.main+xml", Kind::Workbook),
    ("spreadsheetml.template.main+xml", Kind::Workbook),
    ("presentationml.presentation.main+xml", Kind::Presentation),
    ("presentationml.template.main+xml", Kind::Presentation),
    ("presentationml.slideshow.main+xml", Kind::Presentation),
];
const MAIN_TYPE_PREFIX: &str = "application/vnd.openxmlformats-officedocument.";

/// Part types that are macros. VBA signatures and VBA data begin alike ([MS-OFFMACRO2] 2.2).
/// ActiveX and OLE objects are not here: Word and Excel keep them in macro-free documents.
const MACRO_TYPE_PREFIXES: [&str; 4] = [
    "application/vnd.ms-office.vbaproject",
    "application/vnd.ms-word.vbadata",
    "application/vnd.ms-excel.macrosheet",
    "application/vnd.ms-excel.intlmacrosheet",
];

/// Further types that the gate reads or tells of (ECMA-376 Part 1, 11.3, 12.3.9, 14.2.1, 15.2.4;
/// [MS-OI29500]).
const OTHER_TYPES: [(&str, Class); 12] = [
    ("wordprocessingml.header+xml", Class::Story),
    ("wordprocessingml.footer+xml", Class::Story),
    ("wordprocessingml.footnotes+xml", Class::Story),
    ("wordprocessingml.endnotes+xml", Class::Story),
    ("wordprocessingml.comments+xml", Class::Story),
    ("wordprocessingml.document.glossary+xml", Class::Story),
    ("spreadsheetml.externallink+xml", Class::WorkbookLink),
    ("drawingml.chart+xml", Class::Chart),
    ("chartex+xml", Class::Chart),
    ("oleobject", Class::Object),
    ("activex", Class::ActiveX),
    ("activex+xml", Class::ActiveX),
];
/// Charts of 2014 and ActiveX have types of Microsoft's own.
const OTHER_TYPE_PREFIXES: [&str; 2] = [MAIN_TYPE_PREFIX, "application/vnd.ms-office."];

/// What a part's content type means to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The main part of a document without macros.
    Main(Kind),
    /// The main part of a macro-enabled document, or a macro itself.
    Macro,
    /// Text with fields beside the main part's.
    Story,
    /// What a workbook takes from elsewhere.
    WorkbookLink,
    Chart,
    /// An embedded OLE object.
    Object,
    ActiveX,
    /// Anything else; the gate has no opinion.
    Other,
}

impl Class {
    /// Sorts a content type; parameters and letter case do not count.
    pub(super) fn of_type(content_type: &str) -> Self {
        let bare = content_type.split(';').next().unwrap_or_default();
        let bare = bare.trim().to_ascii_lowercase();
        // `vnd.ms-excel.sheet.macroEnabled.main+xml`, `….template.macroEnabledTemplate.main+xml`,
        // `….sheet.binary.macroEnabled.main`. Without `.main` it is the type of a whole embedded
        // workbook, which PowerPoint itself writes behind a chart in a plain .pptx.
        let macro_main =
            bare.starts_with("application/vnd.ms-") && bare.contains("macroenabled") && bare.contains(".main");
        if macro_main || MACRO_TYPE_PREFIXES.iter().any(|p| bare.starts_with(p)) {
            return Self::Macro;
        }
        if let Some((_, kind)) = MAIN_TYPES.iter().find(|(known, _)| bare.strip_prefix(MAIN_TYPE_PREFIX) == Some(known))
        {
            return Self::Main(*kind);
        }
        let rest = OTHER_TYPE_PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or_default();
        let other = OTHER_TYPES.iter().find(|(known, _)| *known == rest);
        other.map_or(Self::Other, |(_, class)| *class)
    }
}

/// Whether a part is a macro by its name alone, whatever type it is declared with. `name` is in
/// the form of [`super::names::PartName`]: lower-case, segments parted by `/`.
pub(super) fn is_macro_name(name: &[u8]) -> bool {
    let last = name.rsplit(|&b| b == b'/').next().unwrap_or_default();
    let vba = last.ends_with(b".bin") && last.windows(10).any(|window| window == b"vbaproject");
    vba || last == b"vbadata.xml" || (name.starts_with(b"xl/macrosheets/") && last.ends_with(b".xml"))
}

/// The package's list of content types (ECMA-376 Part 2, 7.3.7), as a part name in lower case.
pub(super) const CONTENT_TYPES_NAME: &[u8] = b"[content_types].xml";

/// The package's own relationships (ECMA-376 Part 2, 6.5.2), which lead to the main part.
pub(super) const ROOT_RELATIONSHIPS_NAME: &[u8] = b"_rels/.rels";

/// How much is read as XML, all parts together. Word opens 32 MB of text; tags of four bytes are read at 50 MB a second,
/// and what is unpacked only costs a twentieth of that.
pub(super) const MAX_XML_BYTES: u64 = 256 << 20;

/// The directory's largest size. 100,000 entries with names of a hundred bytes fit; a directory
/// is read in windows, so this bounds time, not memory.
pub(super) const MAX_DIRECTORY_BYTES: u64 = 16 << 20;

/// Most entries. The largest decks have some ten thousand; 65,535 is what a ZIP without ZIP64 can
/// count. Each costs 64 bytes while the file is inspected.
pub(super) const MAX_ENTRIES: u64 = 100_000;

/// The longest name of an entry: more than any file system takes as a path on the way to a reader,
/// and names are what inspecting a full directory spends its time on.
pub(super) const MAX_NAME_BYTES: usize = 1_024;

/// The list of content types, inflated. A line of it is some 130 bytes, so 4 MiB name 30,000 parts.
pub(super) const MAX_CONTENT_TYPES_BYTES: u64 = 4 << 20;

/// How much more than its own size a file may say that it expands to: as much as POI reads from
/// one entry. Stored media do not count, so a deck of 10 GiB of video passes.
pub(super) const MAX_GROWTH_BYTES: u64 = 4 << 30;

/// Deflate reaches 1032:1 on zeros only. Sheet XML with a million equal cells stays under 100:1
/// (at which POI already refuses), so an entry beyond this ratio is all but empty ...
pub(super) const MAX_RATIO: u64 = 200;
/// ... and a package may hold this much of such entries (blank bitmaps reach the ratio, too). The
/// entries are added up, since a bomb can be cut into pieces or hidden behind a large picture.
pub(super) const MAX_BEYOND_RATIO_BYTES: u64 = 64 << 20;

/// An entry that says it is much smaller than its own compressed data lies about what it expands
/// to. Writers that flush after every few bytes do grow their data, hence the slack.
pub(super) fn understates(compressed: u64, expanded: u64) -> bool {
    compressed > expanded.saturating_mul(2).saturating_add(64 << 10)
}
