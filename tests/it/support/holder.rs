//! A line that stops passing anything on, without a word.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Stands between a side and the server: of the first connections it passes on so many bytes and then no more, which it
/// tells; of all later ones everything.
pub async fn holder(server: SocketAddr, limits: Vec<u64>) -> (String, UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, held) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut limits = limits.into_iter();
        let mut next = || Arc::new(Mutex::new((limits.next().unwrap_or(u64::MAX), Some(tell.clone()))));
        let mut left = next();
        while let Ok((client, _)) = listener.accept().await {
            // What the connections before have left is for this one.
            if left.lock().unwrap().1.is_none() {
                left = next();
            }
            let left = left.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::select! {
                    () = pass(from_client, to_server, left.clone()) => {}
                    () = pass(from_server, to_client, left) => {}
                }
            });
        }
    });
    (url, held)
}

/// What a connection may still pass, and whom to tell when that is nothing.
type Left = Arc<Mutex<(u64, Option<UnboundedSender<()>>)>>;

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, left: Left) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let (allowed, tell) = {
            let mut left = left.lock().unwrap();
            let allowed = (read as u64).min(left.0);
            left.0 -= allowed;
            (allowed as usize, if allowed < read as u64 { left.1.take() } else { None })
        };
        if to.write_all(&piece[..allowed]).await.is_err() {
            return;
        }
        if let Some(tell) = tell {
            tell.send(()).unwrap();
        }
    }
}
