//! Codes: who may use one, for how long, and how many there may be.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use handover::client::direct::Failure;
use handover::protocol::direct::frame::{CONFIRM, PAKE};
use handover::protocol::direct::{End, LARGEST_FRAME, Signal};
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::answers::expect;
use crate::support::directed::*;
use crate::support::*;

/// A socket by hand.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(server: &TestServer, path: &str, origin: Option<&str>) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let tcp = TcpStream::connect(server.address).await.unwrap();
        match client_async(request, tcp).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// As from this address, behind a proxy.
    pub async fn from(server: &TestServer, path: &str, address: &str) -> Socket {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        Socket(client_async(request, TcpStream::connect(server.address).await.unwrap()).await.unwrap().0)
    }

    /// As a page does that has signed in: with two subprotocols.
    pub async fn with_token(
        server: &TestServer,
        path: &str,
        token: &str,
    ) -> Result<(Socket, Option<HeaderValue>), u16> {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", server.url.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", format!("handover, bearer.{token}").parse().unwrap());
        let tcp = TcpStream::connect(server.address).await.unwrap();
        match client_async(request, tcp).await {
            Ok((socket, response)) => Ok((Socket(socket), response.headers().get("sec-websocket-protocol").cloned())),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn to(server: &TestServer, path: &str) -> Socket {
        Socket::open(server, path, None).await.unwrap()
    }

    async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(Duration::from_secs(20), self.0.next()).await.expect("the server says something")?.ok()
    }

    pub async fn signal(&mut self) -> Signal {
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next frame of the other side; signals before it are passed over.
    pub async fn frame(&mut self) -> Vec<u8> {
        loop {
            match self.next().await {
                Some(Message::Binary(frame)) => return frame.into(),
                Some(Message::Text(_) | Message::Ping(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn code(&mut self) -> (u32, String) {
        match self.signal().await {
            Signal::Code { nameplate, token, expires_in: 600, grace: 180, .. } => (nameplate, token),
            other => panic!("{other:?}"),
        }
    }

    pub async fn ended(&mut self) -> &'static str {
        loop {
            match self.signal().await {
                Signal::Ended { code, msg, .. } => {
                    assert!(!msg.is_empty());
                    return code.as_str();
                }
                Signal::Paired { .. } | Signal::PeerLost { .. } | Signal::Joined { .. } | Signal::Waiting => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn pass(&mut self, frame: Vec<u8>) {
        self.0.send(Message::Binary(frame.into())).await.unwrap();
    }

    pub async fn say(&mut self, signal: &Signal) {
        self.0.send(Message::Text(serde_json::to_string(signal).unwrap().into())).await.unwrap();
    }
}

/// What a side says that comes back.
pub fn again_with(token: &str) -> Signal {
    Signal::Rejoin { token: token.into(), is_confirmed: false }
}

/// The servers that a side is told of, with what opens each.
fn ice_servers(signal: Signal) -> Vec<(String, Option<String>, Option<String>)> {
    let Signal::Ice { ice_servers } = signal else { panic!("{signal:?}") };
    ice_servers.into_iter().map(|server| (server.urls, server.username, server.credential)).collect()
}

/// A sender, and a receiver that has joined it; both are told that they are paired.
async fn pair(server: &TestServer) -> (Socket, Socket) {
    let mut sender = Socket::to(server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    let mut receiver = Socket::to(server, &format!("/api/direct/receive/{nameplate}")).await;
    assert!(matches!(receiver.signal().await, Signal::Joined { .. }));
    for side in [&mut sender, &mut receiver] {
        assert_eq!(side.signal().await, Signal::Paired { session: 1 });
    }
    (sender, receiver)
}

/// Says what the exchange says when the receiver has the code, and returns what either is told when it has shown it.
async fn agree(sender: &mut Socket, receiver: &mut Socket) -> [Signal; 2] {
    sender.pass(vec![PAKE]).await;
    assert_eq!(receiver.frame().await, [PAKE]);
    receiver.pass(vec![CONFIRM]).await;
    assert_eq!(sender.frame().await, [CONFIRM]);
    sender.pass(vec![CONFIRM]).await;
    let told = [sender.signal().await, receiver.signal().await];
    assert_eq!(receiver.frame().await, [CONFIRM], "not before it was told");
    told
}

#[tokio::test]
async fn both_sides_are_told_of_the_servers_that_help_them_once_they_have_agreed() {
    let servers = "stun:stun.example.org,turn:ann:s3cret@t.example.org:3478,turns:north@t.example.org?transport=tcp";
    let server = TestServer::with(&["--ice-servers", servers]);
    let (mut sender, mut receiver) = pair(&server).await;
    let [sent, received] = agree(&mut sender, &mut receiver).await.map(ice_servers);
    let some = |text: &str| Some(text.to_owned());
    for told in [&sent, &received] {
        assert_eq!(told[0], ("stun:stun.example.org".into(), None, None));
        assert_eq!(told[1], ("turn:t.example.org:3478".into(), some("ann"), some("s3cret")));
        let (url, username, credential) = &told[2];
        assert_eq!(url, "turns:t.example.org?transport=tcp");
        let (username, credential) = (username.as_ref().unwrap(), credential.as_ref().unwrap());
        let ends: i64 = username.split(':').next().unwrap().parse().unwrap();
        assert_eq!(ends, server.clock.now().and_utc().timestamp() + 24 * 60 * 60);
        // As coturn makes it with `use-auth-secret`.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"north");
        hmac::verify(&key, username.as_bytes(), &STANDARD.decode(credential).unwrap()).expect("made of the secret");
    }
    assert_ne!(sent[2].1, received[2].1, "each side is a user of its own");
    assert!(!format!("{:?}", server.app().config).contains("s3cret"), "the settings keep it to themselves");
}

/// Whoever guesses a nameplate has not the words: nothing is told, and the place is nobody's for long.
#[tokio::test]
async fn whoever_comes_without_the_words_gets_nothing_and_keeps_nobody_out() {
    let server = TestServer::with(&["--ice-servers", "turn:ann:s3cret@t.example.org:3478"]);
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    let path = format!("/api/direct/receive/{nameplate}");
    let mut stranger = Socket::to(&server, &path).await;
    assert!(matches!(stranger.signal().await, Signal::Joined { .. }));
    assert_eq!(stranger.signal().await, Signal::Paired { session: 1 });
    assert_eq!(sender.signal().await, Signal::Paired { session: 1 });
    sender.pass(vec![PAKE]).await;
    // What it says that is no confirmation helps nothing.
    stranger.pass(vec![PAKE]).await;
    stranger.pass(vec![4, 1, 2]).await;
    assert_eq!((sender.frame().await, sender.frame().await), (vec![PAKE], vec![4, 1, 2]));
    assert_eq!(stranger.frame().await, [PAKE]);
    let right = tokio::spawn({
        let socket = Socket::to(&server, &path).await;
        async move {
            let mut socket = socket;
            (socket.signal().await, socket.signal().await, socket)
        }
    });
    server.clock.advance(Duration::from_secs(3));
    let (joined, paired, mut receiver) = right.await.unwrap();
    assert!(matches!(joined, Signal::Joined { .. }), "{joined:?}");
    assert_eq!(paired, Signal::Paired { session: 2 });
    assert_eq!(stranger.ended().await, "code_in_use", "without a word of the servers");
    assert_eq!(sender.signal().await, Signal::Waiting);
    assert_eq!(sender.signal().await, Signal::Paired { session: 2 });
    let [sent, received] = agree(&mut sender, &mut receiver).await.map(ice_servers);
    assert_eq!((sent.len(), received.len()), (1, 1));
    assert_eq!(Socket::to(&server, &path).await.ended().await, "code_in_use", "now it is somebody's");
}

/// Nor can it end what is not its own.
#[tokio::test]
async fn whoever_comes_without_the_words_ends_nothing() {
    let server = TestServer::start();
    let (mut sender, mut stranger) = pair(&server).await;
    stranger.say(&Signal::End { code: End::Failed }).await;
    assert_eq!(stranger.ended().await, "failed");
    assert_eq!(sender.signal().await, Signal::Waiting);
}

/// One that goes without having shown anything leaves the code as it was.
#[tokio::test]
async fn a_receiver_that_goes_before_its_guess_costs_nothing() {
    let server = TestServer::start();
    let (mut sender, receiver) = pair(&server).await;
    drop(receiver);
    assert_eq!(sender.signal().await, Signal::Waiting);
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(sender.ended().await, "expired_code");
}

#[tokio::test]
async fn one_wrong_guess_ends_the_code_and_the_sender_is_told() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut transfer = Transfer::new(&server.url, to.path()).of(&file(from.path(), "file", 1000, 1));
    transfer.typed = Box::new(|code| {
        let nameplate = code.split('-').next().unwrap();
        let other = format!("{nameplate}-aardvark-zucchini");
        if other == code { format!("{nameplate}-zucchini-aardvark") } else { other }
    });
    let (sender, receiver) = transfer.run().await;
    for end in [&sender, &receiver] {
        let wrong = matches!(end.failure(), Failure::Ended { code: End::WrongCode, .. });
        assert!(wrong, "{:?}", end.result);
    }
    let handover::client::direct::Event::Code { code, .. } = &sender.events[0] else { panic!() };
    let path = format!("/api/direct/receive/{}", code.split('-').next().unwrap());
    assert_eq!(Socket::to(&server, &path).await.ended().await, "unknown_code", "it is spent");
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_code_serves_one_receiver() {
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    assert!((1..=10).contains(&nameplate), "short: {nameplate}");
    let path = format!("/api/direct/receive/{nameplate}");
    let mut first = Socket::to(&server, &path).await;
    assert!(matches!(first.signal().await, Signal::Joined { .. }));
    assert!(matches!(sender.signal().await, Signal::Paired { session: 1 }));
    assert!(matches!(first.signal().await, Signal::Paired { session: 1 }));
    agree(&mut sender, &mut first).await;
    assert_eq!(Socket::to(&server, &path).await.ended().await, "code_in_use");
    for unknown in ["/api/direct/receive/4000000000", "/api/direct/receive/-1", "/api/direct/receive/x%2Fy"] {
        assert_eq!(Socket::to(&server, unknown).await.ended().await, "unknown_code", "{unknown}");
    }
}

#[tokio::test]
async fn codes_expire_by_the_clock_and_late_receivers_are_told() {
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    let path = format!("/api/direct/receive/{nameplate}");
    server.clock.advance(Duration::from_secs(599));
    let mut claimed = Socket::to(&server, "/api/direct/send").await;
    let (other, _) = claimed.code().await;
    let mut receiver = Socket::to(&server, &format!("/api/direct/receive/{other}")).await;
    assert!(matches!(receiver.signal().await, Signal::Joined { .. }));
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(Socket::to(&server, &path).await.ended().await, "expired_code");
    assert_eq!(sender.ended().await, "expired_code");
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(Socket::to(&server, &path).await.ended().await, "unknown_code", "forgotten");
    assert!(matches!(receiver.signal().await, Signal::Paired { session: 1 }), "what is claimed does not expire");
}

#[tokio::test]
async fn a_place_is_given_back_for_its_token_alone() {
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, token) = sender.code().await;
    let again = format!("/api/direct/send?rejoin={nameplate}");
    for wrong in ["", "x", &token[1..], &token.to_uppercase()] {
        let mut thief = Socket::to(&server, &again).await;
        thief.say(&again_with(wrong)).await;
        assert_eq!(thief.ended().await, "unknown_code", "{wrong}");
    }
    // The receiver's side is not the sender's.
    let mut thief = Socket::to(&server, &format!("/api/direct/receive/{nameplate}?rejoin=true")).await;
    thief.say(&again_with(&token)).await;
    assert_eq!(thief.ended().await, "unknown_code");
    let mut back = Socket::to(&server, &again).await;
    back.say(&again_with(&token)).await;
    assert!(matches!(back.signal().await, Signal::Rejoined { .. }));
    assert_eq!(sender.ended().await, "replaced");
}

#[tokio::test]
async fn a_side_that_does_not_come_back_ends_the_transfer() {
    let server = TestServer::start();
    let (mut sender, mut receiver) = pair(&server).await;
    agree(&mut sender, &mut receiver).await;
    drop(receiver);
    assert!(matches!(sender.signal().await, Signal::PeerLost { grace: 180 }));
    server.clock.advance(Duration::from_secs(180));
    assert_eq!(sender.ended().await, "peer_lost");
}

#[tokio::test]
async fn the_oldest_of_too_many_codes_make_room() {
    let server = TestServer::with(&["--max-codes", "16"]);
    let mut senders = Vec::new();
    for _ in 0..6 {
        let mut sender = Socket::to(&server, "/api/direct/send").await;
        sender.code().await;
        senders.push(sender);
    }
    // One address may have a quarter of them.
    for sender in &mut senders[..2] {
        assert_eq!(sender.ended().await, "evicted");
    }
    eventually("four are left", async || {
        let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
        metrics.contains("handover_direct_transfers{state=\"waiting\"} 4")
    })
    .await;
}

#[tokio::test]
async fn what_is_not_of_the_protocol_ends_the_socket() {
    let server = TestServer::start();
    let large = Message::Binary(vec![0; LARGEST_FRAME + 1].into());
    for (message, close) in [
        (large, 1009),
        (Message::Text("x".repeat(100_000).into()), 1009),
        (Message::Text("{".into()), 1008),
        (Message::Text(r#"{"type":"end","code":"expired_code"}"#.into()), 1008),
        (Message::Text(r#"{"type":"paired","round":1}"#.into()), 1008),
    ] {
        let mut sender = Socket::to(&server, "/api/direct/send").await;
        sender.code().await;
        sender.0.send(message).await.unwrap();
        assert_eq!(sender.ended().await, "bad_message");
        match sender.next().await {
            Some(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), close),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn guests_send_where_they_may_and_receive_with_a_code() {
    let server = TestServer::with(&["--guests", "deny"]);
    expect("a guest", server.get("/api/direct/send"), 401, "sign_in_required", None).await;
    assert_eq!(Socket::open(&server, "/api/direct/send", None).await.err(), Some(401));
    assert_eq!(Socket::to(&server, "/api/direct/receive/1").await.ended().await, "unknown_code");
    let token = server.client("carl").await;
    let signed_in = server.get("/api/direct/send").bearer_auth(&token);
    expect("signed in, but no socket", signed_in, 426, "upgrade_required", None).await;
    let (mut socket, protocol) = Socket::with_token(&server, "/api/direct/send", &token).await.ok().unwrap();
    assert_eq!(protocol.unwrap(), "handover");
    socket.code().await;
    for bad in ["", "x", &token[1..]] {
        assert_eq!(Socket::with_token(&server, "/api/direct/send", bad).await.err(), Some(401), "{bad:?}");
    }
    assert_eq!(server.request(Method::POST, "/logout").bearer_auth(&token).send().await.unwrap().status(), 200);
    assert_eq!(socket.ended().await, "signed_out", "rights end at once, those of open sockets too");
}

/// A page has no other place for its token than the list of subprotocols.
#[tokio::test]
async fn a_sign_in_comes_as_a_subprotocol() {
    let server = TestServer::with(&["--guests", "deny"]);
    let token = server.client("carl").await;
    let asking = |protocols: &str| {
        let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
        let request = server.get("/api/direct/send").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        upgrade
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .header("sec-websocket-protocol", protocols)
    };
    let opened = asking(&format!("handover, bearer.{token}")).send().await.unwrap();
    assert_eq!(
        (opened.status().as_u16(), &opened.headers()["sec-websocket-protocol"]),
        (101, &"handover".parse().unwrap())
    );
    expect("a guest", asking("handover"), 401, "sign_in_required", None).await;
    expect("a wrong token", asking("handover, bearer.x.y.z"), 401, "invalid_token", None).await;
    let no_socket = server.get("/me").header("sec-websocket-protocol", format!("bearer.{token}"));
    expect("no socket", no_socket, 401, "missing_authorization", None).await;
}

/// A page of another site opens no socket here, whatever its visitor may do.
#[tokio::test]
async fn foreign_pages_are_refused() {
    let server = TestServer::with(&["--cors-origins", "https://intranet.example.org"]);
    for (origin, status) in [
        ("https://evil.example", Some(403)),
        ("null", Some(403)),
        (&*format!("http://{}.evil.example", server.address), Some(403)),
        (&*server.url, None),
        ("https://intranet.example.org", None),
    ] {
        for path in ["/api/direct/send", "/api/direct/receive/1"] {
            assert_eq!(Socket::open(&server, path, Some(origin)).await.err(), status, "{origin} {path}");
        }
    }
}

#[tokio::test]
async fn guesses_of_nameplates_are_throttled_and_right_ones_cost_nothing() {
    let server = TestServer::start();
    for _ in 0..30 {
        let (mut sender, mut receiver) = pair(&server).await;
        agree(&mut sender, &mut receiver).await;
    }
    let mut refused = None;
    for _ in 0..30 {
        match Socket::open(&server, "/api/direct/receive/4000", None).await {
            Ok(mut socket) => assert_eq!(socket.ended().await, "unknown_code"),
            Err(status) => refused = Some(status),
        }
    }
    assert_eq!(refused, Some(429));
}

/// A line that breaks often is no guess.
#[tokio::test]
async fn coming_back_with_the_token_costs_no_guess() {
    let server = TestServer::start();
    let mut sender = Socket::to(&server, "/api/direct/send").await;
    let (nameplate, _) = sender.code().await;
    let mut receiver = Socket::to(&server, &format!("/api/direct/receive/{nameplate}")).await;
    let Signal::Joined { token, .. } = receiver.signal().await else { panic!("not joined") };
    assert_eq!(receiver.signal().await, Signal::Paired { session: 1 });
    assert_eq!(sender.signal().await, Signal::Paired { session: 1 });
    agree(&mut sender, &mut receiver).await;
    for _ in 0..30 {
        drop(receiver);
        receiver = Socket::to(&server, &format!("/api/direct/receive/{nameplate}?rejoin=true")).await;
        receiver.say(&again_with(&token)).await;
        assert_eq!(receiver.signal().await, Signal::Rejoined { nameplate });
    }
}

/// Half-open codes cost little, and the server goes on serving.
#[tokio::test]
async fn many_idle_codes() {
    let server = TestServer::start();
    let mut senders = Vec::new();
    for _ in 0..1000 {
        let mut sender = Socket::to(&server, "/api/direct/send").await;
        sender.code().await;
        senders.push(sender);
    }
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "file", 100_000, 1);
    let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&path).run().await;
    assert!(sender.result.is_ok() && receiver.result.is_ok());
    // A plain request sees a socket's address, and claims nothing.
    let answer: Value = server.get("/api/direct/receive/1").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["code"], "upgrade_required");
}
