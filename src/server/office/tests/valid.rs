//! Odd packages that Word, LibreOffice or Apache POI opens.

use super::craft::{Item, OOXML, Zip, docx, extra_field, over, package, types_xml};
use super::{Kind, verdict};

const MAIN: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";

fn accepted(zip: &Zip) {
    assert_eq!(verdict(&zip.build(), Kind::Document), "ok");
}

/// A document whose list of types is these bytes.
fn with_types(name: &str, xml: &[u8]) -> Zip {
    let mut zip = docx();
    zip.items[0] = Item::new(name, xml).deflated();
    zip
}

#[test]
fn the_list_of_types_may_stand_anywhere_in_any_case_and_stored() {
    accepted(&docx());
    let mut zip = docx();
    zip.items.rotate_left(1);
    accepted(&zip);
    zip.items[2].deflate = false;
    accepted(&zip);
    zip.items[2].name = b"[CONTENT_types].XML".to_vec();
    accepted(&zip);
}

#[test]
fn the_list_of_types_may_be_in_any_encoding_of_opc() {
    let xml = types_xml(&over("/word/document.xml", MAIN));
    let wide = xml.replace("UTF-8", "UTF-16");
    let units = || wide.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        xml.as_bytes(),
        &[b"\xEF\xBB\xBF", xml.as_bytes()].concat(),
        &[b"\xFF\xFE", little.as_slice()].concat(),
        &[b"\xFE\xFF", big.as_slice()].concat(),
        &little,
        &big,
    ] {
        accepted(&with_types("[Content_Types].xml", bytes));
    }
}

#[test]
fn the_list_of_types_may_be_written_in_odd_ways() {
    let namespace = "http://schemas.openxmlformats.org/package/2006/content-types";
    for xml in [
        // prefixed, other quotes, space, comments, an entity, other letter case
        format!(
            "<!-- x --><ct:Types xmlns:ct='{namespace}'>\n <ct:Override ContentType='{}' \
             PartName = '/Word/Document&#46;XML'></ct:Override></ct:Types>",
            MAIN.to_uppercase()
        ),
        // by Default alone
        format!("<Types xmlns='{namespace}'><Default Extension='XML' ContentType='{MAIN}'/></Types>"),
        // no namespace, a parameter, a repeated line, a line for a part that is not there
        format!(
            "<Types>{0}{0}{1}</Types>",
            over("/word/document.xml", &format!("{MAIN}; charset=utf-8")),
            over("/word/gone.xml", "application/vnd.ms-office.vbaProject")
        ),
        // a Default for macros of which nothing is there
        types_xml(
            &(over("/word/document.xml", MAIN)
                + "<Default Extension='bin' ContentType='application/vnd.ms-office.vbaProject'/>"),
        ),
    ] {
        accepted(&with_types("[Content_Types].xml", xml.as_bytes()));
    }
}

#[test]
fn every_main_type_is_let_in_under_its_kind() {
    for (kind, part, types) in [
        (Kind::Document, "word/document.xml", ["wordprocessingml.document", "wordprocessingml.template"].as_slice()),
        (Kind::Workbook, "xl/workbook.xml", &["spreadsheetml.sheet", "spreadsheetml.template"]),
        (
            Kind::Presentation,
            "ppt/presentation.xml",
            &["presentationml.presentation", "presentationml.template", "presentationml.slideshow"],
        ),
    ] {
        for name in types {
            let bytes = package(part, &format!("{OOXML}{name}.main+xml"), "").build();
            for asked in Kind::ALL {
                let expected = if asked == kind { "ok" } else { "wrong_office_kind" };
                assert_eq!(verdict(&bytes, asked), expected, "{name}");
            }
        }
    }
}

#[test]
fn strict_documents_are_documents() {
    let mut zip = docx();
    zip.items[2].data = b"<w:document xmlns:w='http://purl.oclc.org/ooxml/wordprocessingml/main'/>".to_vec();
    accepted(&zip);
}

#[test]
fn the_main_part_may_be_anywhere() {
    accepted(&package("here/the main%20part.bin", MAIN, ""));
    let mut zip = package("word/document.xml", MAIN, "");
    zip.items[2].name = b"WORD/Document.xml".to_vec();
    accepted(&zip);
    // Evernote, .NET Framework
    zip.items[2].name = b"word\\document.xml".to_vec();
    accepted(&zip);
}

#[test]
fn zip_features_that_real_writers_use() {
    let mut zip = docx();
    zip.items.iter_mut().for_each(|item| item.descriptor = true);
    accepted(&zip);

    let mut zip = docx();
    zip.zip64 = true;
    accepted(&zip);
    zip.items.iter_mut().for_each(|item| item.zip64 = true);
    accepted(&zip);

    let mut zip = docx();
    zip.items.push(Item::new("word/", ""));
    zip.items.push(Item::new("./word/media/my picture 1..2.png", "x"));
    zip.items.push(Item::new("word/media/żółć.png", "x"));
    zip.items.push(Item::new(b"word/media/\x8fcp437.png", "x"));
    zip.items.push(Item::new("word/media/100% sure.png", "x"));
    zip.items.push(Item::new("word/activeX/activeX1.bin", "x"));
    zip.items[1].extra = vec![0, 0, 0]; // zipalign's padding is no whole field
    zip.items[1].mode = 0o100_644;
    accepted(&zip);
}

#[test]
fn an_honest_second_name_is_let_in() {
    let mut zip = docx();
    let mut item = Item::new(b"word/media/\x82.png", "x");
    item.extra = extra_field(0x7075, &[b"\x01\0\0\0\0", "word/media/é.png".as_bytes()].concat());
    zip.items.push(item);
    accepted(&zip);
}

#[test]
fn comments_and_trailing_bytes_do_not_confuse() {
    let mut zip = docx();
    zip.comment = [b"PK\x05\x06".as_slice(), &[b'x'; 40]].concat();
    accepted(&zip);
    zip.comment = vec![b'y'; 65_535];
    accepted(&zip);
    let bytes = [docx().build(), b"\r\n--boundary--\r\n".to_vec()].concat();
    assert_eq!(verdict(&bytes, Kind::Document), "ok");
}

#[test]
fn a_stored_package_within_is_only_data() {
    let main = format!("{OOXML}spreadsheetml.sheet.main+xml");
    let sheet = package("xl/workbook.xml", &main, "").build();
    let mut zip = docx();
    zip.items.push(Item::new("word/embeddings/sheet.xlsx", sheet));
    accepted(&zip);
    // PowerPoint embeds these behind charts; the nested file is not run by opening the outer one.
    let lines = "<Default Extension='xlsm' ContentType='application/vnd.ms-excel.sheet.macroEnabled.12'/>";
    let mut zip = package("word/document.xml", MAIN, lines);
    zip.items.push(Item::new("word/embeddings/sheet.xlsm", "x"));
    accepted(&zip);
}

#[test]
fn a_sparse_sheet_of_real_proportions_is_let_in() {
    let mut zip = docx();
    // A million equal rows deflate at 50:1 or so; 7 MB of them are a small part of a real, if large, workbook.
    let rows: String =
        (0..100_000).map(|n| format!("<row r='{n}'><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>")).collect();
    zip.items.push(Item::new("xl/worksheets/sheet1.xml", rows).deflated());
    accepted(&zip);
}
