//! Parts that are programs, by the ending of their name or by how their content begins.

/// Endings of what Windows, macOS and Linux run, install or follow when it is opened. Documents with
/// macros are not here: those that Office itself embeds behind charts end so.
const ENDINGS: [&str; 73] = [
    "appref-ms",
    "application",
    "appx",
    "bash",
    "bat",
    "chm",
    "class",
    "cmd",
    "com",
    "command",
    "cpl",
    "csh",
    "deb",
    "desktop",
    "diagcab",
    "dll",
    "drv",
    "dylib",
    "exe",
    "gadget",
    "hlp",
    "hta",
    "inf",
    "jar",
    "js",
    "jse",
    "ksh",
    "library-ms",
    "lnk",
    "mjs",
    "msc",
    "msi",
    "msix",
    "msp",
    "mst",
    "ocx",
    "php",
    "pif",
    "pkg",
    "pl",
    "ps1",
    "ps1xml",
    "psc1",
    "psd1",
    "psm1",
    "py",
    "pyc",
    "pyw",
    "rb",
    "reg",
    "rpm",
    "scf",
    "scr",
    "sct",
    "search-ms",
    "settingcontent-ms",
    "sh",
    "so",
    "sys",
    "url",
    "vb",
    "vbe",
    "vbs",
    "webloc",
    "website",
    "wll",
    "ws",
    "wsc",
    "wsf",
    "wsh",
    "xbap",
    "xll",
    "zsh",
];

/// How programs begin that say so in their first bytes: ELF, Mach-O of both widths and orders, Java
/// and universal Mach-O, Dalvik, WebAssembly, shortcuts of Windows ([MS-SHLLINK] 2.1), compiled help.
const MAGIC: [&[u8]; 11] = [
    b"\x7FELF",
    b"\xFE\xED\xFA\xCE",
    b"\xFE\xED\xFA\xCF",
    b"\xCE\xFA\xED\xFE",
    b"\xCF\xFA\xED\xFE",
    b"\xCA\xFE\xBA\xBE",
    b"dex\n03",
    b"\0asm\x01\0\0\0",
    b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0F",
    b"ITSF\x03\0\0\0",
    b"#!/",
];

/// How scripts and shortcuts begin that are text, in lower case, after a byte order mark and space.
const TEXT: [&str; 9] = [
    "#! ",
    "@echo ",
    "@echo\r",
    "<script",
    "<hta:application",
    "<scriptlet",
    "[internetshortcut]",
    "[desktop entry]",
    "windows registry editor",
];

/// Whether a part of this ending, in lower case, is a program.
pub(super) fn is_ending(extension: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| ending.as_bytes() == extension)
}

/// Whether content of `size` bytes that begins with `head` is a program.
pub(super) fn is_content(head: &[u8], size: u64) -> bool {
    MAGIC.iter().any(|magic| head.starts_with(magic)) || is_dos_header(head, size) || is_text(head)
}

/// An MZ header: by the two kinds that linkers write, or by pointing to a later one within the file.
/// Two letters alone would be found in one of 65,536 scrambled fonts.
fn is_dos_header(head: &[u8], size: u64) -> bool {
    let later = head.get(0x3C..0x40).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let linked = matches!(head.get(2..4), Some([0x90 | 0x50, 0]));
    head.starts_with(b"MZ") && (linked || u64::from(later) < size)
}

fn is_text(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let ascii = head.iter().filter(|&&byte| byte != 0 && byte < 0x80); // UTF-16, too
    let text: Vec<u8> = ascii.skip_while(|byte| byte.is_ascii_whitespace()).take(32).copied().collect();
    TEXT.iter().any(|start| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes())))
}
