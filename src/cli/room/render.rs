//! What is shown of a room: lines on standard output, or JSON; what is said about them goes to standard error.

use std::io::Write as _;

use bytesize::ByteSize;
use chrono::{DateTime, Local, Utc};
use serde::Serialize;
use serde_json::json;

use super::roster::{Member, Roster};
use crate::cli::output;
use crate::client::{Failure, printable};
use crate::protocol::rooms::event::{Event, Leaving};

/// Stands before the further lines of a message, so that no message can look like two.
const FURTHER: &str = "\n       | ";
/// Takes back what is typed at the moment, which the terminal still has.
const CLEAR: &str = "\r\x1b[K";

/// See the module.
#[derive(Clone, Copy)]
pub struct Renderer {
    pub json: bool,
    /// Somebody types at the terminal that shows it.
    pub is_typed: bool,
}

impl Renderer {
    /// A line for a person.
    pub fn note(&self, line: &str) {
        if !self.json {
            output::tell(&format!("{}{line}", if self.is_typed { CLEAR } else { "" }));
        }
    }

    /// A line for a program. Nothing in it does anything to a terminal, and nothing is lost.
    pub fn json(&self, value: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(value)
        {
            output::json(&line);
        }
    }

    /// What happened, as the room knew itself before.
    pub fn event(&self, event: &Event, roster: &Roster, numbered: bool) {
        match (self.json, describe(event, roster)) {
            (true, _) => self.json(event),
            (false, None) => {}
            (false, Some((at, text))) => {
                let number = if numbered { format!("#{} ", event.id()) } else { String::new() };
                write(&format!("{}{}  {number}{text}", if self.is_typed { CLEAR } else { "" }, time(at)));
            }
        }
    }

    /// What somebody wanted was not done.
    pub fn failed(&self, what: &str, failure: &Failure) {
        self.json(&json!({"type": "failed", "what": what, "code": failure.code(), "msg": failure.to_string()}));
        self.note(&format!("{}: {failure}", printable(what)));
    }

    /// It is over, and not because one wanted it to be.
    pub fn over(&self, failure: &Failure) {
        self.json(&json!({"type": "failed", "code": failure.code(), "msg": failure.to_string()}));
    }

    pub fn who(&self, members: &[Member]) {
        self.json(&json!({"type": "members", "members": members}));
        let name =
            |member: &Member| format!("  {}{}", printable(&member.name), if member.away { " (away)" } else { "" });
        self.note(&format!("Here are:\n{}", members.iter().map(name).collect::<Vec<_>>().join("\n")));
    }
}

/// Whoever reads this through a closed pipe has no need of it.
fn write(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn time(at: DateTime<Utc>) -> String {
    let (at, now) = (at.with_timezone(&Local), Local::now());
    let format = if at.date_naive() == now.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.format(format).to_string()
}

/// An event for a person; `None` where nothing is different.
fn describe(event: &Event, roster: &Roster) -> Option<(DateTime<Utc>, String)> {
    Some(match event {
        Event::Joined { name, at, .. } => (*at, format!("{} is here", printable(name))),
        Event::Left { name, reason, at, .. } => {
            let what = match reason {
                Leaving::Left => "has left",
                Leaving::Lost => "is gone: the connection broke",
                Leaving::Removed => "was sent away",
            };
            (*at, format!("{} {what}", printable(name)))
        }
        Event::Message { from, text, at, .. } => {
            let lines: Vec<_> = text.split('\n').map(printable).collect();
            (*at, format!("{}: {}", printable(from), lines.join(FURTHER)))
        }
        Event::File { id, from, filename, size, at, .. } => {
            let (from, name, size) = (printable(from), printable(filename), ByteSize(*size));
            (*at, format!("{from} shares {name}, {size}: /save {id}"))
        }
        Event::Removed { of, at, .. } => match roster.file_name(*of) {
            Some(name) => (*at, format!("{} was taken away", printable(name))),
            None => (*at, "a message was taken away".into()),
        },
        Event::Changed { title, locked, at, .. } => {
            let mut changes = Vec::new();
            if *title != roster.title {
                changes.push(format!("the room is called {}", quoted(title)));
            }
            match (roster.locked, *locked) {
                (false, true) => changes.push("nobody new may join".into()),
                (true, false) => changes.push("everybody with the code may join".into()),
                _ => {}
            }
            (!changes.is_empty()).then(|| (*at, changes.join("; ")))?
        }
    })
}

/// A title as it is shown; it may be empty.
pub fn quoted(title: &str) -> String {
    format!("\u{201c}{}\u{201d}", printable(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_say_moves_the_cursor_or_looks_like_a_second_line() {
        let text = "x\u{1b}[2J\n14:05  Bob: yes\r\u{9b}31m\u{202e}".to_owned();
        let (from, from_id, at) = ("A\u{1b}nn".to_owned(), "a".into(), DateTime::UNIX_EPOCH);
        let event = Event::Message { id: 1, from, from_id, text, at, nonce: None };
        let (_, shown) = describe(&event, &Roster::default()).unwrap();
        assert_eq!(shown, "A\u{fffd}nn: x\u{fffd}[2J\n       | 14:05  Bob: yes\u{fffd}\u{fffd}31m\u{fffd}");
        let line = output::escaped(&serde_json::to_string(&event).unwrap());
        assert!(!line.chars().any(crate::client::is_unsafe), "{line}");
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "nothing is lost");
    }
}
