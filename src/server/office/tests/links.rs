//! What relationships lead to, and parts that are programs: refused, told, or let in.

use super::craft::{Item, OOXML, Zip, docx, outside, over, package, rel, rels_xml};
use super::{Kind, Note, inspect, refusal};

const MICROSOFT: &str = "http://schemas.microsoft.com/office/2006/relationships/";

/// A text document whose main part has these relationships.
fn with_links(lines: &[String]) -> Zip {
    with(Item::new("word/_rels/document.xml.rels", rels_xml(lines)).deflated())
}

fn with(item: Item) -> Zip {
    let mut zip = docx();
    zip.items.push(item);
    zip
}

fn refused(zip: &Zip, code: &str) {
    let refusal = refusal(&zip.build(), Kind::Document);
    assert_eq!(refusal.code(), code, "{refusal}");
}

fn told(zip: &Zip, kind: Kind) -> Vec<Note> {
    let bytes = zip.build();
    inspect(&mut std::io::Cursor::new(&bytes), bytes.len() as u64, kind).unwrap()
}

#[test]
fn macros_by_relationship_under_innocent_names_and_types() {
    for kind in [
        "vbaProject",
        "VBAProject",
        "vbaProjectSignature",
        "vbaProjectSignatureAgile",
        "vbaProjectSignatureV3",
        "wordVbaData",
        "xlMacrosheet",
        "xlIntlMacrosheet",
    ] {
        for base in [MICROSOFT, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/", " urn:x/"] {
            let mut zip = with_links(&[rel(&format!("{base}{kind}").replace("urn:x", "http://x"), "media/image1.png")]);
            zip.items.push(Item::new("word/media/image1.png", "x"));
            refused(&zip, "macros_not_allowed");
        }
    }
    // Of any part, wherever its relationships stand, and in entities.
    let hidden = rels_xml(&[rel(&format!("{MICROSOFT}vba&#80;roject"), "x.png")]);
    refused(&with(Item::new("odd/_RELS/thing.XML.RELS", hidden)), "macros_not_allowed");
}

#[test]
fn what_is_loaded_from_outside_is_refused() {
    for kind in [
        "attachedTemplate",
        "oleObject",
        "subDocument",
        "frame",
        "aFChunk",
        "package",
        "control",
        "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility",
        "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility",
        "http://schemas.microsoft.com/office/2006/relationships/ui/userCustomization",
        "http://purl.oclc.org/ooxml/officeDocument/relationships/attachedTemplate",
    ] {
        for target in
            ["https://example.org/x.dotm", "\\\\server\\share\\x.dotm", "file://server/share/x", "mhtml:http://x!y"]
        {
            refused(&with_links(&[outside(kind, target)]), "unsafe_document");
            // Whatever its mode says, this is no part.
            refused(&with_links(&[rel(kind, target)]), "unsafe_document");
        }
        refused(&with_links(&[outside(kind, "relative.bin")]), "unsafe_document");
    }
    let text =
        refusal(&with_links(&[outside("attachedTemplate", "http://x/a.dotm")]).build(), Kind::Document).to_string();
    assert_eq!(text, "The document is unsafe: it loads a template from outside (\"http://x/a.dotm\").");
}

/// Word notes where the template was that a document was made from; that is on no server.
#[test]
fn a_template_on_the_authors_disk_is_only_a_name() {
    for target in [
        "file:///C:\\Users\\me\\AppData\\Roaming\\Microsoft\\Templates\\Letter.dotx",
        "file:///C:/Users/me/Letter.dotx",
        "C:\\Letter.dotx",
        "file:///Users/me/Library/Letter.dotx",
    ] {
        assert_eq!(told(&with_links(&[outside("attachedTemplate", target)]), Kind::Document), []);
        refused(&with_links(&[outside("oleObject", target)]), "unsafe_document");
    }
    for target in [
        "file:////server/share/a.dotm",
        "file:///\\\\server\\a.dotm",
        "file:///%5C%5Cserver/a.dotm",
        "//server/a",
        "a:b",
    ] {
        refused(&with_links(&[outside("attachedTemplate", target)]), "unsafe_document");
    }
}

#[test]
fn links_that_wait_for_people_pass() {
    let lines = [
        outside("hyperlink", "https://example.org/"),
        outside("hyperlink", "mailto:a@example.org"),
        outside("hyperlink", "file:///\\\\server\\share\\x.docx"),
        outside("video", "https://example.org/v.mp4"),
        outside("mailMergeSource", "file:///C:\\people.xlsx"),
        rel("image", "media/image1.png"),
        rel("styles", "styles.xml"),
        rel("hyperlink", "#top"),
    ];
    assert_eq!(told(&with_links(&lines), Kind::Document), []);
}

#[test]
fn what_receivers_should_know_is_told() {
    let of = |line: String| told(&with_links(&[line]), Kind::Document);
    assert_eq!(of(rel("oleObject", "embeddings/oleObject1.bin")), [Note::EmbeddedObject]);
    assert_eq!(of(rel("package", "embeddings/book.xlsx")), [Note::EmbeddedObject]);
    assert_eq!(of(rel("control", "activeX/activeX1.xml")), [Note::ActiveX]);
    assert_eq!(of(rel(&format!("{MICROSOFT}activeXControlBinary"), "a.bin")), [Note::ActiveX]);
    assert_eq!(of(outside("image", "http://example.org/a.png")), [Note::LinkedPicture]);
    assert_eq!(of(outside("externalLinkPath", "book.xlsx")), [Note::LinkedWorkbook]);
    assert_eq!(of(outside(&format!("{MICROSOFT}xlExternalLinkPath/xlPathMissing"), "b.xlsx")), [Note::LinkedWorkbook]);
    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    for (content_type, note) in [
        ("application/vnd.ms-office.activeX+xml", Note::ActiveX),
        ("application/vnd.openxmlformats-officedocument.oleObject", Note::EmbeddedObject),
    ] {
        let mut zip = package("word/document.xml", &main, &over("/word/a.dat", content_type));
        zip.items.push(Item::new("word/a.dat", "x"));
        assert_eq!(told(&zip, Kind::Document), [note]);
    }
}

/// A chart brings the workbook with its numbers along, or names the file that it was.
#[test]
fn charts_have_their_numbers() {
    let chart = |name: &str, line: String| {
        let main = format!("{OOXML}wordprocessingml.document.main+xml");
        let mut zip = package("word/document.xml", &main, &over(name, &format!("{OOXML}drawingml.chart+xml")));
        zip.items.push(Item::new("word/charts/chart1.xml", "<c/>"));
        zip.items.push(Item::new("word/charts/_rels/chart1.xml.rels", rels_xml(&[line])));
        zip
    };
    assert_eq!(told(&chart("/word/charts/chart1.xml", rel("package", "../embeddings/a.xlsx")), Kind::Document), []);
    let linked = chart("/word/charts/chart1.xml", outside("oleObject", "file:///C:\\a.xlsx"));
    assert_eq!(told(&linked, Kind::Document), [Note::LinkedWorkbook]);
    // What is no chart by its type is none by its name.
    refused(&chart("/word/charts/chart2.xml", outside("oleObject", "file:///C:\\a.xlsx")), "unsafe_document");
}

#[test]
fn fields_that_ask_for_data() {
    let text = |body: &str| {
        let main = format!("{OOXML}wordprocessingml.document.main+xml");
        let mut zip = docx();
        let xml = super::craft::main_xml(&main).replace("text", body);
        zip.items[2] = Item::new("word/document.xml", xml).deflated();
        told(&zip, Kind::Document)
    };
    let field = |code: &str| format!("<x:fldChar t='begin'/><x:instrText>{code}</x:instrText><x:fldChar t='end'/>");
    assert_eq!(text(&field(" DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/k calc\" ")), [Note::Dde]);
    assert_eq!(text(&field("dde Excel a")), [Note::Dde]);
    assert_eq!(text(&field(" D&#68;E</x:instrText><x:rPr/><x:instrText>AUTO x")), [Note::Dde]);
    assert_eq!(text("<x:fldSimple x:instr=' DDE x y'/>"), [Note::Dde]);
    assert_eq!(text(&field("PAGE")), []);
    assert_eq!(text(&field("DDEFOO")), []);
    assert_eq!(text("DDEAUTO is a word"), []);

    let main = format!("{OOXML}wordprocessingml.document.main+xml");
    let mut zip =
        package("word/document.xml", &main, &over("/word/header1.xml", &format!("{OOXML}wordprocessingml.header+xml")));
    zip.items.push(Item::new(
        "word/header1.xml",
        format!("<w:hdr xmlns:w='u'>{}</w:hdr>", field("DDE a b").replace("x:", "w:")),
    ));
    assert_eq!(told(&zip, Kind::Document), [Note::Dde]);
}

#[test]
fn links_of_workbooks() {
    let link = |xml: &str| {
        let lines = over("/xl/externalLinks/externalLink1.xml", &format!("{OOXML}spreadsheetml.externalLink+xml"));
        let mut zip = package("xl/workbook.xml", &format!("{OOXML}spreadsheetml.sheet.main+xml"), &lines);
        zip.items.push(Item::new("xl/externalLinks/externalLink1.xml", xml));
        told(&zip, Kind::Workbook)
    };
    assert_eq!(
        link("<externalLink xmlns='u'><ddeLink ddeService='cmd' ddeTopic='/c calc'/></externalLink>"),
        [Note::Dde]
    );
    assert_eq!(link("<externalLink xmlns='u'><externalBook/></externalLink>"), []);
}

#[test]
fn a_ribbon_calls_no_macros_of_other_files() {
    let ribbon = |xml: &str| {
        let mut zip = docx();
        let lines = [
            rel("officeDocument", "word/document.xml"),
            rel(&format!("{MICROSOFT}ui/extensibility"), "customUI/customUI.xml"),
        ];
        zip.items[1] = Item::new("_rels/.rels", rels_xml(&lines));
        zip.items.push(Item::new("customUI/customUI.xml", xml));
        zip
    };
    let space = "http://schemas.microsoft.com/office/2006/01/customui";
    for call in
        ["onLoad='\\\\server\\x.dotm!run'", "onLoad='http://x/y.dotm!run'", "getLabel='x.dotm!a'", "loadImage='a!b'"]
    {
        refused(&ribbon(&format!("<customUI xmlns='{space}' {call}/>")), "unsafe_document");
    }
    let fine = format!("<customUI xmlns='{space}'><button onAction='Save' imageMso='A' label='http://x'/></customUI>");
    assert_eq!(told(&ribbon(&fine), Kind::Document), []);
    refused(&ribbon("<customUI"), "damaged_document");
}

#[test]
fn programs_by_ending() {
    for name in [
        "word/embeddings/setup.exe",
        "word/embeddings/RUN.BAT",
        "word/media/a.ps1",
        "x.lnk",
        "x.url",
        "x.hta",
        "x.vbs",
        "x.js",
        "x.jar",
        "x.msi",
        "x.scr",
        "x.exe.",
        "x.exe ",
        "x%2Eexe",
        "x.settingcontent-ms",
    ] {
        refused(&with(Item::new(name, "data")), "unsafe_document");
    }
}

#[test]
fn programs_by_content() {
    let mut pe = vec![0; 300];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3C] = 0x80;
    pe[0x80..0x84].copy_from_slice(b"PE\0\0");
    let link = [b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0F".as_slice(), &[0; 60]].concat();
    let wide: Vec<u8> =
        "\u{FEFF}[InternetShortcut]\r\nURL=http://x".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for content in [
        pe.as_slice(),
        b"MZ\x90\0\x03\0\0\0",
        b"\x7FELF\x02\x01\x01\0",
        b"\xCF\xFA\xED\xFE\x07\0\0\x01",
        b"\xCA\xFE\xBA\xBE\0\0\0\x34",
        &link,
        &wide,
        b"#!/bin/sh\nrm -rf ~",
        b"\xEF\xBB\xBF  @echo off\r\n",
        b"<script>x</script>",
        b"<HTA:APPLICATION id='x'/>",
        b"[InternetShortcut]\r\nURL=http://x",
    ] {
        for item in
            [Item::new("word/media/image1.png", content), Item::new("word/embeddings/a.bin", content).deflated()]
        {
            refused(&with(item), "unsafe_document");
        }
    }
    let mut font = vec![0xAB; 100_000];
    font[..2].copy_from_slice(b"MZ");
    assert_eq!(told(&with(Item::new("word/fonts/font1.odttf", font)), Kind::Document), []);
    let text = refusal(&with(Item::new("a.bin", b"\x7FELF")).build(), Kind::Document).to_string();
    assert_eq!(text, "The document is unsafe: it holds a program (\"a.bin\").");
}
