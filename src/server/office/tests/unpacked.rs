//! What entries hold: as long as they say, with the checksum that they say, and a main part that is one.

use super::craft::{Item, OOXML, Zip, docx, main_xml, package};
use super::{Kind, refusal, verdict};

fn refused(zip: &Zip, code: &str) {
    let refusal = refusal(&zip.build(), Kind::Document);
    assert_eq!(refusal.code(), code, "{refusal}");
}

fn with(item: Item) -> Zip {
    let mut zip = docx();
    zip.items.push(item);
    zip
}

/// A text document whose main part is these bytes.
fn with_main(xml: impl AsRef<[u8]>) -> Zip {
    let mut zip = docx();
    zip.items[2] = Item::new("word/document.xml", xml).deflated();
    zip
}

#[test]
fn sizes_and_checksums_that_lie() {
    for length in [100, 64 << 10, 300_000] {
        let picture = || Item::new("word/media/a.png", (0..length).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        for item in [picture(), picture().deflated()] {
            assert_eq!(verdict(&with(item.clone()).build(), Kind::Document), "ok");
            let wrong = Item { crc: Some(1), ..item.clone() };
            refused(&with(wrong), "damaged_document");
        }
        let more = Item { expanded: Some(length + 1), ..picture().deflated() };
        refused(&with(more), "damaged_document");
        let less = Item { expanded: Some(length - 1), ..picture().deflated() };
        refused(&with(less), "unsafe_document");
    }
    let text = refusal(&with(Item { crc: Some(1), ..Item::new("a.png", "x") }).build(), Kind::Document).to_string();
    assert_eq!(text, "The document is damaged: the entry \"a.png\" does not have the checksum that it says.");
    // In its own header it may say nothing, but no other size.
    let mut zip = docx();
    zip.items[2].local_expanded = Some(5);
    refused(&zip, "damaged_document");
}

#[test]
fn data_that_cannot_be_unpacked() {
    let garbage = Item { method: Some(8), ..Item::new("a.png", vec![0xFF; 300]) };
    refused(&with(garbage), "damaged_document");
    // Cut off in its midst.
    let whole = super::craft::deflate(&vec![b'x'; 100_000]);
    let cut = Item { method: Some(8), expanded: Some(100_000), ..Item::new("a.png", &whole[..whole.len() / 2]) };
    refused(&with(cut), "damaged_document");
    // Nothing at all is what some writers deflate folders to.
    let folder = Item { method: Some(8), ..Item::new("word/media/", "") };
    assert_eq!(verdict(&with(folder).build(), Kind::Document), "ok");
}

#[test]
fn a_main_part_is_well_formed_xml_of_its_kind() {
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    let good = main_xml(&main);
    for bad in [
        "garbage".to_owned(),
        String::new(),
        "<document/>".to_owned(),
        good.replace("document", "workbook"),
        good.replace("wordprocessingml", "spreadsheetml"),
        good.replace("</x:body>", ""),
        good.replace("text", "&unknown;"),
        good.replace("text", "a < b"),
        good.replace("<x:body>", "<x:body a=b>"),
        good.clone() + "<x/>",
        good.clone() + "text",
        good[..good.len() - 5].to_owned(),
        "<a>".repeat(5_000),
    ] {
        refused(&with_main(bad), "damaged_document");
    }
    refused(&with_main(format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{good}")), "unsafe_document");
    refused(&with_main([good.as_bytes(), b"\xFF"].concat()), "damaged_document");
    for fine in [
        format!("<?xml version='1.0' encoding='UTF-8'?>\n<!-- x -->{good}\n<!-- y -->"),
        good.replace("text", "&lt;&#65;&quot;<![CDATA[ a < b ]]><?pi?>"),
        good.replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            "http://purl.oclc.org/ooxml/wordprocessingml/main",
        ),
        "\u{FEFF}".to_owned() + &good,
        good.replace("text", &"long ".repeat(400_000)),
        good.replace("text", &format!("<v:shape xmlns:v='u' gfxdata='{}'/>", "QUJD".repeat(500_000))),
    ] {
        assert_eq!(verdict(&with_main(fine).build(), Kind::Document), "ok");
    }
    for (mark, unit) in [(b"\xFF\xFE", u16::to_le_bytes as fn(u16) -> [u8; 2]), (b"\xFE\xFF", u16::to_be_bytes)] {
        let wide = good.replace("text", &"żółć 𝄞 ".repeat(5_000));
        let bytes: Vec<u8> = wide.encode_utf16().flat_map(unit).collect();
        assert_eq!(verdict(&with_main([mark.as_slice(), &bytes].concat()).build(), Kind::Document), "ok");
    }
}

#[test]
fn main_parts_of_the_other_kinds() {
    for (kind, part, name) in [
        (Kind::Workbook, "xl/workbook.xml", "spreadsheetml.sheet"),
        (Kind::Presentation, "ppt/presentation.xml", "presentationml.presentation"),
    ] {
        let mut zip = package(part, &format!("{OOXML}{name}.main+xml"), "");
        assert_eq!(verdict(&zip.build(), kind), "ok");
        zip.items[2] = Item::new(part, main_xml("wordprocessingml"));
        assert_eq!(verdict(&zip.build(), kind), "damaged_document");
    }
}

/// One text of more than 16 MiB is held by no reader of ours.
#[test]
fn one_endless_text_is_refused() {
    let endless = main_xml("word").replace("text", &"x".repeat(17 << 20));
    refused(&with_main(endless), "damaged_document");
}
