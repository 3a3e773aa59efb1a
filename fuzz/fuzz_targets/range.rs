//! The Range header: what is selected is never empty and never past the file's end.
//!
//! The input has three lines: the size of the file, Range, If-Range.
#![no_main]

use actix_web::http::header::HeaderValue;
use handover::server::http::range::Selection;
use libfuzzer_sys::fuzz_target;

const ETAG: &str = "\"0123456789abcdef\"";

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let size = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok()).unwrap_or(100);
    let check = |selection: &Selection| {
        if let Selection::Part(part) = selection {
            assert!(part.start < part.end && part.end <= size, "{part:?} of {size}");
        }
    };
    let range = lines.next().unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(range) {
        check(&Selection::parse(text, size));
    }
    let Ok(range) = HeaderValue::from_bytes(range) else { return };
    let condition = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok());
    let selection = Selection::of(Some(&range), condition.as_ref(), size, ETAG);
    check(&selection);
    if condition.is_some_and(|condition| condition.as_bytes() != ETAG.as_bytes()) {
        assert_eq!(selection, Selection::Whole, "a part of another representation");
    }
});
