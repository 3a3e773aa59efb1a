//! How a sender gets its code: a new one, or the one that a killed process had.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::client::Server;
use crate::client::direct::Pace;
use crate::client::direct::event::{Event, Failure, WhyNot};
use crate::client::direct::link::{Heard, Link};
use crate::client::direct::peer::{Place, rejoin};
use crate::client::direct::resume_state::ResumeState;
use crate::protocol::direct::exchange::Master;
use crate::protocol::direct::{Code, Role, Signal};

/// However long a server says that a code lives.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What another process needs to go on.
#[derive(Serialize, Deserialize)]
struct State {
    place: Place,
    code: String,
    page_url: String,
    expires_at: SystemTime,
    /// Once the receiver has confirmed the code.
    master: Option<[u8; 32]>,
    /// Digest of what is offered.
    offered: String,
}

/// Keeps it, where there is a place for it.
pub struct Journal(Option<(ResumeState, State)>);

/// A sender with a code.
pub struct Begun {
    pub link: Link,
    pub place: Place,
    pub code: Code,
    pub master: Option<Master>,
    /// When the code ends, unless somebody has come for it.
    pub life: Option<Duration>,
    pub journal: Journal,
}

/// Goes on with what another process has left for the same files, or opens a new transfer.
///
/// # Errors
/// [`Failure`]; what it has left stays when the server cannot be reached.
pub async fn begin(
    server: &Server,
    pace: &Pace,
    resume: Option<(ResumeState, String)>,
    tell: &mut dyn FnMut(Event),
) -> Result<Begun, Failure> {
    let state = resume.as_ref().and_then(|(resume, _)| resume.load::<State>());
    if let Some((state, code)) = state.and_then(|state| state.code.parse::<Code>().ok().map(|code| (state, code))) {
        let is_same = resume.as_ref().is_some_and(|(_, offered)| state.offered == *offered);
        let why = match rejoin(server, pace, &state.place, state.master.is_some()).await {
            Ok(link) if is_same => return Ok(go_on(link, state, code, resume, tell)),
            Ok(link) => {
                // The receiver would wait for what is not there any more.
                link.give_up(pace.goodbye).await;
                WhyNot::FilesChanged
            }
            Err(Failure::Ended { .. }) if !is_same => WhyNot::FilesChanged,
            Err(failure @ Failure::Ended { .. }) => WhyNot::of(&failure).unwrap_or(WhyNot::Gone),
            Err(failure) => return Err(failure),
        };
        tell(Event::NotResumed { code: code.to_string(), why });
    }
    open(server, pace, resume, tell).await
}

fn go_on(
    link: Link,
    state: State,
    code: Code,
    resume: Option<(ResumeState, String)>,
    tell: &mut dyn FnMut(Event),
) -> Begun {
    tell(Event::Resumed { code: code.to_string() });
    let left = state.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    let life = state.master.is_none().then_some(left);
    if life.is_some() {
        let (code, page_url) = (code.to_string(), state.page_url.clone());
        tell(Event::Code { code, page_url, expires_in: left.as_secs() });
    }
    let (place, master) = (state.place.clone(), state.master.map(Master::from_bytes));
    Begun { link, place, code, master, life, journal: Journal(resume.map(|(resume, _)| (resume, state))) }
}

async fn open(
    server: &Server,
    pace: &Pace,
    resume: Option<(ResumeState, String)>,
    tell: &mut dyn FnMut(Event),
) -> Result<Begun, Failure> {
    let mut link = Link::open(server, "/api/direct/send", pace).await?;
    let (nameplate, life, token, grace, page_url) = match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Code { nameplate, expires_in, token, grace, page_url, .. }))) => {
            (nameplate, Duration::from_secs(expires_in).min(LONGEST), token, Place::grace(grace), page_url)
        }
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => return Err(Failure::Ended { code, by }),
        _ => return Err(Failure::Unreachable("it does not say what a Handover server says".into())),
    };
    let place = Place { role: Role::Sender, nameplate, token, grace };
    let code = Code::random(nameplate);
    let journal = Journal(resume.map(|(resume, offered)| {
        let (place, code, page_url) = (place.clone(), code.to_string(), page_url.clone());
        (resume, State { place, code, page_url, expires_at: SystemTime::now() + life, master: None, offered })
    }));
    // Before anybody knows the code: it is to be good for as long as it lives.
    journal.store();
    tell(Event::Code { code: code.to_string(), page_url, expires_in: life.as_secs() });
    Ok(Begun { link, place, code, master: None, life: Some(life), journal })
}

impl Journal {
    /// The receiver has confirmed the code.
    pub fn confirmed(&mut self, master: &Master) {
        if let Some((_, state)) = self.0.as_mut().filter(|(_, state)| state.master.is_none()) {
            state.master = Some(master.to_bytes());
            self.store();
        }
    }

    /// The code is over, and the place is for the next one.
    pub fn take(&mut self) -> Option<(ResumeState, String)> {
        self.clear();
        self.0.take().map(|(resume, state)| (resume, state.offered))
    }

    /// It is over.
    pub fn clear(&self) {
        if let Some((resume, _)) = &self.0 {
            resume.clear();
        }
    }

    fn store(&self) {
        if let Some((resume, state)) = &self.0 {
            resume.store(state);
        }
    }
}
