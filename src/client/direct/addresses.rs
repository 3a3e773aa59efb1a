//! The addresses of this machine, watched: a connection from one that is gone stands still until somebody's patience ends,
//! and where one has come back it is worth to try again at once.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::Pace;
use super::path::{Network, Route, ThisMachine};

/// See the module.
pub struct Addresses {
    network: Arc<dyn Network>,
    pace: Pace,
    known: BTreeSet<IpAddr>,
    look_at: Instant,
}

/// What is not as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    gone: BTreeSet<IpAddr>,
    /// Whether there are new ones.
    pub has_new: bool,
}

impl Addresses {
    pub fn new(route: &Route, pace: Pace) -> Addresses {
        let network: Arc<dyn Network> = match route {
            Route::Direct(network) => network.clone(),
            Route::Relayed => Arc::new(ThisMachine),
        };
        let known = all(&*network).unwrap_or_default();
        Addresses { network, pace, known, look_at: Instant::now() + pace.look }
    }

    /// Waits until they change. Nothing is lost when the future is dropped before it is ready.
    pub async fn changed(&mut self) -> Change {
        loop {
            sleep_until(self.look_at).await;
            self.look_at = Instant::now() + self.pace.look;
            // What the system does not tell now it tells the next time.
            let Some(now) = all(&*self.network) else { continue };
            let before = std::mem::replace(&mut self.known, now);
            let change = Change {
                gone: before.difference(&self.known).copied().collect(),
                has_new: !self.known.is_subset(&before),
            };
            if change != Change::default() {
                return change;
            }
        }
    }
}

impl Change {
    /// Whether a connection that had this address at our end is cut off.
    pub fn cuts(&self, local: Option<SocketAddr>) -> bool {
        local.is_some_and(|local| self.gone.contains(&local.ip().to_canonical()))
    }
}

fn all(network: &dyn Network) -> Option<BTreeSet<IpAddr>> {
    let interfaces = network.interfaces().ok()?;
    Some(interfaces.into_iter().map(|interface| interface.net.addr().to_canonical()).collect())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use tokio::net::TcpStream;

    use super::*;
    use crate::client::direct::path::Interface;

    struct Machine(Mutex<Vec<&'static str>>);

    impl Network for Machine {
        fn interfaces(&self) -> io::Result<Vec<Interface>> {
            let nets = self.0.lock().unwrap();
            Ok(nets.iter().map(|net| Interface { net: net.parse().unwrap(), index: 1 }).collect())
        }

        fn connect(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
            std::future::pending().boxed()
        }
    }

    #[tokio::test]
    async fn whoever_had_an_address_that_is_gone_is_cut_off() {
        let machine = Arc::new(Machine(Mutex::new(vec!["192.168.1.5/24", "fd00::5/64"])));
        let pace = Pace { look: Duration::from_millis(1), ..Pace::default() };
        let mut addresses = Addresses::new(&Route::Direct(machine.clone()), pace);
        *machine.0.lock().unwrap() = vec!["fd00::5/64"];
        let change = addresses.changed().await;
        assert!(!change.has_new);
        assert!(change.cuts("192.168.1.5:1".parse().ok()) && change.cuts("[::ffff:192.168.1.5]:1".parse().ok()));
        assert!(
            !change.cuts("[fd00::5]:1".parse().ok()) && !change.cuts("10.0.0.1:1".parse().ok()) && !change.cuts(None)
        );
        *machine.0.lock().unwrap() = vec!["192.168.1.33/24", "fd00::5/64"];
        let change = addresses.changed().await;
        assert!(change.has_new && !change.cuts("[fd00::5]:1".parse().ok()));
    }
}
