//! The event bus: publish and subscribe by topic, within this process.
//!
//! Nothing is kept: who subscribes hears what is published from then on. A message is a name and a text, and publishing
//! waits for nobody, so that a bus between machines can take this one's place.

use crate::server::refusals::busy;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, Receiver, Sender};

pub use tokio::sync::broadcast::error::RecvError;

use crate::server::error::Result;

/// Messages that may wait for a subscriber. One that falls further behind is told so and has to look anew.
const QUEUE: usize = 64;

/// What is published.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub event: &'static str,
    pub data: String,
}

/// The bus of a server. Clones share it.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    most: usize,
    most_of_topic: usize,
    /// `None` once the bus is closed.
    topics: Mutex<Option<Topics>>,
}

#[derive(Default)]
struct Topics {
    senders: HashMap<String, Sender<Arc<Message>>>,
    subscribers: usize,
}

impl Bus {
    /// A bus for so many subscribers in all, and of one topic.
    pub fn new(most: usize, most_of_topic: usize) -> Bus {
        Bus(Arc::new(Inner { most, most_of_topic, topics: Mutex::new(Some(Topics::default())) }))
    }

    /// Tells whoever listens to `topic` now.
    pub fn publish(&self, topic: &str, event: &'static str, data: String) {
        if let Some(sender) = self.topics().as_ref().and_then(|topics| topics.senders.get(topic)) {
            // An error means that the last one is just leaving.
            let _ = sender.send(Arc::new(Message { event, data }));
        }
    }

    /// Listens to `topic` for as long as the subscription lives.
    ///
    /// # Errors
    /// [`busy`] when there are as many subscribers as there may be, or the server stops.
    pub fn subscribe(&self, topic: &str) -> Result<Subscription> {
        let mut topics = self.topics();
        let busy = busy(5);
        let Some(topics) = topics.as_mut().filter(|topics| topics.subscribers < self.0.most) else { return Err(busy) };
        if topics.senders.get(topic).is_some_and(|sender| sender.receiver_count() >= self.0.most_of_topic) {
            return Err(busy);
        }
        topics.subscribers += 1;
        let sender = topics.senders.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(QUEUE).0);
        Ok(Subscription { receiver: Some(sender.subscribe()), topic: topic.to_owned(), bus: self.clone() })
    }

    /// Ends all subscriptions, and takes no more: the server stops.
    pub fn close(&self) {
        self.topics().take();
    }

    /// Subscribers now.
    pub fn subscribers(&self) -> usize {
        self.topics().as_ref().map_or(0, |topics| topics.subscribers)
    }

    fn topics(&self) -> MutexGuard<'_, Option<Topics>> {
        // A map and a count that are changed without anything that panics between.
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a subscriber holds.
pub struct Subscription {
    receiver: Option<Receiver<Arc<Message>>>,
    topic: String,
    bus: Bus,
}

impl Subscription {
    /// The next message.
    ///
    /// # Errors
    /// `Lagged` when messages were lost, `Closed` when the bus is closed.
    pub async fn next(&mut self) -> Result<Arc<Message>, RecvError> {
        match &mut self.receiver {
            Some(receiver) => receiver.recv().await,
            None => Err(RecvError::Closed),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.bus.topics();
        self.receiver = None;
        if let Some(topics) = topics.as_mut() {
            topics.subscribers = topics.subscribers.saturating_sub(1);
            if topics.senders.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
                topics.senders.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn subscribers_hear_their_topic_and_no_other() {
        let bus = Bus::new(10, 10);
        let (mut ann, mut bob) = (bus.subscribe("a").unwrap(), bus.subscribe("b").unwrap());
        bus.publish("a", "added", "1".into());
        bus.publish("c", "added", "2".into());
        bus.publish("b", "ended", "3".into());
        assert_eq!(*ann.next().await.unwrap(), Message { event: "added", data: "1".into() });
        assert_eq!(*bob.next().await.unwrap(), Message { event: "ended", data: "3".into() });
    }

    #[actix_rt::test]
    async fn whoever_falls_behind_is_told_and_holds_up_nobody() {
        let bus = Bus::new(10, 10);
        let mut slow = bus.subscribe("a").unwrap();
        (0..=QUEUE).for_each(|i| bus.publish("a", "added", i.to_string()));
        assert_eq!(slow.next().await.unwrap_err(), RecvError::Lagged(1));
    }

    #[actix_rt::test]
    async fn subscribers_are_counted_and_topics_go_with_the_last_one() {
        let bus = Bus::new(3, 2);
        let first = bus.subscribe("a").unwrap();
        let second = bus.subscribe("a").unwrap();
        assert!(bus.subscribe("a").is_err(), "two of a topic");
        let third = bus.subscribe("b").unwrap();
        assert!(bus.subscribe("c").is_err(), "three in all");
        drop((first, second, third));
        assert_eq!(bus.subscribers(), 0);
        assert!(bus.topics().as_ref().unwrap().senders.is_empty());
    }

    #[actix_rt::test]
    async fn closing_ends_them_all() {
        let bus = Bus::new(3, 2);
        let mut open = bus.subscribe("a").unwrap();
        bus.close();
        assert_eq!(open.next().await.unwrap_err(), RecvError::Closed);
        assert!(bus.subscribe("a").is_err());
    }
}
