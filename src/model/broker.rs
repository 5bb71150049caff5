//! Owns what the management API says, as domain types. Every statistic is optional: a node whose
//! app is stopped is reported with five keys only, and absence must never read as health.

use super::list::Page;
use super::name::{NodeName, QueueName, VhostName};
use super::text::Shown;
use serde::{Deserialize, Serialize};

/// One node's own view of the cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerReport {
    /// The node that answered.
    pub answered_by: Option<NodeName>,
    /// The cluster's name as this node knows it.
    pub cluster_name: Option<Shown>,
    /// The answering node's RabbitMQ version.
    pub version: Option<Version>,
    /// The answering node's Erlang version.
    pub erlang_version: Option<Shown>,
    /// Number of objects.
    pub objects: ObjectTotals,
    /// Members as this node sees them.
    pub nodes: Vec<NodeRow>,
    /// Rows that could not be understood; shown, never dropped silently.
    pub skipped_rows: usize,
    /// How much of the cluster the answer covers.
    pub scope: ViewScope,
}

/// How much of the cluster a node's view covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ViewScope {
    /// All members, as this node knows them.
    #[default]
    Cluster,
    /// Only itself, because a silent peer holds up what asks the others: who is missing from it
    /// may be a member all the same.
    Itself,
}

impl BrokerReport {
    /// What this node says of `name`.
    pub fn node(&self, name: &NodeName) -> Option<&NodeRow> {
        self.nodes.iter().find(|row| row.name == *name)
    }

    /// Whether this node counts `name` as a member; `None` where its answer does not cover that.
    pub fn lists(&self, name: &NodeName) -> Option<bool> {
        let listed = self.node(name).is_some();
        // A row that could not be read may be about it.
        let is_whole = self.scope == ViewScope::Cluster && self.skipped_rows == 0;
        (listed || is_whole).then_some(listed)
    }
}

/// A RabbitMQ version such as 3.10.8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Version {
    /// Major, minor, patch; missing parts are 0.
    pub numbers: (u16, u16, u16),
    /// As the broker wrote it.
    pub text: Shown,
}

impl Version {
    /// Reads the leading numbers of `text`; anything after them (`-rc.1`, `+build`) is kept in
    /// `text` only.
    pub fn parse(text: &str) -> Self {
        let mut numbers = text
            .split(['.', '-', '+'])
            .map(|part| part.parse::<u16>().ok())
            .take_while(Option::is_some)
            .flatten();
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            numbers: (next(), next(), next()),
            text: Shown::new(text),
        }
    }

    /// Major and minor.
    pub fn series(&self) -> (u16, u16) {
        (self.numbers.0, self.numbers.1)
    }
}

impl From<String> for Version {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text.raw().to_owned()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

/// Counts of `/api/overview` `object_totals`. Without statistics, queues are those of the cluster,
/// connections those of the node that answers, and the rest is not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectTotals {
    /// Client connections.
    pub connections: Option<u64>,
    /// Channels.
    pub channels: Option<u64>,
    /// Queues and streams.
    pub queues: Option<u64>,
    /// Consumers.
    pub consumers: Option<u64>,
}

/// Message counts (messages) and rates (messages per second) of the whole cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageTotals {
    /// Ready and unacknowledged together.
    pub messages: Option<u64>,
    /// Ready for delivery.
    pub ready: Option<u64>,
    /// Delivered, not acknowledged.
    pub unacknowledged: Option<u64>,
    /// Published per second.
    pub publish_rate: Option<f64>,
    /// Delivered or got per second.
    pub deliver_rate: Option<f64>,
    /// Acknowledged per second.
    pub ack_rate: Option<f64>,
    /// Connections, channels, queues and consumers of the whole cluster.
    pub objects: ObjectTotals,
    /// Whether the broker is set to keep no statistics (`management_agent.disable_metrics_collector`,
    /// `management.disable_stats`): what needs them is not known then, by someone's wish.
    pub stats_disabled: Option<bool>,
    /// Sockets the members that run listen on; none where no statistics are kept or asked for:
    /// `/api/overview` names them beside those only (`rabbit_mgmt_wm_overview`).
    pub listeners: Vec<Listener>,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Whose.
    pub node: NodeName,
    /// `amqp`, `amqp/ssl`, `clustering`, `http`, …
    pub protocol: Shown,
    /// TCP port.
    pub port: u16,
}

/// Disc or RAM member (RAM until 4.2, Mnesia only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum NodeType {
    /// Metadata on disc.
    Disc,
    /// Metadata in memory.
    Ram,
}

/// A row of `/api/nodes`.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRow {
    /// Whom the row is about.
    pub name: NodeName,
    /// Disc or RAM.
    pub node_type: Option<NodeType>,
    /// Whether the answering node sees this member's app running.
    pub running: Option<bool>,
    /// In maintenance mode (3.11.19+, 3.12.1+).
    pub being_drained: Option<bool>,
    /// Members this one was partitioned from; always empty on 4.3 and later.
    pub partitions: Vec<NodeName>,
    /// Statistics; present only while the app runs and the agent reports.
    pub stats: Option<NodeStats>,
}

/// Statistics of a running node. Bytes, milliseconds, counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeStats {
    /// Memory used, bytes.
    pub memory_used: Option<u64>,
    /// Memory watermark, bytes; absent where monitoring is disabled.
    pub memory_limit: Option<u64>,
    /// Memory alarm in force.
    pub memory_alarm: Option<bool>,
    /// Free disc, bytes.
    pub disk_free: Option<u64>,
    /// Free disc limit, bytes.
    pub disk_free_limit: Option<u64>,
    /// Disc alarm in force.
    pub disk_alarm: Option<bool>,
    /// File descriptors used and available.
    pub fd_used: Option<u64>,
    /// File descriptors available.
    pub fd_total: Option<u64>,
    /// Erlang processes in use.
    pub proc_used: Option<u64>,
    /// Erlang processes available.
    pub proc_total: Option<u64>,
    /// Uptime of the runtime, milliseconds.
    pub uptime_ms: Option<u64>,
    /// Run queue length.
    pub run_queue: Option<u64>,
    /// Per-node server version.
    pub version: Option<Version>,
}

/// What a running node says of its cluster over SSH, where the management API cannot be asked: a
/// node that left its cluster has forgotten the API's users, and before 3.11.19 the API does not
/// tell which members are in maintenance mode.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeStatus {
    /// The cluster's name as this node knows it.
    pub cluster_name: Option<Shown>,
    /// Its own RabbitMQ version.
    pub version: Option<Version>,
    /// Disc members.
    pub disc: Vec<NodeName>,
    /// RAM members.
    pub ram: Vec<NodeName>,
    /// Members whose app runs.
    pub running: Vec<NodeName>,
    /// Members with what it says of their maintenance mode.
    pub maintenance: Vec<(NodeName, bool)>,
    /// What it holds; asked only of a node that is its own only member.
    pub holdings: Option<Holdings>,
    /// Nodes of the inventory that its host was asked to reach, with why it could not.
    pub reached: Vec<(NodeName, Option<Shown>)>,
}

/// What a node holds, counted in its definitions: durable objects only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Durable queues.
    pub queues: usize,
    /// Users.
    pub users: usize,
    /// Virtual hosts.
    pub vhosts: usize,
}

impl NodeStatus {
    /// All members, itself among them.
    pub fn members(&self) -> impl Iterator<Item = &NodeName> {
        self.disc.iter().chain(&self.ram)
    }

    /// Whether `node` is in maintenance mode.
    pub fn draining(&self, node: &NodeName) -> Option<bool> {
        let found = self.maintenance.iter().find(|(name, _)| name == node);
        found.map(|(_, draining)| *draining)
    }
}

/// Which store holds the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum MetadataStore {
    /// Mnesia, until 4.2.
    Mnesia,
    /// Khepri, opt-in from 3.13, the only one from 4.3.
    Khepri,
}

/// What `/api/feature-flags` says of the metadata store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataStoreReport {
    /// State of the flag `khepri_db`; `None` where the broker has no such flag.
    pub khepri_enabled: Option<bool>,
}

/// The queues of a cluster, and how many there are in all.
pub type QueuePage = Page<QueueRow>;

/// Queue types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// Classic, mirrored or not.
    Classic,
    /// Raft-replicated.
    Quorum,
    /// Stream.
    Stream,
    /// A type this version does not know.
    Other(Shown),
}

/// A row of `/api/queues`.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRow {
    /// Virtual host.
    pub vhost: VhostName,
    /// Name.
    pub name: QueueName,
    /// Type; absent in some old brokers' rows.
    pub queue_type: Option<QueueType>,
    /// Node of the queue leader (quorum, stream) or of the queue itself (classic).
    pub leader: Option<NodeName>,
    /// All members of a quorum queue or stream; a mirrored classic queue's leader and mirrors.
    pub members: Vec<NodeName>,
    /// Members that are online (quorum, stream) or synchronised (mirrored).
    pub online: Vec<NodeName>,
    /// `running`, `idle`, `minority`, `down`, …
    pub state: Option<Shown>,
    /// Survives a restart.
    pub durable: Option<bool>,
    /// Bound to one connection.
    pub exclusive: Option<bool>,
    /// Policy in force.
    pub policy: Option<Shown>,
    /// Operator policy in force.
    pub operator_policy: Option<Shown>,
    /// What both set together, as compact JSON.
    pub effective: Option<Shown>,
    /// Messages copied so far, while mirrors are being synchronised.
    pub synced: Option<u64>,
    /// Ready and unacknowledged.
    pub messages: Option<u64>,
    /// Ready.
    pub ready: Option<u64>,
    /// Unacknowledged.
    pub unacknowledged: Option<u64>,
    /// Consumers.
    pub consumers: Option<u64>,
}

/// A row of `/api/policies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Virtual host.
    pub vhost: VhostName,
    /// Name.
    pub name: Shown,
    /// Regular expression over object names.
    pub pattern: Shown,
    /// `all`, `queues`, `exchanges`, …
    pub apply_to: Option<Shown>,
    /// Higher wins.
    pub priority: Option<i64>,
    /// The definition as compact JSON.
    pub definition: Shown,
}

/// The user with whom the management API is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiUser {
    /// Name.
    pub name: Shown,
    /// Tags, such as `monitoring`, `policymaker`, `administrator`.
    pub tags: Vec<Shown>,
}

impl ApiUser {
    /// Whether the user has any of these tags.
    pub fn has_any(&self, tags: &[&str]) -> bool {
        self.tags.iter().any(|tag| tags.contains(&tag.raw()))
    }
}

/// One node's own word on policies, and a page of its queues with what is in force on them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyView {
    /// All policies.
    pub policies: Vec<Policy>,
    /// Queues.
    pub queues: QueuePage,
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_compared_by_number_and_shown_as_written() {
        assert_eq!(Version::parse("3.10.8").numbers, (3, 10, 8));
        assert_eq!(Version::parse("4.3.0-rc.1").numbers, (4, 3, 0));
        assert_eq!(Version::parse("").numbers, (0, 0, 0));
        assert!(Version::parse("3.10.8").numbers > Version::parse("3.9.27").numbers);
        assert_eq!(Version::parse("4.3.0-rc.1").to_string(), "4.3.0-rc.1");
    }
}
