//! Owns the answers about where replicas and leaders are, by a complete page of queues only: what
//! stands on another page is not known, and never taken for nothing.

use super::ProbeAnswer;
use crate::model::Model;
use crate::model::broker::{QueuePage, QueueRow, QueueType};
use crate::model::impact::QuorumVerdict;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use serde_json::Value;
use std::collections::BTreeMap;

/// The largest group that is whole if one replica more than a majority is up: of four, three are a
/// majority.
const WHOLE_IF_SAFE: usize = 4;
/// How many queues a sentence names.
const NAMED: usize = 3;

fn whole(model: &Model, now: Moment) -> Result<&QueuePage, ProbeAnswer> {
    model.all_queues(now).map_err(ProbeAnswer::CannotTell)
}

fn quorum(page: &QueuePage) -> impl Iterator<Item = &QueueRow> {
    page.rows
        .iter()
        .filter(|row| row.queue_type == Some(QueueType::Quorum))
}

fn names(rows: &[&QueueRow]) -> String {
    let mut named: Vec<String> = rows
        .iter()
        .take(NAMED)
        .map(|row| row.name.to_string())
        .collect();
    let more = rows.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

pub(super) fn none(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let page = match whole(model, now) {
        Ok(page) => page,
        Err(answer) => return answer,
    };
    let left: Vec<&QueueRow> = quorum(page)
        .filter(|row| row.members.contains(node))
        .collect();
    let untold: Vec<&QueueRow> = quorum(page).filter(|row| row.members.is_empty()).collect();
    if !left.is_empty() {
        ProbeAnswer::Not(format!("{node} still has replicas of {}", names(&left)))
    } else if !untold.is_empty() {
        ProbeAnswer::CannotTell(format!(
            "who has a replica of {} is not told",
            names(&untold)
        ))
    } else {
        ProbeAnswer::Holds(format!("no quorum queue has a replica on {node}"))
    }
}

pub(super) fn all(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let page = match whole(model, now) {
        Ok(page) => page,
        Err(answer) => return answer,
    };
    let lacking: Vec<&QueueRow> = quorum(page)
        .filter(|row| !row.members.contains(node))
        .collect();
    let offline: Vec<&QueueRow> = quorum(page)
        .filter(|row| row.members.contains(node) && !row.online.contains(node))
        .collect();
    if !lacking.is_empty() {
        ProbeAnswer::Not(format!("{node} has no replica of {}", names(&lacking)))
    } else if !offline.is_empty() {
        ProbeAnswer::Not(format!(
            "the replicas on {node} of {} are not online",
            names(&offline)
        ))
    } else {
        ProbeAnswer::Holds(format!(
            "all {} quorum queues have a replica on {node}, online",
            quorum(page).count()
        ))
    }
}

/// By the list of queues, and by what the members themselves say of every queue they have a part
/// in: none is critical only if of each queue one replica more than a majority is up, by the runtimes
/// as they are asked (`rabbit_quorum_queue:filter_quorum_critical`). That is the better word for a
/// small group, which it says to be whole; the list is of the leader's last statistics, up to five
/// seconds old. And it stands for the queues that could not be listed.
pub(super) fn online(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let doubtful = doubtful(model, now);
    let members = model.members().into_iter();
    let members = members.filter(|name| model.is_member(name, now) != Some(false));
    // Then no group is larger than what the members say to be whole.
    let is_small = members.count() <= WHOLE_IF_SAFE;
    let has_mirrors = model.capability(now).has_mirroring() != Some(false);
    if doubtful.is_empty() && is_small && !has_mirrors {
        return ProbeAnswer::Holds(format!(
            "every member says that no quorum depends on it: all replicas on {node} are online"
        ));
    }
    let (page, gap) = match model.listed_queues(now) {
        Ok(listed) => listed,
        Err(gap) => return ProbeAnswer::CannotTell(gap),
    };
    let is_told_whole = |row: &QueueRow| doubtful.is_empty() && row.members.len() <= WHOLE_IF_SAFE;
    let here = |row: &&QueueRow| row.members.contains(node);
    let offline: Vec<&QueueRow> = quorum(page)
        .filter(here)
        .filter(|row| !row.online.contains(node) && !is_told_whole(row))
        .collect();
    if !offline.is_empty() {
        return ProbeAnswer::Not(format!(
            "the replicas on {node} of {} are not online",
            names(&offline)
        ));
    }
    let lacking = without_mirrors(model, page, now);
    if !lacking.is_empty() {
        return ProbeAnswer::Not(format!("the mirrors of {} are not back", names(&lacking)));
    }
    let count = quorum(page).filter(here).count();
    let Some(gap) = gap else {
        return ProbeAnswer::Holds(format!(
            "all {count} replicas of quorum queues on {node} are online"
        ));
    };
    if doubtful.is_empty() {
        ProbeAnswer::Holds(format!(
            "the {count} replicas of quorum queues on {node} that could be listed are online, and every member says that no quorum depends on it"
        ))
    } else {
        ProbeAnswer::CannotTell(format!(
            "{gap}, and {} does not say that every quorum survives without it",
            doubtful.join(" and ")
        ))
    }
}

/// Classic queues with fewer copies than their policy wants of the members that run: a mirror of a
/// member that just started is made anew, a moment after its API is up.
fn without_mirrors<'a>(model: &Model, page: &'a QueuePage, now: Moment) -> Vec<&'a QueueRow> {
    if model.capability(now).has_mirroring() == Some(false) {
        return Vec::new();
    }
    let nodes = model.nodes(now);
    let running: Vec<&NodeName> = nodes
        .iter()
        .filter(|view| view.state == NodeState::Running)
        .map(|view| &view.name)
        .collect();
    let classic = page
        .rows
        .iter()
        .filter(|row| matches!(row.queue_type, Some(QueueType::Classic) | None));
    // An exclusive queue is never mirrored, whatever policy matches it.
    classic
        .filter(|row| row.exclusive != Some(true))
        .filter(|row| row.members.len() < copies_wanted(row, &running))
        .collect()
}

/// How many copies the policy in force wants, of so many as can be (`ha-mode`, classic queue
/// mirroring guide).
fn copies_wanted(row: &QueueRow, running: &[&NodeName]) -> usize {
    let definition = row.effective.as_ref();
    let definition = definition.and_then(|json| serde_json::from_str::<Value>(json.raw()).ok());
    let Some(definition) = definition else {
        return 0;
    };
    let params = definition.get("ha-params");
    let wanted = match definition.get("ha-mode").and_then(Value::as_str) {
        Some("all") => running.len(),
        Some("exactly") => {
            let count = params.and_then(Value::as_u64).unwrap_or(1);
            usize::try_from(count).unwrap_or(usize::MAX)
        }
        Some("nodes") => {
            let listed = params.and_then(Value::as_array).into_iter().flatten();
            let listed = listed.filter_map(Value::as_str);
            listed
                .filter(|name| running.iter().any(|node| node.as_str() == *name))
                .count()
        }
        _ => 0,
    };
    wanted.min(running.len())
}

/// Members that do not say that every quorum survives without them.
fn doubtful(model: &Model, now: Moment) -> Vec<&str> {
    let hosts = model.inventory.nodes().filter(|(host, member)| {
        let verdict = Model::current(&model.quorum, &host.name, SourceKind::QuorumCritical, now);
        model.is_member(member, now) != Some(false) && verdict != Some(&QuorumVerdict::Safe)
    });
    hosts.map(|(_, member)| member.as_str()).collect()
}

/// As `rabbitmq-upgrade await_online_synchronized_mirror`: one mirror that can take over is enough.
pub(super) fn mirrors(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let (page, gap) = match model.listed_queues(now) {
        Ok(listed) => listed,
        Err(gap) => return ProbeAnswer::CannotTell(gap),
    };
    let mirrored: Vec<&QueueRow> = page
        .rows
        .iter()
        .filter(|row| {
            row.leader.as_ref() == Some(node)
                && row.members.len() > 1
                && matches!(row.queue_type, Some(QueueType::Classic) | None)
        })
        .collect();
    let lone: Vec<&QueueRow> = mirrored
        .iter()
        .copied()
        .filter(|row| !row.online.iter().any(|member| member != node))
        .collect();
    if !lone.is_empty() {
        return ProbeAnswer::Not(format!("no mirror of {} is synchronised", names(&lone)));
    }
    match gap {
        Some(gap) => ProbeAnswer::CannotTell(gap),
        None if mirrored.is_empty() => {
            ProbeAnswer::Holds(format!("{node} leads no mirrored queue"))
        }
        None => ProbeAnswer::Holds(format!(
            "all {} mirrored queues that {node} leads have a synchronised mirror",
            mirrored.len()
        )),
    }
}

/// Queues that another member could lead, counted by leader. The broker moves leaders until none has
/// more than an equal share, rounded up, as far as the replicas of its queues allow
/// (`rabbit_amqqueue:rebalance`); streams only since 3.12.
pub(super) fn spread(model: &Model, now: Moment) -> ProbeAnswer {
    let page = match whole(model, now) {
        Ok(page) => page,
        Err(answer) => return answer,
    };
    let moves_streams = spreads_streams(model, now) != Some(false);
    let is_movable = |row: &&QueueRow| match row.queue_type {
        Some(QueueType::Stream) => moves_streams && row.online.len() > 1,
        Some(QueueType::Other(_)) => false,
        Some(QueueType::Classic | QueueType::Quorum) | None => row.online.len() > 1,
    };
    let movable: Vec<&QueueRow> = page.rows.iter().filter(is_movable).collect();
    let mut led: BTreeMap<&NodeName, usize> = BTreeMap::new();
    for leader in movable.iter().filter_map(|row| row.leader.as_ref()) {
        *led.entry(leader).or_default() += 1;
    }
    let running = model
        .nodes(now)
        .iter()
        .filter(|view| view.state == NodeState::Running)
        .count();
    let share = led.values().sum::<usize>().div_ceil(running.max(1));
    let leads = |node: &NodeName| led.get(node).copied().unwrap_or(0);
    // Who leads too much, and could give a queue to a replica that leads less by two or more.
    let could_give = |row: &&&QueueRow| {
        row.leader.as_ref().is_some_and(|leader| {
            let count = leads(leader);
            count > share && row.online.iter().any(|other| leads(other) + 1 < count)
        })
    };
    let counts: Vec<String> = led
        .iter()
        .map(|(node, count)| format!("{node} leads {count}"))
        .collect();
    if movable.iter().any(|row| could_give(&row)) {
        return ProbeAnswer::Not(format!("{}; a share is {share}", counts.join(", ")));
    }
    let counts = if counts.is_empty() {
        "there is no replicated queue".to_owned()
    } else {
        counts.join(", ")
    };
    let limit = if led.values().all(|count| *count <= share) {
        ""
    } else {
        ", which their replicas do not allow"
    };
    ProbeAnswer::Holds(format!("{counts}; a share is {share}{limit}"))
}

/// Whether the broker spreads the leaders of streams too (`rabbit_amqqueue:filter_per_type`, 3.12).
fn spreads_streams(model: &Model, now: Moment) -> Option<bool> {
    let version = model.capability(now).version?;
    Some(version.series() >= (3, 12))
}
