//! The two halves of a WebSocket that moves many bytes. Each message is read into memory of its own, and masked where it
//! lies on its way out.

use std::io;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::Connection;
use crate::protocol::websocket::parser::{OpCode, mask};
use crate::protocol::websocket::{Broken, In, Messages, NORMAL};

/// What comes.
pub struct Reader {
    connection: ReadHalf<Box<dyn Connection>>,
    messages: Messages,
}

impl Reader {
    pub(super) fn new(connection: ReadHalf<Box<dyn Connection>>, come: BytesMut, largest: usize) -> Reader {
        let mut messages = Messages::new(largest, false);
        messages.fill(come.freeze());
        Reader { connection, messages }
    }

    /// The next message. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn next(&mut self) -> Result<In, Broken> {
        loop {
            if let Some(message) = self.messages.take()? {
                return Ok(message);
            }
            let (buffer, most) = self.messages.room();
            buffer.reserve(most);
            match self.connection.read_buf(&mut buffer.limit(most)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(Broken::Gone),
            }
        }
    }
}

/// What goes.
pub struct Writer(WriteHalf<Box<dyn Connection>>);

impl Writer {
    pub(super) fn new(connection: WriteHalf<Box<dyn Connection>>) -> Writer {
        Writer(connection)
    }

    /// Writes a message; see [`Writer::flush`].
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&mut self, op: OpCode, payload: Bytes) -> io::Result<()> {
        // Without a copy where nobody else has it.
        let mut payload = BytesMut::from(payload);
        let header = mask(op, rand::random(), &mut payload);
        self.0.write_all_buf(&mut Buf::chain(&header[..], payload)).await
    }

    /// Has all that was written leave.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn close(mut self) -> io::Result<()> {
        self.send(OpCode::Close, Bytes::copy_from_slice(&NORMAL.to_be_bytes())).await?;
        self.flush().await
    }
}
