//! What each change does to the cluster of a test, one file per command. Knows no expected result.

mod api;
mod ctl;
mod disc;
mod haproxy;
mod node;
mod queues;

use crate::cluster::{Cluster, node as name_of};
use rmqtop::invocation::Change;
use rmqtop::model::name::NodeName;

/// `change` was run on the host of member `on`.
pub(crate) fn take_effect(cluster: &mut Cluster, on: usize, change: &Change) {
    match change {
        Change::Ctl { node, verb, .. } => ctl::take_effect(cluster, index(node), verb),
        Change::Upgrade { node, verb, .. } => node::maintenance(cluster, index(node), *verb),
        Change::Queues { verb, .. } => queues::take_effect(cluster, verb),
        Change::Api { call, .. } => api::take_effect(cluster, call),
        Change::Service { verb, .. } => node::service(cluster, on, *verb),
        Change::Haproxy(set) => haproxy::take_effect(cluster, on, set),
        Change::Cookie { verb } => disc::cookie(cluster, on, verb),
        Change::ForceStandalone { node, .. } => node::standalone(cluster, index(node)),
        Change::SetAside { dir, stamp, .. } => disc::set_aside(cluster, on, dir, stamp),
    }
}

/// Which member a node is.
fn index(name: &NodeName) -> usize {
    (0..9).find(|index| name_of(*index) == *name).unwrap()
}
