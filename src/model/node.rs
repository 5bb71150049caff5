//! Owns what is known of a member: its state, who lists it, who sees it run. The evidence for its
//! state is gathered in `evidence` and judged by the table in `rules`.

mod evidence;
mod rules;
mod service;

use super::Model;
use super::broker::{BrokerReport, NodeRow, NodeStats, NodeStatus, NodeType, Version};
use super::inventory::HostEntry;
use super::moment::Moment;
use super::name::{HostName, NodeName};
use super::observation::{FailureKind, SourceId, SourceKind};
pub use evidence::{Door, Evidence, Silence};
pub use rules::Ground;
use serde::{Deserialize, Serialize};
pub use service::Service;
use std::collections::BTreeSet;
use std::time::Duration;

/// What state a member is in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NodeState {
    /// Its app runs.
    Running,
    /// Its runtime is up, its app is not.
    AppStopped,
    /// Its host is up, its runtime is not.
    Down,
    /// Its host does not answer.
    Unreachable,
    /// Another member says that it does not run; why is not known.
    NotRunning,
    /// It boots, or waits for its peers.
    Starting,
    /// Its service ends and is started again, over and over.
    Restarting,
    /// Its process is there and answers nothing.
    Hung,
    /// Nothing decides; never drawn as healthy.
    Unknown,
}

/// Answers of one survey lie no further apart than this.
const ONE_SURVEY: Duration = Duration::from_secs(1);

impl NodeState {
    /// The state in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::AppStopped => "app stopped",
            Self::Down => "down",
            Self::Unreachable => "unreachable",
            Self::NotRunning => "not running",
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Hung => "hung",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is known to serve nobody; not knowing is not knowing that.
    pub fn is_away(self) -> bool {
        !matches!(self, Self::Running | Self::Unknown)
    }

    /// Whether what its host does with it cannot be seen, so that nothing may be done there.
    pub fn is_out_of_sight(self) -> bool {
        matches!(self, Self::Unreachable | Self::NotRunning | Self::Unknown)
    }
}

/// Whether a host answers at all, by any of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Something on it answered, or refused, just now.
    Alive,
    /// Everything asked of it ended without an answer.
    Silent,
    /// Nothing was asked yet, or the answers are old.
    Unknown,
}

/// A member with everything known about it.
#[derive(Debug, Clone)]
pub struct NodeView<'a> {
    /// Its name.
    pub name: NodeName,
    /// Its host in the inventory.
    pub host: Option<&'a HostEntry>,
    /// What state it is in.
    pub state: NodeState,
    /// By which row of the table.
    pub ground: Ground,
    /// Whether the other members list it; `None` where no other member can be asked.
    pub member: Option<bool>,
    /// Why that state, one line each.
    pub evidence: Vec<String>,
    /// What is known of it, by who says so.
    pub known: Evidence,
    /// Disc or RAM, by the last view that knew.
    pub node_type: Option<NodeType>,
    /// In maintenance mode, by a current view.
    pub draining: Option<bool>,
    /// Statistics of a current view.
    pub stats: Option<&'a NodeStats>,
    /// Its RabbitMQ version, current or last known.
    pub version: Option<&'a Version>,
}

impl Model {
    /// Every member declared or seen, sorted by the inventory's order, then by name.
    pub fn members(&self) -> Vec<NodeName> {
        let mut members: Vec<NodeName> = self
            .inventory
            .nodes()
            .map(|(_, node)| node.clone())
            .collect();
        let seen: BTreeSet<&NodeName> = self
            .brokers
            .values()
            .filter_map(super::reading::Reading::last)
            .flat_map(|report| report.nodes.iter().map(|row| &row.name))
            .collect();
        for name in seen {
            if !members.contains(name) {
                members.push(name.clone());
            }
        }
        members
    }

    /// Every member with its state.
    pub fn nodes(&self, now: Moment) -> Vec<NodeView<'_>> {
        self.members()
            .iter()
            .map(|name| self.node(name, now))
            .collect()
    }

    /// One member with its state.
    pub fn node(&self, name: &NodeName, now: Moment) -> NodeView<'_> {
        let evidence = self.evidence(name, now);
        let (state, ground) = rules::judge(&evidence);
        let host = self.inventory.host_of(name);
        let current = self.current_row(name, now);
        let last = self.last_row(name);
        let own = host
            .and_then(|host| self.brokers.get(&host.name))
            .and_then(|r| r.last());
        NodeView {
            name: name.clone(),
            host,
            state,
            ground,
            member: evidence.listed,
            evidence: evidence.lines(state),
            known: evidence,
            node_type: last.and_then(|row| row.node_type),
            draining: current
                .and_then(|row| row.being_drained)
                .or_else(|| self.status_says_draining(name, now)),
            stats: current
                .filter(|_| state == NodeState::Running)
                .and_then(|row| row.stats.as_ref()),
            version: last
                .and_then(|row| row.stats.as_ref()?.version.as_ref())
                .or_else(|| own.and_then(|report| report.version.as_ref())),
        }
    }

    /// A current row about `name`: its own view first, then the peers'.
    fn current_row(&self, name: &NodeName, now: Moment) -> Option<&NodeRow> {
        let own = self.inventory.host_of(name).map(|host| &host.name);
        let mut rows: Vec<(bool, &NodeRow)> = self
            .views_on(name, now)
            .filter_map(|(host, report)| Some((Some(host) != own, report.node(name)?)))
            .collect();
        rows.sort_by_key(|(is_peer, _)| *is_peer);
        rows.first().map(|(_, row)| *row)
    }

    /// Whether `name` is in maintenance mode, by what another member says over SSH; where none
    /// says anything, by its own word.
    fn status_says_draining(&self, name: &NodeName, now: Moment) -> Option<bool> {
        let own = self.inventory.host_of(name).map(|host| &host.name);
        let mut says: Vec<(bool, bool)> = self
            .statuses(now)
            .filter_map(|(host, status)| Some((Some(host) == own, status.draining(name)?)))
            .collect();
        says.sort_unstable();
        says.first().map(|(_, draining)| *draining)
    }

    /// What each node that was asked over SSH just now says of its cluster.
    pub fn statuses(&self, now: Moment) -> impl Iterator<Item = (&HostName, &NodeStatus)> {
        self.inventory.nodes().filter_map(move |(host, _)| {
            let name = &host.name;
            let status = Self::current(&self.statuses, name, SourceKind::NodeStatus, now)?;
            Some((name, status))
        })
    }

    /// Whether `name` is a member of the cluster, by the word of the other nodes; `None` where no
    /// other node can be asked. A declared node need not be one: it may have left, or never joined.
    ///
    /// Others that list only themselves are no witnesses: which of two that stand alone left the
    /// other is not known, and the one with the data must not be called the stranger.
    pub fn is_member(&self, name: &NodeName, now: Moment) -> Option<bool> {
        let own = self.inventory.host_of(name).map(|host| &host.name);
        let others: Vec<_> = self
            .views(now)
            .filter(|(host, report)| {
                Some(*host) != own && report.scope == super::broker::ViewScope::Cluster
            })
            .map(|(_, report)| report)
            .collect();
        let alone = |report: &&&BrokerReport| report.nodes.len() + report.skipped_rows <= 1;
        let says: Vec<Option<bool>> = others
            .iter()
            .filter(|report| !alone(report))
            .map(|report| report.lists(name))
            .collect();
        if says.contains(&Some(true)) {
            Some(true)
        } else if says.is_empty() || says.contains(&None) {
            None
        } else {
            Some(false)
        }
    }

    /// What each node says that is a member of the cluster, or may be one: who left speaks for
    /// itself only.
    pub fn member_views(&self, now: Moment) -> impl Iterator<Item = (&HostName, &BrokerReport)> {
        self.views(now)
            .filter(move |(host, _)| self.may_be_member(host, now))
    }

    /// The views that count for what is said of `name`: its own, and those of members. Who was
    /// forgotten while it ran goes on about a cluster that it sees no more.
    pub fn views_on<'a>(
        &'a self,
        name: &NodeName,
        now: Moment,
    ) -> impl Iterator<Item = (&'a HostName, &'a BrokerReport)> {
        let own = self.inventory.host_of(name).map(|host| &host.name);
        self.views(now)
            .filter(move |(host, _)| Some(*host) == own || self.may_be_member(host, now))
    }

    fn may_be_member(&self, host: &HostName, now: Moment) -> bool {
        let entry = self.inventory.host(host);
        let node = entry.and_then(|entry| entry.node.as_ref());
        node.is_none_or(|node| self.is_member(node, now) != Some(false))
    }

    /// Whether `member` lists `name` as a member of its cluster, by its own word.
    pub fn lists(&self, member: &NodeName, name: &NodeName, now: Moment) -> Option<bool> {
        let host = self.inventory.host_of(member)?;
        self.broker(&host.name, now)?.lists(name)
    }

    /// Whether `name` still counts `mate`, a member of the cluster that has forgotten it, as one of
    /// its own cluster: by its API's word, or by rabbitmqctl's on its host.
    pub fn is_forgotten_by(&self, mate: &NodeName, name: &NodeName, now: Moment) -> bool {
        let host = self.inventory.host_of(name).map(|host| &host.name);
        let limit = super::freshness_limit(SourceKind::NodeStatus);
        let status = host.and_then(|host| self.statuses.get(host)?.current(now, limit));
        let believes = self.lists(name, mate, now) == Some(true)
            || status.is_some_and(|status| status.members().any(|member| member == mate));
        believes && self.lists(mate, name, now) == Some(false)
    }

    fn last_row(&self, name: &NodeName) -> Option<&NodeRow> {
        let rows = || {
            self.inventory
                .nodes()
                .filter_map(|(host, _)| self.brokers.get(&host.name)?.last()?.node(name))
        };
        rows()
            .find(|row| row.stats.is_some())
            .or_else(|| rows().next())
    }

    /// Whether anything on `host` answers.
    ///
    /// A sign of life counts only if it is younger than the beginning of the latest silence: the
    /// API's answer of four seconds ago says nothing once SSH has gone silent since, but an answer
    /// beside an SSH port that was always filtered does.
    pub fn liveness(&self, host: &HostName, now: Moment) -> Liveness {
        let of_host = || {
            self.sources.iter().filter(|(source, status)| {
                source.host == *host
                    // A canary says little about the host it is named after.
                    && source.kind != SourceKind::Canary
                    && now.since(status.attempted_at) <= super::freshness_limit(source.kind)
            })
        };
        let alive_at = of_host()
            .filter(|(_, status)| {
                status
                    .failure
                    .as_ref()
                    .is_none_or(|failure| failure.kind.proves_host_alive())
            })
            .map(|(_, status)| status.attempted_at)
            .max();
        let silent_since = of_host()
            .filter_map(|(_, status)| status.silent_since)
            .max();
        match (alive_at, silent_since) {
            (Some(alive), Some(silent)) if alive < silent => Liveness::Silent,
            (Some(_), _) => Liveness::Alive,
            (None, Some(_)) => Liveness::Silent,
            (None, None) => Liveness::Unknown,
        }
    }

    /// What the members other than `name` say about it now: (who, running).
    pub fn peers_say(&self, name: &NodeName, now: Moment) -> Vec<(&HostName, bool)> {
        let own = self.inventory.host_of(name).map(|host| &host.name);
        self.views_on(name, now)
            .filter(|(host, _)| Some(*host) != own)
            .filter_map(|(host, report)| Some((host, report.node(name)?.running?)))
            .collect()
    }

    /// Whether the nodes disagree on `name` now, and not only because one was asked before the
    /// change and another after it: someone must have said that it runs after, or in the same
    /// survey as, the first who denied it.
    pub fn is_disputed(&self, name: &NodeName, now: Moment) -> bool {
        let Some(since) = self.disagreements.get(name) else {
            return false;
        };
        self.words_on(name, now)
            .any(|(running, at)| running && at.later(ONE_SURVEY) >= *since)
    }

    /// Whether every node that disagrees on `name` was asked again since they first did.
    pub fn is_settled(&self, name: &NodeName, now: Moment) -> bool {
        let Some(since) = self.disagreements.get(name) else {
            return false;
        };
        let again = since.later(ONE_SURVEY);
        self.words_on(name, now).all(|(_, at)| at > again)
    }

    /// What the last node that was asked says about `name`.
    fn latest_word(&self, name: &NodeName, now: Moment) -> Option<bool> {
        self.words_on(name, now)
            .max_by_key(|(_, at)| *at)
            .map(|(running, _)| running)
    }

    /// What each node says about `name`, and when it said so.
    fn words_on(&self, name: &NodeName, now: Moment) -> impl Iterator<Item = (bool, Moment)> {
        self.views_on(name, now).filter_map(move |(host, report)| {
            let at = self.brokers.get(host)?.seen_at()?;
            Some((report.node(name)?.running?, at))
        })
    }

    /// Hosts whose node takes nobody and may be in maintenance mode, where no API tells (up to
    /// 3.11.18 none does): it can only be asked itself, again and again, for its answer ages.
    pub fn suspects(&self, now: Moment) -> Vec<HostName> {
        let nodes = self.nodes(now).into_iter();
        let suspects = nodes.filter(|node| {
            let seen = &node.known;
            let takes_nobody = seen.door == Door::Refused && seen.by_host(Service::takes_nobody);
            let may_run = matches!(node.state, NodeState::Running | NodeState::AppStopped)
                && !seen.is_denied()
                && seen.by_host(Service::has_runtime);
            let row = self.current_row(&node.name, now);
            let is_told = row.is_some_and(|row| row.being_drained.is_some());
            takes_nobody && may_run && !is_told
        });
        suspects
            .filter_map(|node| Some(node.host?.name.clone()))
            .collect()
    }

    /// Nothing listens where the node's management API would.
    pub(crate) fn refuses_api(&self, host: &HostName) -> bool {
        let api = SourceId::new(SourceKind::Management, host.clone());
        self.sources
            .get(&api)
            .and_then(|status| status.failure.as_ref())
            .is_some_and(|failure| failure.kind == FailureKind::Refused)
    }
}
