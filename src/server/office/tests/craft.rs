//! A tiny ZIP writer that lies on request, and simulated files of any size.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compression, write::DeflateEncoder};

/// One entry, with every field open to lies. `None` = the truth.
#[derive(Clone, Default)]
pub(super) struct Item {
    pub name: Vec<u8>,
    pub local_name: Option<Vec<u8>>,
    pub data: Vec<u8>,
    pub deflate: bool,
    pub method: Option<u16>,
    pub flags: u16,
    pub expanded: Option<u32>,
    pub crc: Option<u32>,
    pub local_expanded: Option<u32>,
    /// What stands behind it that belongs to no entry.
    pub gap: Vec<u8>,
    pub compressed: Option<u32>,
    pub local_at: Option<u32>,
    pub mode: u32,
    pub extra: Vec<u8>,
    pub descriptor: bool,
    pub zip64: bool,
}

impl Item {
    pub(super) fn new(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        Self { name: name.as_ref().to_vec(), data: data.as_ref().to_vec(), ..Self::default() }
    }

    pub(super) fn deflated(mut self) -> Self {
        self.deflate = true;
        self
    }
}

#[derive(Clone, Default)]
pub(super) struct Zip {
    pub prefix: Vec<u8>,
    pub items: Vec<Item>,
    pub comment: Vec<u8>,
    pub zip64: bool,
    pub listed: Option<u16>,
    pub disk: u16,
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}
fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}
fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

pub(super) fn extra_field(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put16(&mut out, kind);
    put16(&mut out, data.len() as u16);
    out.extend(data);
    out
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

impl Zip {
    pub(super) fn build(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for item in &self.items {
            let at = out.len() as u32;
            let packed = match item.deflate {
                true => deflate(&item.data),
                false => item.data.clone(),
            };
            let method = item.method.unwrap_or(if item.deflate { 8 } else { 0 });
            let flags = item.flags | if item.descriptor { 8 } else { 0 };
            let compressed = item.compressed.unwrap_or(packed.len() as u32);
            let expanded = item.expanded.unwrap_or(item.data.len() as u32);
            let local_name = item.local_name.as_ref().unwrap_or(&item.name);
            put32(&mut out, 0x0403_4b50);
            for field in [20, flags, method, 0, 33] {
                put16(&mut out, field);
            }
            let crc = item.crc.unwrap_or_else(|| crc32fast::hash(&item.data));
            let sizes = match item.descriptor {
                true => [0, 0, 0],
                false => [crc, compressed, item.local_expanded.unwrap_or(expanded)],
            };
            sizes.iter().for_each(|&size| put32(&mut out, size));
            put16(&mut out, local_name.len() as u16);
            put16(&mut out, 0);
            out.extend(local_name);
            out.extend(&packed);
            if item.descriptor {
                put32(&mut out, 0x0807_4b50);
                for field in [crc, compressed, expanded] {
                    put32(&mut out, field);
                }
            }
            out.extend(&item.gap);

            let mut extra = item.extra.clone();
            let local_at = item.local_at.unwrap_or(at);
            let mut narrow = [compressed, expanded, local_at];
            if item.zip64 {
                let mut wide = Vec::new();
                for field in [expanded, compressed, local_at] {
                    put64(&mut wide, field.into());
                }
                extra.extend(extra_field(1, &wide));
                narrow = [u32::MAX; 3];
            }
            let [compressed, expanded, local_at] = narrow;
            put32(&mut directory, 0x0201_4b50);
            for field in [3 << 8 | 20, 20, flags, method, 0, 33] {
                put16(&mut directory, field);
            }
            for field in [crc, compressed, expanded] {
                put32(&mut directory, field);
            }
            for field in [item.name.len() as u16, extra.len() as u16, 0, 0, 0] {
                put16(&mut directory, field);
            }
            put32(&mut directory, item.mode << 16);
            put32(&mut directory, local_at);
            directory.extend(&item.name);
            directory.extend(&extra);
        }
        let at = out.len() as u64;
        out.extend(&directory);
        end_records(&mut out, self, at, directory.len() as u64);
        out
    }
}

pub(super) fn end_records(out: &mut Vec<u8>, zip: &Zip, at: u64, size: u64) {
    let count = zip.items.len() as u64;
    let end64_at = at + size;
    if zip.zip64 {
        put32(out, 0x0606_4b50);
        put64(out, 44);
        put16(out, 45);
        put16(out, 45);
        put32(out, 0);
        put32(out, 0);
        for field in [count, count, size, at] {
            put64(out, field);
        }
        put32(out, 0x0706_4b50);
        put32(out, 0);
        put64(out, end64_at);
        put32(out, 1);
    }
    put32(out, 0x0605_4b50);
    let listed = zip.listed.unwrap_or(count as u16);
    if zip.zip64 {
        for field in [0, 0, u16::MAX, u16::MAX] {
            put16(out, field);
        }
        put64(out, u64::MAX);
    } else {
        for field in [zip.disk, zip.disk, listed, listed] {
            put16(out, field);
        }
        put32(out, size as u32);
        put32(out, at as u32);
    }
    put16(out, zip.comment.len() as u16);
    out.extend(&zip.comment);
}

pub(super) const OOXML: &str = "application/vnd.openxmlformats-officedocument.";

pub(super) fn types_xml(lines: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n\
         <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{lines}</Types>"
    )
}

pub(super) fn over(part: &str, content_type: &str) -> String {
    format!("<Override PartName=\"{part}\" ContentType=\"{content_type}\"/>")
}

pub(super) const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";

/// A line of a relationship part; `kind` is a whole address or one of ECMA-376.
pub(super) fn rel(kind: &str, target: &str) -> String {
    let kind = if kind.contains("//") { kind.to_owned() } else { format!("{RELATIONSHIPS}{kind}") };
    format!("<Relationship Id=\"r\" Type=\"{kind}\" Target=\"{target}\"/>")
}

/// The same with a target outside of the package.
pub(super) fn outside(kind: &str, target: &str) -> String {
    rel(kind, target).replace("/>", " TargetMode=\"External\"/>")
}

pub(super) fn rels_xml(lines: &[String]) -> String {
    let lines = lines.concat();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{lines}</Relationships>"
    )
}

/// The least main part of a content type.
pub(super) fn main_xml(content_type: &str) -> String {
    let (root, space) = match content_type {
        _ if content_type.contains("preadsheet") => ("workbook", "spreadsheetml"),
        _ if content_type.contains("resentation") => ("presentation", "presentationml"),
        _ => ("document", "wordprocessingml"),
    };
    format!(
        "<x:{root} xmlns:x=\"http://schemas.openxmlformats.org/{space}/2006/main\"><x:body>text</x:body></x:{root}>"
    )
}

/// A package with this main part of this type, and with `lines` more in its list of types.
pub(super) fn package(part: &str, content_type: &str, lines: &str) -> Zip {
    let types = types_xml(&(over(&format!("/{part}"), content_type) + lines));
    Zip {
        items: vec![
            Item::new("[Content_Types].xml", types).deflated(),
            Item::new("_rels/.rels", rels_xml(&[rel("officeDocument", part)])).deflated(),
            Item::new(part, main_xml(content_type)).deflated(),
        ],
        ..Zip::default()
    }
}

/// A minimal text document.
pub(super) fn docx() -> Zip {
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    package("word/document.xml", &main, "")
}

/// A text document of `count` entries.
pub(super) fn crowd(count: usize) -> Zip {
    let mut zip = docx();
    zip.items.extend((zip.items.len()..count).map(|n| Item::new(format!("p/{n}.xml"), "")).collect::<Vec<_>>());
    zip
}

/// The file that makes the inspector read as much as it can: a full directory, full tail.
pub(super) fn worst() -> Zip {
    let mut zip = crowd(15_500);
    for (index, item) in zip.items.iter_mut().enumerate().skip(3) {
        item.name = format!("p/{index}/{}", "%41".repeat(330)).into_bytes();
    }
    zip.comment = b"PK\x05\x06".repeat(16_000);
    zip
}

/// A document whose list of types is full to the limit with `line`, which is told its number.
pub(super) fn full_list(line: &dyn Fn(usize) -> String) -> Zip {
    let limit = 4 << 20;
    let namespaces: String = (0..15).map(|n| format!(" xmlns:a{n}='u'")).collect();
    let mut xml = format!("<Types{namespaces}>");
    let mut count = 0;
    while xml.len() < limit - 100 {
        xml += &line(count);
        count += 1;
    }
    xml += "</Types>";
    let mut zip = docx();
    zip.items[0].data = xml.into_bytes();
    zip
}

/// A file of `size` bytes: `head` at the start, `tail` at the end, zeros between. Counts how often it is read, and how
/// many bytes.
pub(super) struct Sparse {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    pub size: u64,
    pub at: u64,
    pub reads: u64,
    pub read_bytes: u64,
    pub fail_at: Option<u64>,
}

impl Sparse {
    pub(super) fn new(head: Vec<u8>, tail: Vec<u8>, size: u64) -> Self {
        Self { head, tail, size, at: 0, reads: 0, read_bytes: 0, fail_at: None }
    }
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fail_at.is_some_and(|limit| self.at >= limit) {
            return Err(io::Error::other("disk on fire"));
        }
        let left = self.size.saturating_sub(self.at);
        let len = left.min(buffer.len() as u64) as usize;
        let tail_at = self.size - self.tail.len() as u64;
        for (index, byte) in buffer[..len].iter_mut().enumerate() {
            let at = self.at + index as u64;
            *byte = match at.checked_sub(tail_at) {
                Some(within) => self.tail[within as usize],
                None => self.head.get(at as usize).copied().unwrap_or(0),
            };
        }
        self.at += len as u64;
        self.reads += 1;
        self.read_bytes += len as u64;
        Ok(len)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else {
            return Err(io::Error::other("only absolute seeks are expected"));
        };
        self.at = at;
        Ok(at)
    }
}
