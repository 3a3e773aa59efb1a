//! Byte ranges: `Range` and `If-Range` (RFC 9110 sections 14.2 and 13.1.5).

use std::ops::Range;

use actix_web::http::header::HeaderValue;

/// What to send of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it (200): no range was asked for, or one that may be ignored.
    Whole,
    /// One range of it (206).
    Part(Range<u64>),
    /// No byte of it is in the range (416).
    Unsatisfiable,
}

impl Selection {
    /// What the headers Range and If-Range of a GET ask for, of a representation of `size` bytes with the strong entity
    /// tag `etag`.
    pub fn of(range: Option<&HeaderValue>, if_range: Option<&HeaderValue>, size: u64, etag: &str) -> Selection {
        let Some(range) = range else { return Selection::Whole };
        let unchanged = match if_range {
            None => true,
            // A date cannot match: we send no Last-Modified. A weak tag never matches (section 13.1.5).
            Some(condition) => condition.as_bytes() == etag.as_bytes(),
        };
        match range.to_str() {
            Ok(range) if unchanged => Selection::parse(range, size),
            _ => Selection::Whole,
        }
    }

    /// Parses a Range field. What is malformed, of another unit, or several ranges at once is ignored, which section
    /// 14.2 allows: the client gets the whole representation.
    pub fn parse(range: &str, size: u64) -> Selection {
        let Some((unit, set)) = range.split_once('=') else { return Selection::Whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Selection::Whole;
        }
        let mut specs = set.split(',').map(str::trim).filter(|spec| !spec.is_empty());
        let (Some(spec), None) = (specs.next(), specs.next()) else { return Selection::Whole };
        let Some((first, last)) = spec.split_once('-') else { return Selection::Whole };
        match (number(first), number(last)) {
            // "-500": the last 500 bytes
            _ if first.is_empty() => match number(last) {
                Some(0) => Selection::Unsatisfiable,
                Some(_) if size == 0 => Selection::Unsatisfiable,
                Some(length) => Selection::Part(size.saturating_sub(length)..size),
                None => Selection::Whole,
            },
            (Some(first), _) if last.is_empty() => Selection::from(first, size, size),
            (Some(first), Some(last)) if first <= last => Selection::from(first, last.saturating_add(1), size),
            _ => Selection::Whole,
        }
    }

    fn from(first: u64, end: u64, size: u64) -> Selection {
        match first < size {
            true => Selection::Part(first..end.min(size)),
            false => Selection::Unsatisfiable,
        }
    }
}

/// `1*DIGIT`; a number past u64 is past the end of every file and stands for it.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Selection::*;
    use super::*;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=90-", Part(90..100)),
            ("bytes=90-1000", Part(90..100)),
            ("bytes=-1", Part(99..100)),
            ("bytes=-1000", Part(0..100)),
            ("BYTES = 5-6", Part(5..7)),
            ("bytes=5-18446744073709551615", Part(5..100)),
            ("bytes=5-99999999999999999999999", Part(5..100)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=7-5", Whole),
            ("bytes=0-1,5-6", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=a-b", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("bytes=--1", Whole),
            ("items=0-1", Whole),
        ] {
            assert_eq!(Selection::parse(range, 100), expected, "{range}");
        }
        assert_eq!(Selection::parse("bytes=0-", 0), Unsatisfiable);
        assert_eq!(Selection::parse("bytes=-5", 0), Unsatisfiable);
    }

    #[test]
    fn if_range_must_name_this_very_representation() {
        let select = |condition: &str| {
            let range = HeaderValue::from_static("bytes=10-19");
            Selection::of(Some(&range), Some(&HeaderValue::from_str(condition).unwrap()), 100, "\"abc\"")
        };
        assert_eq!(select("\"abc\""), Part(10..20));
        for other in ["\"abd\"", "W/\"abc\"", "Sat, 21 Nov 2026 00:00:00 GMT", "abc"] {
            assert_eq!(select(other), Whole, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_selects_within_the_file(range in ".{0,60}", size in 0u64..1000) {
            if let Part(part) = Selection::parse(&range, size) {
                proptest::prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
