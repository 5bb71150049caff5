//! Owns what every way to a host has in common: how it sends one command, and the changing of the
//! host over it, which demands a permit and never sends a change twice.

use super::detached;
use super::hold::{Hold, HoldError};
use super::outcome::{CommandOutcome, Leftover, RemoteError};
use super::{Observe, Operate, Printed};
use crate::guard::Permit;
use crate::invocation::keep::{HostLock, Rights, UnitName};
use crate::invocation::{Argv, Change};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// A way to send one command to a host, with the rights it needs.
pub(super) trait Channel: Sync {
    /// Sends it, once, as it stands, and waits for its end.
    fn send<'a>(&'a self, argv: &'a Argv, limit: Duration) -> BoxFuture<'a, CommandOutcome>;

    /// Starts what takes a lock, as it stands, and keeps it for as long as the result lives.
    fn keep<'a>(&'a self, argv: &'a Argv) -> BoxFuture<'a, Result<Hold, HoldError>>;

    /// What is put in front of commands that need root.
    fn rights(&self) -> Rights;

    /// Lets the next command try to connect at once.
    fn hurry(&self);

    /// What the host itself could not do, in words.
    fn fault(&self, words: &str) -> RemoteError;
}

impl<C: Channel + Observe> Operate for C {
    fn change<'a>(
        &'a self,
        _permit: &'a Permit,
        change: &'a Change,
        limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome> {
        detached::plain(self, change, limit).boxed()
    }

    fn change_in<'a>(
        &'a self,
        _permit: &'a Permit,
        (change, unit): (&'a Change, &'a UnitName),
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, CommandOutcome> {
        detached::run(self, (change, unit), limit, printed).boxed()
    }

    fn collect<'a>(
        &'a self,
        _permit: &'a Permit,
        unit: &'a UnitName,
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover> {
        detached::collect(self, unit, limit, printed).boxed()
    }

    fn hold<'a>(
        &'a self,
        _permit: &'a Permit,
        lock: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>> {
        async move { self.keep(&self.rights().of(lock.argv())).await }.boxed()
    }

    fn line(&self, change: &Change) -> Argv {
        self.rights().of(change.argv())
    }

    fn refusal<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Option<String>> {
        detached::refusal(self, change).boxed()
    }
}
