//! The server's part: it says where it is, unless anybody could hear it.

use std::net::{IpAddr, SocketAddr};

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

use crate::interface::Interface;
use crate::protocol::discovery::SERVICE;
use crate::server::config::{Announce, Config, PublicUrl};

/// What is said until it is dropped.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

/// Announces a server that listens on `address` and is known by `id`, where the settings and its addresses allow it.
pub fn announce(config: &Config, address: SocketAddr, id: &str) -> Option<Announcement> {
    let public_url = config.public_url.as_ref();
    let announced = Interface::all()
        .map(|interfaces| addresses(config.announce, address.ip(), public_url, &interfaces))
        .map_err(|error| error.to_string())
        .and_then(|addresses| {
            if addresses.is_empty() { Ok(None) } else { start(&addresses, address.port(), public_url, id).map(Some) }
        });
    match announced {
        Ok(announcement) => announcement,
        Err(cause) => {
            tracing::warn!(cause, "the server cannot be announced on the local network; clients need its address");
            None
        }
    }
}

/// The addresses to announce.
fn addresses(rule: Announce, bind: IpAddr, public_url: Option<&PublicUrl>, interfaces: &[Interface]) -> Vec<IpAddr> {
    let own = interfaces.iter().map(|interface| interface.net.addr());
    let addresses: Vec<IpAddr> = match bind {
        bind if !bind.is_unspecified() => vec![bind],
        // One that listens on [::] takes IPv4 as well, on Linux unless that is switched off.
        bind => own.filter(|own| !own.is_loopback() && (bind.is_ipv6() || own.is_ipv4())).collect(),
    };
    let is_local = addresses.iter().all(|address| is_private(*address) && !address.is_loopback())
        && public_url.is_none_or(|url| is_private_host(url.authority().0));
    match rule {
        Announce::Off => Vec::new(),
        Announce::Auto if !is_local => Vec::new(),
        Announce::Auto | Announce::On => addresses,
    }
}

/// Loopback, link-local, private (RFC 1918, RFC 4193) or shared (RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a name is for a local network alone: without a dot, or below a name that is reserved for that (RFC 6762, RFC
/// 8375, ICANN's .internal).
fn is_private_host(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => is_private(address),
        Err(_) => {
            let host = host.trim_end_matches('.').to_lowercase();
            !host.contains('.') || [".local", ".internal", ".home.arpa", ".lan"].iter().any(|end| host.ends_with(end))
        }
    }
}

fn start(addresses: &[IpAddr], port: u16, public_url: Option<&PublicUrl>, id: &str) -> Result<Announcement, String> {
    let text = |error: mdns_sd::Error| error.to_string();
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let machine = machine.split('.').next().filter(|name| !name.is_empty()).unwrap_or("handover").to_owned();
    let (host, port) = public_url.map_or((None, port), |url| {
        let (host, port) = url.authority();
        (Some(host.to_owned()), port)
    });
    let mut properties = vec![
        ("path", public_url.map_or(String::new(), |url| url.base_path().to_owned())),
        ("tls", u8::from(public_url.is_some_and(PublicUrl::is_https)).to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("id", id.to_owned()),
    ];
    properties.extend(host.map(|host| ("host", host)));
    // A name of its own: that of the machine may be announced by the system.
    let (name, target) = (format!("{machine}:{port}"), format!("handover-{machine}.local."));
    let mut service = ServiceInfo::new(SERVICE, &name, &target, addresses, port, &properties[..]).map_err(text)?;
    let interfaces: Vec<IfKind> = addresses.iter().copied().map(IfKind::Addr).collect();
    service.set_interfaces(interfaces.clone());
    let daemon = ServiceDaemon::new().map_err(text)?;
    daemon.disable_interface(IfKind::All).map_err(text)?;
    daemon.enable_interface(interfaces).map_err(text)?;
    let name = service.get_fullname().to_owned();
    daemon.register(service).map_err(text)?;
    tracing::info!(name, "announced on the local network");
    Ok(Announcement { daemon, name })
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Best said, but clients find out.
        if let Ok(said) = self.daemon.unregister(&self.name) {
            let _ = said.recv_timeout(std::time::Duration::from_secs(1));
        }
        let _ = self.daemon.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces(addresses: &[&str]) -> Vec<Interface> {
        addresses.iter().map(|net| Interface { net: net.parse().unwrap(), index: 1 }).collect()
    }

    fn announced(rule: Announce, bind: &str, public_url: Option<&str>, own: &[&str]) -> Vec<String> {
        let url: Option<PublicUrl> = public_url.map(|url| url.parse().unwrap());
        let found = addresses(rule, bind.parse().unwrap(), url.as_ref(), &interfaces(own));
        found.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn a_server_of_a_local_network_is_announced() {
        let own = ["127.0.0.1/8", "192.168.1.5/24", "fe80::5/64", "fd12::5/64"];
        let auto = |bind, url| announced(Announce::Auto, bind, url, &own);
        assert_eq!(auto("192.168.1.5", None), ["192.168.1.5"]);
        assert_eq!(auto("0.0.0.0", None), ["192.168.1.5"]);
        assert_eq!(auto("::", None), ["192.168.1.5", "fe80::5", "fd12::5"]);
        assert_eq!(auto("0.0.0.0", Some("https://files.lan/handover")), ["192.168.1.5"]);
        assert_eq!(auto("0.0.0.0", Some("http://192.168.1.5:5000")), ["192.168.1.5"]);
        assert_eq!(auto("0.0.0.0", Some("http://nas")), ["192.168.1.5"]);
    }

    #[test]
    fn what_is_public_or_for_this_machine_alone_is_not() {
        let local = ["127.0.0.1/8", "192.168.1.5/24"];
        let auto = |bind, url, own: &[&str]| announced(Announce::Auto, bind, url, own);
        assert_eq!(auto("127.0.0.1", None, &local), [""; 0]);
        assert_eq!(auto("203.0.113.5", None, &local), [""; 0]);
        assert_eq!(auto("0.0.0.0", None, &["192.168.1.5/24", "203.0.113.5/24"]), [""; 0]);
        assert_eq!(auto("::", None, &["192.168.1.5/24", "2001:db8::5/64"]), [""; 0]);
        assert_eq!(auto("0.0.0.0", None, &["127.0.0.1/8"]), [""; 0], "there is no network");
        for url in
            ["https://files.example.org", "https://203.0.113.5", "https://[2001:db8::1]/x", "https://lan.example"]
        {
            assert_eq!(auto("192.168.1.5", Some(url), &local), [""; 0], "{url}");
        }
    }

    #[test]
    fn whoever_sets_it_has_it() {
        assert_eq!(announced(Announce::On, "203.0.113.5", Some("https://files.example.org"), &[]), ["203.0.113.5"]);
        assert_eq!(announced(Announce::Off, "192.168.1.5", None, &["192.168.1.5/24"]), [""; 0]);
    }
}
