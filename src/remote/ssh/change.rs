//! Owns the sending of what changes a host, and of what takes its lock, over its connection: each
//! once, and always with the truth about whether it was sent.

use super::{Link, OpenError};
use crate::invocation::Argv;
use crate::invocation::keep::Rights;
use crate::model::observation::FailureKind;
use crate::remote::Observe;
use crate::remote::channel::Channel;
use crate::remote::hold::{self, Hold, HoldError};
use crate::remote::outcome::{CommandOutcome, RemoteError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openssh::Stdio;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

impl Channel for Link {
    fn send<'a>(&'a self, argv: &'a Argv, limit: Duration) -> BoxFuture<'a, CommandOutcome> {
        async move {
            let deadline = Instant::now() + limit;
            let master = match timeout_at(deadline, self.master()).await {
                Ok(Ok(master)) => master,
                Ok(Err(error)) => return CommandOutcome::NotSent(error),
                Err(_elapsed) => return CommandOutcome::NotSent(self.late(limit)),
            };
            let work = async {
                match self.open_surely(&master, argv, Stdio::null()).await {
                    Ok(child) => match self.finish(&master, child, None).await {
                        Ok(output) => CommandOutcome::Ended(output),
                        Err(error) => CommandOutcome::Lost(error),
                    },
                    Err(OpenError::NotSent(error)) => CommandOutcome::NotSent(error),
                    Err(OpenError::InDoubt(error)) => CommandOutcome::Lost(error),
                }
            };
            timeout_at(deadline, work)
                .await
                .unwrap_or(CommandOutcome::TimedOut)
        }
        .boxed()
    }

    fn keep<'a>(&'a self, argv: &'a Argv) -> BoxFuture<'a, Result<Hold, HoldError>> {
        async move {
            let master = self.master().await.map_err(HoldError::Failed)?;
            let mut child = self
                .open_surely(&master, argv, Stdio::piped())
                .await
                .map_err(|error| HoldError::Failed(error.into_inner()))?;
            let (stdin, stdout) = (child.stdin().take(), child.stdout().take());
            hold::begin(child, stdin, stdout, |words| {
                self.target.error(FailureKind::Server, words)
            })
            .await
        }
        .boxed()
    }

    fn rights(&self) -> Rights {
        self.rights
    }

    fn hurry(&self) {
        self.retry_now();
    }

    fn fault(&self, words: &str) -> RemoteError {
        self.target.error(FailureKind::Server, words)
    }
}
