use proptest::prelude::*;

use super::records::{END, END_64, LOCATOR_64, LOOK_64, UTF8, dos_time, is_large};
use super::*;

/// A byte of an entry's contents, wherever it is asked for.
fn content(index: usize, position: u64) -> u8 {
    (index as u64).wrapping_mul(31).wrapping_add(position.wrapping_mul(7)).wrapping_add(position >> 8) as u8
}

fn entry(index: usize, name: &str, size: u64) -> Entry {
    let mut crc = crc32fast::Hasher::new();
    // Contents that are too large to be made have no CRC that anybody will look at.
    if size < 1 << 20 {
        crc.update(&(0..size).map(|position| content(index, position)).collect::<Vec<_>>());
    }
    let modified = NaiveDateTime::parse_from_str("2026-11-21T12:34:57", "%Y-%m-%dT%H:%M:%S").unwrap();
    Entry { name: name.to_owned(), size, crc32: crc.finalize(), modified }
}

fn bytes(archive: &Arc<Archive>, range: Range<u64>) -> Vec<u8> {
    archive.clone().pieces(range).fold(Vec::new(), |mut all, piece| {
        match piece {
            Piece::Bytes(bytes) => all.extend_from_slice(&bytes),
            Piece::Contents(index, range) => all.extend(range.map(|position| content(index, position))),
        }
        all
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u64 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).into()
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).into()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[derive(Debug, PartialEq)]
struct Listed {
    name: String,
    size: u64,
    crc32: u32,
    offset: u64,
}

/// What a reader finds who follows the specification from the end: the central directory.
fn list(archive: &Arc<Archive>) -> Vec<Listed> {
    let tail_start = archive.size().saturating_sub(END + LOCATOR_64 + END_64);
    let tail = bytes(archive, tail_start..archive.size());
    let end = &tail[tail.len() - END as usize..];
    assert_eq!(u32_at(end, 0), 0x0605_4b50);
    let (mut count, mut size, mut start) = (u16_at(end, 10), u32_at(end, 12), u32_at(end, 16));
    if count == 0xFFFF || size == LOOK_64 || start == LOOK_64 {
        let locator = &tail[END_64 as usize..];
        assert_eq!(u32_at(locator, 0), 0x0706_4b50);
        assert_eq!(u64_at(locator, 8), tail_start, "the locator leads to the record");
        assert_eq!((u32_at(&tail, 0), u64_at(&tail, 4)), (0x0606_4b50, END_64 - 12));
        (count, size, start) = (u64_at(&tail, 32), u64_at(&tail, 40), u64_at(&tail, 48));
    }
    let directory = bytes(archive, start..start + size);
    let mut listed = Vec::new();
    let mut at = 0;
    while at < directory.len() {
        let header = &directory[at..];
        assert_eq!(u32_at(header, 0), 0x0201_4b50);
        assert_eq!(u32_at(header, 20), u32_at(header, 24), "stored");
        let (name, extra) = (u16_at(header, 28) as usize, u16_at(header, 30) as usize);
        let (mut size, mut offset) = (u32_at(header, 24), u32_at(header, 42));
        let name_text = String::from_utf8(header[46..46 + name].to_vec()).unwrap();
        let mut fields = &header[46 + name..46 + name + extra];
        while !fields.is_empty() {
            let length = u16_at(fields, 2) as usize;
            if u16_at(fields, 0) == 1 {
                let mut at = 4;
                if size == LOOK_64 {
                    size = u64_at(fields, at);
                    at += 16;
                }
                if offset == LOOK_64 {
                    offset = u64_at(fields, at);
                    at += 8;
                }
                assert_eq!(at, 4 + length, "only the fields that are asked for");
            }
            fields = &fields[4 + length..];
        }
        listed.push(Listed { name: name_text, size, crc32: u32_at(header, 16) as u32, offset });
        at += 46 + name + extra;
    }
    assert_eq!(listed.len() as u64, count);
    listed
}

/// Checks all headers of an archive against its entries; contents are not read.
fn check_headers(archive: &Arc<Archive>) {
    let listed = list(archive);
    assert_eq!(listed.len(), archive.entries().len());
    for (index, (listed, entry)) in listed.iter().zip(archive.entries()).enumerate() {
        assert_eq!((&listed.name, listed.size, listed.crc32), (&entry.name, entry.size, entry.crc32));
        let local = bytes(archive, listed.offset..listed.offset + local_size(entry));
        assert_eq!(u32_at(&local, 0), 0x0403_4b50, "entry {index}");
        assert_eq!(u16_at(&local, 6), u64::from(UTF8));
        assert_eq!(&local[30..30 + entry.name.len()], entry.name.as_bytes());
        assert_eq!(u32_at(&local, 18), u32_at(&local, 22));
        let stated = match u32_at(&local, 18) {
            LOOK_64 => u64_at(&local, 30 + entry.name.len() + 4),
            size => size,
        };
        assert_eq!(stated, entry.size);
        // The contents begin right behind the header.
        if entry.size > 0 {
            let first = listed.offset + local_size(entry);
            let piece = archive.clone().pieces(first..first + 1).next();
            assert_eq!(piece, Some(Piece::Contents(index, 0..1)));
        }
    }
}

#[test]
fn an_empty_archive_is_its_end() {
    let archive = Arc::new(Archive::new(Vec::new()));
    assert_eq!(archive.size(), END);
    assert_eq!(bytes(&archive, 0..END).len() as u64, END);
    check_headers(&archive);
}

#[test]
fn sizes_past_four_gibibytes_ask_for_zip64() {
    const GIB: u64 = 1 << 30;
    for sizes in [
        vec![4 * GIB - 2],
        vec![4 * GIB - 1],
        vec![4 * GIB],
        vec![5 * GIB, 1, 3 * GIB, 100 * GIB, 0, 7],
        vec![2 * GIB; 60],
    ] {
        let entries: Vec<_> = sizes.iter().enumerate().map(|(i, size)| entry(i, &format!("{i}.bin"), *size)).collect();
        let archive = Arc::new(Archive::new(entries));
        check_headers(&archive);
        let large = archive.directory.start >= LOOK_64;
        assert_eq!(archive.size() - archive.directory.end > END, large);
    }
}

#[test]
fn counts_past_65534_ask_for_zip64() {
    for (count, large) in [(65_534u64, false), (65_535, true), (70_000, true)] {
        let entries = (0..count).map(|i| entry(i as usize, &i.to_string(), 0)).collect();
        let archive = Arc::new(Archive::new(entries));
        assert_eq!(is_large(&archive.directory, count), large);
        check_headers(&archive);
    }
}

#[test]
fn times_are_those_of_the_specification() {
    let time = |text: &str| dos_time(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").unwrap());
    assert_eq!(time("1980-01-01T00:00:00"), (0x21, 0));
    assert_eq!(time("1975-01-01T00:00:00"), (0x21, 0));
    assert_eq!(time("2026-11-21T12:34:57"), (46 << 9 | 11 << 5 | 21, 12 << 11 | 34 << 5 | 28));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any range is that slice of the whole, and the whole is an archive.
    #[test]
    fn ranges_are_slices_of_the_whole(
        files in prop::collection::vec(("[a-zé見/ ]{1,40}", 0u64..3000), 0..40),
        ranges in prop::collection::vec((any::<u64>(), any::<u64>()), 1..20),
    ) {
        let entries = files.iter().enumerate().map(|(i, (name, size))| entry(i, name, *size)).collect();
        let archive = Arc::new(Archive::new(entries));
        let whole = bytes(&archive, 0..archive.size());
        prop_assert_eq!(whole.len() as u64, archive.size());
        check_headers(&archive);
        for (a, b) in ranges {
            let (a, b) = (a % (archive.size() + 1), b % (archive.size() + 1));
            let range = a.min(b)..a.max(b);
            prop_assert_eq!(bytes(&archive, range.clone()), &whole[range.start as usize..range.end as usize]);
        }
    }
}
