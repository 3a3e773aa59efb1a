//! Something that can be read once.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::client::direct::rate::Window;
use crate::protocol::direct::PIECE;

/// What is kept of a stream that cannot be read twice, for a receiver whose connection breaks.
const KEPT: usize = Window::FIRST as usize + PIECE;
/// Pieces of a stream that wait to be sent.
const AHEAD: usize = 4;

/// Something that can be read once, read ahead by a thread of its own. The last of it is kept.
pub struct Stream {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    kept: VecDeque<u8>,
    /// How much of it has been read.
    end: u64,
    over: bool,
}

impl Stream {
    pub fn new(mut reader: impl Read + Send + 'static) -> Stream {
        let (sender, pieces) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match reader.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let over = !matches!(read, Ok(1..));
                let piece = read.map(|read| {
                    piece.truncate(read);
                    piece.into()
                });
                if sender.blocking_send(piece).is_err() || over {
                    return;
                }
            }
        });
        Stream { pieces, kept: VecDeque::new(), end: 0, over: false }
    }

    /// # Errors
    /// A sentence, when what is behind `offset` is not there any more.
    pub fn can_go_on(&self, offset: u64) -> Result<(), String> {
        match (self.end - self.kept.len() as u64..=self.end).contains(&offset) {
            true => Ok(()),
            false => Err("the receiver has lost more of the stream than can be sent again".into()),
        }
    }

    /// What follows `offset`; nothing at the end.
    pub async fn next(&mut self, offset: u64) -> Result<Bytes, String> {
        if offset < self.end {
            let skip = self.kept.len() - (self.end - offset) as usize;
            return Ok(self.kept.iter().skip(skip).take(PIECE).copied().collect());
        }
        if self.over {
            return Ok(Bytes::new());
        }
        let piece = match self.pieces.recv().await {
            Some(piece) => piece.map_err(|error| format!("the input cannot be read: {error}"))?,
            None => Bytes::new(),
        };
        self.over = piece.is_empty();
        self.end += piece.len() as u64;
        self.kept.extend(&piece);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        Ok(piece)
    }
}
