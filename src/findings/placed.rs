//! Owns S4: a declared member that runs, and that a load balancer sends no clients because it has
//! no server for it. Nothing is said where a line of the statistics could not be read.

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::{NodeState, NodeView};
use crate::model::path::Placed;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let nodes = model.nodes(now).into_iter();
    let runs = |node: &NodeView<'_>| {
        node.host.is_some()
            && node.state == NodeState::Running
            && model.is_member(&node.name, now) != Some(false)
    };
    nodes
        .filter(runs)
        .filter_map(|node| judge(model, &node, now))
        .collect()
}

fn judge(model: &Model, node: &NodeView<'_>, now: Moment) -> Option<Finding> {
    let on = |wanted: Placed| -> Vec<&HostName> {
        let all = model.inventory.balancers();
        let found = all.filter(|(host, _)| model.placed(&node.name, host, now) == wanted);
        found.map(|(host, _)| &host.name).collect()
    };
    let (mut missing, served) = (on(Placed::Missing), on(Placed::Served));
    let all = model.inventory.balancers().count();
    let is_behind_none = missing.len() == all;
    // One that has no server at all is told of once, as that.
    missing.retain(|host| has_servers(model, host, now));
    let (strange, where_strange): (Vec<String>, Vec<&HostName>) = on(Placed::Unknown)
        .into_iter()
        .filter_map(|host| Some((strangers(model, host, now)?, host)))
        .unzip();
    let name = &node.name;
    let title = if missing.is_empty() {
        if strange.is_empty() {
            return None;
        }
        format!(
            "{name} runs, but no server of HAProxy on {} could be matched to it",
            listed(where_strange)
        )
    } else if is_behind_none {
        format!("{name} runs, but is behind no load balancer")
    } else {
        format!(
            "{name} runs, but HAProxy on {} has no server for it",
            listed(&missing)
        )
    };
    let there = (!served.is_empty()).then(|| format!("{} has one", listed(&served)));
    Some(
        Finding::new("S4", Severity::Warning, name, title)
            .evidence(there)
            .evidence(strange),
    )
}

fn has_servers(model: &Model, on: &HostName, now: Moment) -> bool {
    let known = model.inventory.host(on).zip(model.balancer(on, now));
    known.is_some_and(|(host, report)| {
        let mut backends = model.broker_backends(host, report).into_iter();
        backends.any(|backend| !backend.servers.is_empty())
    })
}

/// The servers of a load balancer that belong to no declared host, where all could be read.
fn strangers(model: &Model, on: &HostName, now: Moment) -> Option<String> {
    let host = model.inventory.host(on)?;
    let report = model.balancer(on, now)?;
    let backends = model.broker_backends(host, report);
    if backends
        .iter()
        .any(|backend| report.may_lack_servers(backend.name.raw()))
    {
        return None;
    }
    let servers = backends.into_iter().flat_map(|backend| &backend.servers);
    let names: Vec<String> = servers
        .filter(|server| model.member_behind(on, server).is_none())
        .map(|server| match &server.address {
            Some(address) => format!("{} ({address})", server.name),
            None => server.name.to_string(),
        })
        .collect();
    let belong = if names.len() == 1 {
        "belongs"
    } else {
        "belong"
    };
    (!names.is_empty()).then(|| format!("on {on}, {} {belong} to no declared host", listed(names)))
}
