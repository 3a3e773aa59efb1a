//! Servers that help two pages to find a direct way to each other (STUN and TURN).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

const FORM: &str = "a server has the form stun:HOST, turn:USER:PASSWORD@HOST or turn:SECRET@HOST, and may have a port; \
                    turns: is TURN over TLS";

/// One server. It is told to both sides of every direct transfer that runs in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// As browsers take it: scheme, host, port and transport (RFC 7064 and RFC 7065).
    pub url: String,
    pub access: IceAccess,
}

/// What a server asks of those who use it.
#[derive(Clone, PartialEq, Eq)]
pub enum IceAccess {
    Free,
    Login {
        user: String,
        password: String,
    },
    /// What it shares with us, from which it knows whom we have let in: coturn's `static-auth-secret`.
    Secret(String),
}

impl FromStr for IceServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.trim().split_once(':').ok_or(FORM)?;
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, rest),
        };
        let (address, transport) = match host.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (host, None),
        };
        if !is_address(address) {
            return Err(FORM.into());
        }
        let access = match (scheme, login) {
            ("stun", None) if transport.is_none() => IceAccess::Free,
            ("stun", None) => {
                return Err("a STUN server is asked by UDP; only turn: and turns: have a transport".into());
            }
            ("stun", Some(_)) => return Err("a STUN server asks for no user or secret".into()),
            ("turn" | "turns", Some(login)) => access(login)?,
            ("turn" | "turns", None) => {
                return Err(
                    "a TURN server needs what opens it: turn:USER:PASSWORD@HOST, or turn:SECRET@HOST with coturn's \
                            static-auth-secret"
                        .into(),
                );
            }
            _ => return Err(FORM.into()),
        };
        if !matches!(transport, None | Some("transport=udp" | "transport=tcp")) {
            return Err("what may follow a TURN server is ?transport=udp or ?transport=tcp".into());
        }
        Ok(IceServer { url: format!("{scheme}:{host}"), access })
    }
}

/// What is before the `@`; a character that would end it is percent-encoded.
fn access(login: &str) -> Result<IceAccess, String> {
    let plain = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(plain) if !plain.is_empty() => Ok(plain.into_owned()),
        _ => Err("user, password and secret must not be empty; special characters in them are percent-encoded"),
    };
    Ok(match login.split_once(':') {
        Some((user, password)) => IceAccess::Login { user: plain(user)?, password: plain(password)? },
        None => IceAccess::Secret(plain(login)?),
    })
}

/// Whether this is a host with or without a port: a browser that is given anything else makes no connection at all.
fn is_address(address: &str) -> bool {
    let host_end = address.rfind(']').unwrap_or(0);
    let (host, port) = match address[host_end..].find(':') {
        Some(colon) => (&address[..host_end + colon], Some(&address[host_end + colon + 1..])),
        None => (address, None),
    };
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => ip.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && is_name(host),
    };
    is_host && port.is_none_or(|port| port.parse().is_ok_and(|port: u16| port > 0))
}

impl fmt::Display for IceServer {
    /// Without what opens it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Debug for IceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IceAccess::Free => "free",
            IceAccess::Login { .. } => "login:…",
            IceAccess::Secret(_) => "secret:…",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, IceAccess), String> {
        text.parse().map(|IceServer { url, access }| (url, access))
    }

    #[test]
    fn what_opens_a_server_is_told_apart_from_its_address() {
        let login = |user: &str, password: &str| IceAccess::Login { user: user.into(), password: password.into() };
        for (text, url, access) in [
            ("stun:stun.example.org", "stun:stun.example.org", IceAccess::Free),
            (" stun:[2001:db8::1]:3478", "stun:[2001:db8::1]:3478", IceAccess::Free),
            ("turn:ann:s3cret@10.0.0.1:3478", "turn:10.0.0.1:3478", login("ann", "s3cret")),
            ("turns:ann:a%3Ab%40c%2C@t.example.org", "turns:t.example.org", login("ann", "a:b@c,")),
            (
                "turn:north@t.example.org?transport=tcp",
                "turn:t.example.org?transport=tcp",
                IceAccess::Secret("north".into()),
            ),
        ] {
            assert_eq!(parse(text), Ok((url.to_owned(), access)), "{text}");
        }
    }

    #[test]
    fn what_browsers_would_not_take_is_refused_with_what_would_do() {
        for (text, word) in [
            ("", "stun:HOST"),
            ("stun.example.org", "stun:HOST"),
            ("https://example.org", "stun:HOST"),
            ("stuns:example.org", "stun:HOST"),
            ("stun:", "stun:HOST"),
            ("stun://example.org", "stun:HOST"),
            ("stun:example.org:0", "stun:HOST"),
            ("stun:example.org:port", "stun:HOST"),
            ("stun:2001:db8::1", "stun:HOST"),
            ("stun:[example.org]", "stun:HOST"),
            ("stun:[::1]3478", "stun:HOST"),
            ("stun:ann:x@example.org", "no user"),
            ("stun:example.org?transport=udp", "transport"),
            ("turn:example.org", "turn:USER:PASSWORD@HOST"),
            ("turn::x@example.org", "empty"),
            ("turn:ann:@example.org", "empty"),
            ("turn:@example.org", "empty"),
            ("turn:x@example.org?transport=sctp", "?transport=tcp"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn what_opens_a_server_is_never_shown() {
        for text in ["turn:ann:s3cret@t.example.org", "turn:s3cret@t.example.org"] {
            let server: IceServer = text.parse().unwrap();
            let shown = format!("{server} {server:?}");
            assert!(shown.contains("t.example.org") && !shown.contains("s3cret"), "{shown}");
        }
    }
}
