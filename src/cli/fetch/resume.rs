//! What is left of a download that was stopped, for the next one of the same link to the same place.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::transfer::resume_state;
use crate::client::direct::ResumeState;
use crate::client::folder::{Folder, Mark, Partial, Reopened};

#[derive(Serialize, Deserialize)]
struct State {
    mark: Mark,
    /// Of the content that it is a part of.
    etag: String,
    size: Option<u64>,
}

/// See the module. Without a place to write it down all works the same, and a download that is stopped leaves nothing.
#[derive(Default)]
pub struct Journal {
    resume: Option<ResumeState>,
    state: Option<State>,
}

impl Journal {
    /// What is left of this link, where it was fetched to the same folder and name.
    pub fn of(url: &str, folder: &Path, name: Option<&str>) -> Journal {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let resume =
            resume_state(&[b"fetch", url.as_bytes(), folder.as_os_str().as_bytes(), name.unwrap_or("").as_bytes()]);
        let state = resume.as_ref().and_then(ResumeState::load);
        Journal { resume, state }
    }

    /// The file to go on with, if it is a part of this content.
    pub fn reopen(&self, folder: &Folder, etag: Option<&str>) -> Option<Partial> {
        let state = self.state.as_ref()?;
        match folder.reopen(state.mark.clone()) {
            Ok(Reopened::Partial(mut partial)) if etag == Some(&state.etag) => {
                partial.keep();
                Some(partial)
            }
            _ => None, // what was there of another one is removed
        }
    }

    /// From now on the file stays when the download is stopped.
    pub fn keep(&mut self, partial: &mut Partial, etag: &str, size: Option<u64>) {
        let (Some(resume), Ok(mark)) = (&self.resume, partial.mark()) else { return };
        let state = State { mark, etag: etag.to_owned(), size };
        resume.store(&state);
        self.state = Some(state);
        partial.keep();
    }

    /// The link leads nowhere any more. A part is then of no use; a whole, which a killed process could not give its name,
    /// may be the only copy.
    pub fn discard(&mut self, folder: &Folder) {
        if let Some(state) = self.state.take()
            && let Ok(Reopened::Partial(mut partial)) = folder.reopen(state.mark)
            && partial.size().ok() == state.size
        {
            partial.keep();
        }
        self.forget();
    }

    /// There is nothing to go on with any more, whether it is complete or never can be.
    pub fn forget(&mut self) {
        self.state = None;
        self.resume.iter().for_each(ResumeState::clear);
    }
}
