//! Protected documents, other OLE2 files, and OLE2 files that run in circles.

use super::craft::Sparse;
use super::{InspectError, Kind, fixture, inspect, verdict};

const END: u32 = 0xFFFF_FFFE;
const FREE: u32 = 0xFFFF_FFFF;

/// An OLE2 file: header, FAT in sector 0, directory from sector 1, the mini stream after it, then
/// the package.
struct Ole {
    shift: u16,
    /// Name, kind, size.
    streams: Vec<(&'static str, u8, u64)>,
    version: [u16; 2],
    plain_bytes: u64,
}

impl Ole {
    fn protected() -> Self {
        Self {
            shift: 9,
            streams: vec![("EncryptionInfo", 2, 1_000), ("EncryptedPackage", 2, 8_192)],
            version: [4, 4],
            plain_bytes: 8_000,
        }
    }

    fn build(&self) -> Vec<u8> {
        let sector = 1_usize << self.shift;
        let mut header = vec![0; sector];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
        let major = if self.shift == 9 { 3_u16 } else { 4 };
        put(26, &major.to_le_bytes());
        put(28, &0xFFFE_u16.to_le_bytes());
        put(30, &self.shift.to_le_bytes());
        put(32, &6_u16.to_le_bytes());
        put(44, &1_u32.to_le_bytes());
        put(48, &1_u32.to_le_bytes()); // directory
        put(56, &4096_u32.to_le_bytes());
        put(68, &END.to_le_bytes());
        put(76, &[0xFF; 436]);
        put(76, &0_u32.to_le_bytes());

        let entries = self.streams.len() + 1;
        let directory_sectors = (entries * 128).div_ceil(sector);
        let mini = 1 + directory_sectors;
        let mini_sectors = 1024_usize.div_ceil(sector);
        let package = mini + mini_sectors;
        let package_sectors = 8_192 / sector;
        let mut fat = vec![FREE; sector / 4];
        fat[0] = 0xFFFF_FFFD;
        for (start, count) in [(1, directory_sectors), (mini, mini_sectors), (package, package_sectors)] {
            for (at, next) in fat.iter_mut().enumerate().skip(start).take(count) {
                *next = at as u32 + 1;
            }
            fat[start + count - 1] = END;
        }
        let mut out = header;
        out.extend(fat.iter().flat_map(|number| number.to_le_bytes()));
        let mut directory = entry("Root Entry", 5, FREE, 1, mini as u32, 1024);
        for (index, &(name, kind, size)) in self.streams.iter().enumerate() {
            let last = index + 1 == self.streams.len();
            let next = if last { FREE } else { index as u32 + 2 };
            let start = if size < 4096 { 0 } else { package as u32 };
            directory.extend(entry(name, kind, next, FREE, start, size));
        }
        directory.resize(directory_sectors * sector, 0);
        out.extend(directory);
        let mut mini_stream = vec![0; mini_sectors * sector];
        mini_stream[..2].copy_from_slice(&self.version[0].to_le_bytes());
        mini_stream[2..4].copy_from_slice(&self.version[1].to_le_bytes());
        out.extend(mini_stream);
        let mut package = vec![0xAA; package_sectors * sector];
        package[..8].copy_from_slice(&self.plain_bytes.to_le_bytes());
        out.extend(package);
        out
    }
}

fn entry(name: &str, kind: u8, right: u32, child: u32, start: u32, size: u64) -> Vec<u8> {
    let mut out: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_bytes = out.len() as u16 + 2;
    out.resize(64, 0);
    out.extend(name_bytes.to_le_bytes());
    out.extend([kind, 1]);
    for link in [FREE, right, child] {
        out.extend(link.to_le_bytes());
    }
    out.resize(116, 0);
    out.extend(start.to_le_bytes());
    out.extend(size.to_le_bytes());
    out
}

fn check(ole: &Ole, expected: &str) {
    assert_eq!(verdict(&ole.build(), Kind::Document), expected);
}

#[test]
fn protected_documents_of_both_sector_sizes_and_schemes() {
    check(&Ole::protected(), "ok");
    check(&Ole { shift: 12, ..Ole::protected() }, "ok");
    for version in [[2, 2], [3, 2], [4, 2]] {
        check(&Ole { version, ..Ole::protected() }, "ok");
    }
    let mut ole = Ole::protected();
    ole.streams.push(("\u{6}DataSpaces", 1, 0));
    check(&ole, "ok");
}

#[test]
fn other_compound_files() {
    let other = |streams: &[(&'static str, u8, u64)]| {
        let mut ole = Ole::protected();
        ole.streams = streams.to_vec();
        check(&ole, "not_an_office_document");
    };
    other(&[("WordDocument", 2, 8_192), ("1Table", 2, 10)]);
    other(&[("Workbook", 2, 8_192)]);
    other(&[("EncryptedPackage", 2, 8_192)]);
    other(&[("EncryptionInfo", 2, 1_000)]);
    other(&[("EncryptionInfo", 1, 0), ("EncryptedPackage", 1, 0)]);
    let mut ole = Ole::protected();
    ole.streams.push(("WordDocument", 2, 8_192));
    check(&ole, "not_an_office_document");
    for version in [[1, 1], [4, 3], [0, 0], [5, 2]] {
        check(&Ole { version, ..Ole::protected() }, "not_an_office_document");
    }
}

#[test]
fn packages_that_cannot_be_as_large_as_they_say() {
    for plain_bytes in [0, 8_185, u64::MAX] {
        check(&Ole { plain_bytes, ..Ole::protected() }, "damaged_document");
    }
    let mut ole = Ole::protected();
    ole.streams[1].2 = 1 << 30;
    check(&ole, "damaged_document");
    ole.streams[1].2 = 4;
    check(&ole, "damaged_document");
}

/// The bytes of a protected document with a number written over.
fn patched(at: usize, number: u32) -> Vec<u8> {
    let mut bytes = Ole::protected().build();
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn circles_and_dead_ends() {
    let sector = 512;
    let directory = 2 * sector;
    for (what, bytes) in [
        ("directory chain to itself", patched(sector + 4, 1)),
        ("directory chain out of the file", patched(sector + 4, 120)),
        ("directory beyond the FAT", patched(48, 5_000)),
        ("sibling to itself", patched(directory + 128 + 72, 1)),
        ("sibling to the one before", patched(directory + 256 + 72, 1)),
        ("sibling that is not there", patched(directory + 128 + 72, 77)),
        ("child that is not there", patched(directory + 76, 1 << 30)),
        ("DIFAT out of the file", patched(68, 0x00FF_FFFF)),
        ("FAT out of the file", patched(76, 0x00FF_FFFF)),
        ("mini stream out of the file", patched(directory + 128 + 116, 100_000)),
        ("no directory", patched(48, END)),
        ("sectors of 2 bytes", patched(30, 1)),
        ("sectors of 4 GiB", patched(30, 32)),
    ] {
        assert_eq!(verdict(&bytes, Kind::Workbook), "damaged_document", "{what}");
    }
    // A DIFAT sector that names itself as the next one.
    let mut bytes = patched(68, 1);
    bytes[directory + 508..directory + 512].copy_from_slice(&1_u32.to_le_bytes());
    assert_eq!(verdict(&bytes, Kind::Workbook), "damaged_document");
}

#[test]
fn a_compound_file_of_gib_costs_a_bounded_read() {
    let size = 10 << 30;
    // Zeros after the header: every sector number is 0, so the DIFAT chain never ends.
    let mut head = Ole { shift: 12, ..Ole::protected() }.build();
    head.truncate(512);
    head[68..72].copy_from_slice(&9_u32.to_le_bytes());
    let mut file = Sparse::new(head, Vec::new(), size);
    let found = inspect(&mut file, size, Kind::Document);
    assert!(matches!(found, Err(InspectError::Refused(_))), "{found:?}");
    assert!(file.read_bytes < 8 << 20, "read {}", file.read_bytes);
}

#[test]
fn the_real_one_survives_every_flipped_bit_of_its_tables() {
    let real = fixture("password-protected.docx");
    for at in (0..512).chain(real.len() - 1024..real.len()) {
        for bit in [0, 3, 7] {
            let mut bytes = real.clone();
            bytes[at] ^= 1 << bit;
            verdict(&bytes, Kind::Document);
        }
    }
}
