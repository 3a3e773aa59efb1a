//! What a line means: a message, or what begins with a slash.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Say(String),
    Share(PathBuf),
    /// A file, by the number of its event or by its name.
    Save(String),
    Who,
    Leave,
    Help,
    Manage(Manage),
    /// Why it cannot be understood.
    Unknown(String),
}

/// What the maker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manage {
    Rename(String),
    Lock,
    Unlock,
    /// Sends a member away.
    Remove(String),
    /// Takes away a message or a file.
    Delete(i64),
    End,
}

pub const HELP: &str = "\
/share PATH        share a file
/save N or NAME    save a file
/who               who is here
/leave             leave, once all is sent; so does the end of the input
//text             say a text that begins with a slash";

pub const MAKERS_HELP: &str = "\
/rename TITLE      call the room otherwise
/lock, /unlock     let nobody new in, or everybody again
/remove NAME       send somebody away
/delete N          take away a message or a file
/end               end the room, and remove what is in it";

/// What a line means; `None` when it is empty.
pub fn parse(line: &str) -> Option<Command> {
    let Some(rest) = line.strip_prefix('/') else {
        return (!line.trim().is_empty()).then(|| Command::Say(line.to_owned()));
    };
    if rest.starts_with('/') {
        return Some(Command::Say(rest.to_owned()));
    }
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let with = |what: &str, command: fn(String) -> Command| match rest {
        "" => Command::Unknown(format!("say which: /{word} {what}")),
        rest => command(rest.to_owned()),
    };
    Some(match word.to_lowercase().as_str() {
        "share" => with("PATH", |path| Command::Share(path_of(&path))),
        "save" => with("NUMBER or NAME", Command::Save),
        "who" => Command::Who,
        "leave" | "quit" | "exit" => Command::Leave,
        "help" | "?" => Command::Help,
        "rename" => Command::Manage(Manage::Rename(rest.to_owned())),
        "lock" => Command::Manage(Manage::Lock),
        "unlock" => Command::Manage(Manage::Unlock),
        "remove" => with("NAME", |name| Command::Manage(Manage::Remove(name))),
        "delete" => match rest.trim_start_matches('#').parse() {
            Ok(number) => Command::Manage(Manage::Delete(number)),
            Err(_) => Command::Unknown("say which: /delete NUMBER".into()),
        },
        "end" => Command::Manage(Manage::End),
        _ => Command::Unknown(format!("there is no /{word}; /help lists what there is, and //{word} says it")),
    })
}

/// The path of a file: as it is typed where there is such a file, else as a shell or a file manager would have written it.
fn path_of(typed: &str) -> PathBuf {
    let plain = below_home(typed);
    if plain.exists() {
        return plain;
    }
    let address =
        typed.strip_prefix("file://").map(|path| PathBuf::from(percent_decode_str(path).decode_utf8_lossy().as_ref()));
    address.or_else(|| unquoted(typed).map(|path| below_home(&path))).filter(|path| path.exists()).unwrap_or(plain)
}

/// `~/` is the home folder.
fn below_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

/// One word as a POSIX shell reads it (Shell Command Language, section 2.2); `None` when a quote is not closed, or it is
/// several words.
pub fn unquoted(typed: &str) -> Option<String> {
    let mut word = String::new();
    let mut signs = typed.trim().chars();
    let mut quote = None;
    while let Some(c) = signs.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => word.push(signs.next()?),
            ('\\', Some('"')) => match signs.next()? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            (c, None) if c.is_whitespace() => return None,
            (c, _) => word.push(c),
        }
    }
    quote.is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_shells_and_file_managers_write_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b's.txt");
        std::fs::write(&path, "x").unwrap();
        let folder = dir.path().display();
        for typed in [
            format!("{folder}/a b's.txt"),
            format!("\"{folder}/a b's.txt\""),
            format!("'{folder}/a b'\\''s.txt'"),
            format!("{folder}/a\\ b\\'s.txt"),
            format!("file://{folder}/a%20b%27s.txt"),
        ] {
            assert_eq!(parse(&format!("/share {typed}")), Some(Command::Share(path.clone())), "{typed}");
        }
        assert_eq!(parse("/share 'none"), Some(Command::Share("'none".into())), "as it is typed");
        assert_eq!((unquoted("a b"), unquoted("'a"), unquoted("a\\")), (None, None, None));
    }

    #[test]
    fn lines_are_messages_or_commands() {
        let say = |text: &str| Some(Command::Say(text.to_owned()));
        assert_eq!(parse("hello /you "), say("hello /you "));
        assert_eq!(parse("//etc/passwd"), say("/etc/passwd"));
        assert_eq!(parse("  "), None);
        assert_eq!(parse("/share a file.txt "), Some(Command::Share("a file.txt".into())));
        assert_eq!(parse("/SAVE 12"), Some(Command::Save("12".into())));
        assert_eq!(parse("/delete #7"), Some(Command::Manage(Manage::Delete(7))));
        assert_eq!(parse("/remove Ann B"), Some(Command::Manage(Manage::Remove("Ann B".into()))));
        assert_eq!(parse("/rename"), Some(Command::Manage(Manage::Rename(String::new()))));
        for bad in ["/", "/dance", "/share", "/delete x", "/remove "] {
            assert!(matches!(parse(bad), Some(Command::Unknown(_))), "{bad}");
        }
    }
}
