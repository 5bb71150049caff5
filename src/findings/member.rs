//! Owns N1 (a member does not run, or that is not known), N2 (it is in maintenance mode), N4 (it
//! runs and is no member) and N5 (so many do not run that there is no majority). What is said of a
//! state rests on the row of the table by which it was judged.

mod words;

use super::{Finding, Severity};
use crate::model::Model;
use crate::model::broker::{MetadataStore, QueueType};
use crate::model::moment::Moment;
use crate::model::node::{NodeState, NodeView};
use crate::model::observation::SourceKind;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let nodes = model.nodes(now);
    let mut found: Vec<Finding> = nodes
        .iter()
        .filter(|node| {
            node.state != NodeState::Unknown
                || node
                    .host
                    .is_none_or(|host| model.was_asked(SourceKind::Management, &host.name))
        })
        .filter_map(|node| judge(model, node, now))
        .collect();
    found.extend(majority(model, &nodes, now));
    found
}

fn judge(model: &Model, node: &NodeView<'_>, now: Moment) -> Option<Finding> {
    match node.state {
        NodeState::Running if node.member == Some(false) => stranger(model, node, now),
        NodeState::Running => maintenance(model, node, now),
        NodeState::AppStopped
        | NodeState::Down
        | NodeState::Unreachable
        | NodeState::NotRunning
        | NodeState::Starting
        | NodeState::Restarting
        | NodeState::Hung
        | NodeState::Unknown => Some(words::stopped(model, node, now)),
    }
}

/// Maintenance is wanted, but it is lost redundancy all the same, and easily forgotten.
fn maintenance(model: &Model, node: &NodeView<'_>, now: Moment) -> Option<Finding> {
    (node.draining == Some(true)).then(|| {
        let title = format!("{} is drained: it takes no clients", node.name);
        let finding = Finding::new("N2", Severity::Warning, &node.name, title)
            .evidence(left_behind(model, node))
            .causes(["somebody put it into maintenance mode; a restart ends that too"]);
        words::answered(model, node, now, finding, "revive")
    })
}

/// Only what is replicated moves its leaders away.
fn left_behind(model: &Model, node: &NodeView<'_>) -> Option<String> {
    let page = model.queues.last()?;
    let stays = page.rows.iter().filter(|row| {
        let is_raft = matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream));
        !is_raft && row.leader.as_ref() == Some(&node.name)
    });
    let count = stays.count();
    (count > 0).then(|| format!("classic queues that stay on it: {count}"))
}

/// Declared, alive, and not in the members' lists: clients that are sent there see another broker.
fn stranger(model: &Model, node: &NodeView<'_>, now: Moment) -> Option<Finding> {
    let name = &node.name;
    let own = model.broker(&node.host?.name, now);
    // Who was never a member of anything that answers is not told apart from one that left.
    let believes = own.is_some_and(|report| report.nodes.len() > 1);
    let used = &node.known.served_by;
    let (severity, title) = if used.is_empty() {
        let title = format!("{name} runs, and is no member of the cluster");
        (Severity::Warning, title)
    } else {
        let title = format!(
            "{name} is no member of the cluster, and gets clients from {}",
            super::listed(used)
        );
        (Severity::Critical, title)
    };
    let (cause, runbook) = if believes {
        let cause = "the other members have forgotten it, it still counts them as its own";
        (cause, "rejoin")
    } else {
        let cause = "it left, was reset, or never joined: which one is not known";
        (cause, "join")
    };
    let finding = Finding::new("N4", severity, name, title)
        .evidence(["the other members do not list it".to_owned()])
        .causes([cause]);
    Some(words::answered(model, node, now, finding, runbook))
}

/// Stands above the single ones.
fn majority(model: &Model, nodes: &[NodeView<'_>], now: Moment) -> Option<Finding> {
    let members = nodes.iter().filter(|node| node.member != Some(false));
    let (mut all, mut away) = (0_usize, Vec::new());
    for node in members {
        all += 1;
        // One that only the way from here does not reach is no loss to the others.
        let only_from_here = node.state == NodeState::Unreachable && !node.known.up.is_empty();
        if node.state.is_away() && !only_from_here {
            away.push(node);
        }
    }
    if all < 2 || away.len() * 2 < all {
        return None;
    }
    let (count, verb) = match away.len() {
        1 => ("1".to_owned(), "does"),
        many => (many.to_string(), "do"),
    };
    let title = if away.len() == all {
        format!("none of the {all} members runs")
    } else {
        format!("{count} of {all} members {verb} not run: no majority")
    };
    let lines = away
        .iter()
        .map(|node| format!("{} is {}", node.name, node.state.words()));
    let store = model.capability(now).store;
    let is_khepri = store == Some(MetadataStore::Khepri);
    let has_quorum = model.queues.last().is_some_and(|page| {
        let is_quorum = |row: &crate::model::broker::QueueRow| {
            row.queue_type == Some(QueueType::Quorum) || row.queue_type == Some(QueueType::Stream)
        };
        page.rows.iter().any(is_quorum)
    });
    let loses = [
        is_khepri.then_some(
            "the metadata store Khepri needs a majority: nothing can be declared, and a member \
             that starts waits for one",
        ),
        has_quorum.then_some("quorum queues and streams need a majority of their replicas"),
    ];
    Some(
        Finding::new("N5", Severity::Critical, &model.inventory.cluster, title)
            .evidence(lines)
            .evidence(loses.into_iter().flatten().map(str::to_owned))
            .causes(["each member has a cause of its own: see below"]),
    )
}
