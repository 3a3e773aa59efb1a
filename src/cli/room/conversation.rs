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

use super::actions::{Actions, Done};
use super::command::{self, Command, HELP, MAKERS_HELP, Manage};
use super::input::{self, Line};
use super::jobs::{Desk, Order, Saved};
use super::render::{Renderer, quoted};
use super::roster::Roster;
use crate::cli::run::Stop;
use crate::client::rooms::{Happening, Talk};
use crate::client::{Failure, printable};
use crate::protocol::rooms::event::{Event, LARGEST_TEXT, ServerMessage, Welcome};

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
    actions: Actions,
    renderer: Renderer,
    options: Options,
    roster: Roster,
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
    pub fn new(talk: Talk, desk: Desk, renderer: Renderer, options: Options) -> Conversation {
        Conversation {
            talk,
            actions: Actions::new(desk),
            renderer,
            options,
            roster: Roster::default(),
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
        self.actions.stop().await;
        self.talk.leave().await;
        match ended {
            Err(Failure::Refused { code, .. }) if self.ends && code == "room_ended" => Ok(()),
            Err(failure) => Err(failure),
            Ok(()) => self.failed.map_or(Ok(()), Err),
        }
    }

    async fn converse(&mut self, stop: &mut Stop) -> Result<(), Failure> {
        loop {
            self.actions.start(&self.talk);
            self.is_in |= self.talk.is_settled();
            if self.leaves && self.talk.is_settled() && self.actions.is_done() {
                return Ok(());
            }
            let has_room = !self.actions.has_the_turn() && !self.actions.is_full() && self.talk.unsent() < MOST_UNSENT;
            let reads = self.is_in && !self.leaves && has_room;
            let listens = !self.actions.is_full() || !self.talk.is_up();
            tokio::select! {
                Ok(_) = stop.wait_for(|stop| *stop) => return Err(Failure::Stopped),
                happening = self.talk.next(), if listens => self.happened(happening?),
                line = next(&mut self.input), if reads => self.read(line),
                done = self.actions.next() => self.done(done),
            }
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Welcome { welcome, again } => self.welcome(&welcome, again),
            Happening::Event(event) => self.event(&event),
            Happening::Message(word) => self.word(&word),
            Happening::Refused { text, failure } => self.fail(&text, failure),
            Happening::Lost => {
                self.renderer.json(&json!({"type": "connection_lost"}));
                self.renderer.note("The connection broke; trying again …");
            }
        }
    }

    fn welcome(&mut self, welcome: &Welcome, again: bool) {
        self.roster.welcome(welcome);
        self.renderer.json(welcome);
        if again {
            return self.renderer.note("Connected again.");
        }
        let others: Vec<_> = welcome.members.iter().filter(|other| other.id != welcome.you.id).collect();
        let others = match &others[..] {
            [] => "nobody else is here".to_owned(),
            [only] => format!("{} is here", printable(&only.name)),
            others => format!("{} others are here", others.len()),
        };
        let title = if welcome.room.title.is_empty() { "the room".into() } else { quoted(&welcome.room.title) };
        self.renderer
            .note(&format!("You are {} in {title}; {others}. /help lists the commands.", printable(&welcome.you.name)));
        if welcome.more {
            self.renderer.note("There is more from before; --after 0 tells all.");
        }
    }

    fn event(&mut self, event: &Event) {
        let is_own = match event {
            Event::Message { from_id, .. } => self.talk.is_mine(from_id) && self.renderer.is_typed,
            Event::Joined { member, .. } => self.talk.is_mine(member),
            _ => false,
        };
        // What one has typed stands there already.
        if self.renderer.json || !is_own {
            self.renderer.event(event, &self.roster, self.actions.desk.is_makers());
        }
        self.roster.happened(event);
        match event {
            Event::File { id, from_id, .. } if self.options.save && !self.talk.is_mine(from_id) => {
                if let Some(file) = self.roster.file(&id.to_string()) {
                    self.actions.save(file.clone());
                }
            }
            Event::Removed { of, .. } => self.actions.forget(*of),
            _ => {}
        }
    }

    fn word(&mut self, word: &ServerMessage<'_>) {
        self.roster.said(word);
        self.renderer.json(word);
        match word {
            ServerMessage::Fetched { of, by, .. } => {
                let name = printable(self.roster.file_name(*of).unwrap_or("a file"));
                self.renderer.note(&format!("{} has fetched {name}.", printable(by)));
            }
            ServerMessage::Ending { expires_in, .. } => {
                let left = humantime::format_duration(Duration::from_secs(*expires_in));
                self.renderer.note(&format!("The room ends in {left}, unless something is said."));
            }
            ServerMessage::Error { msg, .. } => self.renderer.note(&printable(msg)),
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
            Some(Command::Share(path)) => self.actions.share(path),
            Some(Command::Save(which)) => self.save(&which),
            Some(Command::Who) => self.renderer.who(&self.roster.members()),
            Some(Command::Leave) => self.leaves = true,
            Some(Command::Help) => self.help(),
            Some(Command::Manage(manage)) => self.manage(manage),
            Some(Command::Unknown(why)) => self.fail("not understood", Failure::Local(why)),
        }
    }

    fn help(&self) {
        self.renderer.note(HELP);
        if self.actions.desk.is_makers() {
            self.renderer.note(MAKERS_HELP);
        }
        if self.renderer.is_typed {
            self.renderer.note("Ctrl-R shows again what you were typing when something came in between.");
        }
    }

    fn save(&mut self, which: &str) {
        match self.roster.file(which).cloned() {
            Some(file) => self.actions.save(file),
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
            Manage::Remove(name) => match self.roster.member(&name) {
                Some(member) => (format!("/remove {name}"), Order::RemoveMember(member.id.clone())),
                None => {
                    let msg = "There is no such member in the room.";
                    return self.fail(&format!("/remove {name}"), unknown("member_not_found", msg));
                }
            },
        };
        if !self.actions.desk.is_makers() {
            let msg = "Only the maker of the room may do this; join by the maker's link.";
            return self.fail(&what, Failure::refused(StatusCode::FORBIDDEN, "manage_key_required", msg));
        }
        self.ends |= matches!(order, Order::End);
        self.actions.manage(what, order);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Shared { what, event } => {
                self.renderer.json(&json!({"type": "shared", "what": what, "of": event.id()}));
                self.renderer.note(&format!("{}: done", printable(&what)));
            }
            Done::Managed => {}
            Done::Saved { file, saved: Saved { path, bytes, verified } } => {
                let (of, path) = (file.number, path.display().to_string());
                self.renderer
                    .json(&json!({"type": "saved", "of": of, "path": path, "bytes": bytes, "verified": verified}));
                let how = if verified.is_some() { ", verified" } else { "" };
                self.renderer.note(&format!("Saved {}, {}{how}.", printable(&path), ByteSize(bytes)));
            }
            Done::Failed { what, failure } => self.fail(&what, failure),
        }
    }

    fn fail(&mut self, what: &str, failure: Failure) {
        self.renderer.failed(what, &failure);
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
