//! The inspection of documents, real and hostile. None may take 100 ms, whatever it holds.

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
        ("crafted: a list of tiny types", full_list(&|_| "<a/>".into())),
        ("crafted: a list of extensions", full_list(&|n| format!("<Default Extension='{n}' ContentType=''/>"))),
    ]
    .into_iter()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}
