//! What people pass on of a room: its code, or its link.

use std::str::FromStr;

use reqwest::Url;

use crate::client::{Failure, Server};
use crate::protocol::rooms::code;
use crate::protocol::secret::could_be;

/// Length of a maker's key.
const KEY: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct Address {
    /// Of a link.
    pub server: Option<Server>,
    pub code: String,
    /// The maker's key, which only the maker's own link has.
    pub key: Option<String>,
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(typed: &str) -> Result<Address, Failure> {
        let wrong = || Failure::Local("this is no code of a room, such as k7qm-xw3h-n5bd, and no link to one".into());
        if !typed.contains("://") {
            return Ok(Address { server: None, code: code::parse(typed).ok_or_else(wrong)?, key: None });
        }
        let mut url = Url::parse(typed.trim()).map_err(|_| wrong())?;
        let key = url.fragment().filter(|key| could_be(key, KEY)).map(str::to_owned);
        let segments: Vec<String> = url.path_segments().into_iter().flatten().map(str::to_owned).collect();
        let [base @ .., page, code] = &segments[..] else { return Err(wrong()) };
        let code = code::parse(code).filter(|_| page == "r").ok_or_else(wrong)?;
        url.set_fragment(None);
        url.set_query(None);
        url.set_path(&base.join("/"));
        let server = Some(url.as_str().parse().map_err(|_| wrong())?);
        Ok(Address { server, code, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_links_are_read() {
        let key = "k".repeat(KEY);
        let read = |typed: &str| {
            let Address { server, code, key } = typed.parse().ok()?;
            Some((server.map(|server| server.url().to_owned()), code, key))
        };
        let code = || "abcd-efgh-jkmn".to_owned();
        let server = |url: &str| Some(url.to_owned());
        assert_eq!(read(" ABCD efgh-jkmn"), Some((None, code(), None)));
        assert_eq!(read("https://h.example/r/abcd-efgh-jkmn"), Some((server("https://h.example"), code(), None)));
        assert_eq!(
            read(&format!("http://h.example:81/below/r/abcdefghjkmn?x=1#{key}")),
            Some((server("http://h.example:81/below"), code(), Some(key)))
        );
        for bad in ["", "abc", "https://h.example/b/abcd-efgh-jkmn", "ftp://h/r/abcd-efgh-jkmn", "https://h.example/r/"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
