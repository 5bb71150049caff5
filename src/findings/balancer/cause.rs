//! Owns why a load balancer turns clients away: conditions over its servers, the members behind
//! them and what the other load balancers see. What none of them explains has no cause here.

use crate::findings::listed;
use crate::model::Model;
use crate::model::balancer::{
    Backend, BalancerReport, Entrance, Frontend, ServerRow, ServerStatus,
};
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use std::collections::BTreeSet;

/// Why a frontend is closed.
pub(super) fn of_closed(report: &BalancerReport, frontend: &Frontend) -> String {
    let all_closed = report
        .frontends
        .iter()
        .all(|each| each.entrance() == Entrance::Closed);
    match frontend.status.raw() {
        "PAUSED" => {
            "a person paused it; `enable frontend` on the runtime socket opens it".to_owned()
        }
        _ if all_closed => "the process is stopping: every frontend is closed".to_owned(),
        _ => "a person shut it down for good (`shutdown frontend`); a reload brings it back"
            .to_owned(),
    }
}

/// Why no server of a backend is left.
pub(super) fn of_none_left(
    model: &Model,
    on: &HostEntry,
    backend: &Backend,
    now: Moment,
) -> Vec<String> {
    let servers = &backend.servers;
    if servers.is_empty() {
        return vec![format!("`{}` in haproxy.cfg names no server", backend.name)];
    }
    let all = |is: &dyn Fn(&ServerRow) -> bool| servers.iter().all(is);
    let conditions = [
        (no_member_runs(model, now), "no member runs".to_owned()),
        (
            all(&|server| server.status == ServerStatus::MaintByResolution),
            format!(
                "no name of a server resolves on {}: DNS or its resolver fails",
                on.name
            ),
        ),
        (
            all(&|server| server.weight == Some(0)),
            "every server has weight 0".to_owned(),
        ),
        (
            all(&|server| {
                let status = &server.status;
                matches!(status, ServerStatus::Maint | ServerStatus::Drain(_))
                    && server.tracks.is_none()
                    && server.agent.is_none()
            }),
            taken_out(servers),
        ),
        (
            all(&|server| matches!(server.status, ServerStatus::DownByAgent)),
            "every server's agent says that it is down".to_owned(),
        ),
    ];
    let mut causes: Vec<String> = conditions
        .into_iter()
        .filter_map(|(holds, words)| holds.then_some(words))
        .collect();
    if all(&|server| server.status.is_down()) {
        causes.extend(cut_off(model, on, backend, now));
    }
    causes
}

/// `disabled` in haproxy.cfg looks like a person's MAINT; a DRAIN is a person's alone.
fn taken_out(servers: &[ServerRow]) -> String {
    let mut all = servers.iter();
    if all.any(|server| server.status == ServerStatus::Maint) {
        "every server was taken out, by a person or by `disabled` in haproxy.cfg".to_owned()
    } else {
        "a person took every server out".to_owned()
    }
}

/// Every member that is declared or seen does not run, by what is known of each.
fn no_member_runs(model: &Model, now: Moment) -> bool {
    let nodes = model.nodes(now);
    !nodes.is_empty() && nodes.iter().all(|node| node.state.is_away())
}

/// Members behind its servers run, and another load balancer reaches them.
fn cut_off(model: &Model, on: &HostEntry, backend: &Backend, now: Moment) -> Option<String> {
    let behind: BTreeSet<&NodeName> = backend
        .servers
        .iter()
        .filter_map(|server| Some(model.member_behind(&on.name, server)?.0))
        .filter(|node| model.node(node, now).state == NodeState::Running)
        .collect();
    let reaches = |host: &&HostName| {
        let entry = model.inventory.host(host);
        let report = model.balancer(host, now);
        let Some((entry, report)) = entry.zip(report) else {
            return false;
        };
        let mut servers = behind
            .iter()
            .flat_map(|node| model.servers_of(node, entry, report));
        servers.any(|(_, server)| server.takes_clients())
    };
    let others = model.inventory.balancers().map(|(host, _)| &host.name);
    let others: Vec<&HostName> = others
        .filter(|host| **host != on.name)
        .filter(reaches)
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "{} does not reach brokers that run and that {} reaches: its network, a firewall, or \
             the addresses in its haproxy.cfg",
            on.name,
            listed(others)
        )
    })
}
