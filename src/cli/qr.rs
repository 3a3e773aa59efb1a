//! QR codes (ISO/IEC 18004) in a terminal.

use std::io::IsTerminal as _;

use fast_qr::ECL;
use fast_qr::qr::QRBuilder;

/// Draws a QR code; `None` when the text is too long for one.
pub fn draw(text: &str) -> Option<String> {
    QRBuilder::new(text).ecl(ECL::L).build().ok().map(|qr| qr.to_str())
}

/// Likewise, for standard error; also `None` when nobody could see it there.
pub fn shown(text: &str) -> Option<String> {
    std::io::stderr().is_terminal().then(|| draw(text)).flatten()
}
