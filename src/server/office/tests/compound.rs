//! Protected documents as several makers write them, other OLE2 files, and OLE2 files that run in circles.

use super::craft::Sparse;
use super::ole::{END, Node, Ole, info, package};
use super::{InspectError, Kind, fixture, inspect, refusal, verdict};

fn check(ole: &Ole, expected: &str) {
    assert_eq!(verdict(&ole.build(), Kind::Document), expected);
}

fn ole(nodes: Vec<Node>) -> Ole {
    Ole { nodes, ..Ole::protected() }
}

fn locked(version: [u16; 2], package: Vec<u8>) -> Ole {
    ole(vec![Node::Stream("EncryptionInfo", info(version)), Node::Stream("EncryptedPackage", package)])
}

#[test]
fn protected_documents_of_both_sector_sizes_and_schemes() {
    check(&Ole::protected(), "ok");
    check(&Ole { shift: 12, ..Ole::protected() }, "ok");
    for version in [[4, 4], [2, 2], [3, 2], [4, 2]] {
        check(&locked(version, package(8_000, 8_192)), "ok");
    }
}

/// Office 2010 and later keep whole sectors of the table free; SheetJS, xlsx-populate and excelize fill it with ends;
/// Word 2007 leaves a stub for old programs.
#[test]
fn protected_documents_as_makers_write_them() {
    for shift in [9, 12] {
        for (spare, tail) in [(1, 0xFFFF_FFFF), (3, 0xFFFF_FFFF), (0, END), (2, END), (0, 0), (1, 0xFFFF_FFFC)] {
            check(&Ole { shift, spare, tail, ..Ole::protected() }, "ok");
        }
        let stubbed = Ole::protected().with(Node::Stream("WordDocument", vec![0; 4096]));
        check(&Ole { shift, ..stubbed }, "ok");
    }
    check(&Ole::protected().with(Node::Stream("WordDocument", Vec::new())), "ok");
    // The last sector may end with its stream.
    let bytes = locked([4, 4], package(8_000, 8_100)).build();
    assert_eq!(verdict(&bytes, Kind::Document), "ok");
}

#[test]
fn a_large_protected_document_with_many_table_sectors() {
    let large = || locked([4, 4], package(3 << 20, (3 << 20) + 8));
    check(&large(), "ok");
    check(&Ole { spare: 5, tail: END, ..large() }, "ok");
    // A chain that leaves the file in its midst.
    let mut bytes = large().build();
    let table = bytes.len() - 50 * 512;
    bytes[table + 40 * 512..table + 40 * 512 + 4].copy_from_slice(&0x00FF_0000_u32.to_le_bytes());
    assert_eq!(verdict(&bytes, Kind::Document), "damaged_document");
}

#[test]
fn rights_management_is_told_apart() {
    let managed = |name| {
        let space = Node::Storage("DataSpaceInfo", vec![Node::Stream(name, vec![1; 112])]);
        vec![
            Node::Storage("\u{6}DataSpaces", vec![Node::Stream("Version", vec![1; 76]), space]),
            Node::Stream("EncryptedPackage", package(8_000, 8_192)),
        ]
    };
    check(&ole(managed("DRMEncryptedDataSpace")), "rights_managed_document");
    check(&ole(managed("drmencrypteddataspace")), "rights_managed_document");
    check(&ole(managed("OtherDataSpace")), "not_an_office_document");
    let text = refusal(&ole(managed("DRMEncryptedDataSpace")).build(), Kind::Workbook).to_string();
    assert!(text.starts_with("Rights management locks the document"), "{text}");
}

#[test]
fn other_compound_files() {
    let other = |nodes| check(&ole(nodes), "not_an_office_document");
    let stream = |name| Node::Stream(name, package(8_000, 8_192));
    other(vec![stream("WordDocument"), Node::Stream("1Table", vec![0; 10])]);
    other(vec![stream("Workbook")]);
    other(vec![stream("EncryptedPackage")]);
    other(vec![stream("EncryptionInfo")]);
    other(vec![Node::Storage("EncryptionInfo", vec![]), Node::Storage("EncryptedPackage", vec![])]);
    for name in ["WordDocument", "workbook", "Book", "PowerPoint Document"] {
        check(&Ole::protected().with(stream(name)), "not_an_office_document");
    }
    for name in ["Macros", "VBA", "_VBA_PROJECT_CUR"] {
        check(&Ole::protected().with(Node::Storage(name, vec![])), "not_an_office_document");
    }
    // One byte is enough to be no stub.
    let mut stub = vec![0; 4096];
    stub[4095] = 1;
    check(&Ole::protected().with(Node::Stream("WordDocument", stub)), "not_an_office_document");
    for version in [[1, 1], [4, 3], [0, 0], [5, 2]] {
        check(&locked(version, package(8_000, 8_192)), "not_an_office_document");
    }
}

#[test]
fn packages_that_cannot_be_as_large_as_they_say() {
    for plain_bytes in [0, 8_185, u64::MAX] {
        check(&locked([4, 4], package(plain_bytes, 8_192)), "damaged_document");
    }
    check(&locked([4, 4], vec![1; 4]), "damaged_document");
    // The directory says more than the file has.
    let mut bytes = locked([4, 4], package(8_000, 8_192)).build();
    let size_at = 512 + 128 + 120;
    assert_eq!(bytes[size_at..size_at + 4], 8_192_u32.to_le_bytes());
    for size in [1_u32 << 30, 9_000] {
        bytes[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        assert_eq!(verdict(&bytes, Kind::Document), "damaged_document", "{size}");
    }
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
    let directory = sector;
    let whole = Ole::protected().build();
    let table = whole.len() - sector;
    let package_at = whole.windows(8).position(|bytes| bytes == 8_000_u64.to_le_bytes()).unwrap() / sector - 1;
    let next_of = |sector: usize| table + 4 * sector;
    let entry = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        whole.windows(name.len()).position(|bytes| bytes == name).unwrap()
    };
    let (info, packed) = (entry("EncryptionInfo"), entry("EncryptedPackage"));
    for (what, bytes) in [
        ("directory chain to itself", patched(next_of(0), 0)),
        ("directory chain out of the file", patched(next_of(0), 120)),
        ("directory beyond the FAT", patched(48, 5_000)),
        ("sibling to itself", patched(info + 72, (info - directory) as u32 / 128)),
        ("sibling that is not there", patched(info + 72, 77)),
        ("child that is not there", patched(directory + 76, 1 << 30)),
        ("DIFAT out of the file", patched(68, 0x00FF_FFFF)),
        ("FAT out of the file", patched(76, 0x00FF_FFFF)),
        ("mini stream out of the file", patched(info + 116, 100_000)),
        ("no directory", patched(48, END)),
        ("sectors of 2 bytes", patched(30, 1)),
        ("sectors of 4 GiB", patched(30, 32)),
        ("a package that begins nowhere", patched(packed + 116, END)),
        ("a package that ends early", patched(next_of(package_at + 3), END)),
        ("a package out of the file", patched(next_of(package_at + 3), 100)),
    ] {
        assert_eq!(verdict(&bytes, Kind::Workbook), "damaged_document", "{what}");
    }
    // A DIFAT sector that names itself as the next one.
    let mut bytes = patched(68, 1);
    bytes[directory + 1020..directory + 1024].copy_from_slice(&1_u32.to_le_bytes());
    assert_eq!(verdict(&bytes, Kind::Workbook), "damaged_document");
}

/// Streams that share one chain would cost a step for each of their sectors.
#[test]
fn streams_cannot_share_their_sectors_without_end() {
    let mut ole = Ole::protected();
    ole.nodes.extend((0..200).map(|_| Node::Stream("x", vec![7; 4096])));
    let mut bytes = ole.build();
    let starts = |at: usize| at * 128 + 512 + 116;
    for at in 0..203 {
        let size = u32::from_le_bytes(bytes[starts(at) + 4..starts(at) + 8].try_into().unwrap());
        if size == 4096 {
            bytes[starts(at)..starts(at) + 4].copy_from_slice(&60_u32.to_le_bytes());
            bytes[starts(at) + 4..starts(at) + 8].copy_from_slice(&600_000_u32.to_le_bytes());
        }
    }
    assert_eq!(verdict(&bytes, Kind::Document), "damaged_document");
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
