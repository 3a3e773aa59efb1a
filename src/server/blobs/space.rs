//! Room: quotas and the free-space floor, kept against all uploads that run, together.

use crate::server::refusals::insufficient_storage;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;

use super::{Account, cost};
use crate::server::config::Quota;
use crate::server::error::{Error, Result};

/// Room in the store, with the reservations of running uploads. Clones share it.
#[derive(Clone)]
pub struct Space(Arc<Inner>);

struct Inner {
    quota: Quota,
    /// The folder for files, on the disk whose room is kept.
    root: PathBuf,
    reserved: Mutex<Reserved>,
    /// What was asked for last and was not there: the trash gives it.
    wanted: AtomicU64,
}

#[derive(Default)]
struct Reserved {
    /// Bytes, by the pots that they count against.
    pots: HashMap<String, u64>,
    /// What running uploads will still write, all together: the floor is kept against it.
    disk: u64,
}

/// What an upload reserves of the disk in one go, where there is so much: it looks again when that is full.
const STEP: u64 = 16 << 20;
/// What the trash leaves free above the floor.
const MARGIN: u64 = 64 << 20;

impl Space {
    pub fn new(quota: Quota, root: &Path) -> Space {
        Space(Arc::new(Inner { quota, root: root.to_owned(), reserved: Mutex::default(), wanted: AtomicU64::new(0) }))
    }

    pub fn quota(&self) -> &Quota {
        &self.0.quota
    }

    /// Starts the reservation of an upload to `account`, whose pots hold what is `used`.
    pub fn reserve(&self, account: &Account, used: Vec<u64>) -> Reservation {
        Reservation { space: self.clone(), account: account.clone(), used, booked: 0, promised: 0, written: 0 }
    }

    /// Whether `bytes` more fit on the disk above the floor, beside what running uploads will write.
    ///
    /// # Errors
    /// [`insufficient_storage`] with the numbers.
    pub fn check_disk(&self, bytes: u64) -> Result<()> {
        let promised = self.reserved().disk;
        self.check_beside(promised, bytes)
    }

    fn check_beside(&self, promised: u64, bytes: u64) -> Result<()> {
        let free = free_space(&self.0.root).map_err(|error| Error::Unavailable(Box::new(error)))?;
        let needed = promised.saturating_add(bytes);
        if free.saturating_sub(self.0.quota.floor) < needed {
            self.0.wanted.fetch_max(needed, Ordering::Relaxed);
            return Err(self.full());
        }
        Ok(())
    }

    /// Whether the disk that holds the file at `path` is down to the floor, as far as anybody knows.
    pub fn is_full(&self, path: &Path) -> bool {
        free_space(path).is_ok_and(|free| free < self.0.quota.floor)
    }

    /// Whether so little is free that the trash has to give way.
    pub fn is_tight(&self) -> std::io::Result<bool> {
        let wanted = self.0.wanted.load(Ordering::Relaxed).max(MARGIN);
        Ok(free_space(&self.0.root)? < self.0.quota.floor.saturating_add(wanted))
    }

    /// The trash has given what it had.
    pub fn was_given(&self) {
        self.0.wanted.store(0, Ordering::Relaxed);
    }

    /// The error for a disk that is full now.
    pub fn full(&self) -> Error {
        let free = free_space(&self.0.root).unwrap_or_default();
        insufficient_storage(ByteSize(free), ByteSize(self.0.quota.floor))
    }

    fn reserved(&self) -> MutexGuard<'_, Reserved> {
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
    /// Bytes in each pot.
    booked: u64,
    /// Bytes of the disk, and how many of them are written.
    promised: u64,
    written: u64,
}

impl Reservation {
    /// Makes sure that there is room for a file of `size` bytes, in the quotas and on the disk.
    ///
    /// # Errors
    /// [`quota_exceeded`] when it does not fit beside what is stored and what other uploads have reserved, and
    /// [`insufficient_storage`] when it would not leave the floor free together with them.
    pub fn grow_to(&mut self, size: u64) -> Result<()> {
        let bytes = cost(size);
        let space = self.space.clone();
        let mut reserved = space.reserved();
        if let Some(more) = bytes.checked_sub(self.booked).filter(|more| *more > 0) {
            let pots = self.account.pots(space.quota());
            for (pot, used) in pots.iter().zip(&self.used) {
                pot.check(more, used + reserved.pots.get(pot.key).copied().unwrap_or_default())?;
            }
            for pot in pots {
                *reserved.pots.entry(pot.key.to_owned()).or_default() += more;
            }
            self.booked = bytes;
        }
        if let Some(more) = bytes.checked_sub(self.promised).filter(|more| *more > 0) {
            let step = more.max(STEP.min(self.promised)); // small files take what they are
            let more = match space.check_beside(reserved.disk, step) {
                Ok(()) => step,
                Err(_) => space.check_beside(reserved.disk, more).map(|()| more)?,
            };
            reserved.disk += more;
            self.promised += more;
        }
        Ok(())
    }

    /// So many bytes of the file are on the disk by now: the disk itself counts them.
    pub fn wrote(&mut self, size: u64) {
        let more = size.min(self.promised).saturating_sub(self.written);
        self.written += more;
        let mut reserved = self.space.reserved();
        reserved.disk = reserved.disk.saturating_sub(more);
    }

    /// The file is whole: nothing more is written.
    pub fn wrote_all(&mut self) {
        self.wrote(u64::MAX);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.wrote_all();
        let mut reserved = self.space.reserved();
        for pot in self.account.pots(self.space.quota()) {
            if let Some(bytes) = reserved.pots.get_mut(pot.key) {
                *bytes = bytes.saturating_sub(self.booked);
                if *bytes == 0 {
                    reserved.pots.remove(pot.key);
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

    /// In blocks of 4 KiB.
    const QUOTA: Quota = Quota { user: 100 << 12, guest: 40 << 12, guests: 60 << 12, total: 150 << 12, floor: 0 };

    fn space(quota: Quota) -> Space {
        Space::new(quota, &std::env::temp_dir())
    }

    /// So many blocks.
    fn grow(reservation: &mut Reservation, blocks: u64) -> Result<()> {
        reservation.grow_to(blocks << 12)
    }

    #[test]
    fn uploads_side_by_side_cannot_pass_the_quota_together() {
        let space = space(QUOTA);
        let (ann, bob) = (Account::user("ann"), Account::user("bob"));
        let mut first = space.reserve(&ann, vec![20 << 12, 20 << 12]);
        grow(&mut first, 50).unwrap();
        let mut second = space.reserve(&ann, vec![20 << 12, 20 << 12]);
        assert_eq!(whose(grow(&mut second, 31)), "Your");
        grow(&mut second, 30).unwrap();
        let mut third = space.reserve(&bob, vec![0, 20 << 12]);
        assert_eq!(whose(grow(&mut third, 51)), "The server's");
        drop(first);
        grow(&mut third, 51).unwrap();
        drop((second, third));
        assert!(space.reserved().pots.is_empty());
    }

    #[test]
    fn guests_have_a_quota_by_address_and_one_together() {
        let space = space(QUOTA);
        let guest = |last: u8| Account::guest([192, 0, 2, last].into());
        let mut first = space.reserve(&guest(1), vec![0, 0, 0]);
        assert_eq!(whose(grow(&mut first, 41)), "Your");
        grow(&mut first, 40).unwrap();
        let mut second = space.reserve(&guest(2), vec![0, 0, 0]);
        assert_eq!(whose(grow(&mut second, 21)), "The guests'");
        grow(&mut second, 20).unwrap();
        grow(&mut space.reserve(&Account::user("ann"), vec![0, 0]), 90).unwrap();
    }

    #[test]
    fn an_empty_file_takes_a_block() {
        let space = space(Quota { user: 3 << 12, ..Quota::NONE });
        let ann = Account::user("ann");
        let mut empty: Vec<_> = (0..4).map(|_| space.reserve(&ann, vec![0, 0])).collect();
        for reservation in &mut empty[..3] {
            reservation.grow_to(0).unwrap();
        }
        assert_eq!(whose(empty[3].grow_to(0)), "Your");
    }

    #[test]
    fn the_floor_is_kept_against_all_uploads_together() {
        let dir = std::env::temp_dir();
        let free = free_space(&dir).unwrap();
        // Room for some megabytes, whatever else happens on this disk: far more are asked for.
        let floor = free.saturating_sub(1 << 40);
        let space = space(Quota { floor, ..Quota::NONE });
        let ann = Account::user("ann");
        let most = (free - floor) / 4;
        let mut uploads: Vec<_> = (0..10).map(|_| space.reserve(&ann, vec![0, 0])).collect();
        let fit = uploads.iter_mut().filter_map(|upload| upload.grow_to(most - (1 << 20)).ok()).count();
        assert!((3..=4).contains(&fit), "{fit} of ten");
        let error = uploads[9].grow_to(most).unwrap_err();
        assert_eq!(error.code(), "insufficient_storage");
        drop(uploads);
        assert_eq!(space.reserved().disk, 0);
    }
}
