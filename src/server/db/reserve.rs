//! Room on the disk for the rows of what makes room: before SQLite forgets anything its log grows, which on a full disk it
//! cannot.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::server::folder;

/// Far more than the rows of a deletion take.
const SIZE_BYTES: usize = 1 << 20;

/// A file beside the database that is there to be given up.
#[derive(Clone)]
pub struct Reserve(PathBuf);

impl Reserve {
    /// The reserve of the database at `path`; there is none yet, see [`Reserve::keep`].
    pub fn beside(path: &Path) -> Reserve {
        let mut name = path.as_os_str().to_owned();
        name.push("-reserve");
        Reserve(name.into())
    }

    /// Makes the reserve whole, for the first time or again. Blocks.
    ///
    /// # Errors
    /// Those of the disk, also when it has no room; then nothing of it is taken.
    pub fn keep(&self) -> io::Result<()> {
        if fs::metadata(&self.0).is_ok_and(|there| there.len() == SIZE_BYTES as u64) {
            return Ok(());
        }
        let mut file = folder::private().create(true).truncate(true).write(true).open(&self.0)?;
        // Written and not only lengthened: a hole takes no room.
        file.write_all(&vec![0; SIZE_BYTES]).inspect_err(|_| drop(file.set_len(0)))
    }

    /// Gives the room to whoever writes next. Blocks.
    pub fn give_up(&self) -> io::Result<()> {
        File::options().write(true).open(&self.0)?.set_len(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_room_and_gives_it_back() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&dir.path().join("handover.db"));
        for _ in 0..2 {
            reserve.keep().unwrap();
            reserve.keep().unwrap();
            let kept = fs::metadata(dir.path().join("handover.db-reserve")).unwrap();
            assert_eq!(kept.len(), SIZE_BYTES as u64);
            reserve.give_up().unwrap();
            let given = fs::metadata(dir.path().join("handover.db-reserve")).unwrap();
            assert_eq!((given.len(), given.blocks()), (0, 0));
        }
    }
}
