//! An office document that is a ZIP package (ECMA-376 Part 2, OPC).

use std::io::{Read, Seek};

use flate2::read::DeflateDecoder;

use super::content_types::ContentTypes;
use super::directory::{Entry, STORED};
use super::names::Keys;
use super::rules::{self, Class};
use super::source::Source;
use super::{InspectError, Kind, Refusal, directory, locals, zip};

/// Says whether the package is a document of `kind` without macros.
pub(super) fn inspect<R: Read + Seek>(source: &mut Source<'_, R>, kind: Kind) -> Result<(), InspectError> {
    let extent = zip::find_directory(source)?;
    let keys = Keys::new();
    let entries = directory::read(source, extent, &keys)?;
    // Entries are in file order: each ends where the next one begins, the last at the directory.
    let ends = entries.iter().skip(1).map(|entry| entry.local_at);
    let ends: Vec<u64> = ends.chain([extent.at]).collect();

    let list_key = keys.of(rules::CONTENT_TYPES_NAME);
    let mut list = entries.iter().zip(&ends);
    let Some((list, &list_end)) = list.find(|(entry, _)| entry.key == list_key) else {
        return Err(Refusal::NoContentTypes.into());
    };
    let data_at = locals::data_at(source, &keys, list, list_end)?;
    let xml = content_types_xml(source, list, data_at)?;
    let types = ContentTypes::parse(&xml, &keys)?;

    let mut found = None;
    for (index, (entry, &end)) in entries.iter().zip(&ends).enumerate() {
        let class = match entry.key == list_key {
            true => Class::Other,
            false => types.class(entry.key, entry.extension),
        };
        match class {
            Class::Macro => return Err(Refusal::Macros(entry.shown_name(source)?).into()),
            // A main part of another kind decides, whatever else is there.
            Class::Main(main) if found.is_none() || main != kind => found = Some(main),
            Class::Main(_) | Class::Other => {}
        }
        if index < rules::MAX_LOCAL_CHECKS || matches!(class, Class::Main(_)) {
            locals::data_at(source, &keys, entry, end)?;
        }
    }
    match found {
        Some(found) if found == kind => Ok(()),
        Some(found) => Err(Refusal::WrongKind { named: kind, found }.into()),
        None => Err(Refusal::NoMainPart.into()),
    }
}

/// The list of content types, inflated: the one entry whose contents are looked at.
fn content_types_xml<R: Read + Seek>(
    source: &mut Source<'_, R>,
    entry: &Entry,
    data_at: u64,
) -> Result<Vec<u8>, InspectError> {
    let limit = rules::MAX_CONTENT_TYPES_BYTES;
    if entry.expanded > limit {
        return Err(Refusal::TooLarge { what: "[Content_Types].xml in bytes", found: entry.expanded, limit }.into());
    }
    // At most twice the limit and some: `rules::understates` has held against it.
    let packed = source.read_vec(data_at, entry.compressed as usize)?;
    if entry.method == STORED {
        return Ok(packed);
    }
    let mut xml = Vec::new();
    // One byte more than announced tells a list that is longer from one that is as announced.
    let announced = entry.expanded.saturating_add(1);
    let inflated = DeflateDecoder::new(packed.as_slice()).take(announced).read_to_end(&mut xml);
    // Nothing is read from disk here, so a failure can only be the data's.
    if inflated.is_err() || xml.len() as u64 != entry.expanded {
        return Err(Refusal::BrokenContentTypes("cannot be unpacked").into());
    }
    Ok(xml)
}
