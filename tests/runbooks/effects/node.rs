//! A node as a whole: its service and its maintenance mode.

use crate::cluster::{Cluster, Life};
use rmqtop::invocation::{ServiceVerb, UpgradeVerb};

/// `systemctl` on the host of member `on`; maintenance mode does not outlive the runtime.
pub(super) fn service(cluster: &mut Cluster, on: usize, verb: ServiceVerb) {
    cluster.draining.retain(|drained| *drained != on);
    match verb {
        ServiceVerb::Stop => {
            let members = cluster.members().into_iter();
            let running = members.filter(|at| cluster.lives[*at] == Life::Running);
            let running = running.collect();
            cluster.ran.insert(on, running);
            cluster.lives[on] = Life::Down;
        }
        ServiceVerb::Start | ServiceVerb::StartNoBlock => {
            cluster.forced.retain(|forced| *forced != on);
            if !cluster.failed.contains(&on) {
                cluster.lives[on] = Life::Running;
            }
        }
        ServiceVerb::ResetFailed => cluster.failed.retain(|failed| *failed != on),
    }
}

/// `rabbitmq-upgrade` on member `at`.
pub(super) fn maintenance(cluster: &mut Cluster, at: usize, verb: UpgradeVerb) {
    cluster.draining.retain(|drained| *drained != at);
    if verb == UpgradeVerb::Drain {
        cluster.draining.push(at);
    }
}
