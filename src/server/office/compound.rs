//! A password-protected document: an OLE2 compound file ([MS-CFB]) that holds an encrypted package
//! ([MS-OFFCRYPTO] 2.3.4). Offices lock what they hand over, so this is let in; the old binary
//! formats, which can carry macros, are not. What is inside cannot be seen, its kind included.

use std::io::{Read, Seek};

use super::sectors::{Compound, DirectoryEntry, ROOT, STREAM, children};
use super::source::{Fields, Source};
use super::{InspectError, Refusal};

/// Streams of the binary formats: a file that has one beside an encrypted package is a .doc or .xls
/// to a program that looks for these first. One of zeros is nothing to anybody; Word 2007 leaves it.
const BINARY_STREAMS: [&str; 4] = ["WordDocument", "Workbook", "Book", "PowerPoint Document"];
/// Storages of macros.
const MACRO_STORAGES: [&str; 4] = ["Macros", "VBA", "_VBA_PROJECT_CUR", "_VBA_PROJECT"];
/// Where it is said how the package is encrypted ([MS-OFFCRYPTO] 2.1), and by rights management (2.2).
const DATA_SPACES: [&str; 2] = ["\u{6}DataSpaces", "DataSpaceInfo"];
const RIGHTS_MANAGEMENT: &str = "DRMEncryptedDataSpace";
/// Word's stub is of 4 KiB.
const MAX_STUB_BYTES: u64 = 64 << 10;

/// Says whether the compound file is laid out as an encrypted office document.
pub(super) fn inspect<R: Read + Seek>(source: &mut Source<'_, R>) -> Result<(), InspectError> {
    let mut compound = Compound::open(source)?;
    let entries = compound.directory()?;
    let root = entries.first().filter(|root| root.kind == ROOT);
    let root = root.ok_or(Refusal::Malformed("its OLE2 directory has no root"))?;
    let top = children(root, &entries)?;
    let stream = |name| named(&top, name).filter(|child| child.kind == STREAM);
    let Some(package) = stream("EncryptedPackage") else {
        return Err(Refusal::OtherCompoundFile.into());
    };
    if is_rights_managed(&top, &entries)? {
        return Err(Refusal::RightsManaged.into());
    }
    let Some(info) = stream("EncryptionInfo") else {
        return Err(Refusal::OtherCompoundFile.into());
    };
    if MACRO_STORAGES.iter().any(|name| named(&top, name).is_some()) {
        return Err(Refusal::OtherCompoundFile.into());
    }
    for name in BINARY_STREAMS {
        if let Some(old) = named(&top, name)
            && !is_stub(&mut compound, old)?
        {
            return Err(Refusal::OtherCompoundFile.into());
        }
    }
    check_encryption(&mut compound, info, package, root)?;
    compound.check_whole(top.into_iter().filter(|child| child.kind == STREAM).chain([root]))
}

fn named<'e>(entries: &[&'e DirectoryEntry], name: &str) -> Option<&'e DirectoryEntry> {
    entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).copied()
}

/// Whether a server has to be asked for the key, instead of people for a password.
fn is_rights_managed(top: &[&DirectoryEntry], entries: &[DirectoryEntry]) -> Result<bool, Refusal> {
    let mut within = top.to_vec();
    for name in DATA_SPACES {
        let Some(storage) = named(&within, name) else {
            return Ok(false);
        };
        within = children(storage, entries)?;
    }
    Ok(named(&within, RIGHTS_MANAGEMENT).is_some())
}

fn is_stub<R: Read + Seek>(compound: &mut Compound<'_, '_, R>, old: &DirectoryEntry) -> Result<bool, InspectError> {
    if old.kind != STREAM || old.size > MAX_STUB_BYTES || compound.is_mini(old) {
        return Ok(old.kind == STREAM && old.size == 0);
    }
    Ok(compound.read(old)?.iter().all(|&byte| byte == 0))
}

/// The scheme must be one of passwords, and the package as large as it says.
fn check_encryption<R: Read + Seek>(
    compound: &mut Compound<'_, '_, R>,
    info: &DirectoryEntry,
    package: &DirectoryEntry,
    root: &DirectoryEntry,
) -> Result<(), InspectError> {
    let version = compound.stream_head(info, root)?;
    let mut version = Fields(&version);
    match (version.u16()?, version.u16()?) {
        (4, 4) | (2..=4, 2) => {} // agile, standard ([MS-OFFCRYPTO] 2.3.4.10, 2.3.4.5)
        _ => return Err(Refusal::OtherCompoundFile.into()),
    }
    // The package's own size comes first ([MS-OFFCRYPTO] 2.3.4.4), then its encrypted bytes.
    let plain_bytes = u64::from_le_bytes(compound.stream_head(package, root)?);
    let encrypted_bytes = package.size.saturating_sub(8);
    if plain_bytes == 0 || plain_bytes > encrypted_bytes || package.size >= compound.size() {
        return Err(Refusal::Malformed("its encrypted package is not as large as it says").into());
    }
    Ok(())
}
