//! What a member knows of its room: who is there, and which files.

use std::collections::BTreeMap;

use serde::Serialize;

use super::command::unquoted;
use crate::protocol::rooms::event::{Event, ServerMessage, Welcome};

/// Members and files that are known at most: a server may tell of any number.
const MOST: usize = 10_000;

/// See the module.
#[derive(Default)]
pub struct Roster {
    pub title: String,
    pub locked: bool,
    members: BTreeMap<String, Member>,
    files: BTreeMap<i64, SharedFile>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Member {
    pub id: String,
    pub name: String,
    pub away: bool,
}

/// A file that may be saved.
#[derive(Clone, Debug)]
pub struct SharedFile {
    /// The number of its event.
    pub number: i64,
    pub file_id: String,
    pub name: String,
    /// Bytes
    pub size: u64,
}

impl Roster {
    pub fn welcome(&mut self, welcome: &Welcome) {
        (self.title, self.locked) = (welcome.room.title.clone(), welcome.room.locked);
        let members = welcome.members.iter().take(MOST);
        let member = |other: &crate::protocol::rooms::event::Member| Member {
            id: other.id.clone(),
            name: other.name.clone(),
            away: other.away,
        };
        self.members = members.map(|other| (other.id.clone(), member(other))).collect();
    }

    pub fn happened(&mut self, event: &Event) {
        match event {
            Event::Joined { member: id, name, .. } if self.members.len() < MOST => {
                let member = Member { id: id.clone(), name: name.clone(), away: false };
                self.members.entry(id.clone()).or_insert(member);
            }
            Event::Left { member, .. } => drop(self.members.remove(member)),
            Event::File { id, file_id, filename, size, .. } => {
                let file = SharedFile { number: *id, file_id: file_id.clone(), name: filename.clone(), size: *size };
                self.files.insert(*id, file);
                if self.files.len() > MOST {
                    self.files.pop_first();
                }
            }
            Event::Removed { of, .. } => drop(self.files.remove(of)),
            Event::Changed { title, locked, .. } => (self.title, self.locked) = (title.clone(), *locked),
            Event::Joined { .. } | Event::Message { .. } => {}
        }
    }

    pub fn said(&mut self, word: &ServerMessage<'_>) {
        if let ServerMessage::Away { member, away } = word
            && let Some(member) = self.members.get_mut(member.as_ref())
        {
            member.away = *away;
        }
    }

    /// Who is there, in the order in which they came.
    pub fn members(&self) -> Vec<Member> {
        self.members.values().cloned().collect()
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        let exactly = self.members.values().find(|member| member.name == name);
        exactly.or_else(|| self.members.values().find(|member| member.name.to_lowercase() == name.to_lowercase()))
    }

    /// The file of this number, else the newest one of this name.
    pub fn file(&self, which: &str) -> Option<&SharedFile> {
        let numbered = which.trim_start_matches('#').parse().ok().and_then(|number: i64| self.files.get(&number));
        let named = |name: &str| self.files.values().rev().find(|file| file.name == name);
        numbered.or_else(|| named(which)).or_else(|| named(&unquoted(which)?))
    }

    pub fn file_name(&self, number: i64) -> Option<&str> {
        self.files.get(&number).map(|file| file.name.as_str())
    }
}
