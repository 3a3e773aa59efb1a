use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// Everything below a folder, links included and not followed.
fn all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(all(&entry.path())),
            kind if kind.is_file() => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    found
}

fn put(folder: &Folder, name: &str, content: &[u8]) -> String {
    let mut partial = folder.begin(name, None).unwrap();
    partial.write_all(content).unwrap();
    partial.finish().unwrap()
}

#[test]
fn nothing_lands_outside_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let chosen = dir.path().join("chosen");
    fs::create_dir(dir.path().join("outside")).unwrap();
    fs::write(dir.path().join("outside/file"), "mine").unwrap();
    fs::create_dir(&chosen).unwrap();
    symlink("../outside", chosen.join("link")).unwrap();
    symlink("../outside/file", chosen.join("file-link")).unwrap();
    symlink("../outside/new", chosen.join("dangling")).unwrap();
    let folder = Folder::open(&chosen).unwrap();
    for name in [
        "../outside/file",
        "../../../../../../tmp/x",
        "/etc/passwd",
        "\\\\server\\share\\x",
        "C:\\Windows\\x",
        "C:x",
        "a/../../outside/file",
        "link/file",
        "link",
        "file-link",
        "dangling",
        "file-link/x",
        "a\0b",
        "",
        "..",
        ".",
        "/",
        ".bashrc",
        ".ssh/authorized_keys",
        "CON",
        "x\n\r\u{202e}y",
        &"a/".repeat(500),
        &"ż".repeat(400),
    ] {
        let saved = put(&folder, name, name.as_bytes());
        assert!(!saved.starts_with(['/', '.']) && !saved.contains("../"), "{name}: {saved}");
        assert_eq!(fs::read(chosen.join(&saved)).unwrap(), name.as_bytes(), "{name}: {saved}");
    }
    folder.make("link/sub").unwrap();
    let found = all(dir.path());
    let (inside, outside): (Vec<_>, Vec<_>) = found.iter().partition(|(path, _)| path.starts_with(&chosen));
    assert_eq!((inside.len(), outside.len()), (23, 1));
    assert_eq!(outside[0].1, b"mine");
    assert!(inside.iter().all(|(path, _)| !path.to_string_lossy().ends_with(SUFFIX)));
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.txt"), "mine").unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let long = format!("{}.txt", "x".repeat(251));
    assert_eq!(put(&folder, "a.txt", b"1"), "a (2).txt");
    assert_eq!(put(&folder, "a.txt", b"2"), "a (3).txt");
    assert_eq!(put(&folder, "a.txt/b", b"3"), "a (4).txt/b");
    assert_eq!(put(&folder, &long, b"4"), long);
    assert_eq!(put(&folder, &long, b"5"), format!("{} (2).txt", "x".repeat(247)));
    assert_eq!(fs::read(dir.path().join("a.txt")).unwrap(), b"mine");
    // One that comes while the file is being written
    let partial = folder.begin("late", None).unwrap();
    fs::write(dir.path().join("late"), "mine").unwrap();
    assert_eq!(partial.finish().unwrap(), "late (2)");
    assert_eq!(fs::read(dir.path().join("late")).unwrap(), b"mine");
}

#[test]
fn only_what_is_said_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(dir.path().join("mine"), "mine").unwrap();
    symlink("mine", dir.path().join("link")).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    for (name, kind) in [("folder", FileType::Directory), ("mine", FileType::RegularFile), ("link", FileType::Symlink)]
    {
        assert_eq!(folder.peek(name).unwrap(), Some(kind));
    }
    assert_eq!(folder.peek("none").unwrap(), None);
    let mut partial = folder.begin_as("link").unwrap();
    partial.write_all(b"new").unwrap();
    assert_eq!(partial.replace().unwrap(), "link");
    assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"mine", "the link was replaced, not what it leads to");
    assert_eq!(fs::read(dir.path().join("link")).unwrap(), b"new");
    assert!(folder.begin_as("folder").unwrap().replace().is_err());
    assert!(folder.begin_as("../outside").is_err());
    assert_eq!(all(dir.path()).len(), 2, "nothing incomplete is left");
}

#[test]
fn a_name_has_no_folders() {
    for (offered, name) in [
        ("report.docx", "report.docx"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "_bashrc"),
        ("a/.ssh", "_ssh"),
        ("..", "file"),
        ("", "file"),
        ("x\n\u{1b}[2Jy", "x[2Jy"),
    ] {
        assert_eq!(local_name(offered), name, "{offered:?}");
    }
}

#[test]
fn another_process_goes_on_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let begun = || {
        let mut partial = folder.begin("sub/a.txt", None).unwrap();
        partial.write_all(b"half").unwrap();
        let mark = partial.mark().unwrap();
        (partial, mark)
    };
    let (partial, mark) = begun();
    partial.leave();
    let Reopened::Partial(mut partial) = folder.reopen(mark.clone()).unwrap() else { panic!("it is not complete") };
    assert_eq!(partial.digest().unwrap(), (4, blake3::hash(b"half").to_hex().to_string()));
    partial.write_all(b" and half").unwrap();
    fs::write(dir.path().join("sub/a.txt"), "mine").unwrap();
    assert_eq!(partial.finish().unwrap(), "sub/a (2).txt");
    assert_eq!(fs::read(dir.path().join("sub/a (2).txt")).unwrap(), b"half and half");
    assert!(matches!(folder.reopen(mark), Ok(Reopened::Finished { bytes: 13 })));

    // Somebody else's file, or a link, in its place
    fs::write(dir.path().join("other"), "x").unwrap();
    let (partial, mark) = begun();
    drop(partial);
    let place = dir.path().join(format!("sub/a.txt{SUFFIX}"));
    symlink("/etc/passwd", &place).unwrap();
    assert!(folder.reopen(mark.clone()).is_err());
    fs::remove_file(&place).unwrap();
    fs::hard_link(dir.path().join("other"), &place).unwrap();
    assert!(folder.reopen(mark).is_err());
}

#[test]
fn what_is_not_complete_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut partial = folder.begin("a.txt", None).unwrap();
    partial.write_all(b"half").unwrap();
    let during: Vec<_> = all(dir.path()).into_keys().collect();
    assert_eq!(during, [dir.path().join(format!("a.txt{SUFFIX}"))]);
    drop(partial);
    assert!(all(dir.path()).is_empty());
}
