//! Owns the JSON of `status`: its shape is a contract, to which fields may be added only. A figure
//! that is not known is `null`, never zero.

use crate::findings::{self, Finding};
use crate::model::Model;
use crate::model::broker::{MetadataStore, NodeType, Version};
use crate::model::front::BalancerState;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::{NodeState, NodeView};
use crate::model::observation::SourceKind;
use crate::model::path::MatchBasis;
use crate::model::text::Shown;
use crate::model::vip::VipVerdict;
use jiff::Timestamp;
use serde::Serialize;
use std::net::IpAddr;

/// One snapshot of everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub schema: u8,
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// Wall clock, UTC, whole seconds.
    pub observed_at: String,
    /// The cluster as a whole.
    pub broker: BrokerPart,
    /// Members.
    pub nodes: Vec<NodePart>,
    /// Load balancers.
    pub load_balancers: Vec<BalancerPart>,
    /// Virtual addresses.
    pub vips: Vec<VipPart>,
    /// How each source fares.
    pub sources: Vec<SourcePart>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
}

/// The cluster as a whole.
#[derive(Debug, Serialize)]
pub struct BrokerPart {
    name: Option<Shown>,
    version: Option<Version>,
    metadata_store: Option<MetadataStore>,
    /// Null where no member tells.
    partitions: Option<Vec<PartitionPart>>,
    /// Null where none is known of and nobody says that there is none.
    alarms: Option<Vec<AlarmPart>>,
    totals: TotalsPart,
}

#[derive(Debug, Serialize)]
struct PartitionPart {
    node: NodeName,
    cut_off_from: Vec<NodeName>,
}

#[derive(Debug, Serialize)]
struct AlarmPart {
    node: NodeName,
    resource: String,
}

#[derive(Debug, Serialize)]
struct TotalsPart {
    queues: Option<u64>,
    queues_visible: Option<u64>,
    connections: Option<u64>,
    consumers: Option<u64>,
    messages: Option<u64>,
    messages_ready: Option<u64>,
    messages_unacknowledged: Option<u64>,
}

/// One member. Bytes and milliseconds.
#[derive(Debug, Serialize)]
pub struct NodePart {
    name: NodeName,
    host: Option<HostName>,
    #[serde(rename = "type")]
    node_type: Option<NodeType>,
    state: NodeState,
    member: Option<bool>,
    draining: Option<bool>,
    memory_used: Option<u64>,
    memory_limit: Option<u64>,
    disk_free: Option<u64>,
    uptime_ms: Option<u64>,
    version: Option<Version>,
    evidence: Vec<String>,
}

/// One load balancer.
#[derive(Debug, Serialize)]
pub struct BalancerPart {
    host: HostName,
    state: BalancerState,
    servers: Vec<ServerPart>,
}

#[derive(Debug, Serialize)]
struct ServerPart {
    name: Shown,
    backend: Shown,
    node: Option<NodeName>,
    #[serde(rename = "match")]
    basis: Option<MatchBasis>,
    status: String,
    weight: Option<u64>,
    sessions: Option<u64>,
    address: Option<Shown>,
    check: Option<Shown>,
}

/// One VIP.
#[derive(Debug, Serialize)]
pub struct VipPart {
    address: IpAddr,
    verdict: VipVerdict,
    holders: Vec<HostName>,
    expected: Option<HostName>,
    standbys: Vec<HostName>,
    evidence: Vec<String>,
    /// Hosts that list the address where clients do not reach it.
    unusable: Vec<Unusable>,
}

/// A host that lists a VIP and cannot use it.
#[derive(Debug, Serialize)]
struct Unusable {
    host: HostName,
    why: String,
}

/// One source.
#[derive(Debug, Serialize)]
pub struct SourcePart {
    source: SourceKind,
    host: HostName,
    age_ms: Option<u64>,
    error: Option<Shown>,
}

impl Report {
    /// Describes the model at this moment.
    pub fn new(model: &Model, now: Moment) -> Self {
        let nodes = model.nodes(now);
        Self {
            schema: 1,
            cluster: model.inventory.cluster.clone(),
            observed_at: whole_seconds(now.wall),
            broker: broker(model, now),
            nodes: nodes.into_iter().map(node).collect(),
            load_balancers: model
                .inventory
                .balancers()
                .map(|(host, _)| balancer(model, host, now))
                .collect(),
            vips: model
                .vips(now)
                .into_iter()
                .map(|vip| VipPart {
                    address: vip.address,
                    verdict: vip.verdict,
                    holders: vip.holders,
                    expected: vip.expected,
                    standbys: vip.standbys,
                    unusable: vip
                        .unusable
                        .into_iter()
                        .map(|(host, why)| Unusable { host, why })
                        .collect(),
                    evidence: vip.evidence,
                })
                .collect(),
            sources: sources(model, now),
            findings: findings::all(model, now),
        }
    }
}

/// `2026-11-22T14:02:31Z`.
pub fn whole_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn broker(model: &Model, now: Moment) -> BrokerPart {
    let capability = model.capability(now);
    let totals = model.figures(now);
    let visible = model.listed_queues(now).ok();
    BrokerPart {
        name: model.cluster_name().cloned(),
        version: capability.version,
        metadata_store: capability.store,
        partitions: partitions(model, now),
        alarms: alarms(model, now),
        totals: TotalsPart {
            queues: model.queue_count(now),
            queues_visible: visible.and_then(|(page, _)| page.total),
            connections: model.connection_count(now),
            consumers: totals.objects.consumers,
            messages: totals.messages,
            messages_ready: totals.ready,
            messages_unacknowledged: totals.unacknowledged,
        },
    }
}

fn alarms(model: &Model, now: Moment) -> Option<Vec<AlarmPart>> {
    let known = model.alarms(now);
    let is_told = !known.is_empty() || model.checked_alarms(now).is_some();
    let parts = known.into_iter().map(|alarm| AlarmPart {
        node: alarm.node,
        resource: alarm.resource.to_string(),
    });
    is_told.then(|| parts.collect())
}

/// Every partition any node reports, once per member.
fn partitions(model: &Model, now: Moment) -> Option<Vec<PartitionPart>> {
    model.views(now).next()?;
    let mut found: Vec<PartitionPart> = Vec::new();
    let rows = model.views(now).flat_map(|(_, report)| &report.nodes);
    for row in rows.filter(|row| !row.partitions.is_empty()) {
        if !found.iter().any(|part| part.node == row.name) {
            let cut_off_from = row.partitions.clone();
            found.push(PartitionPart {
                node: row.name.clone(),
                cut_off_from,
            });
        }
    }
    Some(found)
}

fn node(view: NodeView<'_>) -> NodePart {
    let stats = view.stats;
    NodePart {
        name: view.name,
        host: view.host.map(|host| host.name.clone()),
        node_type: view.node_type,
        state: view.state,
        member: view.member,
        draining: view.draining,
        memory_used: stats.and_then(|stats| stats.memory_used),
        memory_limit: stats.and_then(|stats| stats.memory_limit),
        disk_free: stats.and_then(|stats| stats.disk_free),
        uptime_ms: stats.and_then(|stats| stats.uptime_ms),
        version: view.version.cloned(),
        evidence: view.evidence,
    }
}

fn balancer(model: &Model, host: &HostEntry, now: Moment) -> BalancerPart {
    let report = model.balancer(&host.name, now);
    let backends = report.map_or_else(Vec::new, |report| model.broker_backends(host, report));
    let servers = backends
        .into_iter()
        .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)));
    BalancerPart {
        host: host.name.clone(),
        state: model.balancer_state(host, now),
        servers: servers
            .map(|(backend, server)| {
                let matched = model.member_behind(&host.name, server);
                ServerPart {
                    name: server.name.clone(),
                    backend: backend.name.clone(),
                    node: matched.map(|(node, _)| node.clone()),
                    basis: matched.map(|(_, basis)| basis),
                    status: server.status.to_string(),
                    weight: server.weight,
                    sessions: server.sessions,
                    address: server.address.clone(),
                    check: server.check_status.clone(),
                }
            })
            .collect(),
    }
}

fn sources(model: &Model, now: Moment) -> Vec<SourcePart> {
    model
        .sources
        .iter()
        .map(|(source, status)| SourcePart {
            source: source.kind,
            host: source.host.clone(),
            age_ms: status.answered_at.map(|at| millis(now.since(at))),
            error: status
                .failure
                .as_ref()
                .map(|failure| failure.message.clone()),
        })
        .collect()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
