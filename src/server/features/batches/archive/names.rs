//! Names of entries that every system can make a file of.
//!
//! Windows has no files whose name holds `< > : " | ? * \`, ends in a dot or a space, or is that of a device (Microsoft,
//! "Naming Files, Paths, and Namespaces"); archivers there leave such entries out or stop. In the archive they get a name
//! beside which all others keep theirs; the list of the batch keeps the true one.

use std::collections::{HashMap, HashSet};

const FORBIDDEN: [char; 8] = ['<', '>', ':', '"', '|', '?', '*', '\\'];

/// Names of devices, whatever their ending; `COM` and `LPT` with a digit are too.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Each name as it is in the archive, in the same order.
pub fn portable(names: &[&str]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    for name in names.iter().filter(|name| name.split('/').all(is_portable)) {
        taken.extend(prefixes(name).map(key));
    }
    // Folders that are kept are the same folder for whatever lies in them; others get one name each.
    let mut folders: HashMap<String, String> = HashMap::new();
    names.iter().map(|name| place(name, &mut folders, &mut taken)).collect()
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
fn prefixes(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(end, _)| &name[..end]).chain([name])
}

fn place(name: &str, folders: &mut HashMap<String, String>, taken: &mut HashSet<String>) -> String {
    if name.split('/').all(is_portable) {
        return name.to_owned();
    }
    let (mut given, mut path) = (String::new(), String::new());
    let last = name.matches('/').count();
    for (depth, part) in name.split('/').enumerate() {
        given = join(&given, part);
        if depth == last {
            return free(&path, part, taken);
        }
        path = match folders.get(&given) {
            Some(known) => known.clone(),
            // What needs no other name lies in the folder of that name, which others may lie in as well.
            None if is_portable(part) => join(&path, part),
            None => free(&path, part, taken),
        };
        taken.insert(key(&path));
        folders.insert(given.clone(), path.clone());
    }
    path
}

/// A name in `folder` like `part` that nothing else has; it is taken then.
fn free(folder: &str, part: &str, taken: &mut HashSet<String>) -> String {
    let name = mended(part);
    let mut path = join(folder, &name);
    let mut number = 1;
    while !taken.insert(key(&path)) {
        number += 1;
        path = join(folder, &numbered(&name, number));
    }
    path
}

fn mended(part: &str) -> String {
    let part: String = part.chars().map(|c| if FORBIDDEN.contains(&c) || c.is_control() { '_' } else { c }).collect();
    let part = part.trim_end_matches(['.', ' ']);
    match part {
        "" => "_".to_owned(),
        part if is_device(part) => format!("_{part}"),
        part => part.to_owned(),
    }
}

fn is_portable(part: &str) -> bool {
    !part.contains(FORBIDDEN) && !part.contains(char::is_control) && !part.ends_with(['.', ' ']) && !is_device(part)
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let mut number = port.unwrap_or_default().chars();
    let is_port = matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None));
    DEVICES.contains(&stem.as_str()) || is_port
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The form in which names are the same on systems that do not tell capitals apart.
fn key(name: &str) -> String {
    name.to_lowercase()
}

/// `report.docx` as `report (2).docx`.
fn numbered(name: &str, number: u32) -> String {
    match name.rfind('.') {
        Some(dot) if dot > 0 => format!("{} ({number}){}", &name[..dot], &name[dot..]),
        _ => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_has_no_files_for_are_mended() {
        let names = [
            ("Meeting 12:30.txt", "Meeting 12_30.txt"),
            ("What?.txt", "What_.txt"),
            ("abc*def/note.txt", "abc_def/note.txt"),
            ("say \"hi\".txt", "say _hi_.txt"),
            ("aux.txt", "_aux.txt"),
            ("COM¹.log", "_COM¹.log"),
            ("NUL", "_NUL"),
            ("con .txt", "_con .txt"),
            ("folder /x", "folder/x"),
            ("...", "_"),
            ("com10.txt", "com10.txt"),
            ("auxiliary.txt", "auxiliary.txt"),
            (".profile", ".profile"),
        ];
        let given: Vec<_> = names.iter().map(|(given, _)| *given).collect();
        let expected: Vec<_> = names.iter().map(|(_, expected)| *expected).collect();
        assert_eq!(portable(&given), expected);
    }

    #[test]
    fn names_that_become_the_same_are_told_apart_and_true_ones_stay() {
        let given = ["a?.txt", "a_.txt", "A*.TXT", "Acme Inc./report.txt", "Acme Inc./b", "Acme Inc/report.txt"];
        let expected =
            ["a_ (2).txt", "a_.txt", "A_ (3).TXT", "Acme Inc (2)/report.txt", "Acme Inc (2)/b", "Acme Inc/report.txt"];
        assert_eq!(portable(&given), expected);
        // A folder that is fine around one that is not.
        assert_eq!(portable(&["x/a:/1", "x/a:/2", "X/b"]), ["x/a_/1", "x/a_/2", "X/b"]);
    }
}
