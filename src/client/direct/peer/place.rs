//! The place that the hub keeps for an end whose connection has broken.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::client::Server;
use crate::client::direct::Pace;
use crate::client::direct::event::Failure;
use crate::client::direct::link::{Heard, Link, Lost};
use crate::protocol::direct::{Role, Signal};

/// Where this end belongs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    pub role: Role,
    pub nameplate: u32,
    /// Gets the place back.
    pub token: String,
    /// How long it is kept.
    pub grace: Duration,
}

/// However long a server says that it keeps a place.
const LONGEST_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

impl Place {
    /// As a server says it, in seconds.
    pub fn grace(seconds: u64) -> Duration {
        Duration::from_secs(seconds).min(LONGEST_GRACE)
    }

    fn path(&self) -> String {
        match self.role {
            Role::Sender => format!("/api/direct/send?rejoin={}", self.nameplate),
            Role::Receiver => format!("/api/direct/receive/{}?rejoin=true", self.nameplate),
        }
    }
}

/// Connects again and takes the place that is kept; says whether the code was confirmed, for a server that was started anew.
///
/// # Errors
/// [`Failure::Ended`] when the place is gone; others may pass.
pub async fn rejoin(server: &Server, pace: &Pace, place: &Place, is_confirmed: bool) -> Result<Link, Failure> {
    let lost = |_| Failure::Unreachable("the connection broke again".into());
    let mut link = Link::open(server, &place.path(), pace).await?;
    link.signal(&Signal::Rejoin { token: place.token.clone(), is_confirmed }).await.map_err(lost)?;
    match timeout(pace.connect, link.next()).await {
        Ok(Ok(Heard::Signal(Signal::Rejoined { .. }))) => Ok(link),
        Ok(Ok(Heard::Signal(Signal::Ended { code, by, .. }))) => Err(Failure::Ended { code, by }),
        _ => Err(lost(Lost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_says_a_time_that_cannot_be_counted() {
        assert!(std::time::Instant::now().checked_add(Place::grace(u64::MAX)).is_some());
        assert_eq!(Place::grace(180), Duration::from_secs(180));
    }
}
