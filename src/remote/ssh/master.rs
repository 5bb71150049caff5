//! Owns one `ssh` control master: its options, its private directory, its end. The options are
//! ours on the command line, so the operator's configuration still names hosts, keys and jumps
//! but cannot weaken them; nothing is ever written to the operator's files.

use super::words;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::outcome::RemoteError;
use openssh::Session;
use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// From starting `ssh` to an authenticated connection. `ConnectTimeout` bounds the network part;
/// the rest is for the login.
const CONNECT_LIMIT: Duration = Duration::from_secs(6);

/// Options no configuration file can override. A dead host is noticed after three unanswered
/// seconds. A master whose rmqtop was killed ends itself: its commands see the end of their input
/// and thirty idle seconds later nothing is left.
const OPTIONS: [&str; 14] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectTimeout=3",
    "ConnectionAttempts=1",
    "ServerAliveInterval=1",
    "ServerAliveCountMax=2",
    "TCPKeepAlive=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "ControlPersist=30",
];

/// Whom to reach, and with which configuration.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) destination: String,
    pub(super) ssh_config: Option<PathBuf>,
}

impl Target {
    pub(super) fn error(&self, kind: FailureKind, message: impl AsRef<str>) -> RemoteError {
        RemoteError {
            destination: Shown::new(&self.destination),
            kind,
            message: Shown::new(message.as_ref()),
        }
    }
}

/// A running control master. Ends with its last owner.
#[derive(Debug)]
pub(super) struct Master {
    pub(super) session: Session,
    dir: Directory,
}

impl Master {
    /// Connects and logs in. The directory goes with the attempt if it fails or is dropped.
    pub(super) async fn connect(target: &Target) -> Result<Self, RemoteError> {
        let dir = Directory::create().map_err(|error| {
            let text = format!("no private directory for the control socket: {error}");
            target.error(FailureKind::Local, text)
        })?;
        let mut command = tokio::process::Command::new("ssh");
        command.arg("-E").arg(dir.log()).arg("-S").arg(dir.socket());
        command.args(["-M", "-f", "-N", "-T"]);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        if let Some(file) = &target.ssh_config {
            command.arg("-F").arg(file);
        }
        command
            .args(["--", &target.destination])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let status = tokio::time::timeout(CONNECT_LIMIT, command.status())
            .await
            .map_err(|_elapsed| {
                let text = format!("no login within {} s", CONNECT_LIMIT.as_secs());
                target.error(FailureKind::Timeout, text)
            })?
            .map_err(|error| {
                let text = format!("cannot run the ssh program: {error}");
                target.error(FailureKind::Local, text)
            })?;
        if status.success() {
            let session = Session::resume_mux(dir.socket().into_boxed_path(), None);
            Ok(Self { session, dir })
        } else {
            let (kind, message) = words::why_refused(&dir.read_log());
            Err(target.error(kind, message))
        }
    }

    /// Why the connection ended, as far as `ssh` wrote it down.
    pub(super) fn why_lost(&self) -> (FailureKind, String) {
        words::why_lost(&self.dir.read_log())
    }
}

/// A directory only its owner can enter, with the control socket and the log of one `ssh`.
#[derive(Debug)]
struct Directory(PathBuf);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Directory {
    fn create() -> io::Result<Self> {
        let base = runtime_base()?;
        remove_orphans(&base);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{}-{number}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("master")
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    fn read_log(&self) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Ends the master, if there is one, and removes its directory.
fn remove(dir: &Path) {
    // Neither can fail in a way that matters: a master that is gone needs no ending, and a
    // directory that stays is removed by the next rmqtop.
    let _ended = terminate(&dir.join("master"));
    let _removed = fs::remove_dir_all(dir);
}

/// Asks a control master to end now, with all its commands: `MUX_C_TERMINATE` of OpenSSH's
/// PROTOCOL.mux. Synchronous, so that it also works while the runtime is being torn down.
fn terminate(socket: &Path) -> io::Result<()> {
    const HELLO: [u8; 12] = [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4];
    const TERMINATE: [u8; 12] = [0, 0, 0, 8, 0x10, 0, 0, 5, 0, 0, 0, 0];
    let mut stream = UnixStream::connect(socket)?;
    let limit = Some(Duration::from_millis(200));
    stream.set_write_timeout(limit)?;
    stream.set_read_timeout(limit)?;
    stream.write_all(&HELLO)?;
    stream.write_all(&TERMINATE)?;
    // The master's hello and its reply; after them it is on its way out.
    stream.read_exact(&mut [0; 24])
}

fn runtime_base() -> io::Result<PathBuf> {
    let uid = fs::metadata("/proc/self")?.uid();
    let base = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_absolute() => PathBuf::from(dir).join("rmqtop"),
        _ => PathBuf::from(format!("/tmp/rmqtop-{uid}")),
    };
    match DirBuilder::new().mode(0o700).create(&base) {
        Ok(()) => Ok(base),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(&base)?;
            if found.is_dir() && found.uid() == uid && found.mode() & 0o777 == 0o700 {
                Ok(base)
            } else {
                let text = format!("{} is not a directory of mode 0700 of ours", base.display());
                Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
            }
        }
        Err(error) => Err(error),
    }
}

/// Removes what an rmqtop that was killed left behind.
fn remove_orphans(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if let Some(pid) = pid
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            remove(&entry.path());
        }
    }
}
