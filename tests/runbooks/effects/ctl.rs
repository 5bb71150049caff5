//! `rabbitmqctl`: the app, membership, names.

use super::index;
use crate::cluster::{Cluster, Life};
use rmqtop::invocation::CtlVerb;
use rmqtop::model::broker::NodeType;

/// A verb on member `at`.
pub(super) fn take_effect(cluster: &mut Cluster, at: usize, verb: &CtlVerb) {
    match verb {
        CtlVerb::StopApp => cluster.lives[at] = Life::AppStopped,
        CtlVerb::StartApp => cluster.lives[at] = Life::Running,
        CtlVerb::Reset => {
            assert_eq!(
                cluster.lives[at],
                Life::AppStopped,
                "reset of a running app"
            );
            cluster.strangers.push(at);
        }
        CtlVerb::JoinCluster { to, kind } => {
            assert!(!cluster.strangers.contains(&index(to)));
            cluster.strangers.retain(|stranger| *stranger != at);
            typed(cluster, at, *kind);
        }
        CtlVerb::ForgetClusterNode { gone } => {
            let gone = index(gone);
            assert_ne!(cluster.lives[gone], Life::Running, "a running member");
            cluster.strangers.push(gone);
        }
        CtlVerb::ForgetOffline { gone } => {
            let runs = |life: &Life| matches!(life, Life::Running | Life::AppStopped);
            assert!(!cluster.lives.iter().any(runs), "a runtime is up");
            cluster.strangers.push(index(gone));
            cluster.forced.push(at);
        }
        CtlVerb::ChangeClusterNodeType { kind } => typed(cluster, at, *kind),
        CtlVerb::SetClusterName { name } => name.as_str().clone_into(&mut cluster.name),
    }
}

fn typed(cluster: &mut Cluster, at: usize, kind: NodeType) {
    cluster.ram.retain(|ram| *ram != at);
    if kind == NodeType::Ram {
        cluster.ram.push(at);
    }
}
