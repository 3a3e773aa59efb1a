//! Reads XML parts of any length in bounded memory, and holds them to be well-formed (XML 1.0).

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::Refusal;
use super::content_types::is_known_encoding;

/// Deeper than tables in tables in text boxes; Word itself stops long before.
const MAX_DEPTH: usize = 1_024;
const MAX_NAMESPACES: usize = 512;
/// The largest element or text: pictures of old drawings stand in one attribute.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// What a part is made of, as its reader is told.
pub(super) enum Node<'n> {
    /// An element begins; the root is at depth 0.
    Open {
        element: &'n BytesStart<'n>,
        namespace: &'n ResolveResult<'n>,
        depth: usize,
    },
    /// An element of this local name ends.
    Close(&'n str),
    Text(&'n str),
}

/// Whether the reader wants more.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Enough,
}

/// Why a part was not read to its end.
pub(super) enum Fault {
    NotWellFormed,
    Doctype,
    /// It is no XML but a program.
    Program,
    /// What its reader refuses the document for.
    Refused(Refusal),
}

impl Fault {
    /// As a refusal of the part of this name.
    pub(super) fn of(self, name: String) -> Refusal {
        match self {
            Self::NotWellFormed => Refusal::BrokenEntry { name, fault: "is not well-formed XML" },
            Self::Doctype => Refusal::UnsafeEntry { name, fault: "has a DOCTYPE" },
            Self::Program => Refusal::Program(name),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<quick_xml::Error> for Fault {
    fn from(_: quick_xml::Error) -> Self {
        Self::NotWellFormed
    }
}

/// Tells `visit` of each node, until it has enough.
pub(super) fn walk<B: BufRead>(
    bytes: B,
    visit: &mut dyn FnMut(Node<'_>) -> Result<Flow, Refusal>,
) -> Result<(), Fault> {
    let mut reader = NsReader::from_reader(Text::new(bytes));
    reader.resolver_mut().set_max_namespace_bindings(MAX_NAMESPACES);
    let mut buffer = Vec::new();
    let (mut depth, mut rooted) = (0_usize, false);
    loop {
        buffer.clear();
        reader.get_mut().event_left = MAX_EVENT_BYTES;
        let (namespace, event) = reader.read_resolved_event_into(&mut buffer)?;
        let flow = match &event {
            Event::Start(element) | Event::Empty(element) => {
                check_attributes(element)?;
                if depth > MAX_DEPTH || depth == 0 && std::mem::replace(&mut rooted, true) {
                    return Err(Fault::NotWellFormed);
                }
                let flow = visit(Node::Open { element, namespace: &namespace, depth });
                depth += usize::from(matches!(event, Event::Start(_)));
                flow
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                visit(Node::Close(element.local_name().as_ref()))
            }
            Event::Text(text) if depth > 0 => visit(Node::Text(text)),
            Event::Text(text) if text.trim_ascii().is_empty() => Ok(Flow::On),
            Event::CData(text) if depth > 0 => visit(Node::Text(text)),
            Event::GeneralRef(name) if depth > 0 => visit(Node::Text(resolve(name)?.encode_utf8(&mut [0; 4]))),
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => return Err(Fault::NotWellFormed),
            Event::DocType(_) => return Err(Fault::Doctype),
            Event::Decl(declaration) if !is_known_encoding(declaration) => return Err(Fault::NotWellFormed),
            // The reader takes an end within an element for an end.
            Event::Eof if depth > 0 || !rooted => return Err(Fault::NotWellFormed),
            Event::Eof => return Ok(()),
            _ => Ok(Flow::On),
        };
        if flow.map_err(Fault::Refused)? == Flow::Enough {
            return Ok(());
        }
    }
}

/// Without a DOCTYPE there are five entities, and characters by number.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Fault> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character);
    }
    let named = quick_xml::escape::resolve_xml_entity(reference).and_then(|text| text.chars().next());
    named.ok_or(Fault::NotWellFormed)
}

fn check_attributes(element: &BytesStart<'_>) -> Result<(), Fault> {
    // Looking for one that is there twice takes the square of their number.
    let mut attributes = element.attributes();
    match attributes.with_checks(false).all(|attribute| attribute.is_ok()) {
        true => Ok(()),
        false => Err(Fault::NotWellFormed),
    }
}

/// The value of the attribute of this local name, with its entities replaced.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found = attributes.with_checks(false).flatten().find(|found| found.key.local_name().as_ref() == name)?;
    found.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// Bytes as UTF-8: UTF-16 by its byte order mark or by how `<` looks in it, else as they are.
struct Text<B> {
    bytes: B,
    utf16: Option<fn([u8; 2]) -> u16>,
    begun: bool,
    /// Characters made of UTF-16 that wait to be read, and how many bytes of them were.
    made: Vec<u8>,
    read: usize,
    /// What the current event may still take.
    event_left: usize,
}

impl<B: BufRead> Text<B> {
    fn new(bytes: B) -> Self {
        Self { bytes, utf16: None, begun: false, made: Vec::new(), read: 0, event_left: MAX_EVENT_BYTES }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.utf16 = match self.bytes.fill_buf()? {
            [0xFF, 0xFE, ..] | [b'<', 0, ..] => Some(u16::from_le_bytes),
            [0xFE, 0xFF, ..] | [0, b'<', ..] => Some(u16::from_be_bytes),
            _ => None,
        };
        self.begun = true;
        Ok(())
    }

    fn convert(&mut self, unit: fn([u8; 2]) -> u16) -> io::Result<()> {
        (self.read, self.made) = (0, Vec::new());
        let mut units = Vec::new();
        let mut pair = [0; 2];
        // Pairs of surrogates stay together, so that the last unit tells whether one more is needed.
        while units.len() < 4_096 || units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
            match self.bytes.read_exact(&mut pair) {
                Ok(()) => units.push(unit(pair)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            if units.len() > 8_192 {
                break;
            }
        }
        let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        self.made = text.into_bytes();
        Ok(())
    }
}

impl<B: BufRead> Read for Text<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl<B: BufRead> BufRead for Text<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.begun {
            self.begin()?;
        }
        if let Some(unit) = self.utf16
            && self.read >= self.made.len()
        {
            self.convert(unit)?;
        }
        let next = match self.utf16 {
            Some(_) => self.made.get(self.read..).unwrap_or_default(),
            None => self.bytes.fill_buf()?,
        };
        if self.event_left == 0 && !next.is_empty() {
            return Err(io::Error::other("an element or a text is too long"));
        }
        Ok(next.get(..self.event_left.min(next.len())).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.event_left = self.event_left.saturating_sub(len);
        match self.utf16 {
            Some(_) => self.read = self.read.saturating_add(len),
            None => self.bytes.consume(len),
        }
    }
}
