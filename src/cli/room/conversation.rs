//! A conversation in a terminal: lines go in, events come out, files go either way beside it.
//!
//! What is typed keeps its order: a file is shared, and what the maker asks for is done, when all that was said before is
//! confirmed. All queues are bounded: standard input is not read, and the room not listened to, while one is full.

use std::future::pending;
use std::io::IsTerminal as _;
use std::time::Duration;

use bytesize::ByteSize;
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::mpsc;

use super::command::{self, Command, HELP, MAKERS_HELP, Manage};
use super::doing::{Doing, Done};
use super::input::{self, Line};
use super::jobs::{Desk, Order, Saved};
use super::known::Known;
use super::shown::{Shown, quoted};
use crate::cli::run::Stop;
use crate::client::rooms::{Happening, Talk};
use crate::client::{Failure, printable};
use crate::protocol::rooms::event::{Event, LARGEST_TEXT, Welcome, Word};

/// Messages that wait to be confirmed.
const MOST_UNSENT: usize = 32;

/// What the command line asks for.
pub struct Options {
    /// Save what others share.
    pub save: bool,
    /// Stay when the input ends.
    pub stay: bool,
}

/// See the module.
pub struct Conversation {
    talk: Talk,
    doing: Doing,
    shown: Shown,
    options: Options,
    known: Known,
    /// `None` when it has ended.
    input: Option<mpsc::Receiver<Line>>,
    /// All is told that happened before.
    is_in: bool,
    /// Nothing more is read: it ends when all is done.
    leaves: bool,
    /// The maker has asked for the end of the room.
    ends: bool,
    /// The first thing that was not done, where nobody sits at a terminal to see it.
    failed: Option<Failure>,
    is_watched: bool,
}

impl Conversation {
    pub fn new(talk: Talk, desk: Desk, shown: Shown, options: Options) -> Conversation {
        Conversation {
            talk,
            doing: Doing::new(desk),
            shown,
            options,
            known: Known::default(),
            input: Some(input::lines()),
            is_in: false,
            leaves: false,
            ends: false,
            failed: None,
            is_watched: std::io::stdin().is_terminal(),
        }
    }

    /// Talks until one leaves, is sent away, or the room is over.
    ///
    /// # Errors
    /// [`Failure`]: why it has ended, or the first thing that was not done.
    pub async fn run(mut self, mut stop: Stop) -> Result<(), Failure> {
        let ended = self.converse(&mut stop).await;
        self.doing.stop().await;
        self.talk.leave().await;
        match ended {
            Err(Failure::Refused { code, .. }) if self.ends && code == "room_ended" => Ok(()),
            Err(failure) => Err(failure),
            Ok(()) => self.failed.map_or(Ok(()), Err),
        }
    }

    async fn converse(&mut self, stop: &mut Stop) -> Result<(), Failure> {
        loop {
            self.doing.start(&self.talk);
            self.is_in |= self.talk.is_settled();
            if self.leaves && self.talk.is_settled() && self.doing.is_done() {
                return Ok(());
            }
            let has_room = !self.doing.has_the_turn() && !self.doing.is_full() && self.talk.unsent() < MOST_UNSENT;
            let reads = self.is_in && !self.leaves && has_room;
            let listens = !self.doing.is_full() || !self.talk.is_up();
            tokio::select! {
                Ok(_) = stop.wait_for(|stop| *stop) => return Err(Failure::Stopped),
                happening = self.talk.next(), if listens => self.happened(happening?),
                line = next(&mut self.input), if reads => self.read(line),
                done = self.doing.next() => self.done(done),
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Welcome { welcome, again } => self.welcome(&welcome, again),
            Happening::Event(event) => self.event(&event),
            Happening::Word(word) => self.word(&word),
            Happening::Refused { text, failure } => self.fail(&text, failure),
            Happening::Lost => {
                self.shown.json(&json!({"type": "connection_lost"}));
                self.shown.note("The connection broke; trying again …");
            }
        }
    }

    fn welcome(&mut self, welcome: &Welcome, again: bool) {
        self.known.welcome(welcome);
        self.shown.json(welcome);
        if again {
            return self.shown.note("Connected again.");
        }
        let others: Vec<_> = welcome.members.iter().filter(|other| other.id != welcome.you.id).collect();
        let others = match &others[..] {
            [] => "nobody else is here".to_owned(),
            [only] => format!("{} is here", printable(&only.name)),
            others => format!("{} others are here", others.len()),
        };
        let title = if welcome.room.title.is_empty() { "the room".into() } else { quoted(&welcome.room.title) };
        self.shown
            .note(&format!("You are {} in {title}; {others}. /help lists the commands.", printable(&welcome.you.name)));
        if welcome.more {
            self.shown.note("There is more from before; --after 0 tells all.");
        }
    }

    fn event(&mut self, event: &Event) {
        let is_own = match event {
            Event::Message { from_id, .. } => self.talk.is_mine(from_id) && self.shown.is_typed,
            Event::Joined { member, .. } => self.talk.is_mine(member),
            _ => false,
        };
        // What one has typed stands there already.
        if self.shown.json || !is_own {
            self.shown.event(event, &self.known, self.doing.desk.is_makers());
        }
        self.known.happened(event);
        match event {
            Event::File { id, from_id, .. } if self.options.save && !self.talk.is_mine(from_id) => {
                if let Some(file) = self.known.file(&id.to_string()) {
                    self.doing.save(file.clone());
                }
            }
            Event::Removed { of, .. } => self.doing.forget(*of),
            _ => {}
        }
    }

    fn word(&mut self, word: &Word<'_>) {
        self.known.said(word);
        self.shown.json(word);
        match word {
            Word::Fetched { of, by, .. } => {
                let name = printable(self.known.file_name(*of).unwrap_or("a file"));
                self.shown.note(&format!("{} has fetched {name}.", printable(by)));
            }
            Word::Ending { expires_in, .. } => {
                let left = humantime::format_duration(Duration::from_secs(*expires_in));
                self.shown.note(&format!("The room ends in {left}, unless something is said."));
            }
            Word::Error { msg, .. } => self.shown.note(&printable(msg)),
            _ => {}
        }
    }

    /// A line, or the end of the input.
    fn read(&mut self, line: Option<Line>) {
        let command = match line {
            Some(Line::Text(line)) => command::parse(&line),
            Some(Line::TooLong) => {
                let msg = format!("a message has {LARGEST_TEXT} bytes at most: the line was not sent");
                return self.fail("a line", Failure::Local(msg));
            }
            None if self.options.stay => {
                self.input = None;
                None
            }
            None => Some(Command::Leave),
        };
        match command {
            None => {}
            Some(Command::Say(text)) => self.talk.say(text),
            Some(Command::Share(path)) => self.doing.share(path),
            Some(Command::Save(which)) => self.save(&which),
            Some(Command::Who) => self.shown.who(&self.known.members()),
            Some(Command::Leave) => self.leaves = true,
            Some(Command::Help) => self.help(),
            Some(Command::Manage(manage)) => self.manage(manage),
            Some(Command::Unknown(why)) => self.fail("not understood", Failure::Local(why)),
        }
    }

    fn help(&self) {
        self.shown.note(HELP);
        if self.doing.desk.is_makers() {
            self.shown.note(MAKERS_HELP);
        }
        if self.shown.is_typed {
            self.shown.note("Ctrl-R shows again what you were typing when something came in between.");
        }
    }

    fn save(&mut self, which: &str) {
        match self.known.file(which).cloned() {
            Some(file) => self.doing.save(file),
            None => {
                self.fail(&format!("/save {which}"), unknown("file_not_found", "There is no such file in the room."))
            }
        }
    }

    fn manage(&mut self, manage: Manage) {
        let (what, order) = match manage {
            Manage::Rename(title) => (format!("/rename {title}"), Order::Rename(title)),
            Manage::Lock => ("/lock".into(), Order::Lock(true)),
            Manage::Unlock => ("/unlock".into(), Order::Lock(false)),
            Manage::Delete(number) => (format!("/delete {number}"), Order::RemoveEvent(number)),
            Manage::End => ("/end".into(), Order::End),
            Manage::Remove(name) => match self.known.member(&name) {
                Some(member) => (format!("/remove {name}"), Order::RemoveMember(member.id.clone())),
                None => {
                    let msg = "There is no such member in the room.";
                    return self.fail(&format!("/remove {name}"), unknown("member_not_found", msg));
                }
            },
        };
        if !self.doing.desk.is_makers() {
            let msg = "Only the maker of the room may do this; join by the maker's link.";
            return self.fail(&what, Failure::refused(StatusCode::FORBIDDEN, "manage_key_required", msg));
        }
        self.ends |= matches!(order, Order::End);
        self.doing.manage(what, order);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Shared { what, event } => {
                self.shown.json(&json!({"type": "shared", "what": what, "of": event.id()}));
                self.shown.note(&format!("{}: done", printable(&what)));
            }
            Done::Managed => {}
            Done::Saved { file, saved: Saved { path, bytes, verified } } => {
                let (of, path) = (file.number, path.display().to_string());
                self.shown
                    .json(&json!({"type": "saved", "of": of, "path": path, "bytes": bytes, "verified": verified}));
                let how = if verified.is_some() { ", verified" } else { "" };
                self.shown.note(&format!("Saved {}, {}{how}.", printable(&path), ByteSize(bytes)));
            }
            Done::Failed { what, failure } => self.fail(&what, failure),
        }
    }

    fn fail(&mut self, what: &str, failure: Failure) {
        self.shown.failed(what, &failure);
        if !self.is_watched {
            self.failed.get_or_insert(failure);
        }
    }
}

/// The next line, or the end; never, where that has been told.
async fn next(input: &mut Option<mpsc::Receiver<Line>>) -> Option<Line> {
    match input {
        Some(input) => input.recv().await,
        None => pending().await,
    }
}

fn unknown(code: &str, msg: &str) -> Failure {
    Failure::refused(StatusCode::NOT_FOUND, code, msg)
}
