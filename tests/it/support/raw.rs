//! A client that speaks HTTP/1.1 by hand: what it sends, what it leaves out and when it goes are the test's to say.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Nothing that a test waits for takes longer, also on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Raw {
    stream: TcpStream,
    /// Read from the socket and not yet taken.
    buffer: Vec<u8>,
    /// Bytes that are read at a time.
    piece: usize,
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    text: String,
}

impl Head {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn length(&self) -> usize {
        self.get("content-length").unwrap_or_else(|| panic!("no Content-Length: {}", self.text)).parse().unwrap()
    }
}

impl Raw {
    pub async fn open(address: SocketAddr) -> Raw {
        let socket = TcpSocket::new_v4().unwrap();
        // Small, so that what a client has not read yet is on the server's side of the connection.
        socket.set_recv_buffer_size(32 << 10).unwrap();
        Raw { stream: socket.connect(address).await.unwrap(), buffer: Vec::new(), piece: 64 << 10 }
    }

    /// A reader that leaves in its socket what it does not need yet.
    pub async fn slow(address: SocketAddr, piece: usize) -> Raw {
        Raw { piece, ..Raw::open(address).await }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends `bytes` over and over until the server takes no more, and keeps what it says meanwhile: a reset would take
    /// away what has not been read.
    pub async fn send_until_cut(&mut self, bytes: &[u8]) {
        let (mut reader, mut writer) = self.stream.split();
        let mut piece = vec![0; 64 << 10];
        let flood = async {
            loop {
                tokio::select! {
                    read = reader.read(&mut piece) => match read {
                        Ok(0) | Err(_) => break,
                        Ok(read) => self.buffer.extend_from_slice(&piece[..read]),
                    },
                    written = writer.write_all(bytes) => if written.is_err() { break },
                }
            }
        };
        tokio::time::timeout(PATIENCE, flood).await.expect("the connection is cut");
    }

    /// A GET of `path` on a connection that stays open.
    pub async fn get(&mut self, path: &str, headers: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await;
    }

    /// The head of the next final answer; interim ones (1xx) are passed over.
    pub async fn head(&mut self) -> Head {
        loop {
            let head = self.any_head().await;
            if head.status >= 200 {
                return head;
            }
        }
    }

    pub async fn any_head(&mut self) -> Head {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
                let status = text.split(' ').nth(1).unwrap().parse().unwrap();
                return Head { status, text };
            }
            assert!(self.fill().await > 0, "the connection ended within a head");
        }
    }

    /// Exactly `count` bytes of a body.
    pub async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill().await > 0, "the connection ended after {} of {count} bytes", self.buffer.len());
        }
        self.buffer.drain(..count).collect()
    }

    /// An answer with its body.
    pub async fn answer(&mut self) -> (Head, Vec<u8>) {
        let head = self.head().await;
        let body = self.take(head.length()).await;
        (head, body)
    }

    /// What comes until the connection ends, by a close or a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    async fn fill(&mut self) -> usize {
        let mut piece = vec![0; self.piece];
        let read =
            tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("the server says something");
        let read = read.unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..read]);
        read
    }
}

/// A form as a program of one's own might write it: each part is its headers and its content.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

pub const BOUNDARY: &str = "----handover";
pub const FORM_TYPE: &str = "multipart/form-data; boundary=----handover";

/// The headers of a part `file`, as curl writes them.
pub fn file_part(name: &str) -> String {
    format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream"
    )
}
