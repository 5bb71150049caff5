//! Owns the two ways to change what is on a host together: commands over its link, and writes to
//! the management API of its node from here. Each change takes its own way, and no other.

use super::api::Writer;
use super::hold::{Hold, HoldError};
use super::outcome::{CommandOutcome, Leftover, Output, RemoteError};
use super::{Lines, Observe, Operate, Printed};
use crate::guard::Permit;
use crate::invocation::keep::{HostLock, UnitName};
use crate::invocation::{Argv, Change, Read};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// A host with a node.
#[derive(Debug)]
pub(super) struct Hand {
    link: Arc<dyn Operate>,
    api: Writer,
}

impl Hand {
    /// Puts the two ways together.
    pub(super) fn new(link: Arc<dyn Operate>, api: Writer) -> Self {
        Self { link, api }
    }
}

impl Observe for Hand {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        self.link.read(read, limit)
    }

    fn lines<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        self.link.lines(read)
    }

    fn retry_now(&self) {
        self.link.retry_now();
    }

    fn close(&self) {
        self.link.close();
    }
}

impl Operate for Hand {
    fn change<'a>(
        &'a self,
        permit: &'a Permit,
        change: &'a Change,
        limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome> {
        match change {
            Change::Api { call, at } => self.api.send(permit, (call, at), limit).boxed(),
            Change::Ctl { .. }
            | Change::Upgrade { .. }
            | Change::Queues { .. }
            | Change::Service { .. }
            | Change::Haproxy(_)
            | Change::Cookie { .. }
            | Change::ForceStandalone { .. }
            | Change::SetAside { .. } => self.link.change(permit, change, limit),
        }
    }

    fn change_in<'a>(
        &'a self,
        permit: &'a Permit,
        (change, unit): (&'a Change, &'a UnitName),
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, CommandOutcome> {
        if change.needs_unit() {
            self.link.change_in(permit, (change, unit), limit, printed)
        } else {
            self.change(permit, change, limit)
        }
    }

    fn collect<'a>(
        &'a self,
        permit: &'a Permit,
        unit: &'a UnitName,
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover> {
        self.link.collect(permit, unit, limit, printed)
    }

    fn hold<'a>(
        &'a self,
        permit: &'a Permit,
        lock: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>> {
        self.link.hold(permit, lock)
    }

    fn line(&self, change: &Change) -> Argv {
        if change.is_command() {
            self.link.line(change)
        } else {
            change.argv()
        }
    }

    fn refusal<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Option<String>> {
        self.link.refusal(change)
    }
}
