//! A hostile sender: whatever it says, nothing lands outside the chosen folder, nothing is overwritten, and what does not keep
//! to the protocol ends the transfer.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use handover::client::direct::{Choice, Event, Failure, Receiving, Route, Summary, Target, receive};
use handover::protocol::direct::exchange::{Exchange, Secret, Step};
use handover::protocol::direct::message::{Accept, Data, Entry, MOST_ENTRIES, Offer};
use handover::protocol::direct::seal::{Opener, Sealer};
use handover::protocol::direct::{Code, Frame, Message, PIECE, Role, Signal};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message as Socket;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::binary::{handover, text};
use crate::support::directed::PACE;
use crate::support::*;

/// A sender by hand.
struct Hostile {
    socket: WebSocketStream<TcpStream>,
    code: Code,
    keys: Option<(Sealer, Opener)>,
}

impl Hostile {
    async fn start(server: &TestServer) -> Hostile {
        let tcp = TcpStream::connect(server.address).await.unwrap();
        let (mut socket, _) = client_async(format!("ws://{}/api/direct/send", server.address), tcp).await.unwrap();
        let Some(Ok(Socket::Text(first))) = socket.next().await else { panic!("no code") };
        let Ok(Signal::Code { nameplate, .. }) = serde_json::from_str(&first) else { panic!("{first}") };
        Hostile { socket, code: Code::random(nameplate), keys: None }
    }

    /// Agrees on keys with whoever comes with the code.
    async fn meet(&mut self) {
        let mut exchange = None;
        while self.keys.is_none() {
            match self.socket.next().await.expect("the other side comes").unwrap() {
                Socket::Text(text) => {
                    let Ok(Signal::Paired { session }) = serde_json::from_str(&text) else { panic!("{text}") };
                    let (started, frame) = Exchange::start(Role::Sender, session, Secret::Code(&self.code));
                    exchange = Some(started);
                    self.send(frame.into_bytes()).await;
                }
                Socket::Binary(frame) => {
                    let step = exchange.as_mut().expect("paired").take(Frame::parse(frame).unwrap()).unwrap();
                    if let Step::Done(established, reply) = step {
                        self.send(reply.unwrap().into_bytes()).await;
                        self.keys = Some((established.sealer, established.opener));
                    }
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, frame: Bytes) {
        // The receiver may have had enough.
        let _ = self.socket.send(Socket::Binary(frame)).await;
    }

    async fn say(&mut self, message: &Message) {
        self.say_bytes(message.encode().unwrap()).await;
    }

    /// Says what is no message of ours: one free byte, and then anything.
    async fn say_bytes(&mut self, buffer: Vec<u8>) {
        let sealed = self.keys.as_mut().unwrap().0.seal(buffer).unwrap();
        self.send(sealed).await;
    }

    async fn say_json(&mut self, json: &str) {
        self.say_bytes([b"\0\0", json.as_bytes()].concat()).await;
    }

    async fn offer(&mut self, entries: Vec<Entry>) {
        self.say(&Message::Offer(Offer { text: None, entries, last: true })).await;
    }

    async fn data(&mut self, entry: u32, offset: u64, content: &[u8], last: bool) {
        let content = Bytes::copy_from_slice(content);
        self.say(&Message::Data(Data { entry, offset, last, content })).await;
    }

    /// The next word of the receiver's, until it has had enough.
    async fn hear(&mut self) -> Option<Message> {
        loop {
            match self.socket.next().await?.ok()? {
                Socket::Binary(frame) => {
                    let Some(Frame::Sealed(sealed)) = Frame::parse(frame) else { continue };
                    return Message::parse(self.keys.as_mut()?.1.open(sealed).ok()?);
                }
                Socket::Close(_) => return None,
                _ => {}
            }
        }
    }

    async fn accepted(&mut self) -> Accept {
        loop {
            match self.hear().await {
                Some(Message::Accept(accept)) => return accept,
                Some(_) => {}
                None => panic!("it accepts nothing"),
            }
        }
    }

    /// Listens until the other side leaves, or has everything.
    async fn end(&mut self) {
        while let Some(message) = self.hear().await {
            if message == Message::Received {
                let end = Signal::End { code: handover::protocol::direct::End::Done };
                let _ = self.socket.send(Socket::Text(serde_json::to_string(&end).unwrap().into())).await;
            }
        }
    }
}

fn entry(path: &str, size: u64) -> Entry {
    Entry { path: path.into(), size: Some(size), ..Entry::default() }
}

/// The chosen folder, with what must not be touched in it and around it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let (chosen, outside) = (dir.path().join("chosen"), dir.path().join("outside"));
        fs::create_dir(&chosen).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "mine").unwrap();
        fs::write(chosen.join("existing.txt"), "mine").unwrap();
        symlink("../outside", chosen.join("link")).unwrap();
        symlink("../outside/file", chosen.join("file-link")).unwrap();
        symlink("../outside/new", chosen.join("dangling")).unwrap();
        Place(dir)
    }

    fn chosen(&self) -> PathBuf {
        self.0.path().join("chosen")
    }

    /// What was put into the chosen folder; all else is as it was.
    #[track_caller]
    fn received(&self, what: &str) -> Vec<PathBuf> {
        let mut inside = Vec::new();
        for path in not_followed(self.0.path()) {
            match path.strip_prefix(self.chosen()) {
                Ok(name) if name == Path::new("existing.txt") => {
                    assert_eq!(fs::read(&path).unwrap(), b"mine", "{what}")
                }
                Ok(name) => inside.push(name.to_owned()),
                Err(_) => {
                    assert_eq!(path, self.0.path().join("outside/file"), "{what}: outside");
                    assert_eq!(fs::read(&path).unwrap(), b"mine", "{what}");
                }
            }
        }
        inside
    }
}

/// All files below a folder; links are not followed, nor counted.
fn not_followed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.flat_map(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => not_followed(&entry.path()),
        kind if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    });
    files.collect()
}

/// Runs a receiver that takes `choice` against a sender that does as it likes.
async fn against(
    place: &Place,
    route: Route,
    choice: Choice,
    attack: impl AsyncFnOnce(&mut Hostile),
) -> (Result<Summary, Failure>, Vec<Event>) {
    let server = TestServer::start();
    let mut hostile = Hostile::start(&server).await;
    let (_go, stop) = watch::channel(false);
    let receiving = Receiving {
        server: server.url.parse().unwrap(),
        pace: PACE,
        route,
        code: hostile.code.clone(),
        target: Target::Folder(place.chosen()),
        decide: Box::new(move |_| choice),
        stop,
        resume: None,
    };
    let mut events = Vec::new();
    let mut tell = |event| events.push(event);
    let attack = async {
        hostile.meet().await;
        attack(&mut hostile).await;
        hostile.end().await;
    };
    let both = async { tokio::join!(receive(receiving, &mut tell), attack).0 };
    let result = tokio::time::timeout(Duration::from_secs(100), both).await.expect("it comes to an end");
    (result, events)
}

const NAMES: &[&str] = &[
    "../outside/file",
    "../../../../../../../../tmp/handover-hostile",
    "a/../../outside/file",
    "/etc/handover-hostile",
    "//etc/handover-hostile",
    "..\\..\\outside\\file",
    "\\\\server\\share\\x",
    "C:\\Windows\\x",
    "C:x",
    "CON",
    "con.txt",
    "NUL",
    "aux/lpt1.txt",
    "nul\0byte",
    "trailing. . .",
    "trailing ",
    "",
    ".",
    "..",
    "/",
    ".bashrc",
    ".ssh/authorized_keys",
    "link/file",
    "link/new",
    "link",
    "file-link",
    "file-link/x",
    "dangling",
    "existing.txt",
    "Existing.TXT",
    "existing.txt/x",
    "same",
    "same",
    "SAME",
    "a.handover-part",
    "a",
    "line\nbreak\r\u{1b}[2Jx",
    "gpj.\u{202e}docx",
];

#[tokio::test]
async fn names_are_data() {
    let long = ["x".repeat(300), "ż".repeat(300), "d/".repeat(400) + "x", "e/".repeat(40) + "x"];
    let names: Vec<&str> = NAMES.iter().copied().chain(long.iter().map(String::as_str)).collect();
    let place = Place::new();
    let content = |entry: usize| format!("content {entry:03}").into_bytes();
    let entries: Vec<Entry> = names.iter().map(|name| entry(name, 11)).collect();
    let (result, events) = against(&place, Route::Relayed, Choice::All, async |hostile| {
        hostile.offer(entries).await;
        hostile.accepted().await;
        for number in 0..names.len() {
            hostile.data(number as u32, 0, &content(number), true).await;
        }
    })
    .await;
    assert_eq!(result.unwrap().files, names.len() as u64);
    assert_eq!(place.received("names").len(), names.len());
    for event in events {
        let Event::FileDone { entry, path, .. } = event else { continue };
        let name = names[entry as usize];
        assert_eq!(fs::read(place.chosen().join(&path)).unwrap(), content(entry as usize), "{name:?}: {path:?}");
        let parts = Path::new(&path).components();
        assert!(parts.clone().all(|part| matches!(part, std::path::Component::Normal(_))), "{name:?}: {path:?}");
        assert!(parts.clone().all(|part| part.as_os_str().len() <= 255), "{name:?}: {path:?}");
        assert!(!path.chars().any(|c| c.is_control() || c == '\u{202e}' || c == '\\'), "{name:?}: {path:?}");
        assert!(!path.starts_with('.'), "{name:?}: {path:?}");
    }
}

/// Entry, offset, length and whether it is the last: pieces of 10 bytes each of a, b, c and a folder, of which b is not wanted.
#[tokio::test]
async fn content_that_was_not_announced_ends_it() {
    type Pieces = &'static [(u32, u64, usize, bool)];
    let cases: &[(&str, Pieces)] = &[
        ("more than its size", &[(0, 0, 11, false)]),
        ("more than its size, at its end", &[(0, 0, 10, false), (0, 10, 1, true)]),
        ("less than its size", &[(0, 0, 9, true)]),
        ("its whole size, and no end", &[(0, 0, 10, false)]),
        ("a gap", &[(0, 0, 2, false), (0, 3, 2, false)]),
        ("a beginning in the middle", &[(0, 5, 5, true)]),
        ("a piece again", &[(0, 0, 4, false), (0, 0, 4, false)]),
        ("a piece that reaches back", &[(0, 0, 4, false), (0, 3, 4, false)]),
        ("an offset beyond all sizes", &[(0, 1 << 60, 1, false)]),
        ("the second file first", &[(2, 0, 10, true)]),
        ("a file that was not accepted", &[(0, 0, 10, true), (1, 0, 10, true)]),
        ("a file that does not exist", &[(9, 0, 1, true)]),
        ("a folder with content", &[(0, 0, 10, true), (2, 0, 10, true), (3, 0, 1, true)]),
    ];
    for (what, pieces) in cases {
        let place = Place::new();
        let wanted = Choice::Some(vec![0, 2, 3]);
        let (result, events) = against(&place, Route::Relayed, wanted, async |hostile| {
            let folder = Entry { path: "folder".into(), folder: true, ..Entry::default() };
            hostile.offer(vec![entry("a", 10), entry("b", 10), entry("c", 10), folder]).await;
            hostile.accepted().await;
            for (entry, offset, length, last) in *pieces {
                hostile.data(*entry, *offset, &vec![b'x'; *length], *last).await;
            }
        })
        .await;
        assert!(matches!(result, Err(Failure::Protocol(_))), "{what}: {result:?}");
        let whole = events.iter().filter(|event| matches!(event, Event::FileDone { .. })).count();
        assert_eq!(place.received(what).len(), whole, "{what}: what is not whole does not stay");
    }
}

#[tokio::test]
async fn what_is_not_of_the_protocol_ends_it() {
    let deep = format!(r#"{{"type":"offer","last":true,"entries":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let cases = [
        ("deep JSON", deep.as_str()),
        ("a size that is none", r#"{"type":"offer","last":true,"entries":[{"path":"a","size":-1}]}"#),
        ("a size past all", r#"{"type":"offer","last":true,"entries":[{"path":"a","size":1e400}]}"#),
        ("a path that is none", r#"{"type":"offer","last":true,"entries":[{"path":7,"size":1}]}"#),
        ("no JSON", "{"),
        ("a receiver's word", r#"{"type":"accept","window":1}"#),
        ("another", r#"{"type":"ack","bytes":1}"#),
        ("a third", r#"{"type":"received"}"#),
        ("a path that there is not", r#"{"type":"moved","path":0}"#),
        ("a path of pages", r#"{"type":"moved","path":2}"#),
        ("a path of nobody", r#"{"type":"moved","path":255}"#),
    ];
    for (what, json) in cases {
        let place = Place::new();
        let (result, _) =
            against(&place, Route::Relayed, Choice::All, async |hostile| hostile.say_json(json).await).await;
        assert!(matches!(result, Err(Failure::Protocol(_))), "{what}: {result:?}");
        assert!(place.received(what).is_empty(), "{what}");
    }
    // Data before anything was offered, of an unknown form, and an offer after the last one
    for bytes in [&b"\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0x"[..], b"\0\x07x", b"\0"] {
        let place = Place::new();
        let attack = async |hostile: &mut Hostile| hostile.say_bytes(bytes.to_vec()).await;
        let (result, _) = against(&place, Route::Relayed, Choice::All, attack).await;
        assert!(matches!(result, Err(Failure::Protocol(_))), "{bytes:?}: {result:?}");
    }
    let place = Place::new();
    let (result, _) = against(&place, Route::Relayed, Choice::All, async |hostile| {
        hostile.offer(vec![entry("a", 1)]).await;
        hostile.offer(vec![entry("b", 1)]).await;
    })
    .await;
    assert!(matches!(result, Err(Failure::Protocol(_))), "{result:?}");
}

/// A sender that says it has moved, and goes on where it was.
#[tokio::test]
async fn a_sender_that_does_not_go_where_it_says_ends_it() {
    let place = Place::new();
    let (result, _) = against(&place, Route::default(), Choice::All, async |hostile| {
        hostile.say(&Message::Moved { path: 0 }).await;
        hostile.offer(vec![entry("a", 1)]).await;
    })
    .await;
    assert!(matches!(result, Err(Failure::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn an_offer_has_an_end() {
    let place = Place::new();
    let (result, _) = against(&place, Route::Relayed, Choice::All, async |hostile| {
        for _ in 0..=MOST_ENTRIES / 1000 {
            let entries = (0..1000).map(|i| entry(&i.to_string(), u64::MAX)).collect();
            hostile.say(&Message::Offer(Offer { text: None, entries, last: false })).await;
        }
    })
    .await;
    assert!(matches!(result, Err(Failure::Protocol(_))), "{result:?}");
    let (result, _) = against(&place, Route::Relayed, Choice::All, async |hostile| {
        for _ in 0..300 {
            let entries = vec![entry(&"x".repeat(PIECE - 100), 1)];
            hostile.say(&Message::Offer(Offer { text: None, entries, last: false })).await;
        }
    })
    .await;
    assert!(matches!(result, Err(Failure::Protocol(_))), "{result:?}");
    // Sizes that cannot be counted together are no reason to fall over, but content that does not come is.
    let (result, _) = against(&place, Route::Relayed, Choice::All, async |hostile| {
        hostile.offer(vec![entry("a", u64::MAX), entry("b", u64::MAX)]).await;
        hostile.accepted().await;
        hostile.data(0, 0, b"x", true).await;
    })
    .await;
    assert!(matches!(result, Err(Failure::Protocol(_))), "{result:?}");
    assert!(place.received("offers").is_empty());
}

/// What others say moves no cursor, as `handover receive` shows it.
#[tokio::test]
async fn the_terminal_is_not_theirs() {
    let server = TestServer::start();
    let place = Place::new();
    let mut hostile = Hostile::start(&server).await;
    let mut command = handover(&["receive", "--yes", "--relay", "--server", &server.url]);
    command.arg("--to").arg(place.chosen()).env("HANDOVER_CODE", hostile.code.to_string());
    let receiving = tokio::task::spawn_blocking(move || command.output().unwrap());
    hostile.meet().await;
    let escape = "\u{1b}[2J\u{202e}\u{9b}31m";
    hostile.offer(vec![entry(&format!("../{escape}a"), 1), entry("link/b", 1), entry("c", 1)]).await;
    hostile.accepted().await;
    hostile.data(0, 0, b"x", true).await;
    hostile.data(1, 0, b"x", true).await;
    hostile.say(&Message::Cancel { reason: format!("because{escape}\nhandover: all is well") }).await;
    let output = receiving.await.unwrap();
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(4) && said.contains("because"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("handover: ")).count(), 1, "{said}");
    assert!(!said.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
    assert_eq!(place.received("in the terminal").len(), 2);
}
