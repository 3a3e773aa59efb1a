//! `handover receive CODE`: from whoever made the code to this terminal.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::find::find;
use super::login::meant;
use super::transfer::{Link, Renderer, code_page, resume_state, run_to_end};
use super::{Outcome, output};
use crate::client::direct::{Choice, Offered, Pace, Receiving, Target, receive};
use crate::client::{Server, printable};
use crate::protocol::direct::Code;

/// Entries that are listed before somebody is asked.
const LISTED: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    /// The code, such as 7-acrobat-puzzle, or the link, which names its server too; asked for if it is left out, which hides it from others on this machine
    #[arg(env = "HANDOVER_CODE", hide_env_values = true)]
    code: Option<String>,

    /// Folder for the files; - writes their contents to standard output
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,

    /// Accept everything without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    link: Link,
}

pub fn run(args: Args) -> Outcome {
    let typed = match args.code {
        Some(code) => code,
        None => ask("Code: ")?,
    };
    let (code, of_link) = (typed.parse::<Code>()?, server_of(&typed)?);
    let to_output = args.to == Path::new("-");
    let yes = args.yes || to_output;
    if !yes && (args.link.json || !std::io::stdin().is_terminal()) {
        return Err("there is nobody to ask what to accept; say --yes".into());
    }
    let target = match to_output {
        true => Target::Output(Box::new(std::io::stdout())),
        false => Target::Folder(args.to),
    };
    let route = args.link.route();
    // A link says which server it is of, whatever else is set.
    let server = match of_link {
        Some(server) => server,
        None => find(meant(args.link.server)?)?.server,
    };
    let resume = resume_state(&[b"receive", server.url().as_bytes(), code.to_string().as_bytes()]);
    let mut renderer = Renderer::receiving(args.link.json, to_output);
    let bars = renderer.bars();
    let decide = Box::new(move |offered: Offered| match yes {
        true => {
            short_of(&offered).into_iter().for_each(|short| bars.suspend(|| output::tell(&short)));
            Choice::All
        }
        false => bars.suspend(|| choose(&offered)),
    });
    run_to_end(&mut renderer, async |stop, tell| {
        let pace = Pace::default();
        receive(Receiving { server, pace, route, code, target, decide, stop, resume }, tell).await
    })
}

/// The server that a link names; `None` for a bare code.
fn server_of(typed: &str) -> Result<Option<Server>, String> {
    let Some((page, _)) = typed.trim().split_once('#').filter(|(page, _)| page.contains("://")) else {
        return Ok(None);
    };
    let page = page.split_once('?').map_or(page, |(page, _)| page);
    code_page(page).map(Some).ok_or_else(|| format!("{} is not the address of a page for codes", printable(page)))
}

/// Shows what there is and asks what is wanted.
fn choose(offered: &Offered) -> Choice {
    let mut text = String::new();
    for (number, entry) in offered.entries.iter().enumerate().take(LISTED) {
        let size = entry.size.map_or_else(String::new, |size| ByteSize(size).to_string());
        let runs = if entry.mode.is_some_and(|mode| mode & 0o111 != 0) { "  (may be run)" } else { "" };
        text += &format!("{:>4}  {size:>10}  {}{runs}\n", number + 1, printable(&entry.path));
    }
    if offered.entries.len() > LISTED {
        text += &format!("      … and {} more\n", offered.entries.len() - LISTED);
    }
    if let Some(short) = short_of(offered) {
        text += &format!("{short}\n");
    }
    output::ask(&text);
    loop {
        let Ok(answer) = ask(&format!("Accept {}? [yes, no, or numbers: 1,3-5] ", ByteSize(offered.bytes))) else {
            return Choice::None;
        };
        if let Some(choice) = parse(&answer, offered.entries.len()) {
            return choice;
        }
    }
}

/// A word of warning where there is not room for all: how much a file takes is the disk's to say.
fn short_of(offered: &Offered) -> Option<String> {
    let free = offered.free.filter(|free| *free < offered.bytes)?;
    Some(format!("There may not be room for it: {} is free.", ByteSize(free)))
}

fn ask(question: &str) -> std::io::Result<String> {
    output::ask(question);
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim().to_owned()),
    }
}

/// An answer; `None` if it is none. Numbers are counted from 1.
fn parse(answer: &str, count: usize) -> Option<Choice> {
    match answer.to_lowercase().as_str() {
        "" => return None,
        "y" | "yes" | "a" | "all" => return Some(Choice::All),
        "n" | "no" | "none" => return Some(Choice::None),
        _ => {}
    }
    let mut wanted = std::collections::BTreeSet::new();
    for part in answer.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first < 1 || first > last || last > count {
            return None;
        }
        wanted.extend((first..=last).filter_map(|number| u32::try_from(number - 1).ok()));
    }
    Some(Choice::Some(wanted.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert_eq!(parse("Yes", 3), Some(Choice::All));
        assert_eq!(parse("n", 3), Some(Choice::None));
        assert_eq!(parse("3, 1-2,1", 3), Some(Choice::Some(vec![0, 1, 2])));
        assert_eq!(parse("2", 3), Some(Choice::Some(vec![1])));
        for bad in ["", "perhaps", "0", "4", "2-1", "1-4", "1,,2", "-1"] {
            assert_eq!(parse(bad, 3), None, "{bad}");
        }
    }
}
