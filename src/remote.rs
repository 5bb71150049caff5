//! Owns the two ways to a host: `Observe` runs a `Read`, `Operate` runs a `Change` and demands a
//! `Permit`: a command over SSH, or a write to the management API of the host's node. Sources are
//! only ever handed an `Observe`. Knows no model and no runbook.

mod api;
pub mod backoff;
mod channel;
mod detached;
mod hand;
pub mod hold;
pub(crate) mod http;
pub mod local;
pub mod outcome;
pub(crate) mod password;
mod pipe;
pub mod ssh;

use crate::config::Cluster;
use crate::guard::Permit;
use crate::invocation::api::ApiAddress;
use crate::invocation::keep::{HostLock, Rights, UnitName};
use crate::invocation::{Argv, Change, Read};
use crate::model::inventory::Access;
use crate::model::name::HostName;
use futures_util::future::BoxFuture;
use hold::{Hold, HoldError};
use outcome::{CommandOutcome, Leftover, Output, RemoteError};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Lines of a command that does not end by itself. The channel closes when the connection or the
/// command ends; the last item then says why.
pub type Lines = mpsc::Receiver<Result<String, RemoteError>>;

/// All that a command has printed so far, at most 64 KiB of it, as often as it grows.
pub type Printed = watch::Sender<String>;

/// Runs commands that only read.
pub trait Observe: Debug + Send + Sync {
    /// Runs `read` to its end, within `limit`, connecting first where needed.
    fn read<'a>(
        &'a self,
        read: &'a Read,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>>;

    /// Runs `read` and streams its lines until it ends or the receiver is dropped.
    fn lines<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>>;

    /// Lets the next command try at once, however lately an attempt to connect failed.
    fn retry_now(&self) {}

    /// Ends the connection for good, as soon as no command uses it. Dropping does the same.
    fn close(&self) {}
}

/// Runs commands that change something.
pub trait Operate: Observe {
    /// Runs `change` under `permit`. Never retries: whoever asked decides from the cluster
    /// what a lost connection means.
    fn change<'a>(
        &'a self,
        permit: &'a Permit,
        change: &'a Change,
        limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome>;

    /// As `change`, but in `unit`, where the host has such: then it goes on when the connection
    /// is lost, its end is looked for until `limit` has passed, and what it prints meanwhile is
    /// handed on.
    fn change_in<'a>(
        &'a self,
        permit: &'a Permit,
        (change, _unit): (&'a Change, &'a UnitName),
        limit: Duration,
        _printed: &'a Printed,
    ) -> BoxFuture<'a, CommandOutcome> {
        self.change(permit, change, limit)
    }

    /// What came of a command that an earlier process sent in `unit`; waits for its end within
    /// `limit`, and hands on what it prints.
    fn collect<'a>(
        &'a self,
        permit: &'a Permit,
        unit: &'a UnitName,
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover>;

    /// Takes the lock of the host, for as long as the result lives. Never waits for its holder.
    fn hold<'a>(
        &'a self,
        permit: &'a Permit,
        lock: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>>;

    /// The command as it is sent, with what the configured rights put in front of it.
    fn line(&self, change: &Change) -> Argv {
        change.argv()
    }

    /// Which command that `change` takes the host would not let us run, and why in its own words;
    /// `None`: it would, or nobody forbids it there. Runs nothing.
    fn refusal<'a>(&'a self, _change: &'a Change) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }
}

/// The way to every host of the cluster that has one. Nothing is connected yet.
pub fn links(cluster: &Cluster) -> BTreeMap<HostName, Arc<dyn Operate>> {
    with_api(cluster, command_links(cluster))
}

/// The ways of `links`, which take commands, together with the management API of each host's node.
pub fn with_api(
    cluster: &Cluster,
    mut links: BTreeMap<HostName, Arc<dyn Operate>>,
) -> BTreeMap<HostName, Arc<dyn Operate>> {
    for (host, _) in cluster.inventory.nodes() {
        if let Some(link) = links.remove(&host.name) {
            let at = ApiAddress::of(&cluster.inventory.api, host);
            let api = api::Writer::new(at, cluster.management.clone());
            links.insert(host.name.clone(), Arc::new(hand::Hand::new(link, api)));
        }
    }
    links
}

/// The ways that commands take.
fn command_links(cluster: &Cluster) -> BTreeMap<HostName, Arc<dyn Operate>> {
    let mut links: BTreeMap<HostName, Arc<dyn Operate>> = BTreeMap::new();
    for host in &cluster.inventory.hosts {
        let rights = if cluster.sudo.contains(&host.name) {
            Rights::Sudo
        } else {
            Rights::Login
        };
        match host.access {
            Access::None => {}
            Access::Local => {
                links.insert(host.name.clone(), Arc::new(local::Local::new(rights)));
            }
            Access::Ssh => {
                if let Some(destination) = cluster.ssh.get(&host.name) {
                    let link = ssh::Link::new(destination, cluster.ssh_config.clone(), rights);
                    links.insert(host.name.clone(), Arc::new(link));
                }
            }
        }
    }
    links
}

/// The same ways, for those who only read.
pub fn observers(
    links: &BTreeMap<HostName, Arc<dyn Operate>>,
) -> BTreeMap<HostName, Arc<dyn Observe>> {
    links
        .iter()
        .map(|(host, link)| (host.clone(), Arc::clone(link) as Arc<dyn Observe>))
        .collect()
}
