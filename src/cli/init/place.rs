//! Owns where `rmqtop init` writes: a file, whole or not at all, or standard output.

use crate::cli::{Common, select};
use anyhow::Context;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the entry goes.
pub(super) enum Place {
    Stdout(PathBuf),
    File(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdout(_) => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Place {
    pub(super) fn of(output: Option<&PathBuf>, common: &Common) -> anyhow::Result<Self> {
        let chosen = output.cloned().or_else(|| common.config.clone());
        let path = chosen.map_or_else(select::default_path, Ok)?;
        Ok(if path == Path::new("-") {
            Self::Stdout(std::path::absolute("config.toml")?)
        } else {
            Self::File(std::path::absolute(path)?)
        })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Stdout(path) | Self::File(path) => path,
        }
    }

    /// What stands there already.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        match self {
            Self::Stdout(_) => Ok(String::new()),
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => Ok(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
                Err(error) => {
                    Err(error).with_context(|| format!("failed to read {}", path.display()))
                }
            },
        }
    }
}

/// All of it or nothing; what stood there keeps its mode, and a link stays a link.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let real = fs::canonicalize(path).unwrap_or_else(|_error| path.to_owned());
    let folder = real.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mode = fs::metadata(&real).map_or(0o644, |known| known.permissions().mode() & 0o7777);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(&real).map_err(|error| error.error)?;
    Ok(())
}
