//! One crafted file for each rule that refuses.

use super::craft::{Item, OOXML, Zip, docx, end_records, extra_field, over, package, types_xml};
use super::{Kind, refusal, verdict};

fn refused(zip: &Zip, code: &str) {
    let refusal = refusal(&zip.build(), Kind::Document);
    assert_eq!(refusal.code(), code, "{refusal}");
}

/// A document with one more entry.
fn with(item: Item) -> Zip {
    let mut zip = docx();
    zip.items.push(item);
    zip
}

fn with_types(xml: impl AsRef<[u8]>) -> Zip {
    let mut zip = docx();
    zip.items[0] = Item::new("[Content_Types].xml", xml).deflated();
    zip
}

#[test]
fn unsafe_names() {
    for name in [
        "/etc/passwd",
        "\\\\server\\share\\x",
        "C:\\x",
        "c:x",
        "../x",
        "word/../../x",
        "..\\x",
        "word\\..\\x",
        "word/.. /x",
        "word/..",
        "%2e%2e/x",
        "..%5Cx",
        "%2Fetc/passwd",
        "a\0b",
        "a%00b",
        "a\nb",
        "a\x7fb",
        "",
    ] {
        refused(&with(Item::new(name, "x")), "unsafe_document");
    }
}

#[test]
fn names_are_shown_escaped_and_short() {
    let name = format!("../{}\u{202E}\n<script>", "x".repeat(900));
    let long = Item::new("x".repeat(60_000), "x");
    assert!(refusal(&with(long).build(), Kind::Document).to_string().len() < 180);
    let text = refusal(&with(Item::new(name, "x")).build(), Kind::Document).to_string();
    assert!(text.chars().count() < 180 && text.contains('…'), "{text}");
    assert!(text.contains("\\u{202e}\\n<script>"), "{text}");
}

#[test]
fn links_encryption_and_other_methods() {
    let entry = || Item::new("word/media/a.bin", "data");
    let mut link = entry();
    link.mode = 0o120_777;
    refused(&with(link), "unsafe_document");
    for bit in [0, 6, 13] {
        let mut locked = entry();
        locked.flags = 1 << bit;
        refused(&with(locked), "unsafe_document");
    }
    for method in [1, 9, 12, 14, 93, 99] {
        let mut packed = entry();
        packed.method = Some(method);
        refused(&with(packed), "damaged_document");
    }
}

#[test]
fn duplicates() {
    refused(&with(Item::new("word/document.xml", "x")), "unsafe_document");
    refused(&with(Item::new("Word/DOCUMENT.xml", "x")), "unsafe_document");
    refused(&with(Item::new("word\\document.xml", "x")), "unsafe_document");
    refused(&with(Item::new("word/docum%65nt.xml", "x")), "unsafe_document");
    refused(&with(Item::new("[content_types].XML", "x")), "unsafe_document");
}

#[test]
fn second_names() {
    let named = |first: &[u8], second: &str| {
        let mut item = Item::new(first, "x");
        item.extra = extra_field(0x7075, &[b"\x01\0\0\0\0", second.as_bytes()].concat());
        item
    };
    refused(&with(named(b"a.png", "b.png")), "unsafe_document");
    refused(&with(named(b"\x82.png", "../b.png")), "unsafe_document");
    refused(&with(named(b"\x82.png", "word/vbaProject.bin")), "macros_not_allowed");
}

#[test]
fn macros_by_name() {
    for name in [
        "word/vbaProject.bin",
        "word/VBAPROJECT.BIN",
        "./odd/my-vbaProject.bin",
        "word/vbaProjectSignature.bin",
        "word/vbaData.xml",
        "xl/macrosheets/sheet1.xml",
        "word\\vba%50roject.bin",
    ] {
        refused(&with(Item::new(name, "x")), "macros_not_allowed");
    }
}

#[test]
fn macros_by_type() {
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    for content_type in [
        "application/vnd.ms-office.vbaProject",
        "application/vnd.ms-office.vbaProjectSignature",
        "application/vnd.ms-word.vbaData+xml",
        "application/vnd.ms-excel.macrosheet+xml",
        "Application/vnd.MS-Excel.intlMacroSheet+xml",
    ] {
        let mut zip = package("word/document.xml", &main, &over("/a/b.dat", content_type));
        zip.items.push(Item::new("a/b.dat", "x"));
        refused(&zip, "macros_not_allowed");
        let default = format!("<Default Extension='DAT' ContentType='{content_type}'/>");
        let mut zip = package("word/document.xml", &main, &default);
        zip.items.push(Item::new("a/b.dat", "x"));
        refused(&zip, "macros_not_allowed");
    }
}

#[test]
fn macro_enabled_documents_under_other_names() {
    for content_type in [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        "application/vnd.ms-excel.template.macroEnabled.main+xml",
        "application/vnd.ms-excel.addin.macroEnabled.main+xml",
        "application/vnd.ms-excel.sheet.binary.macroEnabled.main",
        "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
        "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
        "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
        "application/vnd.ms-powerpoint.addin.macroEnabled.main+xml",
    ] {
        let bytes = package("word/document.xml", content_type, "").build();
        for kind in Kind::ALL {
            assert_eq!(verdict(&bytes, kind), "macros_not_allowed", "{content_type}");
        }
    }
}

#[test]
fn packages_of_other_formats() {
    for zip in [
        package("Documents/1.fdseq", "application/vnd.ms-package.xps-fixeddocumentsequence+xml", ""),
        package("visio/document.xml", "application/vnd.ms-visio.drawing.main+xml", ""),
        with_types(types_xml("")),
        with_types(types_xml(&over("/word/gone.xml", &format!("{OOXML}wordprocessingml.document.main+xml")))),
    ] {
        refused(&zip, "not_an_office_document");
    }
    let odf = Zip {
        items: vec![Item::new("mimetype", "application/vnd.oasis.opendocument.text"), Item::new("content.xml", "<x/>")],
        ..Zip::default()
    };
    refused(&odf, "not_an_office_document");
    refused(&Zip::default(), "not_an_office_document");
}

#[test]
fn a_second_main_part_of_another_kind() {
    let sheet = over("/xl/workbook.xml", &format!("{OOXML}spreadsheetml.sheet.main+xml"));
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    let mut zip = package("word/document.xml", &main, &sheet);
    zip.items.push(Item::new("xl/workbook.xml", "x"));
    refused(&zip, "wrong_office_kind");
    assert_eq!(verdict(&zip.build(), Kind::Workbook), "wrong_office_kind");
}

#[test]
fn broken_or_tricky_lists_of_types() {
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    let line = over("/word/document.xml", &main);
    let other = over("/word/document.xml", "application/vnd.ms-word.document.macroEnabled.main+xml");
    let namespaces: String = (0..200).map(|n| format!(" xmlns:a{n}='u'")).collect();
    let attributes: String = (0..200).map(|n| format!(" a{n}='u'")).collect();
    for (xml, code) in [
        (format!("<!DOCTYPE Types [<!ENTITY a 'b'>]>{}", types_xml(&line)), "damaged_document"),
        (format!("<!DOCTYPE Types [<!ENTITY a 'b'>]><Types>{line}</Types>"), "unsafe_document"),
        (types_xml(&(line.clone() + &other)), "unsafe_document"),
        (types_xml(&line).replace("</Types>", ""), "damaged_document"),
        (types_xml(&line).replace("Types>", "Typos>"), "damaged_document"),
        (format!("<Types>{line}</Types><Types/>"), "damaged_document"),
        ("<Types><Override PartName='/word/document.xml'/></Types>".into(), "damaged_document"),
        ("<Types><Override PartName='&x;' ContentType='a'/></Types>".into(), "damaged_document"),
        (format!("<Types xmlns='urn:x'>{line}</Types>"), "damaged_document"),
        (format!("<Types{namespaces}>{line}</Types>"), "damaged_document"),
        (format!("<Types><Override{attributes}/></Types>"), "damaged_document"),
        ("<Types>".repeat(100_000), "damaged_document"),
        (types_xml(&line).replace("UTF-8", "UTF-7"), "damaged_document"),
        ("<html></html>".into(), "damaged_document"),
        (String::new(), "damaged_document"),
    ] {
        let zip = with_types(&xml);
        let refusal = refusal(&zip.build(), Kind::Document);
        // A DOCTYPE after the declaration is refused either way.
        let doctype = xml.starts_with("<!DOCTYPE");
        assert!(refusal.code() == code || doctype && refusal.code() == "unsafe_document", "{refusal}: {xml:.80}");
    }
}

#[test]
fn a_list_of_types_that_is_a_bomb() {
    let mut xml = types_xml("").into_bytes();
    xml.resize(5 << 20, b' ');
    refused(&with_types(&xml), "unsafe_document");
    let mut zip = with_types(&xml);
    zip.items[0].expanded = Some(4000); // says less than it is
    refused(&zip, "unsafe_document");
    zip.items[0].deflate = false;
    zip.items[0].method = Some(8); // no deflate stream at all
    zip.items[0].data = vec![0xFF; 100];
    zip.items[0].expanded = None;
    refused(&zip, "damaged_document");
}

#[test]
fn headers_that_contradict_the_directory() {
    let mut zip = docx();
    zip.items[1].local_name = Some(b"word/vb_.bin".to_vec());
    refused(&zip, "damaged_document");
    zip.items[1].local_name = Some(b"_rels/.relz".to_vec());
    refused(&zip, "damaged_document");

    let mut zip = docx();
    zip.items[2].local_at = Some(5_000_000);
    refused(&zip, "damaged_document");
    let mut zip = docx();
    zip.items[1].compressed = Some(1 << 30);
    zip.items[1].expanded = Some(1 << 30);
    refused(&zip, "damaged_document");
    let mut zip = docx();
    zip.items[1] = Item::new("a.bin", "data");
    zip.items[1].expanded = Some(5);
    refused(&zip, "damaged_document");
}

#[test]
fn entries_that_share_bytes() {
    let mut zip = docx();
    for name in ["a", "b", "c"] {
        let mut twin = Item::new(name, "");
        twin.local_at = Some(0);
        zip.items.push(twin);
    }
    refused(&zip, "unsafe_document");

    // The quoting bomb: each entry's data are all the headers after it, and the kernel.
    let mut zip = docx();
    for index in 0..100_u32 {
        let mut quote = Item::new(format!("{index:03}"), "");
        quote.method = Some(8);
        quote.compressed = Some((100 - index) * 33);
        quote.expanded = Some((100 - index) * 33);
        zip.items.push(quote);
    }
    zip.items.push(Item::new("kernel", vec![0; 10_000]));
    refused(&zip, "unsafe_document");
}

#[test]
fn junk_before_the_first_entry() {
    let mut zip = docx();
    zip.prefix = b"MZ self-extractor".to_vec();
    refused(&zip, "not_an_office_document");
    zip.prefix = b"%PDF-1.7\n".to_vec();
    refused(&zip, "not_an_office_document");
    // An entry that only a reader from the front would see.
    let hidden = Zip { items: vec![Item::new("word/vbaProject.bin", "x")], ..Zip::default() };
    zip.prefix = hidden.build()[..30 + 19 + 1].to_vec();
    refused(&zip, "unsafe_document");
}

#[test]
fn ends_that_mislead() {
    let mut zip = docx();
    zip.disk = 1;
    refused(&zip, "damaged_document");
    let mut zip = docx();
    zip.listed = Some(2);
    refused(&zip, "damaged_document");

    // Two ends that lead to one directory each: the second hides in the comment.
    let mut outer = docx();
    let body = outer.build();
    let mut inner = Zip { items: vec![Item::new("other.txt", "")], ..Zip::default() };
    inner.prefix = body.clone();
    let both = inner.build();
    outer.comment = both[body.len()..].to_vec();
    refused(&outer, "unsafe_document");

    // A ZIP64 record that says otherwise than the plain one.
    let mut bytes = docx().build();
    let end = bytes.split_off(bytes.len() - 22);
    let mut with_locator = Vec::new();
    let wide = Zip { zip64: true, ..docx() };
    end_records(&mut with_locator, &wide, 0, bytes.len() as u64);
    bytes.extend(&with_locator[..76]);
    bytes.extend(end);
    assert_eq!(verdict(&bytes, Kind::Document), "damaged_document");
}
