//! Direct transfers in tests: both ends in this process, and what may stand between them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use handover::client::direct::{
    Choice, Event, Failure, Offered, Pace, Receiving, Route, Sending, Sources, Summary, Target, receive, send,
};
use handover::protocol::direct::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// Quick to notice and to come back; patient where a loaded machine may be slow.
pub const PACE: Pace = Pace { retry: Duration::from_millis(10), ..pace() };

const fn pace() -> Pace {
    Pace {
        alive: Duration::from_secs(4),
        alive_direct: Duration::from_secs(1),
        probe: Duration::from_secs(10),
        dead: Duration::from_secs(20),
        look: Duration::from_secs(1),
        window: 64 << 20,
        stall: Duration::from_secs(15),
        silence: Duration::from_secs(30),
        retry: Duration::from_millis(500),
        connect: Duration::from_secs(15),
        goodbye: Duration::from_secs(5),
        farewell: Duration::from_secs(5),
    }
}

/// What an end has said and how it ended.
#[derive(Debug)]
pub struct End {
    pub result: Result<Summary, Failure>,
    pub events: Vec<Event>,
}

impl End {
    pub fn failure(&self) -> &Failure {
        self.result.as_ref().expect_err("it fails")
    }

    pub fn has(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(is_it)
    }

    /// The names that the files have at the receiver's, in order.
    pub fn saved(&self) -> Vec<&str> {
        let saved = self.events.iter().filter_map(|event| match event {
            Event::FileDone { path, .. } => Some(path.as_str()),
            _ => None,
        });
        saved.collect()
    }
}

/// A transfer to be run.
pub struct Transfer {
    /// Where each end connects to.
    pub sender: String,
    pub receiver: String,
    pub sources: Sources,
    pub text: Option<String>,
    pub target: Target,
    pub decide: Box<dyn FnOnce(Offered) -> Choice + Send>,
    /// What the receiver types, made of the real code.
    pub typed: Box<dyn FnOnce(String) -> String>,
    pub pace: Pace,
    /// Of the sender and of the receiver; the relay alone unless a test says otherwise.
    pub routes: (Route, Route),
    /// Sees what the sender tells, as it does.
    pub watch: Box<dyn FnMut(&Event)>,
}

impl Transfer {
    pub fn new(server: &str, to: &Path) -> Transfer {
        Transfer {
            sender: server.to_owned(),
            receiver: server.to_owned(),
            sources: Sources::default(),
            text: None,
            target: Target::Folder(to.to_owned()),
            decide: Box::new(|_| Choice::All),
            typed: Box::new(|code| code),
            pace: PACE,
            routes: (Route::Relayed, Route::Relayed),
            watch: Box::new(|_| {}),
        }
    }

    pub fn of(mut self, path: &Path) -> Transfer {
        self.sources.add(path).unwrap();
        self
    }

    /// Runs both ends; the sender first, the receiver with the code it tells.
    pub async fn run(self) -> (End, End) {
        let Transfer { sender, receiver, sources, text, target, decide, typed, pace, routes, watch } = self;
        let (tell_code, codes) = mpsc::unbounded_channel();
        let (_go, stop) = watch::channel(false);
        let server = sender.parse().unwrap();
        let sending = Sending { server, pace, route: routes.0, text, sources, stop: stop.clone(), resume: None };
        let server = receiver.parse().unwrap();
        let receiving = |code| Receiving { server, pace, route: routes.1, code, target, decide, stop, resume: None };
        let (sent, received) = (Arc::default(), Arc::default());
        let both = async {
            tokio::join!(
                run_sender(sending, tell_code, watch, Arc::clone(&sent)),
                run_receiver(codes, typed, receiving, Arc::clone(&received)),
            )
        };
        let ended = tokio::time::timeout(Duration::from_secs(120), both).await;
        let last = |events: &ClientMessage| events.lock().unwrap().iter().rev().take(12).cloned().collect::<Vec<_>>();
        ended.unwrap_or_else(|_| panic!("it does not end; last first: {:?} {:?}", last(&sent), last(&received)))
    }
}

/// What an end says while it runs.
type ClientMessage = Arc<Mutex<Vec<Event>>>;

async fn run_sender(
    sending: Sending,
    code: mpsc::UnboundedSender<String>,
    mut watch: Box<dyn FnMut(&Event)>,
    said: ClientMessage,
) -> End {
    let result = send(sending, &mut |event| {
        watch(&event);
        if let Event::Code { code: made, .. } = &event {
            code.send(made.clone()).unwrap();
        }
        said.lock().unwrap().push(event);
    })
    .await;
    End { result, events: std::mem::take(&mut said.lock().unwrap()) }
}

async fn run_receiver(
    mut codes: mpsc::UnboundedReceiver<String>,
    typed: Box<dyn FnOnce(String) -> String>,
    receiving: impl FnOnce(Code) -> Receiving,
    said: ClientMessage,
) -> End {
    let code: Code = typed(codes.recv().await.expect("a code")).parse().unwrap();
    let result = receive(receiving(code), &mut |event| said.lock().unwrap().push(event)).await;
    End { result, events: std::mem::take(&mut said.lock().unwrap()) }
}

/// A file of so many bytes that repeat nowhere, the same for the same seed.
pub fn file(folder: &Path, name: &str, size: usize, seed: u64) -> PathBuf {
    let mut content = vec![0; size];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut content);
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

/// Asserts that two files have the same content, without printing it.
#[track_caller]
pub fn assert_same(left: &Path, right: &Path) {
    let digest = |path: &Path| {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
            .unwrap();
        hasher.finalize()
    };
    assert_eq!(digest(left), digest(right), "{} and {} differ", left.display(), right.display());
}

/// Stands between a client and the server, and cuts connections: those there are once so many bytes have passed, both ways
/// together, the next ones likewise; once the list is used up it lets everything through. (Clients of HTTP may open a second
/// connection where the first is not quite free, and then use either.)
pub async fn cutter(server: SocketAddr, cuts: Vec<u64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut cuts = cuts.into_iter();
        let mut next = || watch::Sender::new(cuts.next().unwrap_or(u64::MAX));
        let mut left = next();
        while let Ok((client, _)) = listener.accept().await {
            if *left.borrow() == 0 {
                left = next();
            }
            let left = left.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                let mut all = left.subscribe();
                tokio::select! {
                    () = pipe(from_client, to_server, &left) => {}
                    () = pipe(from_server, to_client, &left) => {}
                    _ = all.wait_for(|left| *left == 0) => {}
                }
            });
        }
    });
    url
}

async fn pipe(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    left: &watch::Sender<u64>,
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let allowed = (read as u64).min(*left.borrow());
        if to.write_all(&piece[..allowed as usize]).await.is_err() {
            return;
        }
        left.send_modify(|left| *left = left.saturating_sub(allowed));
    }
}

/// Which way a frame goes, as the client of a [`meddler`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// What becomes of a frame; `None` cuts the connection.
pub type Meddle = dyn FnMut(Way, Bytes) -> Option<Vec<Bytes>> + Send;

/// Stands in the place of a hostile server: passes on texts, and does with the frames what it is told to.
pub async fn meddler(server: SocketAddr, meddle: Box<Meddle>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let meddle = Arc::new(Mutex::new(meddle));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(between(client, server, meddle.clone()));
        }
    });
    url
}

#[expect(clippy::result_large_err, reason = "the handshake's callback has this signature")]
async fn between(client: TcpStream, server: SocketAddr, meddle: Arc<Mutex<Box<Meddle>>>) {
    let mut path = String::new();
    let see = |request: &Request, response: Response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let client = tokio_tungstenite::accept_hdr_async(client, see).await.unwrap();
    let tcp = TcpStream::connect(server).await.unwrap();
    let (server, _) = tokio_tungstenite::client_async(format!("ws://{server}{path}"), tcp).await.unwrap();
    let ((mut to_client, mut from_client), (mut to_server, mut from_server)) = (client.split(), server.split());
    loop {
        let (way, message) = tokio::select! {
            message = from_client.next() => (Way::Up, message),
            message = from_server.next() => (Way::Down, message),
        };
        let Some(Ok(message)) = message else { return };
        let messages = match message {
            Message::Binary(frame) => match meddle.lock().unwrap()(way, frame) {
                Some(frames) => frames.into_iter().map(Message::Binary).collect(),
                None => return,
            },
            Message::Text(_) => vec![message],
            Message::Close(_) => return,
            _ => continue,
        };
        for message in messages {
            let sent = match way {
                Way::Up => to_server.send(message).await,
                Way::Down => to_client.send(message).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}
