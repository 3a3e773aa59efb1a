//! A client that speaks TCP, for what no HTTP library would do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Raw {
    pub tcp: TcpStream,
    buffer: Vec<u8>,
}

/// The head of an answer, and the body that its Content-Length announces.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Raw {
        let address = SocketAddr::from(([127, 0, 0, 1], address.port()));
        Raw { tcp: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Like [`Raw::send`], to a server that may have hung up already.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.tcp.write_all(bytes.as_ref()).await.is_ok()
    }

    /// More bytes into the buffer; false at the end of the connection, however it came.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.tcp.read_buf(&mut self.buffer)).await;
        matches!(read.expect("the server neither answers nor hangs up"), Ok(1..))
    }

    /// The next answer; `None` if the connection ends before it.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let length: usize = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let body = String::from_utf8_lossy(&self.buffer.drain(..length).collect::<Vec<_>>()).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head, body })
    }

    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("the server hung up without an answer")
    }

    /// Waits until the server hangs up; what it said before is dropped.
    pub async fn closed(&mut self) {
        while self.more().await {
            self.buffer.clear();
        }
    }

    /// Whether the server keeps silent and the connection open for `time`.
    pub async fn stays_open(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.tcp.read_buf(&mut self.buffer)).await.is_err()
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// A document of about `size` bytes: a ZIP whose entries are stored, with a large picture in it.
pub fn document_of(size: usize) -> Vec<u8> {
    let types = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="png" ContentType="image/png"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let roots = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let parts = [
        ("[Content_Types].xml", types.as_bytes().to_vec()),
        ("_rels/.rels", roots.as_bytes().to_vec()),
        (
            "word/document.xml",
            br#"<document xmlns="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>"#.to_vec(),
        ),
        ("word/media/image1.png", vec![0x5a; size]),
    ];
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in &parts {
        let at = zip.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]; // version, flags, stored, time, date
        for field in [crc32fast::hash(data), data.len() as u32, data.len() as u32, name.len() as u32] {
            fields.extend(field.to_le_bytes()); // the last holds two numbers: the name's length and no extra field
        }
        zip.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), data].concat());
        directory.extend([b"PK\x01\x02\x14\x00", &fields[..], &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (at, length, entries) = (zip.len() as u32, directory.len() as u32, parts.len() as u16);
    zip.extend(directory);
    zip.extend([b"PK\x05\x06\0\0\0\0", &entries.to_le_bytes()[..], &entries.to_le_bytes()].concat());
    zip.extend([&length.to_le_bytes()[..], &at.to_le_bytes(), &[0; 2]].concat());
    zip
}
