//! Reads `[Content_Types].xml` (ECMA-376 Part 2, 7.2.3 and 7.3.7): which part is of which type.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::names::{Key, Keys, PartName};
use super::rules::Class;
use super::{Refusal, rules};

/// The same for transitional and strict documents.
const NAMESPACE: Namespace<'static> = Namespace("http://schemas.openxmlformats.org/package/2006/content-types");
/// The list is a root with flat children.
const MAX_DEPTH: usize = 4;
/// Bounds on one element keep the reader's look-ups linear in the list's size.
const MAX_ATTRIBUTES: usize = 16;
const MAX_NAMESPACES: usize = 16;
/// Encodings of which ASCII bytes mean ASCII letters and nothing else does. OPC has the first two
/// only; others (UTF-7, ISO-2022-JP) would show another list to a reader that honours them.
const ENCODINGS: [&str; 7] = ["utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1", "windows-1252"];

const NOT_XML: Refusal = Refusal::BrokenContentTypes("is not well-formed XML");

/// Every part that is named and every extension, with what its type means.
pub(super) struct ContentTypes {
    overrides: HashMap<Key, Class>,
    defaults: HashMap<Key, Class>,
}

impl ContentTypes {
    /// What the type of the part means: its Override, else the Default of its extension.
    pub(super) fn class(&self, part: Key, extension: Key) -> Class {
        let overridden = self.overrides.get(&part);
        let class = overridden.or_else(|| self.defaults.get(&extension));
        class.copied().unwrap_or(Class::Other)
    }

    pub(super) fn parse(xml: &[u8], keys: &Keys) -> Result<Self, Refusal> {
        let text = decode(xml);
        let mut types = Self { overrides: HashMap::new(), defaults: HashMap::new() };
        let mut reader = NsReader::from_str(&text);
        let resolver = reader.resolver_mut();
        resolver.set_max_namespace_bindings(MAX_NAMESPACES);
        let (mut depth, mut rooted, mut elements) = (0_usize, false, 0_u64);
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(|_| NOT_XML)?;
            let opens = matches!(event, Event::Start(_));
            match event {
                Event::Start(element) | Event::Empty(element) => {
                    if depth > 0 {
                        types.add(&element, &namespace, keys)?;
                    } else if rooted || element.local_name().as_ref() != "Types" {
                        return Err(Refusal::BrokenContentTypes("is not a list of types"));
                    }
                    rooted = true;
                    elements += 1;
                    // A line for every entry and then some is more than any package needs.
                    if elements > rules::MAX_ENTRIES {
                        return Err(Refusal::BrokenContentTypes("has too many lines"));
                    }
                    depth += usize::from(opens);
                    if depth > MAX_DEPTH {
                        return Err(Refusal::BrokenContentTypes("is nested too deeply"));
                    }
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::Decl(declaration) if !is_known_encoding(&declaration) => {
                    return Err(Refusal::BrokenContentTypes("is neither UTF-8 nor UTF-16"));
                }
                // Nothing legitimate has one, and entities are what makes XML dangerous.
                Event::DocType(_) => return Err(Refusal::Doctype),
                Event::Eof => break,
                _ => {}
            }
        }
        // The reader takes an end within an element for an end.
        if depth > 0 || !rooted {
            return Err(NOT_XML);
        }
        Ok(types)
    }

    fn add(&mut self, element: &BytesStart<'_>, namespace: &ResolveResult<'_>, keys: &Keys) -> Result<(), Refusal> {
        let local = element.local_name();
        let attribute = match local.as_ref() {
            "Override" => "PartName",
            "Default" => "Extension",
            _ => return Ok(()),
        };
        // Some readers go by the namespace and some by the name: neither may be misled. A list
        // that forgets the namespace altogether misleads nobody.
        if !matches!(namespace, ResolveResult::Unbound) && *namespace != ResolveResult::Bound(NAMESPACE) {
            return Err(Refusal::BrokenContentTypes("has types of a foreign namespace"));
        }
        let [subject, content_type] = values(element, [attribute, "ContentType"])?;
        let class = Class::of_type(&content_type);
        let slot = if attribute == "PartName" {
            let part = PartName::new(subject.as_bytes());
            self.overrides.entry(keys.of(part.as_bytes()))
        } else {
            let extension = subject.to_ascii_lowercase();
            self.defaults.entry(keys.of(extension.as_bytes()))
        };
        // Sloppy writers repeat themselves; only a contradiction could mislead.
        match slot {
            Entry::Vacant(slot) => drop(slot.insert(class)),
            Entry::Occupied(slot) if *slot.get() == class => {}
            Entry::Occupied(_) => {
                return Err(Refusal::Ambiguous("its [Content_Types].xml contradicts itself"));
            }
        }
        Ok(())
    }
}

/// The values of the two attributes; both must be there.
fn values(element: &BytesStart<'_>, names: [&str; 2]) -> Result<[String; 2], Refusal> {
    let mut values = [None, None];
    for (count, attribute) in element.attributes().enumerate() {
        let attribute = attribute.map_err(|_| NOT_XML)?;
        if count >= MAX_ATTRIBUTES {
            return Err(Refusal::BrokenContentTypes("has an overlong element"));
        }
        for (value, name) in values.iter_mut().zip(names) {
            if attribute.key.into_inner() == name {
                // Knows the five entities of XML and no others.
                let text = attribute.normalized_value(XmlVersion::Implicit1_0);
                *value = Some(text.map_err(|_| NOT_XML)?.into_owned());
            }
        }
    }
    match values {
        [Some(subject), Some(content_type)] => Ok([subject, content_type]),
        _ => Err(Refusal::BrokenContentTypes("has an incomplete line")),
    }
}

/// UTF-16 by its byte order mark or by how `<` looks in it, else UTF-8. Other bytes can stand in
/// names of parts only, and no name that decides here has any.
fn decode(xml: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match xml {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(xml, u16::from_le_bytes),
        [0, b'<', ..] => utf16(xml, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(xml).into_owned(),
    }
}

/// Whether the declaration names no encoding in which other bytes than ASCII's could mean ASCII letters.
pub(super) fn is_known_encoding(declaration: &BytesDecl<'_>) -> bool {
    match declaration.encoding() {
        None => true,
        Some(Ok(encoding)) => ENCODINGS.contains(&encoding.to_ascii_lowercase().as_str()),
        Some(Err(_)) => false,
    }
}
