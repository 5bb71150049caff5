//! Owns the questions put to the management API: each node's own view, and what any node can
//! answer for the cluster. How answers are read is in `wire` and `rows`; nothing here judges.

mod api;
mod checks;
mod cluster;
#[cfg(test)]
mod fixtures;
mod lists;
mod policies;
mod rows;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use api::Api;
pub(crate) use checks::{QuorumCheck, VirtualHostCheck};
pub(crate) use cluster::{ClusterView, Question};
pub(crate) use policies::PolicyCheck;

use super::client::Answer;
use super::{AskOne, Cadence};
use crate::model::broker::BrokerReport;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use std::sync::Arc;
use std::time::Duration;

/// If a node has not answered after this, it is asked for less; and as long again it may still
/// give the whole answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// From the question to the complete answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// Only what is shown: the whole row of a node is ten times as long.
const NODES: &str = "nodes?columns=name,type,running,being_drained,partitions,mem_used,mem_limit,\
    mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,proc_used,proc_total,\
    uptime,run_queue,rabbitmq_version,applications";
const OVERVIEW: &str = "overview?disable_stats=true";
const CLUSTER_NAME: &str = "cluster-name";
const VERSION: &str = "version";
const POLICIES: &str = "policies";

/// One node, asked over its own API.
#[derive(Debug, Clone)]
pub(crate) struct OneNode {
    pub(crate) api: Arc<Api>,
    pub(crate) host: HostName,
    pub(crate) node: NodeName,
}

impl OneNode {
    async fn get(&self, path: &str) -> Result<Answer, SourceFailure> {
        self.api.get(&self.host, path).await
    }

    /// Whether the last answer that said whose it is was of this node.
    fn check(&self) -> Result<(), SourceFailure> {
        self.api.check(&self.host, &self.node)
    }
}

/// A node's own view of the cluster.
#[derive(Debug)]
pub(crate) struct NodeView(pub(crate) OneNode);

impl AskOne for NodeView {
    const KIND: SourceKind = SourceKind::Management;
    const CADENCE: Cadence = Cadence {
        interval: Duration::from_secs(5),
        limit: LIMIT,
    };

    fn host(&self) -> &HostName {
        &self.0.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        self.ask_patiently().await.map(Payload::Broker)
    }

    async fn is_open(&self) -> bool {
        self.0.api.is_open(&self.0.host).await
    }
}

impl NodeView {
    /// The whole view, or as much as the node can say while a peer is silent: until the runtime
    /// gives up on that peer (`net_ticktime`, a minute), whatever asks the whole cluster hangs.
    async fn ask_patiently(&self) -> Result<BrokerReport, SourceFailure> {
        let (whole, own) = (Box::pin(self.ask_whole()), Box::pin(self.ask_own()));
        self.0.api.patiently(whole, own).await
    }

    async fn ask_whole(&self) -> Result<BrokerReport, SourceFailure> {
        let (overview, nodes) = tokio::join!(self.0.get(OVERVIEW), self.0.get(NODES));
        let (overview, nodes) = (expect_ok(overview?)?, expect_ok(nodes?)?);
        let report = rows::broker(&overview, &nodes)?;
        let OneNode { api, host, .. } = &self.0;
        api.learn(host, report.answered_by.as_ref());
        api.learn_members(host, report.nodes.iter().map(|row| &row.name));
        self.0.check()?;
        Ok(report)
    }

    /// What a node answers without asking any other. That it answers at all shows that its app
    /// runs: the listener is the app's.
    async fn ask_own(&self) -> Result<BrokerReport, SourceFailure> {
        // It does not say which node it is.
        self.0.check()?;
        let (name, version) = tokio::join!(self.0.get(CLUSTER_NAME), self.0.get(VERSION));
        // Releases before 4.0.5 do not offer the version alone.
        let version = version.and_then(expect_ok).ok();
        rows::own_view(&self.0.node, &expect_ok(name?)?, version.as_ref())
    }
}

fn expect_ok(answer: Answer) -> Result<Answer, SourceFailure> {
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(failure_of(&answer))
    }
}

/// What a status other than success means, with the broker's own reason where it gives one.
fn failure_of(answer: &Answer) -> SourceFailure {
    let code = answer.status.as_u16();
    let (kind, words) = match code {
        300..=399 => (
            FailureKind::Malformed,
            "redirected; redirects are not followed",
        ),
        // The broker says so in JSON; a page is that of something in front of it.
        403 if wire::reason(answer).is_none() => (
            FailureKind::Server,
            "refused, and not by RabbitMQ: something in front of it answers",
        ),
        403 => (
            FailureKind::Forbidden,
            "the user may not see this; it needs the tag monitoring",
        ),
        404 | 405 => (FailureKind::Absent, "not offered there"),
        500..=599 => (FailureKind::Server, "the server failed"),
        _ => (FailureKind::Server, "the request was refused"),
    };
    let reason = wire::reason(answer).map_or_else(String::new, |reason| format!(": {reason}"));
    let text = format!("{}: {code}: {words}{reason}", answer.subject);
    SourceFailure::new(kind, text)
}
