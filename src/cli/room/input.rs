//! Lines of standard input, one at a time: the next is read when one has been taken.

use std::io::{self, BufRead, Read as _};

use tokio::sync::mpsc;

use crate::protocol::rooms::event::LARGEST_TEXT;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Text(String),
    /// More than a message may have; it was read to its end and is gone.
    TooLong,
}

/// Reads in a thread of its own, which ends with the process: nothing else ends a wait for a terminal.
pub fn lines() -> mpsc::Receiver<Line> {
    let (tell, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            match read(&mut input) {
                Ok(Some(line)) => {
                    if tell.blocking_send(line).is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return tracing::warn!(cause = %error, "standard input cannot be read"),
            }
        }
    });
    lines
}

fn read(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    input.by_ref().take(LARGEST_TEXT as u64 + 2).read_until(b'\n', &mut line)?;
    let is_whole = line.ends_with(b"\n");
    while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        line.pop();
    }
    match (line.is_empty() && !is_whole, line.len() > LARGEST_TEXT) {
        (true, _) => Ok(None),
        (false, false) => Ok(Some(Line::Text(String::from_utf8_lossy(&line).into_owned()))),
        (false, true) => {
            if !is_whole {
                input.skip_until(b'\n')?;
            }
            Ok(Some(Line::TooLong))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded() {
        let (longest, longer) = ("x".repeat(LARGEST_TEXT), "x".repeat(LARGEST_TEXT + 1));
        let far_longer = "x".repeat(10 * LARGEST_TEXT);
        let input = format!("a\r\n\n{longest}\n{longer}\n{far_longer}\nb\n\u{1b}c");
        let mut input = input.as_bytes();
        let text = |text: &str| Some(Line::Text(text.to_owned()));
        for expected in [
            text("a"),
            text(""),
            text(&longest),
            Some(Line::TooLong),
            Some(Line::TooLong),
            text("b"),
            text("\u{1b}c"),
            None,
        ] {
            assert_eq!(read(&mut input).unwrap(), expected);
        }
    }
}
