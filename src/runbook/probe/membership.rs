//! Owns the answers about who is a member of what: by the lists of the members themselves.

use super::ProbeAnswer;
use crate::model::Model;
use crate::model::broker::NodeType;
use crate::model::freshness_limit;
use crate::model::moment::Moment;
use crate::model::name::{ClusterName, NodeName};
use crate::model::observation::SourceKind;

/// Members of the cluster of `by` that answer, itself first, with whether each lists `node`;
/// `None` where `by` itself does not answer.
fn lists(
    model: &Model,
    node: &NodeName,
    by: &NodeName,
    now: Moment,
) -> Option<Vec<(NodeName, bool)>> {
    let own = model.inventory.host_of(by)?;
    let first = model.broker(&own.name, now)?;
    let mut lists = vec![(by.clone(), first.lists(node)?)];
    for (_, member) in model.inventory.nodes() {
        if member == by || member == node || first.node(member).is_none() {
            continue;
        }
        if let Some(listed) = model.lists(member, node, now) {
            lists.push((member.clone(), listed));
        }
    }
    Some(lists)
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "the word a list was asked for"
)]
fn named(lists: &[(NodeName, bool)], wanted: bool) -> String {
    let names: Vec<&str> = lists
        .iter()
        .filter(|(_, listed)| *listed == wanted)
        .map(|(name, _)| name.as_str())
        .collect();
    names.join(" and ")
}

fn silent(by: &NodeName) -> ProbeAnswer {
    ProbeAnswer::CannotTell(format!("{by} does not say who its members are"))
}

pub(super) fn member(model: &Model, node: &NodeName, by: &NodeName, now: Moment) -> ProbeAnswer {
    let Some(lists) = lists(model, node, by, now) else {
        return silent(by);
    };
    let not = named(&lists, false);
    if not.is_empty() {
        ProbeAnswer::Holds(format!("{node} is a member for {}", named(&lists, true)))
    } else {
        ProbeAnswer::Not(format!("{node} is no member for {not}"))
    }
}

pub(super) fn not_member(
    model: &Model,
    node: &NodeName,
    by: &NodeName,
    now: Moment,
) -> ProbeAnswer {
    let Some(lists) = lists(model, node, by, now) else {
        return silent(by);
    };
    let still = named(&lists, true);
    if still.is_empty() {
        ProbeAnswer::Holds(format!("{node} is no member for {}", named(&lists, false)))
    } else {
        ProbeAnswer::Not(format!("{node} is still a member for {still}"))
    }
}

pub(super) fn alone(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let Some(host) = model.inventory.host_of(node) else {
        return ProbeAnswer::CannotTell(format!("the host of {node} is not declared"));
    };
    let reading = model.statuses.get(&host.name);
    let limit = freshness_limit(SourceKind::NodeStatus);
    let Some(status) = reading.and_then(|reading| reading.current(now, limit)) else {
        let why = reading.and_then(|reading| reading.failure());
        let why = why.map_or_else(|| "not asked".to_owned(), ToString::to_string);
        return ProbeAnswer::CannotTell(format!("{node} does not say: {why}"));
    };
    let others: Vec<&str> = status
        .members()
        .filter(|member| *member != node)
        .map(NodeName::as_str)
        .collect();
    if !others.is_empty() {
        ProbeAnswer::Not(format!("{node} knows {} as members", others.join(" and ")))
    } else if status.running.contains(node) {
        ProbeAnswer::Holds(format!("{node} runs as a cluster of its own"))
    } else {
        ProbeAnswer::Not(format!("{node} does not run"))
    }
}

pub(super) fn type_is(model: &Model, node: &NodeName, kind: NodeType, now: Moment) -> ProbeAnswer {
    let own = model.inventory.host_of(node).map(|host| &host.name);
    let says: Vec<(&str, NodeType)> = model
        .views(now)
        .filter(|(host, _)| Some(*host) != own)
        .filter_map(|(host, report)| Some((host.as_str(), report.node(node)?.node_type?)))
        .collect();
    if says.is_empty() {
        return ProbeAnswer::CannotTell(format!("no other member says what {node} is"));
    }
    let other: Vec<String> = says
        .iter()
        .filter(|(_, says)| *says != kind)
        .map(|(host, says)| format!("{says} for {host}"))
        .collect();
    if other.is_empty() {
        let who: Vec<&str> = says.iter().map(|(host, _)| *host).collect();
        ProbeAnswer::Holds(format!("{node} is {kind} for {}", who.join(" and ")))
    } else {
        ProbeAnswer::Not(format!("{node} is {}", other.join(", ")))
    }
}

pub(super) fn cluster_named(model: &Model, name: &ClusterName, now: Moment) -> ProbeAnswer {
    let (mut so, mut other) = (Vec::new(), Vec::new());
    for (host, report) in model.member_views(now) {
        match &report.cluster_name {
            Some(is) if is.raw() == name.as_str() => so.push(host.as_str()),
            Some(is) => other.push(format!("{host} calls it {is}")),
            None => {}
        }
    }
    if !other.is_empty() {
        ProbeAnswer::Not(other.join("; "))
    } else if so.is_empty() {
        ProbeAnswer::CannotTell("no node says how the cluster is called".to_owned())
    } else {
        ProbeAnswer::Holds(format!("{} call it {name}", so.join(" and ")))
    }
}
