//! Owns the room on the disc that is set aside before the first act, so that a disc that fills up
//! in the middle of a run does not leave a member stopped: the reserve is given up for the lines
//! that end the run. A disc that has no room for it is full already, and nothing is begun.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Several times what a whole run writes.
const BYTES: usize = 128 << 10;

/// A file beside the journal that only takes up room. Goes with its owner.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Takes the room, durably, for the journal at `path`.
    pub(super) fn set_aside(path: &Path) -> io::Result<Self> {
        let reserve = Self(path.with_extension("reserve"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&reserve.0)?;
        // Written, not only sized: a hole would take no room.
        file.write_all(&vec![0; BYTES])?;
        file.sync_all()?;
        Ok(reserve)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // A file that cannot be removed stays; it holds nothing.
        fs::remove_file(&self.0).ok();
    }
}
