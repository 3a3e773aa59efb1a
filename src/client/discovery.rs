//! The client's part: it asks who is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};

use crate::interface::Interface;
use crate::protocol::discovery::SERVICE;

/// A server that says that it is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its address, made of what it says of itself: to be checked as any other.
    pub url: String,
    /// What it calls itself, likewise.
    pub name: String,
}

/// Asks the local network, and listens for `time`.
///
/// # Errors
/// A sentence for the person who asks.
pub fn browse(time: Duration) -> Result<Vec<Found>, String> {
    let text = |error: mdns_sd::Error| error.to_string();
    let interfaces = Interface::all().map_err(|error| error.to_string())?;
    let (deadline, daemon) = (Instant::now() + time, ServiceDaemon::new().map_err(text)?);
    let (events, mut found) = (daemon.browse(SERVICE).map_err(text)?, BTreeMap::<String, Said>::new());
    while let Ok(event) = events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let ServiceEvent::ServiceResolved(service) = event {
            found.entry(identity(&service)).or_default().hear(*service);
        }
    }
    let _ = daemon.shutdown(); // nothing is lost with it
    let mut found: Vec<Found> = found.into_values().filter_map(|said| said.found(&interfaces)).collect();
    found.sort();
    found.dedup_by(|one, other| one.url == other.url);
    Ok(found)
}

/// What tells one server from others, whatever address it was heard from: what it says of that, else its name.
fn identity(service: &ResolvedService) -> String {
    match service.get_property_val_str("id").unwrap_or_default() {
        "" => service.get_fullname().to_owned(),
        id => id.to_owned(),
    }
}

/// What one server has said so far: its addresses may come one after the other.
#[derive(Default)]
struct Said {
    service: Option<ResolvedService>,
    addresses: BTreeSet<IpAddr>,
}

impl Said {
    fn hear(&mut self, service: ResolvedService) {
        self.addresses.extend(service.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr));
        self.service = Some(service);
    }

    fn found(self, interfaces: &[Interface]) -> Option<Found> {
        let service = self.service?;
        let text = |key| service.get_property_val_str(key).unwrap_or_default();
        let host = match text("host") {
            "" => host(self.addresses.into_iter().collect(), interfaces)?,
            host => host.to_owned(),
        };
        let scheme = if text("tls") == "1" { "https" } else { "http" };
        let name = service.get_fullname().strip_suffix(SERVICE).unwrap_or_default();
        let url = format!("{scheme}://{host}:{}{}", service.get_port(), text("path"));
        Some(Found { url, name: name.trim_end_matches('.').to_owned() })
    }
}

/// The address that is nearest. A link-local one of IPv6 cannot be written into a URL.
fn host(mut addresses: Vec<IpAddr>, interfaces: &[Interface]) -> Option<String> {
    let is_near = |address: &IpAddr| interfaces.iter().any(|interface| interface.net.contains(address));
    addresses.retain(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()));
    addresses.sort_by_key(|address| (!is_near(address), address.is_ipv6(), *address));
    addresses.first().map(|address| match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    })
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceInfo;

    use super::*;

    fn service(name: &str, addresses: &str, properties: &[(&str, &str)]) -> ResolvedService {
        let info = ServiceInfo::new(SERVICE, name, "handover-nas.local.", addresses, 5000, properties).unwrap();
        info.as_resolved_service()
    }

    fn heard(services: impl IntoIterator<Item = ResolvedService>) -> Option<Found> {
        let interfaces = [Interface { net: "192.168.1.5/24".parse().unwrap(), index: 1 }];
        let mut said = Said::default();
        services.into_iter().for_each(|service| said.hear(service));
        said.found(&interfaces)
    }

    fn found(addresses: &str, properties: &[(&str, &str)]) -> Option<Found> {
        heard([service("nas:5000", addresses, properties)])
    }

    #[test]
    fn a_server_with_two_addresses_is_one() {
        let [one, other] = ["fd00::9", "192.168.1.9"].map(|address| service("nas:5000", address, &[("id", "x")]));
        assert_eq!(identity(&one), identity(&other));
        assert_eq!(heard([one.clone(), other.clone()]), heard([other, one.clone()]), "whatever was heard first");
        assert_eq!(heard([one.clone()]).unwrap().url, "http://[fd00::9]:5000");
        assert_ne!(identity(&one), identity(&service("nas:5000", "fd00::9", &[("id", "y")])));
        assert_ne!(identity(&service("nas:5000", "fd00::9", &[])), identity(&service("nas:5001", "fd00::9", &[])));
    }

    fn url(addresses: &str, properties: &[(&str, &str)]) -> String {
        found(addresses, properties).unwrap().url
    }

    #[test]
    fn a_server_is_reached_where_it_says() {
        assert_eq!(found("192.168.1.9", &[]).unwrap().name, "nas:5000");
        assert_eq!(url("10.0.0.9,192.168.1.9,fd00::9", &[("tls", "0"), ("path", "")]), "http://192.168.1.9:5000");
        assert_eq!(url("fd00::9", &[("path", "/handover")]), "http://[fd00::9]:5000/handover");
        assert_eq!(url("192.168.1.9", &[("tls", "1"), ("host", "files.lan")]), "https://files.lan:5000");
        assert_eq!(found("fe80::9", &[]), None);
    }
}
