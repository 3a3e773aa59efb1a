//! How the two ends find a direct path: each listens, each dials where the other listens, and whoever connects shows that
//! it has the master key before it is listened to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Path;
use super::network::{Network, own, reachable};
use crate::protocol::direct::Role;
use crate::protocol::direct::exchange::PathTags;

/// Addresses that are offered, and that are tried.
const MOST: usize = 8;
/// Time for one connection, proof included.
const TRY: Duration = Duration::from_secs(3);
/// Connections to one address that have yet to show who they are.
const UNPROVEN: usize = 4;

/// See the module. When it is dropped nothing listens any more.
pub struct Rendezvous {
    network: Arc<dyn Network>,
    /// The number of the path that we open, and what proves it.
    dialed: (u8, PathTags),
    /// Whether the other end has told its addresses.
    is_told: bool,
    found: mpsc::Sender<(u8, Path)>,
    paths: mpsc::Receiver<(u8, Path)>,
    tasks: JoinSet<()>,
}

impl Rendezvous {
    /// Begins to listen; returns where.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(
        network: Arc<dyn Network>,
        role: Role,
        paths: &[PathTags; 2],
    ) -> io::Result<(Rendezvous, Vec<SocketAddr>)> {
        let tags = |opener: Role| {
            let number = u8::from(opener == Role::Receiver);
            (number, paths[usize::from(number)].clone())
        };
        let (found, paths) = mpsc::channel(1);
        let (mut tasks, mut addresses) = (JoinSet::new(), Vec::new());
        let place = Arc::new(Semaphore::new(1));
        for address in own(&network.interfaces()?, MOST) {
            // An address may have gone since, and another may do.
            let Ok(listener) = listener(address) else { continue };
            addresses.push(SocketAddr::new(address.ip(), listener.local_addr()?.port()));
            let door = Door { tags: tags(role.other()), place: place.clone(), found: found.clone() };
            tasks.spawn(async move { door.listen(listener).await });
        }
        Ok((Rendezvous { network, dialed: tags(role), is_told: false, found, paths, tasks }, addresses))
    }

    /// Dials where the other end says that it listens, the first time that it says so.
    ///
    /// # Errors
    /// Those of the system.
    pub fn dial(&mut self, offered: &[String]) -> io::Result<()> {
        if std::mem::replace(&mut self.is_told, true) {
            return Ok(());
        }
        for address in reachable(offered, &self.network.interfaces()?, MOST) {
            let (network, (number, tags), found) = (self.network.clone(), self.dialed.clone(), self.found.clone());
            self.tasks.spawn(async move {
                if let Ok(Ok(path)) = timeout(TRY, connect(&*network, address, &tags)).await {
                    // Nobody waits for it when another was faster.
                    let _ = found.send((number, path)).await;
                }
            });
        }
        Ok(())
    }

    /// The next path that stands, with its number. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> (u8, Path) {
        match self.paths.recv().await {
            Some(found) => found,
            None => std::future::pending().await,
        }
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn connect(network: &dyn Network, address: SocketAddr, tags: &PathTags) -> io::Result<Path> {
    let mut stream = network.connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&tags.connect).await?;
    check(&mut stream, &tags.accept).await?;
    Ok(Path::new(stream))
}

async fn check(stream: &mut TcpStream, expected: &[u8; 32]) -> io::Result<()> {
    let mut tag = [0; 32];
    stream.read_exact(&mut tag).await?;
    verify_slices_are_equal(&tag, expected).map_err(|_| io::ErrorKind::PermissionDenied.into())
}

/// What listens on one address.
struct Door {
    tags: (u8, PathTags),
    /// One connection to all of our addresses is let in: each end must mean the same one.
    place: Arc<Semaphore>,
    found: mpsc::Sender<(u8, Path)>,
}

impl Door {
    async fn listen(&self, listener: TcpListener) {
        let mut unproven = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if unproven.len() < UNPROVEN => match accepted {
                    Ok((stream, _)) => unproven.push(timeout(TRY, self.admit(stream))),
                    Err(_) => return,
                },
                Some(admitted) = unproven.next() => {
                    if let Ok(Ok(path)) = admitted {
                        let _ = self.found.send((self.tags.0, path)).await; // likewise
                    }
                }
            }
        }
    }

    async fn admit(&self, mut stream: TcpStream) -> io::Result<Path> {
        stream.set_nodelay(true)?;
        check(&mut stream, &self.tags.1.connect).await?;
        let place = self.place.try_acquire().map_err(io::Error::other)?;
        stream.write_all(&self.tags.1.accept).await?;
        place.forget();
        Ok(Path::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::super::network::Interface;
    use super::*;

    /// A machine with no interface but loopback.
    struct Loopback;

    impl Network for Loopback {
        fn interfaces(&self) -> io::Result<Vec<Interface>> {
            Ok(vec![Interface { net: "127.0.0.1/8".parse().unwrap(), index: 1 }])
        }

        fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
            TcpStream::connect(address).boxed()
        }
    }

    /// Tags that go by a number.
    fn tags(number: u8) -> [PathTags; 2] {
        [0, 1].map(|path| PathTags { connect: [4 * number + path; 32], accept: [4 * number + path + 2; 32] })
    }

    fn rendezvous(role: Role, number: u8) -> (Rendezvous, Vec<String>) {
        let (rendezvous, addresses) = Rendezvous::start(Arc::new(Loopback), role, &tags(number)).unwrap();
        (rendezvous, addresses.iter().map(SocketAddr::to_string).collect())
    }

    /// What a connection that says this hears before it is closed.
    async fn knock(address: &str, said: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await; // a reset is as good as an end
        heard
    }

    #[tokio::test]
    async fn whoever_has_the_key_is_let_in() {
        for (dialer, number) in [(Role::Sender, 0), (Role::Receiver, 1)] {
            let ((mut dialing, _), (mut listening, addresses)) = (rendezvous(dialer, 1), rendezvous(dialer.other(), 1));
            dialing.dial(&addresses).unwrap();
            let ((one, mut near), (other, mut far)) = tokio::join!(dialing.next(), listening.next());
            assert_eq!((one, other), (number, number));
            near.outbox().send(Bytes::from_static(b"hi")).await.unwrap();
            assert_eq!(far.next().await.unwrap(), "hi");
            far.outbox().send(Bytes::from_static(b"ho")).await.unwrap();
            assert_eq!(near.next().await.unwrap(), "ho");
        }
    }

    #[tokio::test]
    async fn a_wrong_tag_is_refused_and_learns_nothing() {
        let (mut listening, addresses) = rendezvous(Role::Receiver, 1);
        let right = tags(1);
        let mut changed = right[0].connect;
        changed[31] ^= 1;
        let others = [[0; 32], changed, right[1].connect, right[0].accept, tags(2)[0].connect];
        for wrong in others {
            assert_eq!(knock(&addresses[0], &wrong).await, b"");
        }
        assert!(listening.next().now_or_never().is_none());
        // Nor does a listener that has not the key get anything but the tag.
        let (mut dialing, _) = rendezvous(Role::Sender, 2);
        dialing.dial(&addresses).unwrap();
        while dialing.tasks.len() > 1 {
            dialing.tasks.join_next().await;
        }
        assert!(dialing.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn strangers_who_say_nothing_do_no_harm() {
        let ((mut dialing, _), (mut listening, addresses)) =
            (rendezvous(Role::Sender, 1), rendezvous(Role::Receiver, 1));
        let mut strangers = Vec::new();
        for said in [&b""[..], b"GET / HTTP/1.1\r\n"] {
            let mut stranger = TcpStream::connect(&addresses[0]).await.unwrap();
            stranger.write_all(said).await.unwrap();
            strangers.push(stranger);
        }
        dialing.dial(&addresses).unwrap();
        let (near, far) = tokio::join!(dialing.next(), listening.next());
        assert_eq!((near.0, far.0), (0, 0));
    }

    #[tokio::test]
    async fn one_is_let_in_and_no_more() {
        let (mut listening, addresses) = rendezvous(Role::Receiver, 1);
        let connect = tags(1)[0].connect;
        let mut first = TcpStream::connect(&addresses[0]).await.unwrap();
        first.write_all(&connect).await.unwrap();
        let (_, path) = listening.next().await;
        assert_eq!(knock(&addresses[0], &connect).await, b"");
        drop(path);
        assert_eq!(knock(&addresses[0], &connect).await, b"", "not even when that one is gone");
    }

    #[tokio::test]
    async fn nothing_listens_afterwards() {
        let (listening, addresses) = rendezvous(Role::Receiver, 1);
        let mut tasks = listening.tasks;
        tasks.shutdown().await;
        assert!(TcpStream::connect(&addresses[0]).await.is_err());
    }
}
