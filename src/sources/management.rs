//! Owns the questions put to the management API: each node's own view, and what any node can
//! answer for the cluster. How answers are read is in `wire` and `rows`; nothing here judges.

mod api;
mod checks;
#[cfg(test)]
mod fixtures;
mod policies;
mod rows;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use api::Api;
pub(crate) use checks::{QuorumCheck, VirtualHostCheck};
pub(crate) use policies::PolicyCheck;

use super::client::Answer;
use super::{AskOne, Cadence, Report, Source};
use crate::model::broker::{BrokerReport, QueuePage};
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceId, SourceKind};
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// If a node has not answered after this, it is asked for less; and as long again it may still
/// give the whole answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// If a node has not answered after this, the next one is asked as well.
const STAGGER: Duration = Duration::from_secs(2);
/// From the question to the complete answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// From the question for the first page to the last: 100,000 queues are 200 pages.
const ALL_LIMIT: Duration = Duration::from_secs(30);

/// Only what is shown: the whole row of a node is ten times as long.
const NODES: &str = "nodes?columns=name,type,running,being_drained,partitions,mem_used,mem_limit,\
    mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,proc_used,proc_total,\
    uptime,run_queue,rabbitmq_version,applications";
const OVERVIEW: &str = "overview?disable_stats=true";
const TOTALS: &str = "overview?columns=queue_totals,message_stats";
const QUEUES: &str = "queues?page_size=500&columns=vhost,name,type,node,leader,members,online,\
    slave_nodes,synchronised_slave_nodes,state,sync_messages,durable,exclusive,policy,\
    operator_policy,effective_policy_definition,messages,messages_ready,messages_unacknowledged,\
    consumers";
const CONNECTIONS: &str = "connections?page=1&page_size=500&columns=name,node,user,vhost,host,\
    port,peer_host,peer_port,state,protocol,channels";
/// A million queues.
const MOST_PAGES: usize = 2000;
const CLUSTER_NAME: &str = "cluster-name";
const VERSION: &str = "version";
const POLICIES: &str = "policies";
const USER: &str = "whoami";
const FLAGS: &str = "feature-flags";
const ALARMS: &str = "health/checks/alarms";

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
}

impl NodeView {
    /// The whole view, or as much as the node can say while a peer is silent: until the runtime
    /// gives up on that peer (`net_ticktime`, a minute), whatever asks the whole cluster hangs.
    async fn ask_patiently(&self) -> Result<BrokerReport, SourceFailure> {
        let patience = self.0.api.patience;
        let whole = self.ask_whole();
        tokio::pin!(whole);
        if let Ok(answer) = timeout(patience, &mut whole).await {
            return answer;
        }
        tokio::select! {
            answer = &mut whole => answer,
            report = self.ask_own() => match report {
                Ok(report) => timeout(patience, whole).await.unwrap_or(Ok(report)),
                Err(_no_better) => whole.await,
            },
        }
    }

    async fn ask_whole(&self) -> Result<BrokerReport, SourceFailure> {
        let (overview, nodes) = tokio::join!(self.0.get(OVERVIEW), self.0.get(NODES));
        let (overview, nodes) = (expect_ok(overview?)?, expect_ok(nodes?)?);
        let report = rows::broker(&overview, &nodes)?;
        let OneNode { api, host, .. } = &self.0;
        api.learn(host, report.answered_by.as_ref());
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

/// A question any node can answer for the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Totals,
    MetadataStore,
    Alarms,
    Queues,
    /// Every page of them.
    AllQueues,
    Connections,
    Policies,
    User,
}

impl Question {
    /// Those that are polled.
    pub(crate) const POLLED: [Self; 6] = [
        Self::Totals,
        Self::MetadataStore,
        Self::Alarms,
        Self::Queues,
        Self::Connections,
        Self::Policies,
    ];

    fn kind(self) -> SourceKind {
        match self {
            Self::Totals => SourceKind::Totals,
            Self::MetadataStore => SourceKind::MetadataStore,
            Self::Alarms => SourceKind::Alarms,
            Self::Queues => SourceKind::Queues,
            Self::AllQueues => SourceKind::AllQueues,
            Self::Connections => SourceKind::Connections,
            Self::Policies => SourceKind::Policies,
            Self::User => SourceKind::User,
        }
    }

    fn path(self) -> String {
        let path = match self {
            Self::Totals => TOTALS,
            Self::MetadataStore => FLAGS,
            Self::Alarms => ALARMS,
            Self::Queues | Self::AllQueues => return queues(1),
            Self::Connections => CONNECTIONS,
            Self::Policies => POLICIES,
            Self::User => USER,
        };
        path.to_owned()
    }

    fn interval(self) -> Duration {
        Duration::from_secs(match self {
            Self::Totals | Self::Queues | Self::AllQueues | Self::Connections => 5,
            Self::Alarms => 15,
            Self::MetadataStore | Self::Policies | Self::User => 60,
        })
    }

    /// The answer, if its status is one with which this question is answered: 503 is how a health
    /// check says that something is wrong.
    fn accepts(self, answer: Answer) -> Result<Answer, SourceFailure> {
        let is_no = self == Self::Alarms
            && answer.status == reqwest::StatusCode::SERVICE_UNAVAILABLE
            && rows::alarms(&answer).is_ok();
        if is_no { Ok(answer) } else { expect_ok(answer) }
    }

    fn read(self, answer: &Answer) -> Result<Payload, SourceFailure> {
        match self {
            Self::Totals => rows::totals(answer).map(Payload::Totals),
            Self::MetadataStore => rows::metadata_store(answer).map(Payload::MetadataStore),
            Self::Alarms => rows::alarms(answer).map(Payload::Alarms),
            Self::Queues | Self::AllQueues => rows::queues(answer).map(Payload::Queues),
            Self::Connections => rows::connections(answer).map(Payload::Connections),
            Self::Policies => rows::policies(answer).map(Payload::Policies),
            Self::User => rows::user(answer).map(Payload::User),
        }
    }
}

/// One question for the cluster, put to one node at a time: the one that answered last, and the
/// next one when it fails.
#[derive(Debug)]
pub(crate) struct ClusterView {
    pub(crate) api: Arc<Api>,
    pub(crate) question: Question,
}

impl ClusterView {
    async fn ask(&self, host: HostName) -> Report {
        let question = self.question;
        let outcome = if question == Question::AllQueues {
            self.ask_for_all_queues(&host).await.map(Payload::Queues)
        } else {
            let answer = self.api.get(&host, &question.path()).await;
            answer
                .and_then(|answer| question.accepts(answer))
                .and_then(|answer| question.read(&answer))
        };
        Report { host, outcome }
    }

    /// One page after the other, until there are as many rows as the node says that there are
    /// queues. One that moved from page to page meanwhile counts once.
    async fn ask_for_all_queues(&self, host: &HostName) -> Result<QueuePage, SourceFailure> {
        let mut whole = QueuePage::default();
        for number in 1..=MOST_PAGES {
            let answer = self.api.get(host, &queues(number)).await;
            let page = rows::queues(&expect_ok(answer?)?)?;
            let is_empty = page.rows.is_empty();
            whole.rows.extend(page.rows);
            whole.total = page.total;
            whole.skipped_rows += page.skipped_rows;
            let seen = whole.rows.len() + whole.skipped_rows;
            if is_empty || whole.total.is_none_or(|total| total <= seen as u64) {
                break;
            }
        }
        let mut names = BTreeSet::new();
        whole
            .rows
            .retain(|row| names.insert((row.vhost.clone(), row.name.clone())));
        Ok(whole)
    }

    async fn ask_any(&self) -> Report {
        let mut candidates = self.api.in_order_of_preference().into_iter();
        let mut asked = FuturesUnordered::new();
        let mut first_failure = None;
        asked.extend(candidates.next().map(|host| self.ask(host)));
        loop {
            let report = tokio::select! {
                report = asked.next() => report,
                () = tokio::time::sleep(STAGGER), if candidates.len() > 0 => {
                    asked.extend(candidates.next().map(|host| self.ask(host)));
                    continue;
                }
            };
            match report {
                Some(report) => {
                    if ends_the_search(&report) {
                        self.api.prefer(&report);
                        return report;
                    }
                    first_failure.get_or_insert(report);
                    asked.extend(candidates.next().map(|host| self.ask(host)));
                }
                None => return first_failure.unwrap_or_else(|| self.nobody()),
            }
        }
    }

    fn nobody(&self) -> Report {
        Report {
            host: self.id().host,
            outcome: Err(SourceFailure::new(
                FailureKind::NotConfigured,
                "no node is configured",
            )),
        }
    }
}

/// A page of queues, counted from 1.
fn queues(page: usize) -> String {
    format!("{QUEUES}&page={page}")
}

/// Whether another node would not do better: the same rights count on all of them. A refused login
/// does not end it, for a node that left its cluster has forgotten the cluster's users.
fn ends_the_search(report: &Report) -> bool {
    match &report.outcome {
        Ok(_) => true,
        Err(failure) => {
            failure.kind == FailureKind::Forbidden
                || (failure.kind.is_settled() && failure.kind != FailureKind::Unauthorized)
        }
    }
}

impl Source for ClusterView {
    fn id(&self) -> SourceId {
        SourceId::new(self.question.kind(), self.api.preferred())
    }

    fn cadence(&self) -> Cadence {
        Cadence {
            interval: self.question.interval(),
            limit: if self.question == Question::AllQueues {
                ALL_LIMIT
            } else {
                LIMIT
            },
        }
    }

    fn observe(&self) -> BoxFuture<'_, Report> {
        self.ask_any().boxed()
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
