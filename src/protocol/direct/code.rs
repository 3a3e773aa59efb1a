//! The code that people pass on: `<nameplate>-<word>-<word>`, e.g. `7-acrobat-puzzle`.
//!
//! The nameplate tells the hub which sender is meant. The words are the password of the key exchange and never leave the
//! two ends. Two of 1,296 words are 20.7 bits: little, and enough, because a wrong guess ends the code.
//!
//! The words are the Electronic Frontier Foundation's short list no. 2 (2016, <https://www.eff.org/dice>), used under CC BY
//! 3.0 US; changed in one place: `yo-yo` is `yoyo`. Each word is known by its first three letters, and any two are at least
//! three edits apart, so that one mistake in a word never makes it another.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use rand::RngExt as _;

/// Words of a code.
const LENGTH: usize = 2;
/// What is not worth a look.
const LONGEST: usize = 200;

/// All words, sorted.
pub static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// A code.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    pub nameplate: u32,
    words: [&'static str; LENGTH],
}

/// Why a text is no code, for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACode {
    #[error("a code has a number and two words, such as 7-acrobat-puzzle")]
    Form,
    #[error("{0:?} is not one of the words that codes are made of; look at the code once more")]
    Word(String),
}

impl Code {
    /// A code for `nameplate` with words at random.
    pub fn random(nameplate: u32) -> Code {
        let mut rng = rand::rng();
        Code { nameplate, words: std::array::from_fn(|_| WORDS[rng.random_range(0..WORDS.len())]) }
    }

    /// The password of the key exchange: the code as it is written, in ASCII.
    pub fn password(&self) -> String {
        format!("{}-{}", self.nameplate, self.words.join("-"))
    }

    /// The words that begin with `start`, for completion.
    pub fn completions(start: &str) -> &'static [&'static str] {
        let start = start.to_lowercase();
        let first = WORDS.partition_point(|word| **word < *start);
        let count = WORDS[first..].partition_point(|word| word.starts_with(&start));
        &WORDS[first..first + count]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.password())
    }
}

/// Logs hold no code.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-…", self.nameplate)
    }
}

/// Forgives case, spaces and other signs between the parts, a link around the code, and a mistake in a word.
impl FromStr for Code {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Code, NotACode> {
        // Of a link the fragment is the code.
        let text = text.rsplit_once('#').map_or(text, |(_, code)| code);
        if text.len() > LONGEST {
            return Err(NotACode::Form);
        }
        let mut parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        let nameplate = parts.next().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let nameplate = nameplate.and_then(|digits| digits.parse().ok()).ok_or(NotACode::Form)?;
        // Counted before they are looked up: a look among all words for the nearest one takes its time.
        let typed: Vec<_> = parts.take(LENGTH + 1).collect();
        let typed: [&str; LENGTH] = typed.try_into().map_err(|_| NotACode::Form)?;
        let mut words = [""; LENGTH];
        for (word, typed) in words.iter_mut().zip(typed) {
            *word = self::word(typed).ok_or_else(|| NotACode::Word(typed.to_owned()))?;
        }
        Ok(Code { nameplate, words })
    }
}

/// The word that `text` is, begins, or misspells.
fn word(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    if let Ok(index) = WORDS.binary_search(&text.as_str()) {
        return Some(WORDS[index]);
    }
    if let ([word], true) = (Code::completions(&text), text.len() >= 3) {
        return Some(word);
    }
    if text.chars().count() < 3 {
        return None;
    }
    // One mistake leads to one word at most; with two there may be several.
    let mut near = [None; 2];
    for word in WORDS.iter() {
        match distance(&text, word) {
            1 => return Some(word),
            2 if near[0].is_none() => near[0] = Some(*word),
            2 => near[1] = Some(*word),
            _ => {}
        }
    }
    near[0].filter(|_| near[1].is_none())
}

/// Edits between two words, two neighbours swapped counted as one (the optimal string alignment distance).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let changed = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                    let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                        least = least.min(rows[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<String, NotACode> {
        text.parse::<Code>().map(|code| code.password())
    }

    #[test]
    fn the_list_is_whole() {
        assert_eq!(WORDS.len(), 1296);
        assert!(WORDS.is_sorted() && WORDS.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        let prefixes: std::collections::HashSet<_> = WORDS.iter().map(|word| &word[..3]).collect();
        assert_eq!(prefixes.len(), WORDS.len(), "three letters tell a word");
        for (i, word) in WORDS.iter().enumerate() {
            assert!(WORDS[..i].iter().all(|other| distance(word, other) >= 2), "{word}");
        }
    }

    #[test]
    fn people_need_not_be_exact() {
        for text in [
            "7-aardvark-yoyo",
            " 7 Aardvark YOYO ",
            "7.aardvark,yo yo".replace("yo yo", "yoyo").as_str(),
            "7-aar-yoy",
            "7-ardvark-yoyoo",
            "007-aadrvark-yoyo",
            "https://files.example.org/handover/receive#7-aardvark-yoyo",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("7-aardvark-yoyo"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for text in ["", "7", "7-aardvark", "aardvark-yoyo", "7-aardvark-yoyo-xyzzy", "7777777777-aardvark-yoyo", "-7-"]
        {
            assert_eq!(parse(text), Err(NotACode::Form), "{text}");
        }
        for text in ["7-aardvark-xyzzy", "7-aardvark-y", "7-żółć-yoyo", "7-ab-yoyo"] {
            assert!(matches!(parse(text), Err(NotACode::Word(_))), "{text}");
        }
        assert_eq!(parse(&"7-".repeat(200)), Err(NotACode::Form));
    }

    #[test]
    fn completions_are_all_words_that_begin_so() {
        assert_eq!(Code::completions("aar"), ["aardvark"]);
        assert_eq!(Code::completions("AA"), ["aardvark"]);
        assert_eq!(Code::completions("").len(), 1296);
        assert_eq!(Code::completions("zzz"), [""; 0]);
    }

    proptest! {
        #[test]
        fn a_code_reads_as_it_is_written(nameplate: u32) {
            let code = Code::random(nameplate);
            prop_assert_eq!(code.to_string().parse::<Code>().unwrap(), code);
        }

        /// One letter changed, dropped or put in, past the first three.
        #[test]
        fn one_mistake_does_no_harm(index in 0..1296usize, place in 3..12usize, letter in b'a'..=b'z', kind in 0..3u8) {
            let word = WORDS[index];
            let mut typed = word.as_bytes().to_vec();
            let place = place.min(typed.len() - usize::from(kind < 2));
            prop_assume!(place >= 3);
            match kind {
                0 => typed[place] = letter,
                1 => drop(typed.remove(place)),
                _ => typed.insert(place, letter),
            }
            let typed = String::from_utf8(typed).unwrap();
            prop_assume!(typed.len() >= 3);
            prop_assert_eq!(super::word(&typed), Some(word), "{}", typed);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
