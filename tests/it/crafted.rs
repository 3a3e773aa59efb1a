//! Documents of any size, made by the test: a valid package with one stored picture in it.

/// `length` bytes that look random and are the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A .docx that holds `length` bytes of noise, and a little more.
pub fn docx(seed: u64, length: usize) -> Vec<u8> {
    let types = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"bin\" ContentType=\"application/octet-stream\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\
         \"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    stored(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", b"<Relationships/>"),
        ("word/document.xml", b"<document/>"),
        ("word/media/image1.bin", &noise(seed, length)),
    ])
}

/// A ZIP archive (APPNOTE 4.3) of entries that are stored as they are.
fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let put16 = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    let put32 = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    for (name, data) in entries {
        let at = out.len() as u32;
        let sums = [crc32fast::hash(data), data.len() as u32, data.len() as u32];
        put32(&mut out, &[0x0403_4b50]);
        put16(&mut out, &[20, 0, 0, 0, 33]);
        put32(&mut out, &sums);
        put16(&mut out, &[name.len() as u16, 0]);
        out.extend(name.bytes());
        out.extend(*data);
        put32(&mut directory, &[0x0201_4b50]);
        put16(&mut directory, &[20, 20, 0, 0, 0, 33]);
        put32(&mut directory, &sums);
        put16(&mut directory, &[name.len() as u16, 0, 0, 0, 0]);
        put32(&mut directory, &[0, at]);
        directory.extend(name.bytes());
    }
    let at = out.len() as u32;
    out.extend(&directory);
    put32(&mut out, &[0x0605_4b50]);
    put16(&mut out, &[0, 0, entries.len() as u16, entries.len() as u16]);
    put32(&mut out, &[directory.len() as u32, at]);
    put16(&mut out, &[0]);
    out
}
