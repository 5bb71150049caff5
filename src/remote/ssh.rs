//! Owns one SSH connection per host, through the system's `ssh` and its control socket. Made at
//! first use, shared by everyone who asks, made again after a loss; many commands run over it at
//! once. Only typed argv goes over it, every word escaped.

mod change;
mod master;
mod words;

use super::backoff::{Backoff, roll};
use super::outcome::{Output, RemoteError};
use super::pipe::{self, LineReader};
use super::{Lines, Observe};
use crate::invocation::keep::Rights;
use crate::invocation::{Argv, Read};
use crate::model::observation::FailureKind;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use master::{Master, Target};
use openssh::{Child, ChildStderr, Error, Session, Stdio};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// A half-open connection never answers a request for a channel; after this it is given up.
const OPEN_LIMIT: Duration = Duration::from_secs(3);
/// Waits between attempts to connect.
const RETRY: Backoff = Backoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(4),
};
/// Pace while only a person can help.
const SETTLED_RETRY: Duration = Duration::from_secs(60);
/// Lines that may wait for their reader.
const LINES_QUEUED: usize = 256;

type Attempt = Shared<BoxFuture<'static, Result<Arc<Master>, RemoteError>>>;
/// Keeps the connection up while a command runs over it.
#[derive(Debug, Clone)]
struct Hold(Arc<Master>);

impl std::ops::Deref for Hold {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.0.session
    }
}

/// How far the opening of a channel came.
enum OpenError {
    /// The command was certainly not sent.
    NotSent(RemoteError),
    /// It may have been sent.
    InDoubt(RemoteError),
}

impl OpenError {
    fn into_inner(self) -> RemoteError {
        match self {
            Self::NotSent(error) | Self::InDoubt(error) => error,
        }
    }
}

/// The connection to one host.
#[derive(Debug)]
pub struct Link {
    target: Target,
    rights: Rights,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    failures: u32,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Connecting(Attempt),
    Up(Arc<Master>),
    Resting(RemoteError, Instant),
    Closed,
}

impl Link {
    /// Names the host; does not connect. `ssh_config` is given to `ssh -F`.
    pub fn new(
        destination: impl Into<String>,
        ssh_config: Option<PathBuf>,
        rights: Rights,
    ) -> Self {
        Self {
            target: Target {
                destination: destination.into(),
                ssh_config,
            },
            rights,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The connection, made if need be. Whoever asks during an attempt waits for that attempt;
    /// giving up waiting does not end it.
    async fn master(&self) -> Result<Arc<Master>, RemoteError> {
        let attempt = {
            let mut state = self.state();
            match &state.phase {
                Phase::Up(master) => return Ok(Arc::clone(master)),
                Phase::Connecting(attempt) => attempt.clone(),
                Phase::Resting(error, until) if Instant::now() < *until => {
                    return Err(error.clone());
                }
                Phase::Closed => {
                    let text = "the connection was closed by rmqtop";
                    return Err(self.target.error(FailureKind::Lost, text));
                }
                Phase::Idle | Phase::Resting(..) => {
                    let attempt = self.start_attempt();
                    state.phase = Phase::Connecting(attempt.clone());
                    attempt
                }
            }
        };
        attempt.await
    }

    fn start_attempt(&self) -> Attempt {
        let target = self.target.clone();
        let state = Arc::clone(&self.state);
        let task = tokio::spawn(async move {
            let outcome = Master::connect(&target).await.map(Arc::new);
            settle(&mut lock(&state), outcome.as_ref());
            outcome
        });
        let target = self.target.clone();
        async move {
            task.await.unwrap_or_else(|_ended| {
                Err(target.error(FailureKind::Lost, "the attempt to connect was ended"))
            })
        }
        .boxed()
        .shared()
    }

    /// Forgets a connection that proved dead; the next who asks connects again.
    fn forget(&self, master: &Arc<Master>) {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Up(current) if Arc::ptr_eq(current, master)) {
            state.phase = Phase::Idle;
        }
    }

    /// What became of a connection that does not answer any more.
    fn lost(&self, master: &Arc<Master>) -> RemoteError {
        self.forget(master);
        let (kind, words) = master.why_lost();
        self.target.error(kind, words)
    }

    /// Starts a command of which it must be known whether it was sent: the control socket must
    /// answer first, so that a dead master is a certain `NotSent`.
    async fn open_surely(
        &self,
        master: &Arc<Master>,
        argv: &Argv,
        stdin: Stdio,
    ) -> Result<Child<Hold>, OpenError> {
        match timeout(OPEN_LIMIT, master.session.check()).await {
            Ok(Ok(())) => self.open(master, argv, stdin).await,
            Ok(Err(_dead)) => Err(OpenError::NotSent(self.lost(master))),
            Err(_elapsed) => Err(OpenError::NotSent(self.half_open(master))),
        }
    }

    fn half_open(&self, master: &Arc<Master>) -> RemoteError {
        self.forget(master);
        let text = format!("no channel within {} s", OPEN_LIMIT.as_secs());
        self.target.error(FailureKind::Timeout, text)
    }

    /// Starts a command.
    async fn open(
        &self,
        master: &Arc<Master>,
        argv: &Argv,
        stdin: Stdio,
    ) -> Result<Child<Hold>, OpenError> {
        let mut command = Session::to_command(Hold(Arc::clone(master)), argv.program.as_str());
        command
            .args(&argv.args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match timeout(OPEN_LIMIT, command.spawn()).await {
            Ok(Ok(child)) => Ok(child),
            Ok(Err(Error::SshMux(refusal))) if refusal.to_string().contains("refused") => {
                let text = format!("no channel: {refusal}");
                let error = self.target.error(FailureKind::Server, text);
                Err(OpenError::NotSent(error))
            }
            Ok(Err(_lost)) => Err(OpenError::InDoubt(self.lost(master))),
            Err(_elapsed) => Err(OpenError::InDoubt(self.half_open(master))),
        }
    }

    /// Waits for a command's end. `Err` if its end could not be seen.
    async fn finish(
        &self,
        master: &Arc<Master>,
        mut child: Child<Hold>,
        input: Option<&str>,
    ) -> Result<Output, RemoteError> {
        if let (Some(mut stdin), Some(input)) = (child.stdin().take(), input) {
            // A command that does not read its input says so by its exit status.
            let _unread = stdin.write_all(input.as_bytes()).await;
        }
        let stdout = pipe::capture(child.stdout().take(), pipe::STDOUT_LIMIT);
        let stderr = pipe::capture(child.stderr().take(), pipe::STDERR_LIMIT);
        let (stdout, stderr) = tokio::join!(stdout, stderr);
        if stdout.is_cut {
            let text = format!("more than {} MiB of output", pipe::STDOUT_LIMIT >> 20);
            return Err(self.target.error(FailureKind::TooLarge, text));
        }
        let code = self.exit_code(master, child).await?;
        Ok(Output {
            code,
            stdout: stdout.text,
            stderr: stderr.text,
        })
    }

    /// The exit status; `None` for a signal. The protocol does not tell a signal from a loss, so
    /// the master is asked whether it lives.
    async fn exit_code(
        &self,
        master: &Arc<Master>,
        child: Child<Hold>,
    ) -> Result<Option<i32>, RemoteError> {
        match child.wait().await {
            Ok(status) => Ok(status.code().or_else(|| status.signal().map(|n| 128 + n))),
            Err(Error::Remote(_not_found)) => Ok(Some(127)),
            Err(_unseen) => match timeout(OPEN_LIMIT, master.session.check()).await {
                Ok(Ok(())) => Ok(None),
                Ok(Err(_)) | Err(_) => Err(self.lost(master)),
            },
        }
    }

    async fn run(&self, read: &Read, deadline: Instant) -> Result<Output, RemoteError> {
        let argv = self.argv_of(read);
        // A connection that died unnoticed is replaced once: a read can be sent again.
        for is_last in [false, true] {
            let master = self.master().await?;
            let stdin = match read.stdin() {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            };
            match self.open(&master, &argv, stdin).await {
                Ok(child) => {
                    let output = timeout_at(deadline, self.finish(&master, child, read.stdin()));
                    return self.judged(read, output.await);
                }
                Err(error) if is_last => return Err(error.into_inner()),
                Err(OpenError::NotSent(error) | OpenError::InDoubt(error)) => {
                    if error.kind == FailureKind::Server {
                        return Err(error);
                    }
                }
            }
        }
        Err(self
            .target
            .error(FailureKind::Lost, "the connection was lost"))
    }

    fn judged<E>(
        &self,
        read: &Read,
        output: Result<Result<Output, RemoteError>, E>,
    ) -> Result<Output, RemoteError> {
        let program = read.argv().program;
        match output {
            Ok(Ok(output)) if output.code == Some(127) => {
                let text = format!("{program}: command not found");
                Err(self.target.error(FailureKind::Absent, text))
            }
            Ok(other) => other,
            Err(_elapsed) => {
                let text = format!("{program} did not end in time");
                Err(self.target.error(FailureKind::Timeout, text))
            }
        }
    }

    fn argv_of(&self, read: &Read) -> Argv {
        if read.wants_root() {
            self.rights.of(read.argv())
        } else {
            read.argv()
        }
    }

    fn late(&self, limit: Duration) -> RemoteError {
        let text = format!("no answer within {} ms", limit.as_millis());
        self.target.error(FailureKind::Timeout, text)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records how an attempt to connect ended.
fn settle(state: &mut State, outcome: Result<&Arc<Master>, &RemoteError>) {
    if matches!(state.phase, Phase::Closed) {
        return;
    }
    match outcome {
        Ok(master) => {
            state.failures = 0;
            state.phase = Phase::Up(Arc::clone(master));
        }
        Err(error) => {
            state.failures = state.failures.saturating_add(1);
            let wait = if error.kind.is_settled() || error.kind == FailureKind::Login {
                SETTLED_RETRY
            } else {
                RETRY.wait(state.failures, roll())
            };
            state.phase = Phase::Resting(error.clone(), Instant::now() + wait);
        }
    }
}

impl Observe for Link {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        async move {
            timeout(limit, self.run(read, Instant::now() + limit))
                .await
                .unwrap_or_else(|_elapsed| Err(self.late(limit)))
        }
        .boxed()
    }

    fn lines<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        async move {
            let master = self.master().await?;
            // Standard input stays open for as long as the lines are wanted: its end is what
            // ends the command on the host, even if this process is killed.
            let child = self
                .open(&master, &self.argv_of(read), Stdio::piped())
                .await
                .map_err(OpenError::into_inner)?;
            let (sender, lines) = mpsc::channel(LINES_QUEUED);
            let link = Self {
                target: self.target.clone(),
                rights: self.rights,
                state: Arc::clone(&self.state),
            };
            tokio::spawn(async move { link.pump(master, child, &sender).await });
            Ok(lines)
        }
        .boxed()
    }

    fn retry_now(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Resting(..)) {
            state.phase = Phase::Idle;
        }
    }

    fn close(&self) {
        self.state().phase = Phase::Closed;
    }
}

impl Link {
    /// Hands lines on until the command, the connection or the interest in it ends.
    async fn pump(
        &self,
        master: Arc<Master>,
        mut child: Child<Hold>,
        sender: &mpsc::Sender<Result<String, RemoteError>>,
    ) {
        let Some(stdout) = child.stdout().take() else {
            return;
        };
        let stderr = child.stderr().take();
        let mut reader = LineReader::new(stdout);
        loop {
            let line = tokio::select! {
                () = sender.closed() => return,
                line = reader.next() => line,
            };
            match line {
                Some(line) => {
                    if sender.send(Ok(line)).await.is_err() {
                        return;
                    }
                }
                None => break,
            }
        }
        let error = self.why_ended(&master, child, stderr).await;
        // Nobody may be left to hear it.
        let _unheard = sender.send(Err(error)).await;
    }

    async fn why_ended(
        &self,
        master: &Arc<Master>,
        mut child: Child<Hold>,
        stderr: Option<ChildStderr>,
    ) -> RemoteError {
        drop(child.stdin().take());
        let ended = async {
            let stderr = pipe::capture(stderr, pipe::STDERR_LIMIT).await;
            (self.exit_code(master, child).await, stderr.text)
        };
        match timeout(OPEN_LIMIT, ended).await {
            Ok((Err(error), _)) => error,
            Ok((Ok(code), stderr)) => ended_error(&self.target, code, &stderr),
            Err(_elapsed) => self
                .target
                .error(FailureKind::Lost, "the command closed its output"),
        }
    }
}

fn ended_error(target: &Target, code: Option<i32>, stderr: &str) -> RemoteError {
    let kind = if code == Some(127) || stderr.contains("not found") {
        FailureKind::Absent
    } else {
        FailureKind::Server
    };
    let words = stderr.lines().next().unwrap_or("it said nothing");
    target.error(kind, format!("the command ended: {words}"))
}
