//! Files that are two: whatever readers could choose between is refused.

use super::craft::{Item, OOXML, Zip, docx, over, package};
use super::{Kind, refusal, verdict};

/// A document with macros, of about `more` bytes.
fn with_macros(more: usize) -> Vec<u8> {
    let main = "application/vnd.ms-word.document.macroEnabled.main+xml";
    let mut zip =
        package("word/document.xml", main, &over("/word/vbaProject.bin", "application/vnd.ms-office.vbaProject"));
    zip.items.push(Item::new("word/vbaProject.bin", vec![7; more]));
    zip.build()
}

fn ambiguous(bytes: &[u8], what: &str) {
    let refusal = refusal(bytes, Kind::Document);
    assert_eq!(refusal.code(), "unsafe_document", "{what}: {refusal}");
}

#[test]
fn a_document_with_another_one_appended() {
    for more in [10, 60_000, 200_000] {
        // As `cat a b` makes it: the second one's directory counts from where it begins.
        ambiguous(&[docx().build(), with_macros(more)].concat(), "appended");
        ambiguous(&[with_macros(more), docx().build()].concat(), "put before");
    }
    // With the places of its entries mended, it leaves out what the file begins with.
    let mended = Zip { prefix: docx().build(), ..docx() };
    ambiguous(&mended.build(), "mended");
    // Readers that count from the end of the file see it behind the clean one's comment as well.
    let mut clean = docx();
    clean.comment = with_macros(10);
    ambiguous(&clean.build(), "as comment");
    // One of nothing: an archive without entries.
    let nothing = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    ambiguous(&[docx().build(), nothing].concat(), "nothing");
}

/// A package that is embedded unpacked ends like any other, and is only data: unless its comment claims the rest of the
/// outer one, as some readers take for the mark of the real end.
#[test]
fn an_embedded_package_that_claims_the_end() {
    let workbook = package("xl/workbook.xml", &format!("{OOXML}spreadsheetml.sheet.main+xml"), "").build();
    let outer = |inner: &[u8]| {
        let mut zip = docx();
        zip.items.push(Item::new("word/embeddings/book.xlsx", inner));
        zip.build()
    };
    let plain = outer(&workbook);
    assert_eq!(verdict(&plain, Kind::Document), "ok");
    let inner_at = plain.windows(workbook.len()).position(|bytes| bytes == workbook).unwrap();
    let rest = plain.len() - inner_at - workbook.len();
    let mut claiming = workbook.clone();
    let comment_at = claiming.len() - 2;
    claiming[comment_at..].copy_from_slice(&(rest as u16).to_le_bytes());
    ambiguous(&outer(&claiming), "claims the end");
}

/// Readers from the front (unpacking from a pipe) see entries that the directory does not name.
#[test]
fn entries_between_the_entries() {
    let clean = docx().build();
    let hidden = Zip { items: vec![Item::new("word/vbaProject.bin", "macros")], ..Zip::default() };
    let hidden = &hidden.build()[..30 + 19 + 6];
    for (padding, expected) in [(0, "unsafe_document"), (16, "unsafe_document"), (500, "unsafe_document")] {
        let mut zip = docx();
        // Behind the last entry: the directory is moved by as much.
        let gap = [vec![0; padding], hidden.to_vec()].concat();
        let last = zip.items.len() - 1;
        zip.items[last].gap = gap;
        assert_eq!(verdict(&zip.build(), Kind::Document), expected, "{padding}");
        zip = docx();
        zip.items[0].gap = [vec![0; padding], hidden.to_vec()].concat();
        assert_eq!(verdict(&zip.build(), Kind::Document), expected, "{padding}");
    }
    let mut padded = docx();
    padded.items[1].gap = vec![0; 4_000];
    assert_eq!(verdict(&padded.build(), Kind::Document), "ok");
    padded.items[1].gap = vec![0; 70_000];
    ambiguous(&padded.build(), "a long gap");
    assert_eq!(verdict(&clean, Kind::Document), "ok");
}

#[test]
fn other_formats_in_the_same_file() {
    let mut pdf = docx();
    pdf.items.insert(0, Item::new("a.txt", "%PDF-1.7\n1 0 obj"));
    ambiguous(&pdf.build(), "a PDF");
    let script = format!("<html>{}", "<script>alert(1)</script>".repeat(100));
    ambiguous(&[docx().build(), script.clone().into_bytes()].concat(), "a page appended");
    let mut commented = docx();
    commented.comment = script.into_bytes();
    assert_eq!(verdict(&commented.build(), Kind::Document), "ok", "a comment is a comment");
    for padding in [vec![0; 4_096], vec![b' '; 2_000], b"\r\n--boundary--\r\n".to_vec()] {
        assert_eq!(verdict(&[docx().build(), padding].concat(), Kind::Document), "ok");
    }
}
