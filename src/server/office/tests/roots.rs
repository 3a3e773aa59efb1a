//! The package's own relationships lead to the main part: readers begin there.

use super::craft::{Item, OOXML, Zip, docx, main_xml, outside, over, package, rel, rels_xml, types_xml};
use super::{Kind, refusal, verdict};

/// A text document whose root relationships are these lines.
fn with_roots(lines: &[String]) -> Zip {
    let mut zip = docx();
    zip.items[1] = Item::new("_rels/.rels", rels_xml(lines)).deflated();
    zip
}

fn refused(zip: &Zip, code: &str) {
    let refusal = refusal(&zip.build(), Kind::Document);
    assert_eq!(refusal.code(), code, "{refusal}");
}

#[test]
fn without_root_relationships_nothing_leads_to_the_text() {
    let mut zip = docx();
    zip.items.remove(1);
    refused(&zip, "not_an_office_document");
    let text = refusal(&zip.build(), Kind::Document).to_string();
    assert!(text.contains("no _rels/.rels"), "{text}");
    refused(&with_roots(&[]), "not_an_office_document");
    refused(&with_roots(&[rel("extended-properties", "word/document.xml")]), "not_an_office_document");
    refused(&with_roots(&[rel("officeDocument", "word/other.xml")]), "not_an_office_document");
    refused(&with_roots(&[rel("officeDocument", "_rels/.rels")]), "not_an_office_document");
}

/// A theme (.thmx) holds a presentation beside what it leads to.
#[test]
fn a_theme_is_no_presentation() {
    let manager = "application/vnd.openxmlformats-officedocument.themeManager+xml";
    let main = format!("{OOXML}presentationml.presentation.main+xml");
    let mut zip = package("theme/presentation.xml", &main, &over("/theme/theme/themeManager.xml", manager));
    zip.items.push(Item::new("theme/theme/themeManager.xml", "<a:themeManager xmlns:a='u'/>"));
    assert_eq!(verdict(&zip.build(), Kind::Presentation), "ok");
    zip.items[1] = Item::new("_rels/.rels", rels_xml(&[rel("officeDocument", "theme/theme/themeManager.xml")]));
    assert_eq!(verdict(&zip.build(), Kind::Presentation), "not_an_office_document");
}

#[test]
fn two_main_parts_are_ambiguous() {
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    let mut zip = package("word/document.xml", &main, &over("/word/second.xml", &main));
    zip.items.push(Item::new("word/second.xml", main_xml(&main)));
    assert_eq!(verdict(&zip.build(), Kind::Document), "ok");
    let lines = [rel("officeDocument", "word/document.xml"), rel("officeDocument", "/word/second.xml")];
    zip.items[1] = Item::new("_rels/.rels", rels_xml(&lines));
    refused(&zip, "unsafe_document");
    // The same one twice misleads nobody.
    let twice = [rel("officeDocument", "word/document.xml"), rel("officeDocument", "/Word/document.xml")];
    assert_eq!(verdict(&with_roots(&twice).build(), Kind::Document), "ok");
}

#[test]
fn targets_are_written_in_many_ways() {
    for target in [
        "/word/document.xml",
        "./word/document.xml",
        "word\\document.xml",
        "a/../word/document.xml",
        "WORD/docum%65nt.XML",
    ] {
        assert_eq!(verdict(&with_roots(&[rel("officeDocument", target)]).build(), Kind::Document), "ok", "{target}");
    }
    let strict = "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument";
    assert_eq!(verdict(&with_roots(&[rel(strict, "word/document.xml")]).build(), Kind::Document), "ok");
    refused(&with_roots(&[outside("officeDocument", "http://example.org/a.docx")]), "not_an_office_document");
    let both = [rel("officeDocument", "word/document.xml"), outside("officeDocument", "http://example.org/a.docx")];
    refused(&with_roots(&both), "unsafe_document");
}

#[test]
fn broken_root_relationships() {
    for xml in [
        "",
        "garbage",
        "<Relationships>",
        "<Relationships><Relationship></Relationships>",
        "<Types/>",
        "<Relationships/>x",
    ] {
        let mut zip = docx();
        zip.items[1] = Item::new("_rels/.rels", xml);
        refused(&zip, "damaged_document");
    }
    let mut zip = docx();
    let entity = format!("<!DOCTYPE r [<!ENTITY a 'b'>]>{}", rels_xml(&[rel("officeDocument", "word/document.xml")]));
    zip.items[1] = Item::new("_rels/.rels", entity);
    refused(&zip, "unsafe_document");
    // UTF-16 is XML as well.
    let wide = rels_xml(&[rel("officeDocument", "word/document.xml")]);
    let bytes: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    zip.items[1] = Item::new("_rels/.rels", [b"\xFF\xFE".as_slice(), &bytes].concat());
    assert_eq!(verdict(&zip.build(), Kind::Document), "ok");
    // A list of types that names no relationships does not hide them.
    zip = docx();
    zip.items[0] = Item::new(
        "[Content_Types].xml",
        types_xml(&over("/word/document.xml", &format!("{OOXML}wordprocessingml.document.main+xml")))
            .replace("rels", "relz"),
    );
    assert_eq!(verdict(&zip.build(), Kind::Document), "ok");
}
