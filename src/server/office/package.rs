//! An office document that is a ZIP package (ECMA-376 Part 2, OPC).

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Seek};

use super::content_types::ContentTypes;
use super::contents::{Contents, Unpacker};
use super::directory::{Entry, Role};
use super::names::{Key, Keys, PartName};
use super::rules::{self, Class};
use super::source::Source;
use super::xml::Fault;
use super::{InspectError, Kind, Note, Refusal, directory, document, locals, programs, relationships, zip};

/// Says whether the package is a document of `kind` without macros, and what is to be told of it.
pub(super) fn inspect<R: Read + Seek>(source: &mut Source<'_, R>, kind: Kind) -> Result<Vec<Note>, InspectError> {
    let extent = zip::find_directory(source)?;
    let keys = Keys::new();
    let entries = directory::read(source, extent, &keys)?;
    // Entries are in file order: each ends where the next one begins, the last at the directory.
    let ends = entries.iter().skip(1).map(|entry| entry.local_at).chain([extent.at]).collect();
    let (unpacker, xml_left, notes) = (Unpacker::new(), rules::MAX_XML_BYTES, BTreeSet::new());
    let mut package = Package { source, keys, entries, ends, unpacker, xml_left, notes };
    let types = package.content_types()?;
    package.check_types(&types, kind)?;
    let roots = package.roots(&types, kind)?;
    for index in 0..package.entries.len() {
        package.check_entry(index, &types, &roots, kind)?;
    }
    Ok(package.notes.into_iter().collect())
}

struct Package<'s, 'a, R> {
    source: &'s mut Source<'a, R>,
    keys: Keys,
    entries: Vec<Entry>,
    ends: Vec<u64>,
    unpacker: Unpacker,
    /// How much more may be read as XML.
    xml_left: u64,
    notes: BTreeSet<Note>,
}

/// The parts that the package's own relationships lead to.
struct Roots {
    main: Key,
    ribbons: BTreeSet<Key>,
}

/// What an entry is read as.
enum Reading {
    Relationships {
        of_chart: bool,
    },
    Main,
    Ribbon,
    Story,
    WorkbookLink,
    /// Unpacked only.
    Nothing,
}

impl<R: Read + Seek> Package<'_, '_, R> {
    fn find(&self, name: &[u8]) -> Option<usize> {
        let key = self.keys.of(name);
        self.entries.iter().position(|entry| entry.key == key)
    }

    /// The list of content types, the one part that is held in memory.
    fn content_types(&mut self) -> Result<ContentTypes, InspectError> {
        let index = self.find(rules::CONTENT_TYPES_NAME).ok_or(Refusal::NoContentTypes)?;
        let (found, limit) = (self.entries.get(index).map_or(0, |list| list.expanded), rules::MAX_CONTENT_TYPES_BYTES);
        if found > limit {
            return Err(Refusal::TooLarge { what: "[Content_Types].xml in bytes", found, limit }.into());
        }
        let mut xml = Vec::new();
        self.with_contents(index, |contents| {
            contents.read_to_end(&mut xml).map(drop).map_err(|_| Fault::NotWellFormed)
        })?;
        Ok(ContentTypes::parse(&xml, &self.keys)?)
    }

    /// What the list alone tells: macros, and main parts of another kind, whatever else is there.
    fn check_types(&mut self, types: &ContentTypes, kind: Kind) -> Result<(), InspectError> {
        let list = self.keys.of(rules::CONTENT_TYPES_NAME);
        let mut found = None;
        for entry in self.entries.iter().filter(|entry| entry.key != list) {
            match types.class(entry.key, entry.extension) {
                Class::Macro => return Err(Refusal::Macros(entry.shown_name(self.source)?).into()),
                Class::Main(main) if found.is_none() || main != kind => found = Some(main),
                Class::ActiveX => drop(self.notes.insert(Note::ActiveX)),
                Class::Object => drop(self.notes.insert(Note::EmbeddedObject)),
                _ => {}
            }
        }
        match found {
            Some(found) if found == kind => Ok(()),
            Some(found) => Err(Refusal::WrongKind { named: kind, found }.into()),
            None => Err(Refusal::NoMainPart.into()),
        }
    }

    /// Follows the package's own relationships to its main part: readers begin there, not at a type.
    fn roots(&mut self, types: &ContentTypes, kind: Kind) -> Result<Roots, InspectError> {
        let index = self.find(rules::ROOT_RELATIONSHIPS_NAME).ok_or(Refusal::NoRootRelationships)?;
        let (mut mains, mut ribbons) = (BTreeSet::new(), BTreeSet::new());
        let keys = Keys::clone(&self.keys);
        let key_of = |part: PartName| keys.of(part.as_bytes());
        self.with_contents(index, |contents| {
            relationships::read(contents, &mut |line| {
                mains.extend(line.main_part().map(key_of));
                ribbons.extend(line.ribbon().map(key_of));
                Ok(())
            })
        })?;
        if mains.len() > 1 {
            return Err(Refusal::Ambiguous("it has two main parts, so programs would not agree on it").into());
        }
        let main = mains.pop_first().and_then(|key| self.entries.iter().find(|entry| entry.key == key));
        match main.map(|main| (main.key, types.class(main.key, main.extension))) {
            Some((main, Class::Main(found))) if found == kind => Ok(Roots { main, ribbons }),
            _ => Err(Refusal::NoMainPart.into()),
        }
    }

    /// Unpacks an entry to its end, and reads it if what it holds is of weight.
    fn check_entry(
        &mut self,
        index: usize,
        types: &ContentTypes,
        roots: &Roots,
        kind: Kind,
    ) -> Result<(), InspectError> {
        let Some(&entry) = self.entries.get(index) else { return Ok(()) };
        let reading = self.reading(&entry, types, roots)?;
        let mut notes = BTreeSet::new();
        self.with_contents(index, |contents| {
            let head = contents.fill_buf().map_err(|_| Fault::NotWellFormed)?;
            if programs::is_content(head, entry.expanded) {
                return Err(Fault::Program);
            }
            let dde = match reading {
                Reading::Main => document::main_part(contents, kind)?,
                Reading::Ribbon => document::ribbon(contents).map(|()| false)?,
                Reading::Relationships { of_chart } => {
                    relationships::read(contents, &mut |line| line.judge(of_chart).map(|note| notes.extend(note)))?;
                    false
                }
                // Only told of, so that what cannot be read is passed over.
                Reading::Story => document::has_dde_field(contents).unwrap_or(false),
                Reading::WorkbookLink => document::is_dde_link(contents).unwrap_or(false),
                Reading::Nothing => false,
            };
            notes.extend(dde.then_some(Note::Dde));
            Ok(())
        })?;
        self.notes.extend(notes);
        Ok(())
    }

    /// What an entry is to be read as, within what may be read at all.
    fn reading(&mut self, entry: &Entry, types: &ContentTypes, roots: &Roots) -> Result<Reading, InspectError> {
        let reading = match types.class(entry.key, entry.extension) {
            _ if entry.role == Role::Relationships => {
                Reading::Relationships { of_chart: self.belongs_to_chart(entry, types)? }
            }
            _ if entry.key == roots.main => Reading::Main,
            _ if roots.ribbons.contains(&entry.key) => Reading::Ribbon,
            Class::Story => Reading::Story,
            Class::WorkbookLink => Reading::WorkbookLink,
            _ => return Ok(Reading::Nothing),
        };
        match self.xml_left.checked_sub(entry.expanded) {
            Some(left) => self.xml_left = left,
            None if matches!(reading, Reading::Story | Reading::WorkbookLink) => return Ok(Reading::Nothing),
            None => {
                let (found, limit) = (entry.expanded, self.xml_left);
                return Err(Refusal::TooLarge { what: "text in bytes", found, limit }.into());
            }
        }
        Ok(reading)
    }

    /// Whether a relationship part is a chart's.
    fn belongs_to_chart(&mut self, entry: &Entry, types: &ContentTypes) -> Result<bool, InspectError> {
        let name = entry.name(self.source)?;
        let owner = PartName::owner(&name);
        let (part, extension) = (self.keys.of(owner.as_bytes()), self.keys.of(owner.extension()));
        Ok(types.class(part, extension) == Class::Chart)
    }

    /// Compares an entry's own header with the directory, lets `read` have what it holds, and sees the rest of it through.
    fn with_contents(
        &mut self,
        index: usize,
        read: impl FnOnce(&mut Contents<'_, '_, R>) -> Result<(), Fault>,
    ) -> Result<(), InspectError> {
        let (Some(entry), Some(&end)) = (self.entries.get(index), self.ends.get(index)) else { return Ok(()) };
        let data_at = locals::data_at(self.source, &mut self.unpacker.ahead, &self.keys, entry, end)?;
        let mut contents = Contents::open(self.source, &mut self.unpacker, entry, data_at);
        if let Err(fault) = read(&mut contents) {
            let name = contents.shown_name()?;
            return Err(contents.fault().unwrap_or_else(|| fault.of(name).into()));
        }
        contents.finish()
    }
}
