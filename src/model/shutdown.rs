//! Owns what is known of how a cluster went down: what each node left on its host's disc, and what
//! the journal of this machine remembers. Plain data; who has to start first is for `runbook`.

use super::broker::{MetadataStore, Version};
use super::host::UnitState;
use super::name::{NodeName, QueueName};
use super::text::Shown;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a node left on its host's disc, and what its host says of its end.
///
/// On Mnesia a node writes down who is a member (`cluster_nodes.config`) and who runs
/// (`nodes_running_at_shutdown`), at every change that it sees (`rabbit_node_monitor`). On Khepri
/// it does neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFiles {
    /// The release that is installed, and would start.
    pub release: Option<Version>,
    /// Where its metadata is; `None` where it has none yet, or that cannot be told.
    pub store: Option<MetadataStore>,
    /// Whether there is a data directory.
    pub data: DataDirectory,
    /// Members, as it knew them last, itself among them; empty on Khepri.
    pub members: Vec<NodeName>,
    /// Those of them that are disc members.
    pub disc: Vec<NodeName>,
    /// Members that ran when it last saw any of them come or go, itself among them.
    pub ran: Option<Vec<NodeName>>,
    /// Whether it waits for other members when it starts.
    pub patience: Patience,
    /// systemd's word for its service.
    pub unit: Option<UnitState>,
    /// How long ago its service ended; `None` where it did not since its host booted.
    pub ended: Option<Duration>,
    /// What its log says of the latest start, where that went wrong or waits.
    pub log: Vec<Shown>,
}

/// Whether a node has data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DataDirectory {
    /// None where it is expected: it starts blank.
    #[default]
    Absent,
    /// There is one.
    Present,
}

/// Whether a node waits for others when it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patience {
    /// On Mnesia it waits for those that ran longer than it did.
    #[default]
    Waits,
    /// It was told to load what it has: `force_boot`, or `forget_cluster_node --offline`. Mnesia.
    Forced,
}

impl NodeFiles {
    /// Whether it is a RAM member of its cluster, by its own word; `None` where it does not say.
    pub fn is_ram(&self, name: &NodeName) -> Option<bool> {
        let known = self.members.len() > 1 && !self.disc.is_empty();
        known.then(|| !self.disc.contains(name))
    }

    /// Why it does not run, in a line; `None` where its log does not say.
    pub fn complaint(&self) -> Option<String> {
        let last = self.log.last()?;
        Some(format!("its log: {last}"))
    }
}

/// A whole cluster as it was when it was about to be stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeStop {
    /// Members in the order in which they are stopped.
    pub order: Vec<NodeName>,
    /// Those of them that ran.
    pub running: Vec<NodeName>,
    /// Queues that survive a restart; `None` if they could not all be listed.
    pub durable_queues: Option<u64>,
    /// Messages, ready and unacknowledged, of which only the persistent ones survive.
    pub messages: Option<u64>,
    /// Classic queues of which one member alone has a usable copy, by that member.
    pub single: Vec<(NodeName, Vec<QueueName>)>,
}

impl WholeStop {
    /// The queues of which only `node` had a usable copy.
    pub fn only_on(&self, node: &NodeName) -> Option<&[QueueName]> {
        let found = self.single.iter().find(|(name, _)| name == node);
        found.map(|(_, queues)| queues.as_slice())
    }
}

/// A stop of the whole cluster that the journal of this machine remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRecord {
    /// Which run.
    pub run: String,
    /// Who ran it: user@machine.
    pub who: String,
    /// What was planned, and what was known then.
    pub planned: WholeStop,
    /// Members that were stopped by it, in order, with the time by this machine's clock.
    pub stopped: Vec<(NodeName, Timestamp)>,
}
