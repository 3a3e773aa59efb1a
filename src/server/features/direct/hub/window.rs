//! How many frames may be on their way through the server.
//!
//! Each side has a place of its own, so that no transfer waits for another one; what a frame takes beyond it is borrowed
//! from places that all transfers share. Where few are running each has a deep queue, and its two ends, which different
//! workers serve, seldom wait for each other; where many are, memory grows by one frame for each.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::protocol::direct::LARGEST_FRAME;

/// Frames that one side may have on their way.
pub const DEPTH: usize = 16;
/// Bytes of the places that are shared.
const SHARED: usize = 2 << 20;

/// The places that all transfers share. Clones are the same ones.
#[derive(Clone)]
pub struct Shared(Arc<Semaphore>);

/// One side's places.
pub struct Window {
    own: Arc<Semaphore>,
    shared: Shared,
}

/// Kept until the frame has left.
pub struct Place(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Default for Shared {
    fn default() -> Shared {
        Shared(Arc::new(Semaphore::new(SHARED / LARGEST_FRAME)))
    }
}

impl Window {
    pub fn new(shared: Shared) -> Window {
        Window { own: Arc::new(Semaphore::new(1)), shared }
    }

    /// Waits for a place.
    pub async fn place(&self) -> Place {
        let place = tokio::select! {
            biased;
            place = self.own.clone().acquire_owned() => place,
            place = self.shared.0.clone().acquire_owned() => place,
        };
        // The semaphores are never closed.
        Place(place.ok())
    }
}

impl Place {
    /// The same bytes; the place is free again once the last of them has been dropped.
    pub fn take(self, frame: Bytes) -> Bytes {
        Bytes::from_owner(Taken { frame, _place: self })
    }
}

struct Taken {
    frame: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Taken {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn each_side_has_a_place_whatever_others_have() {
        let shared = Shared::default();
        let greedy = Window::new(shared.clone());
        let held: Vec<_> = std::iter::from_fn(|| greedy.place().now_or_never()).collect();
        assert_eq!(held.len(), 1 + SHARED / LARGEST_FRAME);
        let modest = Window::new(shared);
        let frame = modest.place().now_or_never().unwrap().take(Bytes::from_static(b"frame"));
        assert!(modest.place().now_or_never().is_none());
        let part = frame.slice(1..3);
        drop(frame);
        assert!(modest.place().now_or_never().is_none(), "some of the frame is still on its way");
        drop(part);
        assert!(modest.place().now_or_never().is_some());
    }
}
