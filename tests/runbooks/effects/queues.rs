//! `rabbitmq-queues`: the replicas of quorum queues and their leaders.

use super::index;
use crate::cluster::Cluster;
use rmqtop::invocation::QueuesVerb;
use rmqtop::model::broker::QueueType;

/// A verb, through any member.
pub(super) fn take_effect(cluster: &mut Cluster, verb: &QueuesVerb) {
    let members = cluster.members();
    let quorum = cluster
        .queues
        .iter_mut()
        .filter(|queue| queue.kind == QueueType::Quorum);
    for (number, queue) in quorum.enumerate() {
        match verb {
            QueuesVerb::Grow { onto } => {
                let onto = index(onto);
                if !queue.members.contains(&onto) {
                    queue.members.push(onto);
                }
            }
            QueuesVerb::Shrink { off } => {
                let off = index(off);
                queue.members.retain(|member| *member != off);
            }
            QueuesVerb::Rebalance => {
                let leader = members[number % members.len()];
                queue.members.retain(|member| *member != leader);
                queue.members.insert(0, leader);
            }
        }
    }
}
