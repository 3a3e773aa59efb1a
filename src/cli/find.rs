//! Which server a transfer goes through, when nobody has said: the one on this machine, else one of the local network.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::doctor::is_ready;
use super::output;
use crate::client::direct::Failure;
use crate::client::discovery::{Found, browse};
use crate::client::{Server, printable};

/// How long servers get to answer.
const TIME: Duration = Duration::from_millis(1500);
/// Those that are listed: anybody on the network may claim to be some.
const LISTED: usize = 20;

/// The server to go through, and whether somebody meant it: one that was only found gets no token.
pub struct Choice {
    pub server: Server,
    pub is_meant: bool,
}

/// The one that is `known`: given, or signed in to. Else the one on this machine, if it runs, or one of the local network.
///
/// # Errors
/// A sentence for the person who has to choose.
pub fn find(known: Option<Server>) -> Result<Choice, Failure> {
    let here = Server::default();
    if let Some(server) = known.or_else(|| is_ready(Server::PORT).then_some(here)) {
        return Ok(Choice { server, is_meant: true });
    }
    let found = browse(TIME).unwrap_or_else(|cause| {
        tracing::debug!(cause, "the local network cannot be asked");
        Vec::new()
    });
    let server = choose(&found, &mut ask)?;
    output::tell(&format!("Server:   {}", printable(server.url())));
    Ok(Choice { server, is_meant: false })
}

/// Takes the one that there is, or asks.
fn choose(found: &[Found], ask: &mut dyn FnMut(&str) -> Option<String>) -> Result<Server, Failure> {
    let servers: Vec<(&Found, Server)> =
        found.iter().filter_map(|found| Some((found, found.url.parse().ok()?))).take(LISTED).collect();
    let local = |text: &str| Failure::Local(text.to_owned());
    match &servers[..] {
        [] => Err(local("no server was found on this machine or the local network; say which with --server URL")),
        [(_, server)] => Ok(server.clone()),
        _ => {
            let mut list = String::from("several servers were found:\n");
            for (number, (found, _)) in servers.iter().enumerate() {
                list += &format!("{:>4}  {}  {}\n", number + 1, printable(&found.url), printable(&found.name));
            }
            let number = ask(&list).and_then(|answer| answer.trim().parse::<usize>().ok());
            let chosen = number.and_then(|number| servers.get(number.checked_sub(1)?));
            chosen.map(|(_, server)| server.clone()).ok_or_else(|| local(&(list + "say which with --server URL")))
        }
    }
}

/// Asks whoever sits at the terminal.
fn ask(list: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    output::ask(&format!("{list}Which one? [number] "));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(urls: &[&str]) -> Vec<Found> {
        urls.iter().map(|url| Found { url: (*url).into(), name: format!("of {url}\u{1b}[2J") }).collect()
    }

    fn chosen(urls: &[&str], answer: Option<&str>) -> Result<String, String> {
        let chosen = choose(&found(urls), &mut |_| answer.map(str::to_owned));
        chosen.map(|server| server.url().to_owned()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_only_one_is_taken_and_several_are_asked_about() {
        let two = ["http://192.168.1.5:5000", "http://192.168.1.6:5000/handover"];
        assert_eq!(chosen(&two[..1], None).as_deref(), Ok(two[0]));
        assert_eq!(chosen(&two, Some(" 2\n")).as_deref(), Ok(two[1]));
        for answer in [None, Some(""), Some("0"), Some("3"), Some("x")] {
            let said = chosen(&two, answer).unwrap_err();
            assert!(two.iter().all(|url| said.contains(url)) && said.contains("--server"), "{said}");
            assert!(!said.contains('\u{1b}'), "what others call themselves moves no cursor");
        }
        assert!(chosen(&[], None).unwrap_err().contains("--server"));
    }

    #[test]
    fn what_is_no_server_is_none() {
        assert!(chosen(&["ftp://192.168.1.5", "http://x/?q=1", "http://a b/"], None).is_err());
        assert_eq!(chosen(&["http://x:1/?q", "http://192.168.1.5:1"], None).as_deref(), Ok("http://192.168.1.5:1"));
    }
}
