//! Room: quotas, the free-space floor, and what running uploads have reserved.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;

use crate::error::{Error, Result};

/// Limits on what is stored, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub user: u64,
    pub total: u64,
    /// What uploads leave free on the disk.
    pub floor: u64,
}

impl Quota {
    /// Checks `bytes` more against what is `used`. The transaction that adds a file asks this too: it has the last word.
    pub fn check(&self, bytes: u64, used_by_user: u64, used_in_all: u64) -> Result<()> {
        for (whose, limit, used) in [("Your", self.user, used_by_user), ("The server's", self.total, used_in_all)] {
            if used.saturating_add(bytes) > limit {
                return Err(Error::QuotaExceeded { whose, limit: ByteSize(limit), used: ByteSize(used) });
            }
        }
        Ok(())
    }
}

/// Room in the store, with the reservations of running uploads. Clones share it.
#[derive(Clone)]
pub struct Space(Arc<Inner>);

struct Inner {
    quota: Quota,
    reserved: Mutex<HashMap<String, u64>>,
}

impl Space {
    pub fn new(quota: Quota) -> Space {
        Space(Arc::new(Inner { quota, reserved: Mutex::default() }))
    }

    pub fn quota(&self) -> &Quota {
        &self.0.quota
    }

    /// Starts the reservation of an upload by `user`, who has stored `used_by_user` bytes of `used_in_all`.
    pub fn reserve(&self, user: &str, used_by_user: u64, used_in_all: u64) -> Reservation {
        Reservation { space: self.clone(), user: user.to_owned(), used_by_user, used_in_all, bytes: 0 }
    }

    /// Whether `bytes` more fit on the disk of `root` above the floor.
    ///
    /// # Errors
    /// [`Error::InsufficientStorage`] with the numbers.
    pub fn check_disk(&self, root: &Path, bytes: u64) -> Result<()> {
        let free = free_space(root).map_err(|error| Error::Unavailable(Box::new(error)))?;
        if free.saturating_sub(self.0.quota.floor) < bytes {
            return Err(self.full(root));
        }
        Ok(())
    }

    /// The error for a disk that is full now.
    pub fn full(&self, root: &Path) -> Error {
        let free = free_space(root).unwrap_or_default();
        Error::InsufficientStorage { free: ByteSize(free), floor: ByteSize(self.0.quota.floor) }
    }

    fn reserved(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are free for us on the disk of `root`.
fn free_space(root: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(root)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What one running upload has reserved; given back when it is dropped.
pub struct Reservation {
    space: Space,
    user: String,
    used_by_user: u64,
    used_in_all: u64,
    bytes: u64,
}

impl Reservation {
    /// Makes sure that `bytes` in all are reserved.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] when they do not fit beside what is stored and what other uploads have reserved.
    pub fn grow_to(&mut self, bytes: u64) -> Result<()> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        let mut reserved = self.space.reserved();
        let by_user = reserved.get(&self.user).copied().unwrap_or_default();
        let in_all: u64 = reserved.values().sum();
        self.space.quota().check(more, self.used_by_user + by_user, self.used_in_all + in_all)?;
        *reserved.entry(self.user.clone()).or_default() += more;
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.space.reserved();
        if let Some(bytes) = reserved.get_mut(&self.user) {
            *bytes = bytes.saturating_sub(self.bytes);
            if *bytes == 0 {
                reserved.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_side_by_side_cannot_pass_the_quota_together() {
        let space = Space::new(Quota { user: 100, total: 150, floor: 0 });
        let mut first = space.reserve("ann", 20, 20);
        first.grow_to(50).unwrap();
        let mut second = space.reserve("ann", 20, 20);
        assert!(matches!(second.grow_to(31), Err(Error::QuotaExceeded { whose: "Your", .. })));
        second.grow_to(30).unwrap();
        let mut third = space.reserve("bob", 0, 20);
        assert!(matches!(third.grow_to(51), Err(Error::QuotaExceeded { whose: "The server's", .. })));
        drop(first);
        third.grow_to(51).unwrap();
        drop((second, third));
        assert!(space.reserved().is_empty());
    }
}
