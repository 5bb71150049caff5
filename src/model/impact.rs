//! Owns the what-if: what would be lost or unavailable if a member went away. Pure functions over
//! the model; preflight checks and blast radius call the same code.

use super::Model;
use super::balancer::{Backend, ServerRow};
use super::broker::{NodeType, QueuePage, QueueRow, QueueType};
use super::list::Tally;
use super::moment::Moment;
use super::name::{HostName, NodeName, QueueName, VhostName};
use super::node::NodeState;
use super::observation::SourceKind;
use super::path::Placed;

/// What a node says about its own going away (`node-is-quorum-critical`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuorumVerdict {
    /// Every quorum it takes part in survives without it.
    Safe,
    /// These would lose their quorum.
    Critical(Vec<QuorumMember>),
}

/// Something replicated by Raft: a quorum queue, a stream, or the metadata store itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuorumMember {
    /// Virtual host; empty for a process such as `rabbitmq_metadata`.
    pub vhost: VhostName,
    /// Name.
    pub name: QueueName,
}

impl std::fmt::Display for QuorumMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.vhost.0.is_empty() {
            write!(f, "{}", self.name)
        } else {
            write!(f, "{} in vhost {}", self.name, self.vhost)
        }
    }
}

/// What stopping a member's app would do, as far as the queues show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopImpact {
    /// Durable queues without another usable copy: unavailable while the app is stopped.
    pub unavailable: Vec<QueueName>,
    /// Messages in them.
    pub unavailable_messages: Tally,
    /// Queues that do not survive the stop: not durable or exclusive, and no other copy.
    pub deleted: Vec<QueueName>,
    /// Messages in them.
    pub deleted_messages: Tally,
    /// Replicated queues and streams led there, which get a new leader.
    pub leaders: u64,
    /// Quorum queues and streams that would lose their quorum, by the members shown online.
    pub quorum_lost: Vec<QuorumMember>,
    /// Connections that close; `None` if not known.
    pub connections: Option<u64>,
    /// Why not all queues are considered, so that the lists are a lower bound.
    pub gap: Option<String>,
}

impl Model {
    /// All queues, or as many as are listed, if current; with why they are not all.
    pub fn listed_queues(&self, now: Moment) -> Result<(&QueuePage, Option<String>), String> {
        let limit = super::freshness_limit(SourceKind::Queues);
        let Some(page) = self.queues.current(now, limit) else {
            return Err(self.unlisted(now));
        };
        Ok((page, page.gap("queues")))
    }

    /// All queues, if all are listed; else why not.
    pub fn all_queues(&self, now: Moment) -> Result<&QueuePage, String> {
        match self.listed_queues(now)? {
            (page, None) => Ok(page),
            (_, Some(gap)) => Err(gap),
        }
    }

    fn unlisted(&self, now: Moment) -> String {
        match (self.queues.failure(), self.queues.age(now)) {
            (Some(failure), _) => format!("the queues could not be listed: {failure}"),
            (None, Some(age)) => format!("the queues were listed {} s ago", age.as_secs()),
            (None, None) => "the queues were not listed".to_owned(),
        }
    }

    /// What stopping `node`'s app would do.
    pub fn stop_impact(&self, node: &NodeName, now: Moment) -> StopImpact {
        let mut impact = StopImpact {
            connections: self.connections_of(node, now),
            ..StopImpact::default()
        };
        let rows = match self.listed_queues(now) {
            Ok((page, gap)) => {
                impact.gap = gap;
                page.rows.as_slice()
            }
            Err(gap) => {
                impact.gap = Some(gap);
                &[]
            }
        };
        for row in rows {
            if row.leader.as_ref() == Some(node) {
                impact.count_led(row, node);
            }
            if loses_quorum(row, node) {
                impact.quorum_lost.push(QuorumMember {
                    vhost: row.vhost.clone(),
                    name: row.name.clone(),
                });
            }
        }
        impact
    }

    /// Members that would still run if `node` stopped, of how many.
    pub fn running_without(&self, node: &NodeName, now: Moment) -> (usize, usize) {
        let mut nodes = self.nodes(now);
        // A node that left, or has yet to join, is no part of any majority.
        nodes.retain(|view| view.name == *node || self.is_member(&view.name, now) != Some(false));
        let running = nodes
            .iter()
            .filter(|view| view.name != *node && view.state == NodeState::Running)
            .count();
        (running, nodes.len())
    }

    /// Whether any queue is replicated by Raft; `None` where not all queues are known.
    pub fn has_quorum_queues(&self, now: Moment) -> Option<bool> {
        let (page, gap) = self.listed_queues(now).ok()?;
        let is_raft =
            |row: &QueueRow| matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream));
        let found = page.rows.iter().any(is_raft);
        (found || gap.is_none()).then_some(found)
    }

    /// Load balancers on which `node`'s server is the last that takes clients; and those that
    /// cannot tell.
    pub fn last_server_on(&self, node: &NodeName, now: Moment) -> (Vec<HostName>, Vec<HostName>) {
        let (mut last, mut unknown) = (Vec::new(), Vec::new());
        for (host, _) in self.inventory.balancers() {
            let Some(report) = self.balancer(&host.name, now) else {
                unknown.push(host.name.clone());
                continue;
            };
            let backends = self.broker_backends(host, report);
            let is_others = |server: &&ServerRow| {
                let behind = self.member_behind(&host.name, server);
                behind.is_none_or(|(found, _)| found != node)
            };
            let none_left = |backend: &&Backend| {
                let mut others = backend.servers.iter().filter(is_others);
                !others.any(ServerRow::takes_clients)
            };
            let lacks = |backend: &&Backend| report.may_lack_servers(backend.name.raw());
            let mut emptied = backends.iter().filter(|backend| none_left(backend));
            // Without a server that is known to be its own, one of those may be.
            let is_placed = self.placed(node, host, now) != Placed::Unknown;
            if backends.is_empty() || !is_placed {
                unknown.push(host.name.clone());
            } else if emptied.clone().any(|backend| !lacks(backend)) {
                last.push(host.name.clone());
            } else if emptied.next().is_some() {
                unknown.push(host.name.clone());
            }
        }
        (last, unknown)
    }
}

/// What taking a member's replicas and data away for good would do, as far as the queues show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovalImpact {
    /// Classic queues without another usable copy, and streams without another replica: deleted.
    pub deleted: Vec<QueueName>,
    /// Messages in them.
    pub deleted_messages: Tally,
    /// Quorum queues with a replica there.
    pub quorum: Vec<QueueName>,
    /// Streams with a replica there.
    pub streams: Vec<QueueName>,
    /// Quorum queues whose remaining replicas would be no majority of themselves, or none at all, or
    /// whose replicas are no majority now, so that none can be taken off; streams of which no other
    /// replica is online.
    pub stranded: Vec<QueueName>,
    /// Queues of which it is not told yet who has a replica: a new one's row lacks it for a while
    /// (up to five seconds, seen on 3.10.8).
    pub untold: Vec<QueueName>,
    /// Quorum queues that would be left with an even number of replicas.
    pub even: usize,
    /// Why not all queues are considered, so that the lists are a lower bound.
    pub gap: Option<String>,
}

impl Model {
    /// What removing `node` for good would do.
    pub fn removal_impact(&self, node: &NodeName, now: Moment) -> RemovalImpact {
        let mut impact = RemovalImpact::default();
        let page = match self.listed_queues(now) {
            Ok((page, gap)) => {
                impact.gap = gap;
                page
            }
            Err(gap) => {
                impact.gap = Some(gap);
                return impact;
            }
        };
        for row in &page.rows {
            match row.queue_type {
                Some(QueueType::Quorum | QueueType::Stream) if row.members.is_empty() => {
                    impact.untold.push(row.name.clone());
                }
                Some(QueueType::Quorum) if row.members.contains(node) => {
                    impact.quorum.push(row.name.clone());
                    let left = row.members.len() - 1;
                    let online = others_online(row, node);
                    // Taking a replica off is agreed on by all that there are now.
                    let agree = row.online.len() > row.members.len() / 2;
                    if left == 0 || online < left / 2 + 1 || !agree {
                        impact.stranded.push(row.name.clone());
                    } else if left % 2 == 0 {
                        impact.even += 1;
                    }
                }
                Some(QueueType::Stream) if row.members.contains(node) => {
                    impact.streams.push(row.name.clone());
                    if row.members.len() == 1 {
                        impact.deleted.push(row.name.clone());
                        impact.deleted_messages += row.messages;
                    } else if others_online(row, node) == 0 {
                        impact.stranded.push(row.name.clone());
                    }
                }
                Some(QueueType::Quorum | QueueType::Stream) => {}
                Some(QueueType::Classic | QueueType::Other(_)) | None => {
                    if row.leader.as_ref() == Some(node) && is_only_copy(row, node) {
                        impact.deleted.push(row.name.clone());
                        impact.deleted_messages += row.messages;
                    }
                }
            }
        }
        impact
    }

    /// Whether another disc member than `node` is known; `None` where a type is not.
    pub fn another_disc_member(&self, node: &NodeName, now: Moment) -> Option<bool> {
        let others = self.nodes(now);
        let others = others
            .iter()
            .filter(|view| view.name != *node && self.is_member(&view.name, now) != Some(false));
        let types: Vec<Option<NodeType>> = others.map(|view| view.node_type).collect();
        if types.contains(&Some(NodeType::Disc)) {
            Some(true)
        } else if types.contains(&None) {
            None
        } else {
            Some(false)
        }
    }
}

impl StopImpact {
    /// Counts a queue that `node` leads.
    fn count_led(&mut self, row: &QueueRow, node: &NodeName) {
        let messages = row.messages;
        if !is_only_copy(row, node) {
            self.leaders += 1;
        } else if row.durable == Some(false) || row.exclusive == Some(true) {
            self.deleted.push(row.name.clone());
            self.deleted_messages += messages;
        } else {
            self.unavailable.push(row.name.clone());
            self.unavailable_messages += messages;
        }
    }
}

/// A classic queue of which no other member holds a copy that may take over: none at all, or
/// only unsynchronised mirrors, which are not promoted on a controlled shutdown (classic queue
/// mirroring guide, `ha-promote-on-shutdown`, default `when-synced`).
fn is_only_copy(row: &QueueRow, node: &NodeName) -> bool {
    // Of a type that is not known no replica is known either.
    !matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream))
        && !row
            .online
            .iter()
            .any(|member| member != node && row.members.contains(member))
}

fn others_online(row: &QueueRow, node: &NodeName) -> usize {
    row.online.iter().filter(|member| *member != node).count()
}

/// By the members shown: the members left online without `node` would not be a majority.
fn loses_quorum(row: &QueueRow, node: &NodeName) -> bool {
    let replicated = matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream));
    if !replicated || !row.members.contains(node) {
        return false;
    }
    others_online(row, node) < row.members.len() / 2 + 1
}
