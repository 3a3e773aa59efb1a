//! Names of ZIP entries as OPC part names: one form to compare, and what makes a name unsafe.

use std::hash::{BuildHasher, RandomState};

use super::rules;

/// A part name in the form in which OPC compares it (ECMA-376 Part 2, 6.2.2 and 7.3.4):
/// percent-escapes decoded, ASCII lower-case, no leading slash.
///
/// A backslash counts as a slash: Evernote and archivers of .NET Framework write `word\document.xml`,
/// and Office and POI open such files (dotnet/Open-XML-SDK#1128, python-openxml/python-docx#1513).
pub(super) struct PartName {
    bytes: Vec<u8>,
    absolute: bool,
}

impl PartName {
    pub(super) fn new(raw: &[u8]) -> Self {
        let mut bytes = unescape(raw);
        for byte in &mut bytes {
            *byte = match *byte {
                b'\\' => b'/',
                other => other.to_ascii_lowercase(),
            };
        }
        let slashes = bytes.iter().take_while(|&&byte| byte == b'/').count();
        bytes.drain(..slashes);
        Self { bytes, absolute: slashes > 0 }
    }

    /// The part that a relationship's target names (ECMA-376 Part 2, 6.4): seen from the folder of its owner, which has
    /// neither slash at its end.
    pub(super) fn resolve(folder: &str, target: &str) -> Self {
        let target = target.split(['#', '?']).next().unwrap_or_default();
        let target = Self::new(target.as_bytes());
        let from = if target.absolute { "" } else { folder };
        let mut segments: Vec<&[u8]> = from.as_bytes().split(|&b| b == b'/').filter(|s| !s.is_empty()).collect();
        for segment in target.bytes.split(|&b| b == b'/') {
            match segment {
                b"" | b"." => {}
                b".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        Self { bytes: segments.join(&b'/'), absolute: false }
    }

    /// The part that a relationship part belongs to: `a/b.xml` for `a/_rels/b.xml.rels`.
    pub(super) fn owner(&self) -> Self {
        let (folder, name) = self.split();
        let folder = folder.strip_suffix(b"_rels").unwrap_or(folder);
        let name = name.strip_suffix(b".rels").unwrap_or(name);
        Self { bytes: [folder, name].concat(), absolute: false }
    }

    /// Whether it is a relationship part by its name, which is all that makes it one (ECMA-376 Part 2, 6.5.2).
    pub(super) fn is_relationships(&self) -> bool {
        let (folder, name) = self.split();
        name.ends_with(b".rels") && (folder == b"_rels" || folder.ends_with(b"/_rels"))
    }

    /// The folder without its last slash, and the last segment.
    fn split(&self) -> (&[u8], &[u8]) {
        match self.bytes.iter().rposition(|&b| b == b'/') {
            Some(slash) => {
                (self.bytes.get(..slash).unwrap_or_default(), self.bytes.get(slash + 1..).unwrap_or_default())
            }
            None => (&[], &self.bytes),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the last dot of the last segment (ECMA-376 Part 2, 7.2.3.5); empty if none.
    pub(super) fn extension(&self) -> &[u8] {
        let last = self.bytes.rsplit(|&b| b == b'/').next();
        // Windows drops dots and spaces at the end.
        let last = last.unwrap_or_default();
        let used = last.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(0, |at| at + 1);
        let last = last.get(..used).unwrap_or_default();
        match last.iter().rposition(|&b| b == b'.') {
            Some(dot) => last.get(dot + 1..).unwrap_or_default(),
            None => &[],
        }
    }

    /// What would let an archiver that trusts the name write outside its folder, if anything.
    /// Spaces, non-ASCII letters in any code page and a leading `./` are odd but harmless.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.absolute {
            return Some("is an absolute path");
        }
        if self.bytes.is_empty() {
            return Some("is empty");
        }
        if self.bytes.len() > rules::MAX_NAME_BYTES {
            return Some("is too long");
        }
        if self.bytes.iter().any(u8::is_ascii_control) {
            return Some("holds a control character");
        }
        if let [drive, b':', ..] = self.bytes.as_slice()
            && drive.is_ascii_alphabetic()
        {
            return Some("names a drive");
        }
        // Windows drops dots and spaces at the end of a segment, so ".. " climbs as ".." does.
        let climbs = |segment: &[u8]| segment.starts_with(b"..") && segment.iter().all(|b| matches!(b, b'.' | b' '));
        let mut segments = self.bytes.split(|&b| b == b'/');
        segments.any(climbs).then_some("leads out of its folder (\"..\")")
    }
}

/// Decodes percent-escapes; a percent sign that begins none stays what it is.
fn unescape(raw: &[u8]) -> Vec<u8> {
    if !raw.contains(&b'%') {
        return raw.to_vec();
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, tail)) = rest.split_first() {
        let escape = match tail {
            [high, low, after @ ..] if first == b'%' => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((first, tail));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Turns names into 64-bit keys, so that a directory of any size is compared in little memory.
/// The hash is keyed at random for every file: nobody can prepare two names that collide.
#[derive(Clone)]
pub(super) struct Keys(RandomState);

/// A part name's or an extension's key.
pub(super) type Key = u64;

impl Keys {
    pub(super) fn new() -> Self {
        Self(RandomState::new())
    }

    pub(super) fn of(&self, name: &[u8]) -> Key {
        self.0.hash_one(name)
    }
}
