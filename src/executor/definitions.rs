//! Owns the copies of definitions that are made before a run destroys some: one private file per
//! run and node, on disc before anything is sent.

use super::event::RunId;
use super::state::StateDir;
use crate::model::name::NodeName;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a copy could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("keep the definitions in {path}: {source}")]
pub struct KeepError {
    path: PathBuf,
    source: io::Error,
}

/// Writes what `node` has defined to a new file of mode 0600, synced, and says where.
///
/// # Errors
///
/// If it cannot be written whole.
pub fn keep(
    state: &StateDir,
    run: &RunId,
    node: &NodeName,
    json: &str,
) -> Result<PathBuf, KeepError> {
    let dir = state.definitions();
    let path = dir.join(format!("{run}.{}.json", node.short()));
    match write(&dir, &path, json) {
        Ok(()) => Ok(path),
        Err(source) => Err(KeepError { path, source }),
    }
}

fn write(dir: &Path, path: &Path, json: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(json.as_bytes())?;
    file.sync_all()?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{RunId, StateDir, keep};
    use crate::model::name::NodeName;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_copy_is_whole_private_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let (run, node) = (RunId("x".to_owned()), NodeName::parse("rabbit@a").unwrap());
        let path = keep(&state, &run, &node, "{}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let failure = keep(&state, &run, &node, "[]").unwrap_err();
        assert!(failure.to_string().contains("x.a.json"), "{failure}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
