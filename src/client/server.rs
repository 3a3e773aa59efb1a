//! Which server, and as whom.

use std::str::FromStr;

/// See the module.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http` or `https`, host, port and base path, without a slash at the end.
    url: String,
    token: Option<String>,
    /// Of a place in a room.
    member: Option<String>,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(url: &str) -> Result<Server, String> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let parsed = reqwest::Url::parse(&url).map_err(|_| "this is not a URL")?;
        match (parsed.scheme(), parsed.host_str(), parsed.query()) {
            ("http" | "https", Some(_), None) => {
                Ok(Server { url: url.trim_end_matches('/').to_owned(), token: None, member: None })
            }
            _ => Err("a server has the form https://HOST or https://HOST/PATH".into()),
        }
    }
}

/// The one that listens on this machine by default.
impl Default for Server {
    fn default() -> Server {
        Server { url: format!("http://127.0.0.1:{}", Server::PORT), token: None, member: None }
    }
}

impl Server {
    /// Where a server listens unless it is told otherwise.
    pub const PORT: u16 = 5000;

    /// Signs in with a token, for servers that let no guests in.
    pub fn with_token(self, token: Option<String>) -> Server {
        Server { token, ..self }
    }

    /// The same, for whoever has the `token` of a place in a room: in a header, and not in addresses, which proxies log.
    pub fn as_member(&self, token: Option<&str>) -> Server {
        Server { member: token.map(str::to_owned), ..self.clone() }
    }

    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// Scheme, host, port and base path, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether this is the same server, whoever is signed in.
    pub fn is(&self, other: &Server) -> bool {
        self.url.eq_ignore_ascii_case(&other.url)
    }

    /// The address of a socket: `ws` for `http`, `wss` for `https`.
    pub fn socket(&self, path: &str) -> String {
        format!("ws{}{path}", self.url.strip_prefix("http").unwrap_or(&self.url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_people_write_them() {
        let socket = |url: &str| url.parse::<Server>().map(|server| server.socket("/x"));
        assert_eq!(socket("https://files.example.org/handover/").unwrap(), "wss://files.example.org/handover/x");
        assert_eq!(socket("localhost:5000").unwrap(), "ws://localhost:5000/x");
        assert_eq!(socket("http://[::1]:5000").unwrap(), "ws://[::1]:5000/x");
        for bad in ["", "ftp://x", "http://", "http://x/?q=1"] {
            assert!(socket(bad).is_err(), "{bad}");
        }
    }
}
