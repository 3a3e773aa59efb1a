//! Substrings of names, found by an index: see the migration `large_tables`, which keeps it in step.
//!
//! The index holds pieces of three characters, so it gives candidates: whoever asks compares the names as well.

use diesel::sql_types::{Bool, Text};

use super::schema::{blobs, document_names, documents, users};

diesel::table! {
    document_search (rowid) {
        rowid -> Integer,
        /// What a query of FTS5 is matched against: the table by its own name.
        #[sql_name = "document_search"]
        indexed -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(document_search, blobs);
diesel::allow_tables_to_appear_in_same_query!(document_search, document_names);
diesel::allow_tables_to_appear_in_same_query!(document_search, documents);
diesel::allow_tables_to_appear_in_same_query!(document_search, users);

diesel::infix_operator!(Match, " MATCH ", Bool);

/// Rows of the index whose names may hold what [`pieces`] was made of.
pub fn matching(pieces: String) -> Match<document_search::indexed, diesel::dsl::AsExprOf<String, Text>> {
    use diesel::expression::AsExpression;
    Match::new(document_search::indexed, AsExpression::<Text>::as_expression(pieces))
}

/// Stands around each character where a name is there a second time, for texts that are shorter than a piece.
const AROUND: char = '\u{1}';
/// Characters of a piece.
const PIECE: usize = 3;

/// The query that finds names with `text` in them, which is in lower case; `None` where no name can have it.
pub fn pieces(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    if characters.is_empty() || characters.iter().any(|c| c.is_control()) {
        return None;
    }
    let mut pieces: Vec<String> = match characters[..] {
        [one] => vec![[AROUND, one, AROUND].iter().collect()],
        [first, second] => vec![[first, AROUND, second].iter().collect()],
        // Side by side rather than overlapping: each costs, and together they cover the text.
        _ => {
            let last = characters.len() - PIECE;
            let starts = (0..last).step_by(PIECE).chain([last]);
            starts.map(|start| characters[start..start + PIECE].iter().collect()).collect()
        }
    };
    pieces.sort();
    pieces.dedup();
    let quoted: Vec<_> = pieces.iter().map(|piece| format!("\"{}\"", piece.replace('"', "\"\""))).collect();
    Some(quoted.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn a_text_is_covered_by_its_pieces() {
        for (text, query) in [
            ("a", "\"\u{1}a\u{1}\""),
            ("日本", "\"日\u{1}本\""),
            ("abc", "\"abc\""),
            ("abcde", "\"abc\" AND \"cde\""),
            ("abcabc", "\"abc\""),
            ("say \"x\"", "\" \"\"x\" AND \"\"\"x\"\"\" AND \"say\""),
        ] {
            let mut expected: Vec<_> = query.split(" AND ").collect();
            expected.sort_unstable();
            let found = pieces(text).unwrap();
            let mut found: Vec<_> = found.split(" AND ").collect();
            found.sort_unstable();
            assert!(expected.iter().all(|piece| found.contains(piece)), "{text}: {found:?}");
        }
        assert_eq!((pieces(""), pieces("a\u{1}b"), pieces("a\0b")), (None, None, None));
    }
}
