//! Room: the free-space floor, and what running uploads have reserved.

use crate::server::refusals::insufficient_storage;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;

use super::Account;
use crate::server::config::Quota;
use crate::server::error::{Error, Result};

/// Room in the store, with the reservations of running uploads. Clones share it.
#[derive(Clone)]
pub struct Space(Arc<Inner>);

struct Inner {
    quota: Quota,
    /// Bytes, by the pots that they count against.
    reserved: Mutex<HashMap<String, u64>>,
}

impl Space {
    pub fn new(quota: Quota) -> Space {
        Space(Arc::new(Inner { quota, reserved: Mutex::default() }))
    }

    pub fn quota(&self) -> &Quota {
        &self.0.quota
    }

    /// Starts the reservation of an upload to `account`, whose pots hold what is `used`.
    pub fn reserve(&self, account: &Account, used: Vec<u64>) -> Reservation {
        Reservation { space: self.clone(), account: account.clone(), used, bytes: 0 }
    }

    /// Whether `bytes` more fit on the disk of `root` above the floor.
    ///
    /// # Errors
    /// [`insufficient_storage`] with the numbers.
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
        insufficient_storage(ByteSize(free), ByteSize(self.0.quota.floor))
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
    account: Account,
    used: Vec<u64>,
    bytes: u64,
}

impl Reservation {
    /// Makes sure that `bytes` in all are reserved.
    ///
    /// # Errors
    /// [`quota_exceeded`] when they do not fit beside what is stored and what other uploads have reserved.
    pub fn grow_to(&mut self, bytes: u64) -> Result<()> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        let pots = self.account.pots(self.space.quota());
        let mut reserved = self.space.reserved();
        for (pot, used) in pots.iter().zip(&self.used) {
            pot.check(more, used + reserved.get(pot.key).copied().unwrap_or_default())?;
        }
        for pot in pots {
            *reserved.entry(pot.key.to_owned()).or_default() += more;
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.space.reserved();
        for pot in self.account.pots(self.space.quota()) {
            if let Some(bytes) = reserved.get_mut(pot.key) {
                *bytes = bytes.saturating_sub(self.bytes);
                if *bytes == 0 {
                    reserved.remove(pot.key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose quota a refusal names.
    fn whose(grown: Result<()>) -> String {
        let error = grown.unwrap_err();
        assert_eq!(error.code(), "quota_exceeded");
        error.to_string().split_once(" quota").unwrap().0.to_owned()
    }

    const QUOTA: Quota = Quota { user: 100, guest: 40, guests: 60, total: 150, floor: 0 };

    #[test]
    fn uploads_side_by_side_cannot_pass_the_quota_together() {
        let space = Space::new(QUOTA);
        let (ann, bob) = (Account::user("ann"), Account::user("bob"));
        let mut first = space.reserve(&ann, vec![20, 20]);
        first.grow_to(50).unwrap();
        let mut second = space.reserve(&ann, vec![20, 20]);
        assert_eq!(whose(second.grow_to(31)), "Your");
        second.grow_to(30).unwrap();
        let mut third = space.reserve(&bob, vec![0, 20]);
        assert_eq!(whose(third.grow_to(51)), "The server's");
        drop(first);
        third.grow_to(51).unwrap();
        drop((second, third));
        assert!(space.reserved().is_empty());
    }

    #[test]
    fn guests_have_a_quota_by_address_and_one_together() {
        let space = Space::new(QUOTA);
        let guest = |last: u8| Account::guest([192, 0, 2, last].into());
        let mut first = space.reserve(&guest(1), vec![0, 0, 0]);
        assert_eq!(whose(first.grow_to(41)), "Your");
        first.grow_to(40).unwrap();
        let mut second = space.reserve(&guest(2), vec![0, 0, 0]);
        assert_eq!(whose(second.grow_to(21)), "The guests'");
        second.grow_to(20).unwrap();
        space.reserve(&Account::user("ann"), vec![0, 0]).grow_to(90).unwrap();
    }
}
