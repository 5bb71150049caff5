//! Owns the lock that keeps two operators on this machine from changing one cluster at once. The
//! kernel frees it when its holder ends, however it ends. Knows nothing of the hosts' own locks.

use super::event::RunId;
use super::state::StateDir;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Who holds a lock, for whoever meets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// user@machine.
    pub who: String,
    /// The action, in words.
    pub what: String,
    /// Which run.
    pub run: RunId,
    /// Since when.
    pub since: Timestamp,
    /// Process id.
    pub pid: u32,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} runs {} since {} (run {}, process {})",
            self.who,
            self.what,
            self.since.strftime("%Y-%m-%d %H:%M:%SZ"),
            self.run,
            self.pid
        )
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone else runs something.
    #[error("lock {cluster}: {}", .holder.as_ref().map_or_else(|| "another run holds it".to_owned(), ToString::to_string))]
    Held {
        /// Which cluster.
        cluster: String,
        /// Who; `None` in the instant before it has said so.
        holder: Option<Holder>,
    },
    /// The lock's file cannot be used.
    #[error("lock {cluster} with {path}: {source}")]
    File {
        /// Which cluster.
        cluster: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The right to change a cluster from this machine, until dropped.
#[derive(Debug)]
pub struct ClusterLock {
    file: File,
    cluster: String,
}

impl ClusterLock {
    /// Takes the lock of `cluster`, or says who holds it. Waits for no holder.
    ///
    /// # Errors
    ///
    /// If another process (or another run of this one) holds it, or its file cannot be used.
    pub fn take(state: &StateDir, cluster: &str, holder: &Holder) -> Result<Self, LockError> {
        let path = state.locks().join(file_name(cluster));
        let fault = |source| LockError::File {
            cluster: cluster.to_owned(),
            path: path.clone(),
            source,
        };
        // Never removed: a removed file could be locked by two who opened it before and after.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(fault)?;
        match lock_alone(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(fault)?;
                return Err(LockError::Held {
                    cluster: cluster.to_owned(),
                    holder: serde_json::from_str(&text).ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let text = serde_json::to_string(holder).map_err(|error| fault(error.into()))?;
        file.set_len(0).map_err(fault)?;
        file.rewind().map_err(fault)?;
        file.write_all(text.as_bytes()).map_err(fault)?;
        Ok(Self {
            file,
            cluster: cluster.to_owned(),
        })
    }

    /// The run that holds the lock of `cluster` on this machine, by its own words; `None` if there
    /// is none, or its words cannot be read. The kernel says whether anybody holds it: the words of
    /// a holder that was killed stay behind, and its process id may be another's by now.
    pub fn holder(state: &StateDir, cluster: &str) -> Option<Holder> {
        let mut file = File::open(state.locks().join(file_name(cluster))).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            // What was taken here to ask goes with the file.
            Ok(()) | Err(TryLockError::Error(_)) => return None,
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whose lock it is.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }
}

impl Drop for ClusterLock {
    fn drop(&mut self) {
        // The lock itself goes with the file; the words only spare a reader a stale name.
        self.file.set_len(0).ok();
    }
}

/// How long those who only ask may be in the way: each has the lock for an instant, but on a busy
/// machine the instant may last until it gets the processor again.
const ASKING: Duration = Duration::from_millis(500);

/// Who asks for the holder has the lock together with others for an instant: only who has it alone
/// is a holder.
fn lock_alone(file: &File) -> Result<(), TryLockError> {
    let begun = Instant::now();
    while begun.elapsed() < ASKING {
        match file.try_lock() {
            // Where somebody has it alone, this ends it.
            Err(TryLockError::WouldBlock) => file.try_lock_shared()?,
            ended => return ended,
        }
        file.unlock().map_err(TryLockError::Error)?;
        std::thread::yield_now();
    }
    Err(TryLockError::WouldBlock)
}

/// A cluster's name may hold any character; a file's name may not.
fn file_name(cluster: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '_'
        }
    };
    let words: String = cluster.chars().take(64).map(safe).collect();
    let digest = crate::runbook::fingerprint::digest(cluster.as_bytes());
    format!("{words}-{digest}.lock")
}
