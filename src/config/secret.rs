//! Owns where a password may come from, and its reading. The value is never printed, logged or put
//! into an argv.

use crate::model::text::Shown;
use secrecy::SecretString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file only its owner can read.
    File(PathBuf),
    /// A command's first line of output.
    Command(Vec<String>),
    /// `guest`, which a broker accepts from its own host only; used where nothing is configured
    /// and the broker of this host is watched.
    Guest,
    /// What a person typed, for this process.
    Typed(Typed),
}

/// A password that somebody typed. Two of them are equal if they are the same typing.
#[derive(Debug, Clone)]
pub struct Typed(Arc<SecretString>);

impl Typed {
    /// This one.
    pub fn new(password: SecretString) -> Self {
        Self(Arc::new(password))
    }
}

impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Typed {}

/// Why a password could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set; export it, or use password_file")]
    Unset(String),
    /// The variable holds nothing usable.
    #[error("the environment variable {0} is empty or not text")]
    Empty(String),
    /// The file could not be read.
    #[error("cannot read the password file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file can be read by others.
    #[error("the password file {path} has mode {mode:o}; allow only its owner: chmod 600 {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file begins with an empty line.
    #[error("the first line of the password file {0} is empty")]
    Blank(PathBuf),
    /// The command could not be started.
    #[error("cannot run the password command {program}")]
    Start {
        /// Its first word.
        program: Shown,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command failed.
    #[error(
        "the password command {program} failed ({status}){}",
        after_colon(said)
    )]
    Failed {
        /// Its first word.
        program: Shown,
        /// How it ended.
        status: ExitStatus,
        /// The first line it wrote to its standard error; may be empty.
        said: Shown,
    },
    /// The command ended well and printed nothing.
    #[error("the password command {program} printed nothing{}", after_colon(said))]
    Silent {
        /// Its first word.
        program: Shown,
        /// The first line it wrote to its standard error; may be empty.
        said: Shown,
    },
    /// The command took too long and was killed.
    #[error("the password command {program} did not end within {} s and was killed", limit.as_secs_f32())]
    Late {
        /// Its first word.
        program: Shown,
        /// How long it had.
        limit: Duration,
    },
    /// The reading was broken off.
    #[error("the reading of the password was broken off")]
    Ended,
    /// A command must be run for it, and waited for.
    #[error("the password command {0} was not run")]
    NotRun(Shown),
}

fn after_colon(said: &Shown) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

impl SecretSource {
    /// The environment variable that was to hold it and is not set.
    pub fn unset_variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => std::env::var_os(name).is_none().then_some(name),
            Self::File(_) | Self::Command(_) | Self::Guest | Self::Typed(_) => None,
        }
    }

    /// Reads the password where it stands. The first line counts; line ends are not part of it.
    /// What prints one is run by `sources`, which can wait without holding anything up.
    ///
    /// # Errors
    ///
    /// If there is no password to be had there; the error says where it was looked for.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => {
                let value =
                    std::env::var_os(name).ok_or_else(|| SecretError::Unset(name.clone()))?;
                match value.into_string() {
                    Ok(text) if !text.is_empty() => Ok(SecretString::from(text)),
                    _ => Err(SecretError::Empty(name.clone())),
                }
            }
            Self::File(path) => read_file(path),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                Err(SecretError::NotRun(Shown::new(program)))
            }
            Self::Guest => Ok(SecretString::from("guest")),
            Self::Typed(Typed(password)) => Ok(SecretString::clone(password)),
        }
    }
}

fn read_file(path: &PathBuf) -> Result<SecretString, SecretError> {
    let fault = |source| SecretError::File {
        path: path.clone(),
        source,
    };
    let mode = std::fs::metadata(path).map_err(fault)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open {
            path: path.clone(),
            mode,
        });
    }
    let text = std::fs::read_to_string(path).map_err(fault)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line)),
        Some(_) | None => Err(SecretError::Blank(path.clone())),
    }
}
