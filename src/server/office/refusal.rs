//! Why a file is refused: one enum, one sentence each for people, one table to the API's codes.

use super::Kind;

/// Why the gate refuses a file. `Display` is a sentence for the person who uploads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("The file is empty.")]
    Empty,

    #[error("The file is not an office document: it is neither a package nor a protected one.")]
    UnknownFormat,
    #[error("The file is a ZIP archive but not an office document: it has no [Content_Types].xml.")]
    NoContentTypes,
    #[error("The file is not an office document: no text, workbook or presentation is in it.")]
    NoMainPart,
    #[error("The file is not an office document: it has no _rels/.rels, so nothing leads to its content.")]
    NoRootRelationships,
    #[error("The file is an OLE2 file but not a password-protected .docx, .xlsx or .pptx.")]
    OtherCompoundFile,
    #[error(
        "Rights management locks the document: only whom its owner's server knows can open it. Lift it, or set a password."
    )]
    RightsManaged,

    #[error("The name says {}, but the file is a {}.", .named.noun(), .found.noun())]
    WrongKind { named: Kind, found: Kind },
    #[error("The document holds macros (\"{0}\"). Save it without macros and send it again.")]
    Macros(String),

    #[error("The document is damaged: it has no readable end, so a part of it may be missing.")]
    NoDirectory,
    #[error("The document is damaged: it ends before {0}.")]
    EndsEarly(&'static str),
    #[error("The document is damaged: {0}.")]
    Malformed(&'static str),
    #[error("The document is damaged: its directory lists {listed} entries but holds {held}.")]
    EntryCount { listed: u64, held: u64 },
    #[error("The document is damaged: the entry \"{name}\" {fault}.")]
    BrokenEntry { name: String, fault: &'static str },
    #[error("The document is damaged: \"{name}\" uses compression method {method}, not 0 or 8.")]
    Method { name: String, method: u16 },
    #[error("The document is damaged: its main part is not the XML of a {}.", .0.noun())]
    MainPart(Kind),
    #[error("The document is damaged: its [Content_Types].xml {0}.")]
    BrokenContentTypes(&'static str),

    #[error("The document is unsafe: the entry name \"{name}\" {fault}.")]
    UnsafeName { name: String, fault: &'static str },
    #[error("The document is unsafe: the entry \"{name}\" {fault}.")]
    UnsafeEntry { name: String, fault: &'static str },
    #[error("The document is unsafe: it loads {what} from outside (\"{target}\").")]
    Outside { what: &'static str, target: String },
    #[error("The document is unsafe: it holds a program (\"{0}\").")]
    Program(String),
    #[error("The document is unsafe: {0}.")]
    Ambiguous(&'static str),
    #[error("The document is unsafe: its {what} is {found}; at most {limit} is let in.")]
    TooLarge { what: &'static str, found: u64, limit: u64 },
    #[error("The document is unsafe: {compressed} bytes expand to {expanded} (most of it in \"{name}\").")]
    Bomb { name: String, compressed: u64, expanded: u64 },
    #[error("The document is unsafe: its [Content_Types].xml has a DOCTYPE.")]
    Doctype,
}

impl Refusal {
    /// One refusal of each code, for the API's document.
    #[must_use]
    pub fn catalogue() -> Vec<Refusal> {
        vec![
            Self::Empty,
            Self::UnknownFormat,
            Self::WrongKind { named: Kind::Presentation, found: Kind::Workbook },
            Self::RightsManaged,
            Self::Macros("word/vbaProject.bin".into()),
            Self::NoDirectory,
            Self::Doctype,
        ]
    }

    /// The machine-readable reason, as the API states it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::UnknownFormat
            | Self::NoContentTypes
            | Self::NoMainPart
            | Self::NoRootRelationships
            | Self::OtherCompoundFile => "not_an_office_document",
            Self::RightsManaged => "rights_managed_document",
            Self::WrongKind { .. } => "wrong_office_kind",
            Self::Macros(_) => "macros_not_allowed",
            Self::NoDirectory
            | Self::EndsEarly(_)
            | Self::Malformed(_)
            | Self::EntryCount { .. }
            | Self::BrokenEntry { .. }
            | Self::Method { .. }
            | Self::MainPart(_)
            | Self::BrokenContentTypes(_) => "damaged_document",
            Self::UnsafeName { .. }
            | Self::UnsafeEntry { .. }
            | Self::Outside { .. }
            | Self::Program(_)
            | Self::Ambiguous(_)
            | Self::TooLarge { .. }
            | Self::Bomb { .. }
            | Self::Doctype => "unsafe_document",
        }
    }
}

/// What [`super::inspect`] fails with: the file's fault or ours, never to be mixed up.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the uploaded file could not be read")]
    Io(#[from] std::io::Error),
}

/// Longest form of an entry name that is repeated to people, in characters.
const SHOWN_NAME_CHARS: usize = 80;

/// An entry name as it may be shown: control characters and bidirectional overrides escaped, the
/// middle left out when it is long, since both ends tell most.
pub(super) fn shown(name: &[u8]) -> String {
    // Four times the limit is enough to cut from and keeps the work small for a 64 KiB name.
    let text: String = if name.len() > 8 * SHOWN_NAME_CHARS {
        let (head, _) = name.split_at(4 * SHOWN_NAME_CHARS);
        let (_, tail) = name.split_at(name.len() - 4 * SHOWN_NAME_CHARS);
        String::from_utf8_lossy(head).into_owned() + &String::from_utf8_lossy(tail)
    } else {
        String::from_utf8_lossy(name).into_owned()
    };
    let escaped: Vec<char> = text.chars().flat_map(char::escape_debug).collect();
    if escaped.len() <= SHOWN_NAME_CHARS {
        return escaped.into_iter().collect();
    }
    let keep = SHOWN_NAME_CHARS / 2 - 1;
    let tail = escaped.len().saturating_sub(keep);
    let head = escaped.iter().take(keep);
    head.chain(['…'].iter()).chain(escaped.iter().skip(tail)).collect()
}
