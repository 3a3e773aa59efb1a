//! Documents of any size, made by the test: a valid package, mostly with one stored picture in it.

use std::io::Write as _;

/// `length` bytes that look random and are the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A .docx that holds `length` bytes of noise, and a little more.
pub fn docx(seed: u64, length: usize) -> Vec<u8> {
    docx_with(vec![Entry::stored("word/media/image1.bin", noise(seed, length))])
}

/// A .docx with these entries beside what each one has.
pub fn docx_with(more: Vec<Entry>) -> Vec<u8> {
    let mut entries = vec![
        Entry::stored("[Content_Types].xml", TYPES),
        Entry::stored("_rels/.rels", ROOTS),
        Entry::stored("word/document.xml", MAIN),
    ];
    entries.extend(more);
    archive(&entries)
}

/// What leads to the text of a text document.
const ROOTS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
     <Relationship Id=\"rId1\" Target=\"word/document.xml\" Type=\
     \"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\"/></Relationships>";
const MAIN: &str = "<document xmlns=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"/>";

/// The list of types of a text document.
pub const TYPES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
     <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
     <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
     <Default Extension=\"bin\" ContentType=\"application/octet-stream\"/>\
     <Override PartName=\"/word/document.xml\" ContentType=\
     \"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";

/// An entry of an archive, which may lie about what it expands to.
pub struct Entry {
    name: String,
    data: Vec<u8>,
    method: u16,
    expanded: u32,
    crc32: u32,
}

impl Entry {
    pub fn stored(name: impl Into<String>, data: impl Into<Vec<u8>>) -> Entry {
        let data = data.into();
        Entry { name: name.into(), method: 0, expanded: data.len() as u32, crc32: crc32fast::hash(&data), data }
    }

    /// `content`, deflated, that says it expands to `expanded` bytes.
    pub fn deflated(name: &str, content: &[u8], expanded: u32) -> Entry {
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        deflate.write_all(content).unwrap();
        let data = deflate.finish().unwrap();
        Entry { name: name.into(), method: 8, expanded, crc32: crc32fast::hash(content), data }
    }
}

/// A ZIP archive (APPNOTE 4.3).
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let put16 = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    let put32 = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    for Entry { name, data, method, expanded, crc32 } in entries {
        let at = out.len() as u32;
        let sums = [*crc32, data.len() as u32, *expanded];
        put32(&mut out, &[0x0403_4b50]);
        put16(&mut out, &[20, 0, *method, 0, 33]);
        put32(&mut out, &sums);
        put16(&mut out, &[name.len() as u16, 0]);
        out.extend(name.bytes());
        out.extend(data);
        put32(&mut directory, &[0x0201_4b50]);
        put16(&mut directory, &[20, 20, 0, *method, 0, 33]);
        put32(&mut directory, &sums);
        put16(&mut directory, &[name.len() as u16, 0, 0, 0, 0]);
        put32(&mut directory, &[0, at]);
        directory.extend(name.bytes());
    }
    let at = out.len() as u32;
    out.extend(&directory);
    put32(&mut out, &[0x0605_4b50]);
    put16(&mut out, &[0, 0, entries.len() as u16, entries.len() as u16]);
    put32(&mut out, &[directory.len() as u32, at]);
    put16(&mut out, &[0]);
    out
}
