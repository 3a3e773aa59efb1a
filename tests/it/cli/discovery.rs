//! Servers that are found on the local network. Here that is the loopback interface, which carries multicast too.

use std::time::{Duration, Instant};

use handover::client::discovery::browse;

use crate::support::peer::PATIENCE;
use crate::support::*;

/// Asks again and again, until it is found or not any more.
fn until(url: &str, is_found: bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = browse(Duration::from_secs(1)).unwrap();
        if found.iter().any(|found| found.url == url) == is_found {
            return;
        }
        assert!(Instant::now() < deadline, "{url}: {found:?}");
    }
}

#[test]
fn a_server_that_announces_itself_is_found() {
    let server = TestServer::with(&["--announce", "on"]);
    until(&server.url, true);
    let url = server.url.clone();
    server.stop();
    until(&url, false);
}

#[test]
fn its_address_is_the_public_one() {
    let server = TestServer::with(&["--announce", "on", "--public-url", "https://files.example.org/handover"]);
    until("https://files.example.org:443/handover", true);
    drop(server);
}

/// This machine's loopback address is nobody else's business.
#[test]
fn a_server_for_this_machine_is_not_announced() {
    let (silent, heard) = (TestServer::start(), TestServer::with(&["--announce", "on"]));
    until(&heard.url, true);
    let found = browse(Duration::from_secs(1)).unwrap();
    assert!(found.iter().all(|found| found.url != silent.url), "{found:?}");
}
