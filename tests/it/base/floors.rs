//! The layout of the sources: every arrow between modules points down, and no two files lead back to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. What stands on one floor may use the floors below, and its own.
const FLOORS: &[&[&str]] = &[
    &["interface", "protocol"],
    &["client"],
    &[
        "server::background",
        "server::byte_budget",
        "server::clock",
        "server::error",
        "server::folder",
        "server::id",
        "server::leases",
        "server::metrics",
        "server::office",
        "server::refusals",
        "server::tally",
    ],
    &["server::bus", "server::config", "server::db", "server::logging", "server::announce"],
    &["server::auth"],
    &["server::blobs"],
    &["server::app", "server::backup"],
    &["server::audit"],
    &["server::http"],
    &["server::sweeper"],
    &["server::features"],
    &["server::settings"],
    &["server"],
    &["cli"],
];

/// A file of the sources, and the files that it names.
struct Module {
    name: String,
    uses: BTreeSet<String>,
}

#[test]
fn arrows_point_down() {
    let modules = modules();
    let mut upward = Vec::new();
    for module in modules.iter().filter(|module| !module.name.is_empty()) {
        for used in module.uses.iter().filter(|used| floor(used) > floor(&module.name)) {
            upward.push(format!("{} uses {used}", module.name));
        }
    }
    assert!(upward.is_empty(), "\n{}", upward.join("\n"));
}

/// The client and the protocol are built without the server.
#[test]
fn clients_know_no_server() {
    for module in modules() {
        let is_of_an_end = ["client", "protocol", "interface"].contains(&room(&module.name, 1).as_str());
        let servers = module.uses.iter().filter(|used| ["server", "cli"].contains(&room(used, 1).as_str()));
        assert!(!is_of_an_end || servers.count() == 0, "{} uses {:?}", module.name, module.uses);
    }
}

/// A feature may call another's model and show its words, never its handlers.
#[test]
fn features_call_no_handlers_of_others() {
    for module in modules().iter().filter(|module| module.name.starts_with("server::features::")) {
        for used in module.uses.iter().filter(|used| room(used, 3) != room(&module.name, 3)) {
            assert!(!used.contains("handlers") && !used.ends_with("::upload"), "{} uses {used}", module.name);
        }
    }
}

#[test]
fn no_two_files_lead_back_to_each_other() {
    let modules = modules();
    let uses: BTreeMap<&str, &BTreeSet<String>> =
        modules.iter().map(|module| (module.name.as_str(), &module.uses)).collect();
    let mut circles = BTreeSet::new();
    for module in &modules {
        for used in &module.uses {
            // A folder's head declares what is in it, and what is in it may use what the head declares.
            let kin = |a: &str, b: &str| a.starts_with(&format!("{b}::"));
            if kin(used, &module.name) || kin(&module.name, used) {
                continue;
            }
            if reaches(&uses, used, &module.name) {
                circles.insert(format!("{} → {used} → … → {}", module.name, module.name));
            }
        }
    }
    assert!(circles.is_empty(), "\n{}", circles.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Whether one leads to the other, by arrows between files that are not folder and content.
fn reaches(uses: &BTreeMap<&str, &BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            let further = uses.get(name).into_iter().flat_map(|used| used.iter());
            next.extend(further.map(String::as_str).filter(|used| !used.starts_with(&format!("{name}::"))));
        }
    }
    false
}

fn floor(name: &str) -> usize {
    let best = FLOORS.iter().enumerate().flat_map(|(number, rooms)| rooms.iter().map(move |room| (number, *room)));
    let is_in = |room: &str| name == room || name.starts_with(&format!("{room}::"));
    let (number, _) = best.filter(|(_, room)| is_in(room)).max_by_key(|(_, room)| room.len()).unwrap_or_else(|| {
        panic!("{name} stands on no floor: give it one");
    });
    number
}

/// The first parts of a name.
fn room(name: &str, parts: usize) -> String {
    name.split("::").take(parts).collect::<Vec<_>>().join("::")
}

fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let name_of = |path: &PathBuf| {
        let parts: Vec<_> = path
            .strip_prefix(&root)
            .unwrap()
            .with_extension("")
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        parts.into_iter().filter(|part| !["mod", "lib"].contains(&part.as_str())).collect::<Vec<_>>().join("::")
    };
    let names: BTreeSet<String> = files.iter().map(name_of).collect();
    let is_source =
        |path: &&PathBuf| path.file_name().unwrap() != "main.rs" && !path.to_str().unwrap().contains("/tests");
    files
        .iter()
        .filter(is_source)
        .map(|path| module(name_of(path), &fs::read_to_string(path).unwrap(), &names))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|kind| kind == "rs") => files.push(path),
            false => {}
        }
    }
}

fn module(name: String, text: &str, names: &BTreeSet<String>) -> Module {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut uses = BTreeSet::new();
    for path in paths(&code, &name) {
        // The longest part of a path that is a file.
        let mut parts: Vec<&str> = path.split("::").collect();
        while !parts.is_empty() && !names.contains(&parts.join("::")) {
            parts.pop();
        }
        let used = parts.join("::");
        if !used.is_empty() && used != name {
            uses.insert(used);
        }
    }
    Module { name, uses }
}

/// The paths that begin with `crate` or `super`, groups unfolded.
fn paths(code: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut base: Vec<&str> = if root == "super::" { name.split("::").collect() } else { Vec::new() };
            let mut rest = &code[at..];
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            rest = rest.strip_prefix("crate::").unwrap_or(rest);
            let base = base.join("::");
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let stem = rest[..end].trim_end_matches("::");
            let full = |tail: &str| {
                [base.as_str(), stem, tail]
                    .iter()
                    .filter(|part| !part.is_empty())
                    .copied()
                    .collect::<Vec<_>>()
                    .join("::")
            };
            match rest[end..].strip_prefix('{') {
                Some(group) if rest[..end].ends_with("::") || end == 0 => {
                    let group = &group[..group.find("};").unwrap_or(group.len())];
                    found.extend(group.split([',', '{', '}']).map(|item| full(item.trim())));
                }
                _ => found.push(full("")),
            }
        }
    }
    found
}
