//! Which addresses this end has, and which of the other's it may try.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;

pub use crate::interface::Interface;

/// How the other end may be reached.
#[derive(Clone)]
pub enum Route {
    /// Through the server alone: neither end learns the other's address.
    Relayed,
    /// Also from end to end, where they share a network.
    Direct(Arc<dyn Network>),
}

impl Default for Route {
    fn default() -> Self {
        Route::Direct(Arc::new(ThisMachine))
    }
}

/// What an end connects through.
pub trait Network: Send + Sync {
    /// The addresses of the interfaces that are up.
    ///
    /// # Errors
    /// Those of the system.
    fn interfaces(&self) -> io::Result<Vec<Interface>>;

    /// Opens a connection.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>>;
}

/// The network that the system has.
pub struct ThisMachine;

impl Network for ThisMachine {
    fn interfaces(&self) -> io::Result<Vec<Interface>> {
        Interface::all()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        TcpStream::connect(address).boxed()
    }
}

/// The addresses to listen on, at most `most`: those that other machines may reach first.
pub fn own(interfaces: &[Interface], most: usize) -> Vec<SocketAddr> {
    let mut own: Vec<&Interface> = interfaces.iter().collect();
    own.sort_by_key(|interface| (interface.net.addr().is_loopback(), interface.net.addr().is_ipv6()));
    own.into_iter().map(|interface| on(interface, 0)).take(most).collect()
}

/// The first of the ports that systems give to whoever asks for any (Linux; elsewhere they lie above it). Services that people
/// run have lower ones: an end that was bidden to dial one of those would be a tool against others of its network.
const ANY_PORT: u16 = 32_768;

/// Those of the other end's addresses that lie in a network of ours, at most `most`. Whoever is on the other side must not
/// make this machine connect to anywhere else; nor to itself, unless that is where the other end is.
pub fn reachable(offered: &[String], interfaces: &[Interface], most: usize) -> Vec<SocketAddr> {
    let offered = offered.iter().filter_map(|text| text.parse::<SocketAddr>().ok()).filter(|address| {
        let ip = address.ip();
        address.port() >= ANY_PORT && !ip.is_unspecified() && !ip.is_multicast()
    });
    let offered: Vec<_> = offered.map(|address| (address.ip().to_canonical(), address.port())).collect();
    let outward = |ip: &IpAddr| !ip.is_loopback();
    let mut own = interfaces.iter().map(|interface| interface.net.addr()).filter(outward).peekable();
    let is_here = own.peek().is_none() || own.any(|own| offered.iter().any(|(ip, _)| *ip == own));
    let offered = offered.into_iter().filter(|(ip, _)| is_here || outward(ip));
    let near = offered.flat_map(|(ip, port)| {
        let shared = interfaces.iter().filter(move |interface| interface.net.contains(&ip));
        // Where the networks look the same it may be in each of them; elsewhere the system knows the way.
        let shared = shared.take(if is_link_local(ip) { most } else { 1 });
        shared.map(move |interface| on(&Interface { net: ip.into(), ..*interface }, port))
    });
    near.take(most).collect()
}

fn on(interface: &Interface, port: u16) -> SocketAddr {
    match interface.net.addr() {
        IpAddr::V6(ip) if is_link_local(ip.into()) => SocketAddrV6::new(ip, port, 0, interface.index).into(),
        ip => SocketAddr::new(ip, port),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(net: &str, index: u32) -> Interface {
        Interface { net: net.parse().unwrap(), index }
    }

    fn ours() -> Vec<Interface> {
        let nets = ["127.0.0.1/8", "192.168.1.5/24", "fe80::5/64", "fd12::5/64"];
        let mut ours: Vec<_> = nets.into_iter().map(|net| interface(net, 2)).collect();
        ours.push(interface("fe80::6/64", 3));
        ours
    }

    fn tried(offered: &[&str]) -> Vec<String> {
        let offered: Vec<String> = offered.iter().copied().map(str::to_owned).collect();
        reachable(&offered, &ours(), 8).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn only_our_own_networks_are_tried() {
        assert_eq!(tried(&["192.168.1.9:40001", "[fd12::9]:40003"]).len(), 2);
        assert_eq!(tried(&["[::ffff:192.168.1.9]:40001"]), ["192.168.1.9:40001"]);
        assert_eq!(tried(&["[fe80::9]:40001"]), ["[fe80::9%2]:40001", "[fe80::9%3]:40001"], "on either interface");
        for outside in [
            "192.168.2.9:40001",
            "10.0.0.1:40001",
            "192.168.1.1:22",
            "192.168.1.9:9100",
            "192.168.1.9:32767",
            "169.254.169.254:80",
            "1.1.1.1:40001",
            "[2001:db8::1]:40001",
            "[::ffff:10.0.0.1]:40001",
            "[fd13::1]:40001",
            "0.0.0.0:40001",
            "[::]:40001",
            "224.0.0.251:5353",
            "192.168.1.9:0",
            "router.local:80",
            "192.168.1.9",
            "",
        ] {
            assert_eq!(tried(&[outside]), [""; 0], "{outside}");
        }
    }

    #[test]
    fn this_machine_is_tried_where_the_other_end_is_on_it() {
        assert_eq!(tried(&["127.0.0.1:40001"]), [""; 0]);
        assert_eq!(tried(&["127.0.0.1:40001", "192.168.1.9:40002"]), ["192.168.1.9:40002"]);
        assert_eq!(tried(&["192.168.1.5:40002", "127.0.0.1:40001"]).len(), 2);
        let alone = [interface("127.0.0.1/8", 1)];
        assert_eq!(reachable(&["127.0.0.1:40001".into()], &alone, 8).len(), 1, "there is no other network");
    }

    #[test]
    fn no_more_than_a_few_are_tried() {
        let many: Vec<String> = (1..200).map(|i| format!("192.168.1.{i}:40001")).collect();
        assert_eq!(reachable(&many, &ours(), 8).len(), 8);
    }

    #[test]
    fn what_others_may_reach_is_offered_first() {
        let own: Vec<String> = own(&ours(), 4).iter().map(SocketAddr::to_string).collect();
        assert_eq!(own, ["192.168.1.5:0", "[fe80::5%2]:0", "[fd12::5]:0", "[fe80::6%3]:0"]);
    }
}
