//! The management API: policies and mirrors.

use crate::cluster::Cluster;
use rmqtop::invocation::api::ApiCall;

/// A request to any member.
pub(super) fn take_effect(cluster: &mut Cluster, call: &ApiCall) {
    match call {
        ApiCall::SetPolicy { rule } => {
            cluster.policies.retain(|known| known.name != rule.name);
            cluster.policies.push(rule.clone());
        }
        ApiCall::ClearPolicy { name, .. } => cluster.policies.retain(|known| known.name != *name),
        ApiCall::SyncQueue { queue, .. } => {
            let name = queue.0.raw();
            cluster.lagging.retain(|lagging| lagging != name);
        }
    }
}
