//! How a sender gets its code: a new one, or the one that a killed process had.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::client::Server;
use crate::client::direct::Pace;
use crate::client::direct::event::{Event, Failure, WhyNot};
use crate::client::direct::link::{Heard, Link};
use crate::client::direct::peer::{Place, rejoin};
use crate::client::direct::saved::Saved;
use crate::protocol::direct::exchange::Master;
use crate::protocol::direct::{Code, Role, Signal};

/// What another process needs to go on.
#[derive(Serialize, Deserialize)]
struct Kept {
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
pub struct Keeper(Option<(Saved, Kept)>);

/// A sender with a code.
pub struct Begun {
    pub link: Link,
    pub place: Place,
    pub code: Code,
    pub master: Option<Master>,
    /// When the code ends, unless somebody has come for it.
    pub life: Option<Duration>,
    pub keeper: Keeper,
}

/// Goes on with what is saved for the same files, or opens a new transfer.
///
/// # Errors
/// [`Failure`]; what is saved stays when the server cannot be reached.
pub async fn begin(
    server: &Server,
    pace: &Pace,
    saved: Option<(Saved, String)>,
    tell: &mut dyn FnMut(Event),
) -> Result<Begun, Failure> {
    let kept = saved.as_ref().and_then(|(saved, _)| saved.load::<Kept>());
    if let Some((kept, code)) = kept.and_then(|kept| kept.code.parse::<Code>().ok().map(|code| (kept, code))) {
        let is_same = saved.as_ref().is_some_and(|(_, offered)| kept.offered == *offered);
        let why = match rejoin(server, pace, &kept.place, kept.master.is_some()).await {
            Ok(link) if is_same => return Ok(go_on(link, kept, code, saved, tell)),
            Ok(link) => {
                // The receiver would wait for what is not there any more.
                link.give_up(pace.goodbye).await;
                WhyNot::FilesChanged
            }
            Err(Failure::Ended { .. }) if !is_same => WhyNot::FilesChanged,
            Err(Failure::Ended { .. }) => WhyNot::Gone,
            Err(failure) => return Err(failure),
        };
        tell(Event::NotResumed { code: code.to_string(), why });
    }
    open(server, pace, saved, tell).await
}

fn go_on(link: Link, kept: Kept, code: Code, saved: Option<(Saved, String)>, tell: &mut dyn FnMut(Event)) -> Begun {
    tell(Event::Resumed { code: code.to_string() });
    let left = kept.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    let life = kept.master.is_none().then_some(left);
    if life.is_some() {
        let (code, page_url) = (code.to_string(), kept.page_url.clone());
        tell(Event::Code { code, page_url, expires_in: left.as_secs() });
    }
    let (place, master) = (kept.place.clone(), kept.master.map(Master::from_bytes));
    Begun { link, place, code, master, life, keeper: Keeper(saved.map(|(saved, _)| (saved, kept))) }
}

async fn open(
    server: &Server,
    pace: &Pace,
    saved: Option<(Saved, String)>,
    tell: &mut dyn FnMut(Event),
) -> Result<Begun, Failure> {
    let mut link = Link::open(server, "/api/direct/send", pace).await?;
    let (nameplate, life, token, grace, page_url) = match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Code { nameplate, expires_in, token, grace, page_url, .. }))) => {
            (nameplate, Duration::from_secs(expires_in), token, Duration::from_secs(grace), page_url)
        }
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => return Err(Failure::Ended { code, by }),
        _ => return Err(Failure::Unreachable("it does not say what a Handover server says".into())),
    };
    let place = Place { role: Role::Sender, nameplate, token, grace };
    let code = Code::random(nameplate);
    let keeper = Keeper(saved.map(|(saved, offered)| {
        let (place, code, page_url) = (place.clone(), code.to_string(), page_url.clone());
        (saved, Kept { place, code, page_url, expires_at: SystemTime::now() + life, master: None, offered })
    }));
    // Before anybody knows the code: it is to be good for as long as it lives.
    keeper.store();
    tell(Event::Code { code: code.to_string(), page_url, expires_in: life.as_secs() });
    Ok(Begun { link, place, code, master: None, life: Some(life), keeper })
}

impl Keeper {
    /// The receiver has confirmed the code.
    pub fn confirmed(&mut self, master: &Master) {
        if let Some((_, kept)) = self.0.as_mut().filter(|(_, kept)| kept.master.is_none()) {
            kept.master = Some(master.to_bytes());
            self.store();
        }
    }

    /// It is over.
    pub fn clear(&self) {
        if let Some((saved, _)) = &self.0 {
            saved.clear();
        }
    }

    fn store(&self) {
        if let Some((saved, kept)) = &self.0 {
            saved.store(kept);
        }
    }
}
