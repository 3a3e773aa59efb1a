//! What is done beside the conversation, some of it at once and the rest in its turn.

use std::collections::VecDeque;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};

use super::jobs::{Desk, Order, Saved};
use super::roster::SharedFile;
use crate::client::Failure;
use crate::client::rooms::Talk;
use crate::protocol::rooms::event::Event;

/// Files that wait to be saved.
const MOST_WAITING: usize = 1000;
/// At once.
const SHARES: usize = 4;
const SAVES: usize = 2;
/// How often it is tried to save a file, and the wait before another try, times the number of tries.
const TRIES: u32 = 6;
const WAIT: Duration = Duration::from_millis(500);

/// See the module.
pub struct Actions {
    pub desk: Desk,
    works: VecDeque<Work>,
    working: JoinSet<(String, Result<Option<Event>, Failure>)>,
    /// With how often it was tried.
    saves: VecDeque<(SharedFile, u32)>,
    saving: JoinSet<(SharedFile, u32, Result<Saved, Failure>)>,
    /// An order of the maker's is on its way.
    is_managing: bool,
}

enum Work {
    Share(PathBuf),
    Manage(String, Order),
}

/// What came of something.
pub enum Done {
    Shared { what: String, event: Event },
    Managed,
    Saved { file: SharedFile, saved: Saved },
    Failed { what: String, failure: Failure },
}

impl Actions {
    pub fn new(desk: Desk) -> Actions {
        let (works, saves) = (VecDeque::new(), VecDeque::new());
        Actions { desk, works, working: JoinSet::new(), saves, saving: JoinSet::new(), is_managing: false }
    }

    pub fn share(&mut self, path: PathBuf) {
        self.works.push_back(Work::Share(path));
    }

    pub fn manage(&mut self, what: String, order: Order) {
        self.works.push_back(Work::Manage(what, order));
    }

    pub fn save(&mut self, file: SharedFile) {
        self.saves.push_back((file, 0));
    }

    /// A file was taken away.
    pub fn forget(&mut self, number: i64) {
        self.saves.retain(|(file, _)| file.number != number);
    }

    /// Whether what is typed next has to wait, so that all keeps its order.
    pub fn has_the_turn(&self) -> bool {
        !self.works.is_empty() || self.is_managing
    }

    /// Whether no more files can be asked for.
    pub fn is_full(&self) -> bool {
        self.saves.len() >= MOST_WAITING
    }

    pub fn is_done(&self) -> bool {
        self.works.len() + self.working.len() + self.saves.len() + self.saving.len() == 0
    }

    /// Begins what is next. What was typed keeps its order: a file is shared when all that was said before is confirmed,
    /// and the maker's orders wait for files too.
    pub fn start(&mut self, talk: &Talk) {
        while talk.is_up() && self.saving.len() < SAVES {
            let Some((file, tries)) = self.saves.pop_front() else { break };
            let save = self.desk.save(file.clone(), talk.token(), WAIT * tries);
            self.saving.spawn(async move { (file, tries, save.await) });
        }
        while talk.is_up() && talk.unsent() == 0 {
            let may_start = match self.works.front() {
                Some(Work::Share(_)) => self.working.len() < SHARES,
                _ => self.working.is_empty(),
            };
            match self.works.pop_front_if(|_| may_start) {
                Some(Work::Share(path)) => {
                    let what = format!("/share {}", path.display());
                    let share = self.desk.share(path, talk.token());
                    self.working.spawn(async move { (what, share.await.map(Some)) });
                }
                Some(Work::Manage(what, order)) => {
                    self.is_managing = true;
                    let manage = self.desk.manage(order);
                    self.working.spawn(async move { (what, manage.await.map(|()| None)) });
                }
                None => return,
            }
        }
    }

    /// What is done next. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Done {
        loop {
            let done = tokio::select! {
                Some(worked) = self.working.join_next() => {
                    self.is_managing = false; // for as long as it is, nothing else is begun here
                    Some(worked_out(worked))
                }
                Some(saved) = self.saving.join_next() => self.saved(saved),
                else => pending().await,
            };
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// `None` when it is tried once more.
    fn saved(&mut self, saved: Result<(SharedFile, u32, Result<Saved, Failure>), JoinError>) -> Option<Done> {
        Some(match saved {
            Ok((file, _, Ok(saved))) => Done::Saved { file, saved },
            Ok((file, tries, Err(failure))) if may_pass(&failure) && tries + 1 < TRIES => {
                self.saves.push_back((file, tries + 1));
                return None;
            }
            Ok((file, _, Err(failure))) => Done::Failed { what: format!("/save {}", file.name), failure },
            Err(error) => broken(&error),
        })
    }

    /// Gives up what is half done; nothing of it stays here.
    pub async fn stop(mut self) {
        self.saving.shutdown().await;
        self.working.shutdown().await;
    }
}

fn worked_out(worked: Result<(String, Result<Option<Event>, Failure>), JoinError>) -> Done {
    match worked {
        Ok((what, Ok(Some(event)))) => Done::Shared { what, event },
        Ok((_, Ok(None))) => Done::Managed,
        Ok((what, Err(failure))) => Done::Failed { what, failure },
        Err(error) => broken(&error),
    }
}

fn broken(error: &JoinError) -> Done {
    Done::Failed { what: "a command".into(), failure: Failure::Local(error.to_string()) }
}

/// Also when one's place was lost and taken anew meanwhile.
fn may_pass(failure: &Failure) -> bool {
    failure.passes() || failure.code() == "not_a_member"
}
