//! Under which names the server answers, and what pages of other sites may have done here.
//!
//! A browser sends what it is told to, with what is in it, wherever a name leads: a name that leads to this machine today may
//! belong to somebody else (DNS rebinding), and a form may be sent here from anywhere. Programs say what they want in Host
//! and send no Origin; what a browser says of itself in Origin and Sec-Fetch-Site no page can change (WHATWG Fetch; Fetch
//! Metadata, section 2).

use std::net::{IpAddr, SocketAddr};

use actix_web::http::Version;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::http::uri::Authority;
use actix_web::{HttpRequest, web};

use crate::interface::Interface;
use crate::server::app::App;
use crate::server::config::PublicUrl;
use crate::server::error::Result;
use crate::server::refusals::{FOREIGN_ORIGIN, bad_request, misdirected};

/// Lets in requests for this server: under its public address, or else by a name or an address of this machine. The port is
/// not judged: it may be another one before a proxy or a container.
///
/// # Errors
/// [`misdirected`]; [`bad_request`] for a Host that is none, and for none at all where HTTP asks for one.
pub fn check_host(req: &HttpRequest, app: &App) -> Result<()> {
    let no_host = || bad_request("The request names no valid Host.".into());
    if req.headers().get_all(HOST).count() > 1 {
        return Err(no_host());
    }
    // In the form that is for proxies the target says it too, and wins (RFC 9112 section 3.2.2).
    let target = req.head().uri.authority().cloned();
    let named = match (target, req.headers().get(HOST)) {
        (Some(target), _) => target,
        (None, Some(host)) => host.to_str().ok().and_then(authority).ok_or_else(no_host)?,
        (None, None) if req.version() < Version::HTTP_11 => return Ok(()),
        (None, None) => return Err(no_host()),
    };
    let is_public = app.config.public_url.as_ref().is_some_and(|url| is_same_host(url.authority().0, named.host()));
    let reached = req.app_config().local_addr();
    match is_public || is_this_machine(named.host(), reached) {
        true => Ok(()),
        false => Err(misdirected(app.config.public_url.is_none())),
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2) and no more, so that it can be put into a link.
pub fn authority(host: &str) -> Option<Authority> {
    let authority: Authority = host.parse().ok().filter(|_| host.len() <= 255)?;
    (!authority.as_str().contains('@') && !authority.host().is_empty()).then_some(authority)
}

/// Whether a host is a name or an address of this machine.
fn is_this_machine(host: &str, reached: SocketAddr) -> bool {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<IpAddr>() {
        let address = address.to_canonical();
        let has_it =
            || Interface::all().is_ok_and(|all| all.iter().any(|one| one.net.addr().to_canonical() == address));
        return address.is_loopback() || address == reached.ip().to_canonical() || has_it();
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let short = name.split('.').next().unwrap_or_default();
    // The last one is what the server is announced by.
    !short.is_empty()
        && (host == name
            || host == short
            || host == format!("{short}.local")
            || host == format!("handover-{short}.local"))
}

fn is_same_host(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// Lets in what changes something: from our own pages, those of the origins in the settings, and programs.
///
/// # Errors
/// [`FOREIGN_ORIGIN`].
pub fn check_change(req: &HttpRequest, app: &App) -> Result<()> {
    let header = |name| req.headers().get(name).and_then(|value| value.to_str().ok());
    let (origin, site) = (origin_of(req.headers())?, header("sec-fetch-site"));
    let is_ours = match (origin, site) {
        // Where a page sends no referrer, a form of it names no origin either (Fetch, "append a request Origin header").
        (Some("null"), site) => site == Some("same-origin"),
        (Some(origin), _) if is_allowed(origin, app) => true,
        (Some(origin), site) => is_own(origin, req, app) && is_from_here(site),
        (None, site) => is_from_here(site),
    };
    if is_ours { Ok(()) } else { Err(FOREIGN_ORIGIN) }
}

/// A person who types an address, or a page of ours; what is no browser does not say.
fn is_from_here(site: Option<&str>) -> bool {
    matches!(site, None | Some("same-origin" | "none"))
}

/// Lets in our own pages, those of the origins in the settings, and programs, which send no Origin.
///
/// # Errors
/// [`FOREIGN_ORIGIN`].
pub fn check_origin(req: &HttpRequest, app: &App) -> Result<()> {
    match origin_of(req.headers())? {
        Some(origin) if !is_allowed(origin, app) && !is_own(origin, req, app) => Err(FOREIGN_ORIGIN),
        _ => Ok(()),
    }
}

/// Likewise for a GET that takes something: a page of another site may make a browser fetch it, as an image or in a frame,
/// without an Origin (Fetch Metadata, section 2). A link that a person follows from there is let in.
///
/// # Errors
/// [`FOREIGN_ORIGIN`].
pub fn check_fetch(req: &HttpRequest, app: &App) -> Result<()> {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let embedded = header("sec-fetch-site") == "cross-site" && header("sec-fetch-dest") != "document";
    match embedded && !req.headers().contains_key(ORIGIN) {
        true => Err(FOREIGN_ORIGIN),
        false => check_origin(req, app),
    }
}

/// The one Origin of a request, if it has any.
fn origin_of(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut all = headers.get_all(ORIGIN);
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(origin), None) => origin.to_str().map(Some).map_err(|_| FOREIGN_ORIGIN),
        (Some(_), Some(_)) => Err(FOREIGN_ORIGIN),
    }
}

fn is_allowed(origin: &str, app: &App) -> bool {
    app.config.cors_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

/// Whether an origin is the one that this request was sent to. Its scheme counts where the public address says which: else
/// the server cannot know whether a proxy before it speaks TLS.
fn is_own(origin: &str, req: &HttpRequest, app: &App) -> bool {
    let Ok(url) = origin.parse::<PublicUrl>() else { return false };
    if app.config.public_url.as_ref().is_some_and(|public| is_same_origin(public, &url)) {
        return true;
    }
    let host = req.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_public =
        app.config.public_url.as_ref().is_some_and(|public| is_same_host(public.authority().0, url.authority().0));
    !is_public && origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

fn is_same_origin(one: &PublicUrl, other: &PublicUrl) -> bool {
    let ((host, port), (other_host, other_port)) = (one.authority(), other.authority());
    one.is_https() == other.is_https() && port == other_port && is_same_host(host, other_host)
}

/// The server's settings, in a request that goes through it.
pub fn check_request(req: &HttpRequest, app: &web::Data<App>) -> Result<()> {
    check_host(req, app)?;
    if req.method().is_safe() { Ok(()) } else { check_change(req, app) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_names_and_addresses() {
        let reached = "192.0.2.5:5000".parse().unwrap();
        for host in ["localhost", "LOCALHOST.", "handover.localhost", "127.0.0.1", "127.8.0.1", "[::1]", "192.0.2.5"] {
            assert!(is_this_machine(host, reached), "{host}");
        }
        let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
        assert!(is_this_machine(&own.to_uppercase(), reached), "{own}");
        for host in ["evil.example", "localhost.evil.example", "192.0.2.6", "[2001:db8::1]", "", "0x7f.1", "xlocalhost"]
        {
            assert!(!is_this_machine(host, reached), "{host}");
        }
    }

    #[test]
    fn hosts_that_carry_more_than_a_host_are_none() {
        for good in ["localhost:5000", "files.example.org", "[::1]:80", "127.0.0.1"] {
            assert!(authority(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "user@host", "host/path", "host\"><script>", "host?x", ":80", &"a".repeat(300)] {
            assert!(authority(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn origins_are_compared_with_scheme_and_port() {
        let same = |one: &str, other: &str| is_same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://files.example.org/handover", "https://files.example.org"));
        assert!(same("https://files.example.org:443", "https://FILES.example.org"));
        assert!(!same("https://files.example.org", "http://files.example.org"));
        assert!(!same("https://files.example.org", "https://files.example.org:8443"));
        assert!(!same("https://files.example.org", "https://files.example.org.evil.example"));
    }
}
