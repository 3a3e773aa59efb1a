//! File names as people give them: data for rows and headers, never a path.

use unicode_normalization::UnicodeNormalization as _;

use super::names;

/// Longest name, in bytes: what every common file system takes.
const LONGEST: usize = 255;

/// Deepest folder and longest path of a name with folders: well within what file systems and archivers take.
const DEEPEST: usize = 32;
const LONGEST_PATH: usize = 1024;

/// A name that can be shown, stored and sent in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The last path component of what was given, in NFC, without control characters and without those that reverse the
    /// direction of writing (`gpj.docx` must not read as `xcod.jpg`), cut to 255 bytes with its extension kept. `None` if
    /// nothing is left.
    pub fn new(given: &str) -> Option<FileName> {
        clean(components(given).next_back()?).map(FileName)
    }

    /// A name with the folders it lies in, `a/b/c.txt`, each part cleaned as [`FileName::new`] does. What is absolute,
    /// climbs up, or is too deep or too long to be unpacked anywhere is cut to its last part.
    pub fn with_folders(given: &str) -> Option<FileName> {
        FileName::within(given, DEEPEST, LONGEST_PATH)
    }

    /// Likewise, however deep and long it is: for whoever makes folder in folder, which systems allow.
    pub fn with_all_folders(given: &str) -> Option<FileName> {
        FileName::within(given, usize::MAX, usize::MAX)
    }

    fn within(given: &str, deepest: usize, longest: usize) -> Option<FileName> {
        let parts: Option<Vec<String>> = components(given).map(clean).collect();
        match parts.map(|parts| (parts.len(), parts.join("/"))) {
            Some((depth, path)) if depth <= deepest && path.len() <= longest && !has_drive(&path) => {
                Some(FileName(path))
            }
            _ => FileName::new(given),
        }
    }

    /// The name without its folders.
    pub fn last(name: &str) -> &str {
        name.rsplit('/').next().unwrap_or(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_inner(self) -> String {
        self.0
    }
}

/// A name to look up, in the form in which names are stored: macOS sends them decomposed.
pub fn to_look_up(name: &str) -> String {
    name.nfc().collect()
}

fn components(given: &str) -> std::str::Split<'_, [char; 2]> {
    given.split(['/', '\\'])
}

/// One part of a path, `None` if nothing of it is left.
fn clean(part: &str) -> Option<String> {
    let name: String = names::plain(part);
    let name = cut(name.trim());
    (!matches!(name.as_str(), "" | "." | "..")).then_some(name)
}

/// Whether a path begins with the letter of a Windows drive.
fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn cut(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    };
    let mut end = LONGEST - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: &str) -> Option<String> {
        FileName::new(given).map(FileName::into_inner)
    }

    /// Row 7 of the usual faults: whatever a client calls its file, what is left is a plain name.
    #[test]
    fn hostile_names() {
        for (given, expected) in [
            ("report.docx", Some("report.docx")),
            ("../../etc/passwd.docx", Some("passwd.docx")),
            ("..\\..\\boot.docx", Some("boot.docx")),
            ("C:\\Users\\ann\\q3.xlsx", Some("q3.xlsx")),
            ("/absolute/x.pptx", Some("x.pptx")),
            ("a\0b\r\n.docx", Some("ab.docx")),
            ("%2e%2e%2fx.docx", Some("%2e%2e%2fx.docx")),
            ("CON.docx", Some("CON.docx")),
            ("\u{202E}xcod.gpj.docx", Some("xcod.gpj.docx")),
            ("  見積書 żółć отчёт.docx ", Some("見積書 żółć отчёт.docx")),
            ("e\u{301}.docx", Some("é.docx")),
            ("..", None),
            ("folder/", None),
            ("", None),
        ] {
            assert_eq!(name(given).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn folders_stay_where_they_are_harmless() {
        let path = |given: &str| FileName::with_folders(given).map(FileName::into_inner);
        let deep = "a/".repeat(40) + "x.txt";
        for (given, expected) in [
            ("x.txt", Some("x.txt")),
            ("photos/2026/e\u{301}té.jpg", Some("photos/2026/été.jpg")),
            ("photos\\2026\\a.jpg", Some("photos/2026/a.jpg")),
            (" a / b ", Some("a/b")),
            ("/etc/passwd", Some("passwd")),
            ("../../etc/passwd", Some("passwd")),
            ("a/../../b", Some("b")),
            ("a/./b", Some("b")),
            ("a//b", Some("b")),
            ("C:\\Users\\ann\\q3.xlsx", Some("q3.xlsx")),
            ("\\\\server\\share\\q3.xlsx", Some("q3.xlsx")),
            ("a\0/\u{202E}b/..\u{200F}/c", Some("c")),
            (deep.as_str(), Some("x.txt")),
            ("a/", None),
            ("a/..", None),
            ("", None),
        ] {
            assert_eq!(path(given).as_deref(), expected, "{given:?}");
        }
        assert_eq!((FileName::last("a/b/c"), FileName::last("c")), ("c", "c"));
    }

    #[test]
    fn long_names_keep_their_extension_and_whole_characters() {
        let cut = name(&format!("{}.docx", "ż".repeat(300))).unwrap();
        assert!(cut.len() <= 255 && cut.ends_with("ż.docx"));
    }
}
