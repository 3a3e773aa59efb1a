//! The files of real producers and the hostile ones, whole, cut and flipped.

use proptest::prelude::*;

use super::{Kind, fixture, refusal, verdict};

const REAL: [&str; 8] = [
    "report-python-docx.docx",
    "ledger-openpyxl.xlsx",
    "deck-python-pptx.pptx",
    "brief-libreoffice.docx",
    "sheet-libreoffice.xlsx",
    "slides-libreoffice.pptx",
    "見積書 żółć отчёт.docx",
    "password-protected.docx",
];

#[test]
fn real_files_are_let_in_under_their_own_kind_only() {
    for name in REAL {
        let bytes = fixture(name);
        for kind in Kind::ALL {
            let expected = match Kind::of_name(name) {
                _ if name.starts_with("password") => "ok", // nobody can see what is inside
                Some(own) if own == kind => "ok",
                _ => "wrong_office_kind",
            };
            assert_eq!(verdict(&bytes, kind), expected, "{name} as {kind:?}");
        }
    }
}

#[test]
fn hostile_files_have_their_verdicts() {
    for (name, code) in [
        ("hostile-empty.docx", "empty_file"),
        ("hostile-html.docx", "not_an_office_document"),
        ("hostile-pe.xlsx", "not_an_office_document"),
        ("hostile-plain-zip.xlsx", "not_an_office_document"),
        ("hostile-no-content-types.docx", "not_an_office_document"),
        ("hostile-sheet-named-deck.pptx", "wrong_office_kind"),
        ("hostile-macro-inside.docx", "macros_not_allowed"),
        ("hostile-truncated.docx", "damaged_document"),
        ("hostile-traversal-entry.docx", "unsafe_document"),
        ("hostile-bomb.docx", "unsafe_document"),
    ] {
        let kind = Kind::of_name(name).unwrap();
        assert_eq!(verdict(&fixture(name), kind), code, "{name}");
    }
}

#[test]
fn refusals_tell_people_what_is_wrong() {
    let bomb = refusal(&fixture("hostile-bomb.docx"), Kind::Document).to_string();
    assert!(bomb.contains("268841169") && bomb.contains("image1.bin"), "{bomb}");
    let deck = refusal(&fixture("hostile-sheet-named-deck.pptx"), Kind::Presentation);
    assert_eq!(deck.to_string(), "The name says presentation (.pptx), but the file is a workbook (.xlsx).");
}

#[test]
fn a_file_that_is_cut_off_is_damaged() {
    for name in REAL {
        let bytes = fixture(name);
        let kind = Kind::of_name(name).unwrap();
        for part in 1..50 {
            let cut = bytes.len() * part / 50;
            assert_eq!(verdict(&bytes[..cut], kind), "damaged_document", "{name} at {cut}");
        }
        assert_eq!(verdict(&bytes[..bytes.len() - 1], kind) == "ok", name.starts_with("pass"));
    }
}

#[test]
fn a_file_shorter_than_it_was_stored_is_damaged() {
    let bytes = fixture("report-python-docx.docx");
    let size = bytes.len() as u64 + 100;
    let found = super::inspect(&mut std::io::Cursor::new(&bytes), size, Kind::Document);
    let Err(super::InspectError::Refused(refusal)) = found else {
        panic!("{found:?}");
    };
    assert_eq!(refusal.code(), "damaged_document");
}

#[test]
fn names_have_kinds_in_any_letter_case() {
    assert_eq!(Kind::of_name("a.DocX"), Some(Kind::Document));
    assert_eq!(Kind::of_name("a.docx.xlsx"), Some(Kind::Workbook));
    assert_eq!(Kind::of_name("見積書.PPTX"), Some(Kind::Presentation));
    for name in ["docx", "a.docm", "a.docx ", "a.xls", "a.docx.exe", ""] {
        assert_eq!(Kind::of_name(name), None, "{name}");
    }
    let types: Vec<_> = Kind::ALL.iter().map(|kind| kind.media_type()).collect();
    assert!(types.iter().all(|name| name.starts_with("application/vnd.openxmlformats-")));
}

fn flipped(name: &str, flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = fixture(name);
    for (index, value) in flips {
        let at = index.index(bytes.len());
        bytes[at] = *value;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    // `verdict` panics on an I/O error.
    #[test]
    fn flipped_bytes_never_panic(
        name in prop::sample::select(REAL.to_vec()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64),
    ) {
        verdict(&flipped(name, &flips), Kind::Document);
    }

    #[test]
    fn flipped_tails_and_heads_never_panic(
        name in prop::sample::select(REAL.to_vec()),
        flips in prop::collection::vec((0..2048_usize, any::<bool>(), any::<u8>()), 1..16),
    ) {
        let mut bytes = fixture(name);
        for (at, front, value) in flips {
            let at = if front { at } else { bytes.len() - 1 - at };
            bytes[at] = value;
        }
        verdict(&bytes, Kind::Presentation);
    }

    #[test]
    fn arbitrary_bytes_never_panic(zip in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let magic: &[u8] = if zip { b"PK\x03\x04" } else { b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" };
        verdict(&[magic, &bytes].concat(), Kind::Workbook);
    }
}
