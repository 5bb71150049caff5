//! Owns the space of what can become of a remote command. Refused, failed, timed out and lost are
//! different values, because they call for different answers.

use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;

/// A command that ran to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `None` if ended by a signal.
    pub code: Option<i32>,
    /// Standard output, at most 64 MiB.
    pub stdout: String,
    /// Standard error, at most 64 KiB. Never a verdict: rabbitmqctl warns there on success.
    pub stderr: String,
}

/// Why a command could not be run, or its end not be seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{destination}: {message}", by(destination))]
pub struct RemoteError {
    /// Whom we tried to reach.
    pub destination: Shown,
    /// What sort of failure.
    pub kind: FailureKind,
    /// A lower-case fragment.
    pub message: Shown,
}

/// A URL says itself which way was taken; everything else is a destination of SSH.
fn by(destination: &Shown) -> &'static str {
    if destination.as_str().contains("://") {
        ""
    } else {
        "ssh "
    }
}

impl From<RemoteError> for SourceFailure {
    fn from(error: RemoteError) -> Self {
        Self::new(error.kind, error.to_string())
    }
}

/// What became of a command that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It ended; the exit status is a hint, the postcondition decides.
    Ended(Output),
    /// A management API answered the request; the postcondition decides.
    Answered(Response),
    /// It was certainly not started.
    NotSent(RemoteError),
    /// The connection was lost after it was sent: it may have run, may still run.
    Lost(RemoteError),
    /// It did not end within its deadline: it may still run.
    TimedOut,
}

/// What came of a command that an earlier process sent in a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// It ended; its host kept the result.
    Ended(Output),
    /// It still runs.
    Running,
    /// The host knows nothing of it: it does not run.
    Nothing,
    /// The host did not say: it may still run.
    Unseen(RemoteError),
}

/// An answer to a request that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status of HTTP.
    pub status: u16,
    /// The broker's own reason, where it gives one.
    pub reason: Option<Shown>,
    /// As whom it was asked.
    pub user: Shown,
}

impl Response {
    /// Whether it says that it did as it was told.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it says that it did nothing.
    pub fn is_refusal(&self) -> bool {
        (300..500).contains(&self.status)
    }

    /// What it says, as a fragment.
    pub fn words(&self) -> String {
        let Self { status, user, .. } = self;
        let is_login = |reason: &Shown| reason.as_str().starts_with("Login failed");
        let said = match status {
            200..=299 => "done".to_owned(),
            300..=399 => "it points elsewhere, and no redirect is followed".to_owned(),
            401 if self.reason.as_ref().is_some_and(is_login) => {
                format!("the user {user} or the password is wrong")
            }
            401 | 403 => format!("the user {user} may not do this"),
            404 => "what is asked for does not exist there".to_owned(),
            405 => "this node does not offer that".to_owned(),
            400..=499 => "the broker refuses it".to_owned(),
            _ => "the broker failed, and may have done it all the same".to_owned(),
        };
        match &self.reason {
            Some(reason) => format!("{status}: {said}: {reason}"),
            None => format!("{status}: {said}"),
        }
    }
}

/// What rabbitmqctl's exit status says (sysexits; `exit_codes.ex` of the RabbitMQ CLI).
pub fn sysexit_words(code: i32) -> &'static str {
    match code {
        0 => "succeeded",
        64 => "wrong usage",
        65 => "wrong data",
        67 => "no such user",
        69 => "node or service unavailable",
        70 => "failed check or internal error",
        75 => "timed out",
        78 => "wrong configuration",
        126 => "not permitted to run",
        127 => "command not found",
        _ => "failed",
    }
}
