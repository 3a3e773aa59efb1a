//! What a command writes. Whoever does not read it has no need of it: a closed pipe, or a terminal that is gone, fails nothing.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use crate::client::{is_unsafe, printable};

/// Writes a line to standard error.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a question, or a part of a line, to standard error.
pub fn ask(question: &str) {
    let _ = io::stderr().write_all(question.as_bytes()).and_then(|()| io::stderr().flush());
}

/// Writes a line of JSON to standard output. Nothing in it does anything to a terminal, and nothing is lost.
pub fn json(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escaped(line));
}

/// JSON with what could do something to a terminal as escapes.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match is_unsafe(c) && c != '\n' {
            true => text += &format!("\\u{:04x}", u32::from(c)),
            false => text.push(c),
        }
    }
    text
}

/// Lines that others have written, each without what moves a cursor.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(|line| printable(line.strip_suffix('\r').unwrap_or(line))).collect::<Vec<_>>().join("\n")
}

/// Whether somebody may look at what is written to standard output: a terminal may stand behind a pipe, too.
pub fn may_be_seen() -> bool {
    io::stdout().is_terminal() || !is_file(io::stdout().as_fd())
}

fn is_file(output: BorrowedFd<'_>) -> bool {
    let metadata = output.try_clone_to_owned().map(File::from).and_then(|output| output.metadata());
    metadata.is_ok_and(|metadata| metadata.is_file())
}
