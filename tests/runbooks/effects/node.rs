//! A node as a whole: its service and its maintenance mode.

use crate::cluster::{Cluster, Life};
use rmqtop::invocation::{ServiceVerb, UpgradeVerb};

/// `systemctl` on the host of member `on`; maintenance mode does not outlive the runtime.
pub(super) fn service(cluster: &mut Cluster, on: usize, verb: ServiceVerb) {
    cluster.draining.retain(|drained| *drained != on);
    match verb {
        ServiceVerb::Stop | ServiceVerb::Kill => {
            let members = cluster.members().into_iter();
            let running = members.filter(|at| cluster.lives[*at] == Life::Running);
            let running = running.collect();
            cluster.ran.insert(on, running);
            cluster.lives[on] = Life::Down;
        }
        ServiceVerb::Start | ServiceVerb::StartAnew | ServiceVerb::StartNoBlock => {
            cluster.forced.retain(|forced| *forced != on);
            if !cluster.failed.contains(&on) {
                cluster.lives[on] = if cluster.stale.contains(&on) {
                    Life::Restarting
                } else {
                    Life::Running
                };
            }
            if verb == ServiceVerb::StartNoBlock {
                await_majority(cluster, on);
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

/// On Khepri a member waits at boot until a majority is up.
fn await_majority(cluster: &mut Cluster, on: usize) {
    let up = |life: Life| matches!(life, Life::Running | Life::AppStopped);
    let members = cluster.members();
    let count = members.iter().filter(|at| up(cluster.lives[**at])).count();
    if cluster.khepri != Some(true) || cluster.lives[on] != Life::Running {
        return;
    }
    if count * 2 > members.len() {
        for at in members {
            if up(cluster.lives[at]) {
                cluster.lives[at] = Life::Running;
            }
        }
    } else {
        cluster.lives[on] = Life::AppStopped;
    }
}

/// It runs, and all others are no members any more.
pub(super) fn standalone(cluster: &mut Cluster, at: usize) {
    assert_ne!(cluster.lives[at], Life::Down, "no runtime to force");
    cluster.lives[at] = Life::Running;
    cluster.strangers = (0..cluster.lives.len())
        .filter(|other| *other != at)
        .collect();
}
