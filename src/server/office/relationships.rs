//! Reads relationship parts (ECMA-376 Part 2, 6.5): what a part pulls in from the package and from
//! outside of it. Their types decide what a reader does with a target, whatever it is called.

use std::io::BufRead;

use super::names::PartName;
use super::refusal::shown;
use super::xml::{self, Fault, Flow, Node};
use super::{Note, Refusal};

/// A line of a relationship part.
pub(super) struct Relationship {
    /// The last segments of its type, in lower case: transitional, strict and Microsoft's own types share these.
    kind: String,
    target: String,
    external: bool,
}

/// Types whose target is a macro or a sheet of macros ([MS-OFFMACRO2] 2.2, [MS-XLSX] 2.1), each as it begins.
const MACROS: [&str; 4] = ["vbaproject", "wordvbadata", "xlmacrosheet", "xlintlmacrosheet"];

/// Types that load and run or show their target by themselves. Outside of the package it would be
/// another one each time that somebody looks; hyperlinks, media and links of workbooks wait for people.
const LOADED: [(&str, &str); 14] = [
    ("attachedtemplate", "a template"),
    ("oleobject", "an object"),
    ("package", "an object"),
    ("control", "a control"),
    ("activexcontrolbinary", "a control"),
    ("subdocument", "a part of the text"),
    ("afchunk", "a part of the text"),
    ("frame", "a frame"),
    ("ui/extensibility", "a ribbon"),
    ("ui/usercustomization", "a ribbon"),
    ("customui", "a ribbon"),
    ("attachedtoolbars", "a toolbar"),
    ("transform", "a stylesheet"),
    ("officedocument", "its main part"),
];

/// The types of what links of a workbook lead to ([MS-OI29500] 2.1.659).
const WORKBOOK_LINKS: [&str; 6] = [
    "externallinkpath",
    "xlexternallinkpath/xlpathmissing",
    "xlexternallinkpath/xlstartup",
    "xlexternallinkpath/xlalternatestartup",
    "xlexternallinkpath/xllibrary",
    "xlpathmissing",
];

impl Relationship {
    /// The part that this leads to as the main part of its package, if that is what it does.
    pub(super) fn main_part(&self) -> Option<PartName> {
        (self.kind == "officedocument" && !self.external).then(|| PartName::resolve("", &self.target))
    }

    /// The part that changes the ribbon, if this leads to one.
    pub(super) fn ribbon(&self) -> Option<PartName> {
        let ribbon = self.kind.starts_with("ui/") || self.kind == "customui";
        ribbon.then(|| PartName::resolve("", &self.target))
    }

    /// What is to be told of it. `of_chart`: whether it belongs to a chart, whose object is the workbook with its numbers.
    ///
    /// # Errors
    /// [`Refusal::Macros`], [`Refusal::Outside`].
    pub(super) fn judge(&self, of_chart: bool) -> Result<Option<Note>, Refusal> {
        let shown = || shown(self.target.as_bytes());
        if MACROS.iter().any(|kind| self.kind.starts_with(kind)) {
            return Err(Refusal::Macros(shown()));
        }
        let object = matches!(self.kind.as_str(), "oleobject" | "package");
        if self.external || leads_outside(&self.target) {
            if object && of_chart {
                return Ok(Some(Note::LinkedWorkbook));
            }
            // Word names the template that a document was made from by its place on the author's disk.
            let known = self.kind == "attachedtemplate" && is_on_this_disk(&self.target);
            return match LOADED.iter().find(|(kind, _)| *kind == self.kind) {
                Some((_, what)) if !known => Err(Refusal::Outside { what, target: shown() }),
                _ if WORKBOOK_LINKS.contains(&self.kind.as_str()) => Ok(Some(Note::LinkedWorkbook)),
                _ => Ok((self.kind == "image").then_some(Note::LinkedPicture)),
            };
        }
        Ok(match self.kind.as_str() {
            "control" | "activexcontrolbinary" => Some(Note::ActiveX),
            _ if object && !of_chart => Some(Note::EmbeddedObject),
            _ => None,
        })
    }
}

/// Tells `visit` of each relationship of a part.
pub(super) fn read<B: BufRead>(
    bytes: B,
    visit: &mut dyn FnMut(Relationship) -> Result<(), Refusal>,
) -> Result<(), Fault> {
    let mut wrong = false;
    xml::walk(bytes, &mut |node| {
        let Node::Open { element, depth, .. } = node else { return Ok(Flow::On) };
        let local = element.local_name();
        wrong |= depth == 0 && local.as_ref() != "Relationships";
        if depth == 0 || local.as_ref() != "Relationship" {
            return Ok(Flow::On);
        }
        let [kind, target, mode] = ["Type", "Target", "TargetMode"].map(|name| xml::attribute(element, name));
        // Without both it leads nowhere.
        if let (Some(kind), Some(target)) = (kind, target) {
            let external = mode.is_some_and(|mode| mode.trim().eq_ignore_ascii_case("external"));
            visit(Relationship { kind: kind_of(&kind), target: target.trim().to_owned(), external })?;
        }
        Ok(Flow::On)
    })?;
    if wrong { Err(Fault::NotWellFormed) } else { Ok(()) }
}

/// What follows `/relationships/` in a type's address.
fn kind_of(address: &str) -> String {
    let address = address.trim().to_ascii_lowercase();
    let (_, kind) =
        address.rsplit_once("/relationships/").unwrap_or_else(|| address.rsplit_once('/').unwrap_or(("", &address)));
    kind.trim_matches('/').to_owned()
}

/// Whether a target cannot be a part, whatever its mode: it has a scheme or names a server.
fn leads_outside(target: &str) -> bool {
    let scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let slash = |c: Option<char>| matches!(c, Some('/' | '\\'));
    let mut chars = target.chars();
    scheme || slash(chars.next()) && slash(chars.next())
}

/// Whether an address names a file on whatever computer it is opened on: `file:///C:/…`, `C:\…`, `file:///Users/…`. Two
/// slashes more would name a server.
fn is_on_this_disk(target: &str) -> bool {
    let target = percent_encoding_free(target);
    let path = target.strip_prefix("file:///").unwrap_or(&target);
    let mut chars = path.chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let drive =
        first.is_some_and(|c| c.is_ascii_alphabetic()) && second == Some(':') && matches!(third, Some('/' | '\\'));
    drive || path.len() < target.len() && first.is_some_and(|c| !matches!(c, '/' | '\\'))
}

fn percent_encoding_free(target: &str) -> String {
    target.to_ascii_lowercase().replace("%5c", "\\").replace("%2f", "/")
}
