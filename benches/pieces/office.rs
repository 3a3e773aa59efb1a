//! The inspection of documents, real and hostile. What is refused, and what is small, may not take 100 ms, whatever it holds;
//! what is large costs its unpacking.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;

use criterion::Criterion;
use handover::server::office::{InspectError, Kind, inspect};

use crate::craft::{Item, Zip, crowd, docx, full_list, worst};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("office");
    let mut fixtures: Vec<_> = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/office")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    fixtures.sort();
    let fixtures = fixtures.iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        (name, Kind::of_name(name).unwrap(), File::open(path).unwrap())
    });
    let crafted = hostile().map(|(name, zip)| (name, Kind::Document, file(&zip.build())));
    for (name, kind, mut file) in fixtures.chain(crafted) {
        let size = file.metadata().unwrap().len();
        group.bench_function(name, |b| {
            b.iter(|| {
                let verdict = inspect(&mut file, black_box(size), kind);
                assert!(!matches!(verdict, Err(InspectError::Io(_))), "{verdict:?}");
            });
        });
    }
}

/// What costs the inspector most of what it has to bear, and a bomb.
fn hostile() -> impl Iterator<Item = (&'static str, Zip)> {
    let mut bomb = docx();
    let mut entry = Item::new("word/media/image1.bin", vec![0; 280_000]);
    entry.method = Some(8);
    entry.expanded = Some(u32::MAX - 1);
    bomb.items.push(entry);
    let mut entries = crowd(100_000);
    entries.zip64 = true;
    [
        ("crafted: a bomb of 4 GiB", bomb),
        ("crafted: 65,535 entries", crowd(65_535)),
        ("crafted: 100,000 entries", entries),
        ("crafted: long names, false ends", worst()),
        ("crafted: 64 MiB of video", with(Item::new("word/media/video.mp4", vec![b'v'; 64 << 20]))),
        ("crafted: a sheet of 64 MiB", with(Item::new("xl/worksheets/sheet1.xml", rows(64 << 20)).deflated())),
        ("crafted: a text of 16 MiB", text(16 << 20)),
        ("crafted: a list of tiny types", full_list(&|_| "<a/>".into())),
        ("crafted: a list of extensions", full_list(&|n| format!("<Default Extension='{n}' ContentType=''/>"))),
    ]
    .into_iter()
}

fn with(item: Item) -> Zip {
    let mut zip = docx();
    zip.items.push(item);
    zip
}

/// A text document whose main part is about `size` bytes of short runs.
fn text(size: usize) -> Zip {
    let mut zip = docx();
    let run = "<x:p x:rsidR=\"00A1\"><x:r><x:rPr><x:b/></x:rPr><x:t xml:space=\"preserve\">some words of text </x:t></x:r></x:p>";
    let main = String::from_utf8(std::mem::take(&mut zip.items[2].data)).unwrap();
    zip.items[2].data = main.replace("text", &run.repeat(size / run.len())).into_bytes();
    zip
}

fn rows(size: usize) -> Vec<u8> {
    let row = |n: usize| format!("<row r=\"{n}\"><c r=\"A{n}\"><v>{}</v></c></row>", n * 7_919 % 100_003);
    (0..size / 45).map(row).collect::<String>().into_bytes()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}
