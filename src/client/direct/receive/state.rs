//! What a receiver needs to go on after its process was killed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::client::direct::event::Summary;
use crate::client::direct::peer::Place;
use crate::client::direct::resume_state::ResumeState;
use crate::client::folder::Mark;
use crate::protocol::direct::exchange::Master;
use crate::protocol::direct::message::{Offer, numbers, ranges};

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub place: Place,
    /// Once both ends have confirmed the code.
    master: Option<[u8; 32]>,
    /// The chosen folder, absolute.
    pub folder: PathBuf,
    /// What was chosen, once it was.
    chosen: Option<Chosen>,
    pub at: At,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chosen {
    /// BLAKE3 of the offer, in hex: another one would need another answer.
    offer: String,
    /// First and last numbers: most often it is all.
    ranges: Vec<(u32, u32)>,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// Of what was chosen, the first that is not complete.
    pub next: usize,
    /// Where that lies, once it was begun.
    pub mark: Option<Mark>,
    /// What is complete.
    pub summary: Summary,
}

impl State {
    pub fn master(&self) -> Option<Master> {
        self.master.map(Master::from_bytes)
    }

    pub fn wanted(&self) -> Option<Vec<u32>> {
        Some(numbers(&self.chosen.as_ref()?.ranges))
    }

    /// Whether this is what was chosen from.
    pub fn is_of(&self, offer: &Offer) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.offer == digest(offer))
    }
}

fn digest(offer: &Offer) -> String {
    // Strings and numbers: there is nothing in it that JSON cannot say.
    blake3::hash(&serde_json::to_vec(offer).unwrap_or_default()).to_hex().to_string()
}

/// Keeps it, where there is a place for it.
pub struct Journal {
    pub resume: Option<ResumeState>,
    pub state: Option<State>,
}

impl Journal {
    /// The code is in use, and whoever is killed now has spent it.
    pub fn joined(&mut self, place: &Place, folder: &Path) {
        if self.state.is_none() {
            let (place, folder) = (place.clone(), folder.to_owned());
            self.state = Some(State { place, master: None, folder, chosen: None, at: At::default() });
            self.store();
        }
    }

    /// From now on there is something to go on with.
    pub fn confirmed(&mut self, master: &Master) {
        if let Some(state) = self.state.as_mut().filter(|state| state.master.is_none()) {
            state.master = Some(master.to_bytes());
            self.store();
        }
    }

    /// It was chosen.
    pub fn chosen(&mut self, offer: &Offer, wanted: &[u32]) {
        if let (Some(state), Some(_)) = (&mut self.state, &self.resume) {
            state.chosen = Some(Chosen { offer: digest(offer), ranges: ranges(wanted) });
            self.store();
        }
    }

    /// It is that far.
    pub fn at(&mut self, at: At) {
        if let Some(state) = self.state.as_mut().filter(|state| state.at != at) {
            state.at = at;
            self.store();
        }
    }

    fn store(&self) {
        if let (Some(resume), Some(state)) = (&self.resume, &self.state) {
            resume.store(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocol::direct::Role;

    #[test]
    fn what_was_chosen_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let open = || ResumeState::open(dir.path(), &[b"x"]).unwrap();
        let mut journal = Journal { resume: Some(open()), state: None };
        let place = Place { role: Role::Receiver, nameplate: 7, token: "t".into(), grace: Duration::from_secs(180) };
        let offer = Offer { text: Some("x".into()), ..Offer::default() };
        journal.chosen(&offer, &[1]);
        journal.joined(&place, dir.path());
        assert!(journal.state.as_ref().unwrap().master().is_none());
        journal.confirmed(&Master::from_bytes([7; 32]));
        journal.chosen(&offer, &[0, 1, 2, 7, 9, 10]);
        journal.at(At { next: 2, ..At::default() });
        journal.resume = None;
        let state: State = open().load().unwrap();
        assert_eq!(state.wanted().unwrap(), [0, 1, 2, 7, 9, 10]);
        assert_eq!((state.master().unwrap().to_bytes(), state.at.next), ([7; 32], 2));
        assert!(state.is_of(&offer) && !state.is_of(&Offer::default()));
    }
}
