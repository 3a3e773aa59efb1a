//! The folders of the page: who may import whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The folders, and which others each may use. All may use `vendor`.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("batch", &["base"]),
    ("desk", &["base"]),
    ("direct", &["base"]),
    ("link", &["base"]),
    ("room", &["base"]),
    // One field there takes codes and links of every kind.
    ("home", &["base", "direct", "room"]),
];

fn assets() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/server/features/page/assets"))
}

/// Each module, from the folder of all, and those that it imports; `types`: also for a type alone.
fn modules(types: bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(assets().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path =
                format!("{folder}/{}", entry.file_name().into_string().unwrap()).trim_start_matches('/').to_owned();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(path);
            } else if path.ends_with(".js") && !path.starts_with("vendor/") {
                found.insert(path.clone(), imports(&path, types));
            }
        }
    }
    assert!(found.len() > 80, "{} modules", found.len());
    found
}

fn imports(module: &str, types: bool) -> BTreeSet<String> {
    let text = std::fs::read_to_string(assets().join(module)).unwrap();
    let marks: &[&str] = if types { &["from \"", "import \"", "import(\""] } else { &["from \"", "import \""] };
    let named = marks.iter().flat_map(|mark| text.split(*mark).skip(1)).filter_map(|rest| rest.split('"').next());
    let ours = named.filter(|path| path.starts_with("../"));
    ours.map(|path| path.trim_start_matches("../").to_owned()).collect()
}

#[test]
fn arrows_between_folders_point_down() {
    for (module, imports) in modules(true) {
        let (folder, _) = module.split_once('/').unwrap();
        let known = FLOORS.iter().find(|(known, _)| *known == folder);
        let (_, below) = known.unwrap_or_else(|| panic!("{module}: no floor is named {folder}"));
        for import in imports {
            let (of, _) = import.split_once('/').unwrap();
            let may = of == folder || of == "vendor" || below.contains(&of);
            assert!(may, "{module} imports {import}");
        }
    }
}

#[test]
fn modules_form_no_circle() {
    let mut left = modules(false);
    while !left.is_empty() {
        // What imports nothing that is left is on no circle.
        let ends = left.iter().filter(|(_, imports)| !imports.iter().any(|import| left.contains_key(import)));
        let ends: Vec<_> = ends.map(|(module, _)| module.clone()).collect();
        assert!(!ends.is_empty(), "these import each other in circles: {left:#?}");
        for module in ends {
            left.remove(&module);
        }
    }
}
