//! Where a request really comes from, and under which address the server is reached.

use crate::server::refusals::bad_request;
use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::web;
use ipnet::IpNet;

use super::origin::authority;
use crate::server::app::App;
use crate::server::error::{Error, Result};
use crate::server::shares::network_of;

/// The client's address: the peer's, or, when the peer is a trusted proxy, the right-most address of X-Forwarded-For
/// that is not a trusted proxy's. Whatever stands left of that was written by the client itself.
pub fn client_address(req: &HttpRequest) -> Result<IpAddr> {
    let missing = || Error::Internal("a request without a peer".into());
    let peer = req.peer_addr().ok_or_else(missing)?.ip().to_canonical();
    let trusted = &req.app_data::<web::Data<App>>().ok_or_else(missing)?.config.trusted_proxies;
    let forwarded = req.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    Ok(resolve(peer, forwarded, trusted))
}

/// An address as proxies write it: some add the port, and brackets to IPv6 (RFC 7239 section 6).
fn forwarded_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())).or_else(bracketed)
}

fn resolve<'a>(peer: IpAddr, forwarded: impl Iterator<Item = &'a str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        // Past a hop that is no address nothing can be believed.
        let Some(address) = forwarded_address(hop) else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// The network that a client is counted by.
pub fn client_network(req: &HttpRequest) -> Result<IpAddr> {
    client_address(req).map(network_of)
}

/// The address of `path` for a person outside: under the public address of the settings, else under the Host that the
/// request names.
///
/// # Errors
/// [`bad_request`] when there is neither.
pub fn public_url(req: &HttpRequest, app: &App, path: &str) -> Result<String> {
    if let Some(public) = &app.config.public_url {
        return Ok(public.join(path));
    }
    let host = req.headers().get(HOST).and_then(|host| host.to_str().ok()).filter(|host| authority(host).is_some());
    match host {
        Some(host) => Ok(format!("http://{host}{path}")),
        None => Err(bad_request("The request names no valid Host, and the server has no public address.".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn forwarded_addresses_count_from_trusted_proxies_alone() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let resolve = |peer: &str, lines: &[&str]| resolve(ip(peer), lines.iter().copied(), &trusted);
        assert_eq!(resolve("192.0.2.1", &["203.0.113.9"]), ip("192.0.2.1"), "an untrusted peer");
        assert_eq!(resolve("10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(resolve("10.0.0.1", &["1.1.1.1, 203.0.113.9"]), ip("203.0.113.9"), "left of it is forged");
        assert_eq!(resolve("10.0.0.1", &["1.1.1.1", "203.0.113.9, 10.0.0.2"]), ip("203.0.113.9"));
        assert_eq!(resolve("10.0.0.1", &["203.0.113.9, nonsense"]), ip("10.0.0.1"));
        assert_eq!(resolve("10.0.0.1", &[]), ip("10.0.0.1"));
        assert_eq!(resolve("10.0.0.1", &["2001:db8::7"]), ip("2001:db8::7"));
        assert_eq!(resolve("10.0.0.1", &["203.0.113.9:41000"]), ip("203.0.113.9"), "with a port");
        assert_eq!(resolve("10.0.0.1", &["1.1.1.1, [2001:db8::7]:41000, 10.0.0.2:80"]), ip("2001:db8::7"));
        assert_eq!(resolve("10.0.0.1", &["[2001:db8::7]"]), ip("2001:db8::7"));
        assert_eq!(resolve("10.0.0.1", &["203.0.113.9:", "203.0.113.9:99999"]), ip("10.0.0.1"), "no address");
    }
}
