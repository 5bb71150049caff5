//! Owns the running of commands on this machine, for hosts declared `ssh = "local"`. Same traits
//! and the same limits as over SSH; no shell in between.

use super::channel::Channel;
use super::hold::{self, Hold, HoldError};
use super::outcome::{CommandOutcome, Output, RemoteError};
use super::pipe::{self, LineReader};
use super::{Lines, Observe};
use crate::invocation::keep::Rights;
use crate::invocation::{Argv, Read};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local {
    rights: Rights,
}

impl Local {
    /// This machine, with these rights where a command needs root.
    pub fn new(rights: Rights) -> Self {
        Self { rights }
    }

    fn argv_of(self, read: &Read) -> Argv {
        if read.wants_root() {
            self.rights.of(read.argv())
        } else {
            read.argv()
        }
    }
}

fn fault(kind: FailureKind, message: impl AsRef<str>) -> RemoteError {
    RemoteError {
        destination: Shown::new("local"),
        kind,
        message: Shown::new(message.as_ref()),
    }
}

/// What a command that is not awaited any more is left to.
#[derive(Debug, Clone, Copy)]
enum OnDrop {
    Kill,
    /// A change that was begun is never torn down half-way.
    Leave,
}

fn start(argv: &Argv, stdin: Stdio, on_drop: OnDrop) -> Result<Child, RemoteError> {
    Command::new(&argv.program)
        .args(&argv.args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(matches!(on_drop, OnDrop::Kill))
        .spawn()
        .map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                let text = format!("{}: command not found", argv.program);
                fault(FailureKind::Absent, text)
            } else {
                let text = format!("cannot run {}: {error}", argv.program);
                fault(FailureKind::Server, text)
            }
        })
}

async fn finish(mut child: Child, input: Option<&str>) -> Result<Output, RemoteError> {
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that does not read its input says so by its exit status.
        let _unread = stdin.write_all(input.as_bytes()).await;
    }
    let stdout = pipe::capture(child.stdout.take(), pipe::STDOUT_LIMIT);
    let stderr = pipe::capture(child.stderr.take(), pipe::STDERR_LIMIT);
    let (stdout, stderr) = tokio::join!(stdout, stderr);
    if stdout.is_cut {
        let text = format!("more than {} MiB of output", pipe::STDOUT_LIMIT >> 20);
        return Err(fault(FailureKind::TooLarge, text));
    }
    let status = child
        .wait()
        .await
        .map_err(|error| fault(FailureKind::Lost, error.to_string()))?;
    Ok(Output {
        code: status.code(),
        stdout: stdout.text,
        stderr: stderr.text,
    })
}

impl Observe for Local {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        async move {
            let argv = self.argv_of(read);
            let stdin = match read.stdin() {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            };
            let child = start(&argv, stdin, OnDrop::Kill)?;
            timeout(limit, finish(child, read.stdin()))
                .await
                .unwrap_or_else(|_elapsed| {
                    let text = format!("{} did not end in time", argv.program);
                    Err(fault(FailureKind::Timeout, text))
                })
        }
        .boxed()
    }

    fn lines<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        async move {
            let child = start(&self.argv_of(read), Stdio::piped(), OnDrop::Kill)?;
            let (sender, lines) = mpsc::channel(256);
            tokio::spawn(async move { pump(child, &sender).await });
            Ok(lines)
        }
        .boxed()
    }
}

async fn pump(mut child: Child, sender: &mpsc::Sender<Result<String, RemoteError>>) {
    let Some(stdout) = child.stdout.take() else {
        return;
    };
    // Held open: its end is what ends the command.
    let stdin = child.stdin.take();
    let mut reader = LineReader::new(stdout);
    loop {
        let line = tokio::select! {
            () = sender.closed() => break,
            line = reader.next() => line,
        };
        let Some(line) = line else {
            drop(stdin);
            let stderr = pipe::capture(child.stderr.take(), pipe::STDERR_LIMIT).await;
            let words = stderr.text.lines().next().unwrap_or("it said nothing");
            let kind = if words.contains("not found") {
                FailureKind::Absent
            } else {
                FailureKind::Server
            };
            let error = fault(kind, format!("the command ended: {words}"));
            // Nobody may be left to hear it.
            let _unheard = sender.send(Err(error)).await;
            return;
        };
        if sender.send(Ok(line)).await.is_err() {
            break;
        }
    }
    drop(stdin);
    // Its input ended, so it ends; killed with this task otherwise.
    let _ended = timeout(Duration::from_secs(1), child.wait()).await;
}

impl Channel for Local {
    fn send<'a>(&'a self, argv: &'a Argv, limit: Duration) -> BoxFuture<'a, CommandOutcome> {
        async move {
            let child = match start(argv, Stdio::null(), OnDrop::Leave) {
                Ok(child) => child,
                Err(error) => return CommandOutcome::NotSent(error),
            };
            match timeout(limit, finish(child, None)).await {
                Ok(Ok(output)) => CommandOutcome::Ended(output),
                Ok(Err(error)) => CommandOutcome::Lost(error),
                Err(_elapsed) => CommandOutcome::TimedOut,
            }
        }
        .boxed()
    }

    fn keep<'a>(&'a self, argv: &'a Argv) -> BoxFuture<'a, Result<Hold, HoldError>> {
        async move {
            let mut child = start(argv, Stdio::piped(), OnDrop::Kill).map_err(HoldError::Failed)?;
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            hold::begin(child, stdin, stdout, |words| {
                fault(FailureKind::Server, words)
            })
            .await
        }
        .boxed()
    }

    fn rights(&self) -> Rights {
        self.rights
    }

    fn hurry(&self) {}

    fn fault(&self, words: &str) -> RemoteError {
        fault(FailureKind::Server, words)
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::invocation::Read;
    use crate::model::observation::FailureKind;
    use crate::remote::Observe;
    use std::time::Duration;

    #[tokio::test]
    async fn a_command_runs_here_and_a_missing_one_is_absent() {
        let limit = Duration::from_secs(5);
        let output = Local::default().read(&Read::Nothing, limit).await.unwrap();
        assert_eq!(output.code, Some(0));
        let socket = "/nonexistent/socket".to_owned();
        let read = Read::HaproxyStatistics { socket };
        // With socat installed it fails, without it is absent; it never passes.
        match Local::default().read(&read, limit).await {
            Ok(output) => assert_ne!(output.code, Some(0)),
            Err(error) => assert_eq!(error.kind, FailureKind::Absent),
        }
    }
}
