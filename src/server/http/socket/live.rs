//! A channel that many sockets listen to, as one of them polls it.

use std::future::Future as _;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::ReusableBoxFuture;

type Heard = (Result<Bytes, RecvError>, Receiver<Bytes>);

/// See the module.
pub struct Live {
    /// `None` while the future has it.
    receiver: Option<Receiver<Bytes>>,
    waiting: ReusableBoxFuture<'static, Heard>,
    silence: Option<Silence>,
}

/// Why there is nothing more to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Too much was said before it was taken, and is lost.
    Lagged,
    /// The channel is over.
    Over,
}

async fn hear(mut receiver: Receiver<Bytes>) -> Heard {
    (receiver.recv().await, receiver)
}

impl Live {
    pub fn new(receiver: Receiver<Bytes>) -> Live {
        let none = std::future::pending();
        Live { receiver: Some(receiver), waiting: ReusableBoxFuture::new(none), silence: None }
    }

    /// All that waits, up to about `most` bytes: to leave in one write.
    pub fn poll_joined(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<Bytes, Silence>> {
        if let Some(silence) = self.silence {
            return Poll::Ready(Err(silence));
        }
        let first = match self.take() {
            Some(heard) => heard,
            None => {
                if let Some(receiver) = self.receiver.take() {
                    self.waiting.set(hear(receiver));
                }
                let (heard, receiver) = ready!(std::pin::Pin::new(&mut self.waiting).poll(cx));
                self.receiver = Some(receiver);
                heard.map_err(|error| match error {
                    RecvError::Lagged(_) => Silence::Lagged,
                    RecvError::Closed => Silence::Over,
                })
            }
        };
        let first = match first {
            Ok(first) => first,
            Err(silence) => {
                self.silence = Some(silence);
                return Poll::Ready(Err(silence));
            }
        };
        let mut joined = BytesMut::new();
        while joined.len().max(first.len()) < most {
            match self.take() {
                Some(Ok(next)) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(&first);
                    }
                    joined.extend_from_slice(&next);
                }
                Some(Err(silence)) => {
                    self.silence = Some(silence);
                    break;
                }
                None => break,
            }
        }
        Poll::Ready(Ok(if joined.is_empty() { first } else { joined.freeze() }))
    }

    /// What is there already.
    fn take(&mut self) -> Option<Result<Bytes, Silence>> {
        match self.receiver.as_mut()?.try_recv() {
            Ok(bytes) => Some(Ok(bytes)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Lagged(_)) => Some(Err(Silence::Lagged)),
            Err(TryRecvError::Closed) => Some(Err(Silence::Over)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::broadcast::channel;

    #[actix_rt::test]
    async fn what_waits_leaves_together_and_what_is_lost_is_noticed() {
        async fn next(live: &mut Live) -> Result<Bytes, Silence> {
            poll_fn(|cx| live.poll_joined(cx, 5)).await
        }
        let (sender, receiver) = channel(4);
        let mut live = Live::new(receiver);
        sender.send(Bytes::from_static(b"one")).unwrap();
        assert_eq!(next(&mut live).await.unwrap(), "one");
        for word in ["a", "bc", "defg", "h"] {
            sender.send(Bytes::from_static(word.as_bytes())).unwrap();
        }
        assert_eq!(next(&mut live).await.unwrap(), "abcdefg");
        assert_eq!(next(&mut live).await.unwrap(), "h");
        let waiting =
            actix_rt::spawn(async move { [next(&mut live).await, next(&mut live).await, next(&mut live).await] });
        actix_rt::task::yield_now().await;
        sender.send(Bytes::from_static(b"late")).unwrap();
        drop(sender);
        let late = Ok(Bytes::from_static(b"late"));
        assert_eq!(waiting.await.unwrap(), [late, Err(Silence::Over), Err(Silence::Over)]);
    }

    #[actix_rt::test]
    async fn whoever_falls_behind_is_told_so() {
        let (sender, receiver) = channel(2);
        let mut live = Live::new(receiver);
        (0..3).for_each(|_| drop(sender.send(Bytes::from_static(b"x"))));
        for _ in 0..2 {
            assert_eq!(poll_fn(|cx| live.poll_joined(cx, 100)).await, Err(Silence::Lagged));
        }
    }
}
