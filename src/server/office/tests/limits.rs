//! Bombs and sizes: what is declared decides before anything is unpacked, and what is unpacked is read about once. That is
//! what bounds the time of an inspection, so it is what is counted here.

use super::craft::{Item, Sparse, Zip, crowd, deflate, docx, end_records, full_list, worst};
use super::{InspectError, Kind, inspect};
use crate::server::office::rules;

/// What a file without a large directory costs: its last 64 KiB, and some headers.
const LITTLE: u64 = 128 << 10;
/// A directory of 100,000 entries with short names, some of it twice, and the entries themselves.
const CROWD: u64 = 12 << 20;
/// The end of the directory is looked for at each fourth byte of the largest comment, in two places; then the directory is
/// read window by window, and the file buffer by buffer.
const MOST_READS: u64 = (64 << 10) / 2 + rules::MAX_DIRECTORY_BYTES / (64 << 10) + 1_024;

/// The verdict on a text document, which may cost `most` bytes of reading.
fn frugal(bytes: &[u8], most: u64) -> &'static str {
    let size = bytes.len() as u64;
    verdict(&mut Sparse::new(Vec::new(), bytes.to_vec(), size), most)
}

fn verdict(file: &mut Sparse, most: u64) -> &'static str {
    let found = inspect(file, file.size, Kind::Document);
    assert!(file.read_bytes <= most, "{} of {} bytes were read", file.read_bytes, file.size);
    assert!(file.reads <= MOST_READS, "{} reads", file.reads);
    match found {
        Ok(_) => "ok",
        Err(InspectError::Refused(refusal)) => refusal.code(),
        Err(InspectError::Io(error)) => panic!("the file's fault became ours: {error}"),
    }
}

fn entry(name: &str, compressed: usize, expanded: u32) -> Item {
    let mut item = Item::new(name, vec![0; compressed]);
    item.method = Some(8);
    item.expanded = Some(expanded);
    item
}

#[test]
fn bombs() {
    let bomb = |items: Vec<Item>| {
        let mut zip = docx();
        zip.items.extend(items);
        frugal(&zip.build(), LITTLE)
    };
    assert_eq!(bomb(vec![entry("a", 280_000, 256 << 20)]), "unsafe_document");
    assert_eq!(bomb(vec![entry("a", 1_000, 4_294_967_294)]), "unsafe_document");
    // In pieces that each stay small, and beside a picture that mends the average.
    let pieces = (0..20).map(|n| entry(&format!("{n}"), 10_000, 10 << 20));
    assert_eq!(bomb(pieces.collect()), "unsafe_document");
    let hidden = vec![entry("a", 100_000, 100 << 20), entry("b", 4 << 20, 4 << 20)];
    assert_eq!(bomb(hidden), "unsafe_document");
    // 10 GiB at a ratio that passes
    let wide = (0..5).map(|n| entry(&format!("{n}"), 11 << 20, 2 << 30));
    assert_eq!(bomb(wide.collect()), "unsafe_document");
    // Says less than it is
    assert_eq!(bomb(vec![entry("a", 280_000, 1_000)]), "unsafe_document");
    // A ratio that only a small file has
    assert_eq!(bomb(vec![Item::new("a", vec![0; 50 << 20]).deflated()]), "ok");
}

#[test]
fn ten_gib_in_zip64_fields() {
    let mut zip = docx();
    let mut item = Item::new("a", "");
    item.method = Some(8);
    item.expanded = Some(u32::MAX);
    item.extra = super::craft::extra_field(1, &(10_u64 << 30).to_le_bytes());
    zip.items.push(item);
    assert_eq!(frugal(&zip.build(), LITTLE), "unsafe_document");
}

#[test]
fn a_zip_of_zips_is_only_looked_at_from_outside() {
    let inner = deflate(&vec![0; 1 << 20]);
    let mut zip = docx();
    for n in 0..16 {
        zip.items.push(Item::new(format!("lib {n}.zip"), &inner));
    }
    assert_eq!(frugal(&zip.build(), LITTLE), "ok");
}

#[test]
fn as_many_entries_as_a_zip_can_count_pass_and_no_more_than_the_limit() {
    assert_eq!(frugal(&crowd(65_535).build(), CROWD), "ok");
    assert_eq!(frugal(&crowd(70_000).build(), CROWD), "ok"); // a count that wrapped
    let mut zip = crowd(100_000);
    zip.zip64 = true;
    assert_eq!(frugal(&zip.build(), CROWD), "ok");
    zip = crowd(100_001);
    zip.zip64 = true;
    assert_eq!(frugal(&zip.build(), CROWD), "unsafe_document");
}

#[test]
fn a_directory_of_gib_is_not_read() {
    let head = docx().build();
    let mut tail = Vec::new();
    let zip = Zip { zip64: true, ..docx() };
    let size: u64 = 10 << 30;
    let tail_len = 56 + 20 + 22;
    end_records(&mut tail, &zip, 38, size - tail_len - 38);
    let mut head = head;
    head[38..42].copy_from_slice(b"PK\x01\x02");
    let mut file = Sparse::new(head, tail, size);
    assert_eq!(verdict(&mut file, LITTLE), "unsafe_document");
}

/// Video in a document: stored, so it expands to no more than it is, and is read once.
#[test]
fn a_video_costs_its_own_size() {
    let mut zip = docx();
    let mut video = Item::new("word/media/video.mp4", vec![b'v'; 64 << 20]);
    video.zip64 = true;
    zip.items.push(video);
    let bytes = zip.build();
    assert_eq!(frugal(&bytes, bytes.len() as u64 + LITTLE), "ok");
}

/// What says that it is small is unpacked no further than that.
#[test]
fn entries_that_say_less_than_they_are_cost_no_more_than_they_say() {
    let mut zip = docx();
    let packed = deflate(&vec![0; 4 << 20]);
    for n in 0..200 {
        let mut item = entry(&format!("word/media/{n}.png"), 0, 1_000);
        item.data.clone_from(&packed);
        zip.items.push(item);
    }
    let bytes = zip.build();
    assert!(bytes.len() > 800_000);
    assert_eq!(frugal(&bytes, 2 * LITTLE), "unsafe_document");
}

/// XML is slower to read than to unpack: there is less of it.
#[test]
fn more_text_than_may_be_read() {
    let mut zip = docx();
    zip.items.push(entry("word/_rels/document.xml.rels", 2 << 20, 300 << 20));
    assert_eq!(frugal(&zip.build(), 2 * LITTLE), "unsafe_document");
    let mut zip = docx();
    let name = zip.items[2].name.clone();
    zip.items[2] = entry(std::str::from_utf8(&name).unwrap(), 2 << 20, 300 << 20);
    assert_eq!(frugal(&zip.build(), 2 * LITTLE), "unsafe_document");
}

#[test]
fn the_worst_file_costs_a_bounded_read() {
    let bytes = worst().build();
    assert!(bytes.len() > 30 << 20);
    assert_eq!(frugal(&bytes, 40 << 20), "ok");
}

#[test]
fn a_failing_disk_is_ours() {
    let bytes = docx().build();
    let size = bytes.len() as u64;
    for limit in [0, 100, size / 2] {
        let mut file = Sparse::new(Vec::new(), bytes.clone(), size);
        file.fail_at = Some(limit);
        let found = inspect(&mut file, size, Kind::Document);
        assert!(matches!(found, Err(InspectError::Io(_))), "{found:?}");
    }
}

#[test]
fn lists_of_types_at_the_limit_are_read_and_refused() {
    let numbered = |n: usize| format!("<Default Extension='{n}' ContentType=''/>");
    let nested = |_| "<a><a><a/></a></a>".to_string();
    let prefixed = |_| "<a0:Override/>".to_string();
    let tiny = |_| "<a/>".to_string();
    let comment = |_| "<!---->".to_string();
    let lines: [&dyn Fn(usize) -> String; 5] = [&numbered, &nested, &prefixed, &tiny, &comment];
    for line in lines {
        assert_ne!(frugal(&full_list(line).build(), 600 << 10), "ok");
    }
}
