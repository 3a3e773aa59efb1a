//! `handover room` with a server that means harm: nothing it says does anything to the terminal, and no file lands outside
//! the folder or under a name of another's choice.

use futures_util::{SinkExt as _, StreamExt as _};
use handover::client::is_unsafe;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::terminals::*;

const ROOM: &str = "abcd-efgh-jkmn";
const CONTENT: &str = "abc";
const EVIL: &str = "\u{1b}[2J\u{9b}31m\u{202e}\r\u{7}";

async fn hostile() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp));
        }
    });
    url
}

async fn serve(mut tcp: TcpStream) {
    let mut head = vec![0; 8 << 10];
    let head = loop {
        let length = tcp.peek(&mut head).await.unwrap();
        let text = String::from_utf8_lossy(&head[..length]).into_owned();
        if length == 0 || text.contains("\r\n\r\n") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    if head.to_lowercase().contains("upgrade: websocket") {
        return talk(tcp).await;
    }
    let _ = tcp.read(&mut vec![0; head.len()]).await;
    let digest = if head.contains("/files/good") { CONTENT } else { "another" };
    let digest = blake3::hash(digest.as_bytes());
    let body = if head.starts_with("HEAD") { "" } else { CONTENT };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\nETag: \"{}\"\r\n\r\n{body}",
        CONTENT.len(),
        digest.to_hex()
    );
    let _ = tcp.write_all(answer.as_bytes()).await;
}

async fn talk(tcp: TcpStream) {
    let at = "2026-01-01T00:00:00Z";
    let mut socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
    let evil = |what: &str| format!("{what}{EVIL}");
    let other = json!({"id": "b", "name": evil("Bob"), "joined_at": at, "away": false});
    let file = |id: i64, file_id: &str, filename: &str| {
        json!({
            "type": "file", "id": id, "from": evil("Bob"), "from_id": "b", "file_id": file_id, "filename": filename,
            "size": CONTENT.len(), "url": "http://elsewhere.invalid/", "at": at,
        })
    };
    let text = format!("look{EVIL}\n14:05  Ann: I agree");
    for said in [
        json!({
            "type": "welcome", "you": {"id": "a", "name": "Ann", "token": "t", "key": "k"}, "members": [other],
            "room": {"title": evil("Title"), "locked": false, "expires_at": at, "quiet": 60},
            "history": [], "more": true, "fetched": [],
        }),
        json!({"type": "message", "id": 2, "from": evil("Bob"), "from_id": "b", "text": text, "at": at}),
        file(3, "good", &format!("../../../evil{EVIL}.sh")),
        file(4, "good", "/etc/.bashrc"),
        file(5, "bad", "wrong.bin"),
        json!({"type": "fetched", "of": 3, "file_id": "good", "by": evil("Bob"), "at": at}),
        json!({"type": "error", "code": "odd", "msg": evil("Odd")}),
    ] {
        socket.send(Message::text(said.to_string())).await.unwrap();
    }
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let said: Value = serde_json::from_str(&text).unwrap();
        let answer = match said["type"].as_str() {
            Some("leave") => break,
            _ => json!({"type": "error", "code": "removed", "msg": evil("Go")}),
        };
        socket.send(Message::text(answer.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_outside_and_nothing_moves_the_cursor() {
    let server = hostile().await;
    for form in [&[][..], &["--json"]] {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a/b/to");
        std::fs::create_dir_all(&to).unwrap();
        let args = [&["--save", "--to", to.to_str().unwrap()], form].concat();
        let ended = tokio::task::spawn_blocking({
            let (server, args) = (server.clone(), args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>());
            move || {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let is_json = args.contains(&"--json");
                let mut ann = Terminal::join(&server, ROOM, "Ann", &args);
                // Two are saved, and one is not what was announced; in whatever order.
                for _ in 0..3 {
                    match is_json {
                        true => ann.out.until_any(&["\"type\":\"saved\"", "\"type\":\"failed\""]),
                        false => ann.err.until_any(&["Saved ", "/save wrong.bin: "]),
                    };
                }
                ann.types("hello?");
                ann.ended()
            }
        });
        let ended = ended.await.unwrap();
        assert_eq!(ended.code, Some(4), "{ended:?}");
        let lines = ended.out.iter().chain(&ended.err);
        assert!(lines.clone().all(|line| !line.chars().any(|c| is_unsafe(c) && c != '\t')), "{ended:?}");
        assert!(!ended.out.iter().any(|line| line.starts_with("14:05  Ann: I agree")), "{ended:?}");
        assert_eq!(names(&to), ["_bashrc", "evil[2J31m.sh"], "{ended:?}");
        for folder in ["a/b", "a", ""] {
            assert_eq!(names(&dir.path().join(folder)).len(), 1, "{folder}");
        }
        assert!(ended.err.last().unwrap().starts_with("handover: Go"), "{ended:?}");
    }
}
