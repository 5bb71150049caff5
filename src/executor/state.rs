//! Owns the place where runs are remembered: the user's state directory, private to the user.

use etcetera::BaseStrategy;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The user has no home.
    #[error("find the home directory; set XDG_STATE_HOME")]
    NoHome,
    /// A directory could not be made private.
    #[error("prepare {path}: {source}")]
    Prepare {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where runs are to be remembered.
#[derive(Debug, Clone, Default)]
pub enum StatePlace {
    /// In the user's own folder.
    #[default]
    OfUser,
    /// In this one.
    At(PathBuf),
}

impl StatePlace {
    /// The place, made ready.
    ///
    /// # Errors
    ///
    /// If there is no home, or the directories cannot be made.
    pub fn open(&self) -> Result<StateDir, StateError> {
        match self {
            Self::OfUser => StateDir::of_user(),
            Self::At(root) => StateDir::at(root),
        }
    }
}

/// `$XDG_STATE_HOME/rmqtop` with its rooms, each 0700.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The user's own.
    ///
    /// # Errors
    ///
    /// If there is no home, or the directories cannot be made.
    pub fn of_user() -> Result<Self, StateError> {
        let strategy = etcetera::choose_base_strategy().map_err(|_error| StateError::NoHome)?;
        let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Self::at(&state.join("rmqtop"))
    }

    /// At a given place.
    ///
    /// # Errors
    ///
    /// If the directories cannot be made.
    pub fn at(root: &Path) -> Result<Self, StateError> {
        let state = Self {
            root: root.to_owned(),
        };
        for path in [
            state.root.clone(),
            state.runs(),
            state.locks(),
            state.definitions(),
        ] {
            prepare(&path).map_err(|source| StateError::Prepare { path, source })?;
        }
        Ok(state)
    }

    /// One journal per run.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Copies of definitions, by run and node.
    pub fn definitions(&self) -> PathBuf {
        self.root.join("definitions")
    }

    /// One lock per cluster.
    pub fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }
}

fn prepare(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}
