//! The parts whose text decides or is told of: the main part, fields of a text, links of a workbook,
//! and what changes the ribbon.

use std::io::BufRead;

use quick_xml::events::BytesStart;
use quick_xml::name::{Namespace, ResolveResult};

use super::xml::{self, Fault, Flow, Node};
use super::{Kind, Refusal};

/// The root of a main part with its transitional and its strict namespace (ECMA-376 Part 1, 17.2.3,
/// 18.2.27, 19.2.1.26; Part 4).
fn root_of(kind: Kind) -> (&'static str, [Namespace<'static>; 2]) {
    match kind {
        Kind::Document => (
            "document",
            [
                Namespace("http://schemas.openxmlformats.org/wordprocessingml/2006/main"),
                Namespace("http://purl.oclc.org/ooxml/wordprocessingml/main"),
            ],
        ),
        Kind::Workbook => (
            "workbook",
            [
                Namespace("http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
                Namespace("http://purl.oclc.org/ooxml/spreadsheetml/main"),
            ],
        ),
        Kind::Presentation => (
            "presentation",
            [
                Namespace("http://schemas.openxmlformats.org/presentationml/2006/main"),
                Namespace("http://purl.oclc.org/ooxml/presentationml/main"),
            ],
        ),
    }
}

/// Reads the main part to its end. Returns whether a field of it asks for data (DDE).
pub(super) fn main_part<B: BufRead>(bytes: B, kind: Kind) -> Result<bool, Fault> {
    let (name, namespaces) = root_of(kind);
    let mut fields = Fields::default();
    xml::walk(bytes, &mut |node| {
        if let Node::Open { element, namespace, depth: 0 } = node {
            let bound = matches!(namespace, ResolveResult::Bound(bound) if namespaces.contains(bound));
            if !bound || element.local_name().as_ref() != name {
                return Err(Refusal::MainPart(kind));
            }
        }
        fields.see(&node);
        Ok(Flow::On)
    })?;
    Ok(fields.dde)
}

/// Whether a field of a text's header, footer, note or comment asks for data (DDE).
pub(super) fn has_dde_field<B: BufRead>(bytes: B) -> Result<bool, Fault> {
    let mut fields = Fields::default();
    xml::walk(bytes, &mut |node| {
        fields.see(&node);
        Ok(if fields.dde { Flow::Enough } else { Flow::On })
    })?;
    Ok(fields.dde)
}

/// Whether a link of a workbook leads to another program (ECMA-376 Part 1, 18.14.3) instead of a workbook.
pub(super) fn is_dde_link<B: BufRead>(bytes: B) -> Result<bool, Fault> {
    let mut dde = false;
    xml::walk(bytes, &mut |node| {
        let Node::Open { element, .. } = node else { return Ok(Flow::On) };
        let name = element.local_name();
        dde |= name.as_ref() == "ddeLink";
        Ok(if dde || name.as_ref() == "externalBook" { Flow::Enough } else { Flow::On })
    })?;
    Ok(dde)
}

/// Refuses a ribbon whose buttons call macros of other files ([MS-CUSTOMUI] 2.1): `onLoad="\\server\x.dotm!run"`.
pub(super) fn ribbon<B: BufRead>(bytes: B) -> Result<(), Fault> {
    xml::walk(bytes, &mut |node| {
        let Node::Open { element, .. } = node else { return Ok(Flow::On) };
        match calls_outside(element) {
            Some(target) => Err(Refusal::Outside { what: "a ribbon", target }),
            None => Ok(Flow::On),
        }
    })
}

fn calls_outside(element: &BytesStart<'_>) -> Option<String> {
    element.attributes().with_checks(false).flatten().find_map(|attribute| {
        let name = attribute.key.local_name();
        let calls = ["on", "get", "load"].iter().any(|begin| name.as_ref().starts_with(begin));
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok().filter(|_| calls)?;
        value.contains(['!', '/', '\\', ':']).then(|| super::refusal::shown(value.as_bytes()))
    })
}

/// Follows the fields of a text (ECMA-376 Part 1, 17.16): an instruction stands in one attribute or
/// in pieces between marks.
#[derive(Default)]
struct Fields {
    instruction: String,
    within: bool,
    dde: bool,
}

/// The longest instruction that is looked at; its first word is what counts.
const MAX_INSTRUCTION_BYTES: usize = 256;

impl Fields {
    fn see(&mut self, node: &Node<'_>) {
        match node {
            Node::Open { element, .. } => match element.local_name().as_ref() {
                "fldSimple" => self.dde |= xml::attribute(element, "instr").is_some_and(|text| is_dde(&text)),
                "instrText" => self.within = true,
                "fldChar" => self.ends(),
                _ => {}
            },
            Node::Close("instrText") => self.within = false,
            Node::Close("document" | "hdr" | "ftr") => self.ends(),
            Node::Text(text) if self.within && self.instruction.len() < MAX_INSTRUCTION_BYTES => {
                self.instruction.push_str(text);
            }
            _ => {}
        }
    }

    /// A mark: what stood before it is whole, or goes on after a field within it.
    fn ends(&mut self) {
        self.dde |= is_dde(&self.instruction);
        self.instruction.clear();
        self.within = false;
    }
}

fn is_dde(instruction: &str) -> bool {
    let word = instruction.split_ascii_whitespace().next().unwrap_or_default();
    word.eq_ignore_ascii_case("DDE") || word.eq_ignore_ascii_case("DDEAUTO")
}
