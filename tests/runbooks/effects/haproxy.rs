//! The runtime socket of HAProxy: what an administrator makes of a server.

use crate::cluster::Cluster;
use rmqtop::invocation::haproxy::{ServerState, SetServer};

/// A word on the socket of the load balancer `on`.
pub(super) fn take_effect(cluster: &mut Cluster, on: usize, set: &SetServer) {
    assert!(!cluster.untold.contains(&on), "a socket nobody configured");
    let name = |at: &usize| format!("mq-node{}", at + 1) == set.server.as_str();
    let at = (0..9).find(name).unwrap();
    if set.backend.as_str() == "second" {
        assert!(cluster.second.is_some(), "a backend that is not there");
        cluster.second_out.retain(|told| *told != (on, at));
        if set.state != ServerState::Ready {
            cluster.second_out.push((on, at));
        }
        return;
    }
    cluster.spared.retain(|told| *told != (on, at));
    match set.state {
        ServerState::Drain => cluster.spared.push((on, at)),
        // It ends whatever an administrator had said before.
        ServerState::Ready => {
            cluster.maint.retain(|server| *server != at);
            cluster.out.retain(|told| *told != (on, at));
        }
        ServerState::Maint => cluster.out.push((on, at)),
    }
}
