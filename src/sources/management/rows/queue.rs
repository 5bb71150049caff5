//! Owns the rows of queues: their wire type, and who of their replicas could take over.

use super::super::wire::{self, Raw};
use super::definition;
use crate::model::broker::{QueuePage, QueueRow, QueueType};
use crate::model::name::{NodeName, QueueName, VhostName};
use crate::model::observation::SourceFailure;
use crate::model::text::Shown;
use crate::sources::client::Answer;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::fmt;

wire!(Queue {
    vhost, name, kind as "type", node, leader, members, online, slave_nodes,
    synchronised_slave_nodes, state, sync_messages, durable, exclusive, policy, operator_policy,
    effective as "effective_policy_definition", messages, messages_ready, messages_unacknowledged,
    consumers,
});

/// A page of queues.
pub(in crate::sources::management) fn queues(answer: &Answer) -> Result<QueuePage, SourceFailure> {
    let page = wire::rows(answer)?;
    let (rows, skipped_rows) = page.read(queue_row);
    Ok(QueuePage {
        total: page.total,
        rows,
        skipped_rows,
        ..QueuePage::default()
    })
}

fn queue_row(row: &Queue<'_>) -> Option<QueueRow> {
    let queue_type = wire::string(row.kind).map(|kind| match kind.as_str() {
        "classic" => QueueType::Classic,
        "quorum" => QueueType::Quorum,
        "stream" => QueueType::Stream,
        other => QueueType::Other(Shown::new(other)),
    });
    let leader = wire::node(row.leader).or_else(|| wire::node(row.node));
    let (members, online) = match queue_type {
        Some(QueueType::Classic) | None => mirrored(row, leader.as_ref()),
        Some(QueueType::Quorum | QueueType::Stream | QueueType::Other(_)) => {
            (wire::nodes(row.members), by_all(row, "online", row.online))
        }
    };
    Some(QueueRow {
        vhost: VhostName::new(&wire::string(row.vhost)?),
        // An empty name is impossible, but a missing one makes the row useless.
        name: QueueName::new(&wire::string(row.name)?),
        queue_type,
        leader,
        members,
        online,
        state: wire::text(row.state),
        durable: wire::flag(row.durable),
        exclusive: wire::flag(row.exclusive),
        policy: wire::text(row.policy),
        operator_policy: wire::text(row.operator_policy),
        effective: row.effective.map(definition),
        synced: wire::count(row.sync_messages),
        messages: wire::count(row.messages),
        ready: wire::count(row.messages_ready),
        unacknowledged: wire::count(row.messages_unacknowledged),
        consumers: wire::count(row.consumers),
    })
}

/// A classic queue is its leader and its mirrors; with those that could take over. Of another type
/// only its own list counts, which the row of a new one lacks for a while (up to five seconds, seen
/// on 3.10.8): where it was declared is not where it is.
fn mirrored(row: &Queue<'_>, leader: Option<&NodeName>) -> (Vec<NodeName>, Vec<NodeName>) {
    let with_leader = |mirrors: Vec<NodeName>| {
        let mut all: Vec<NodeName> = leader.cloned().into_iter().collect();
        all.extend(mirrors);
        all
    };
    let synchronised = row.synchronised_slave_nodes;
    (
        with_leader(wire::nodes(row.slave_nodes)),
        with_leader(by_all(row, "synchronised_slave_nodes", synchronised)),
    )
}

/// Nodes that every copy of a field has. For a while after a member started, or a leader moved, a
/// row holds a list twice: as it is, and as the leader last counted it (seen on 3.10.8 for up to
/// two minutes, on 4.0.5 for seconds). A replica that could take over is one in both.
fn by_all(row: &Queue<'_>, field: &str, first: Raw<'_>) -> Vec<NodeName> {
    let mut nodes = wire::nodes(first);
    for (_, later) in row.again.iter().filter(|(name, _)| *name == field) {
        let later = wire::nodes(*later);
        nodes.retain(|node| later.contains(node));
    }
    nodes
}
