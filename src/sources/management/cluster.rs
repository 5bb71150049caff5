//! Owns what any node can answer for the whole cluster, and who is asked: a member that was not
//! left alone, the one that answered last first. Who left its cluster answers for itself only.

use super::{Api, LIMIT, POLICIES, expect_ok, lists, rows};
use crate::model::broker::QueuePage;
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceId, SourceKind};
use crate::sources::client::Answer;
use crate::sources::{Cadence, Report, Source};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// If a node has not answered after this, the next one is asked as well.
const STAGGER: Duration = Duration::from_secs(2);

/// With statistics, for only they know what is on the other nodes.
const TOTALS: &str =
    "overview?columns=node,disable_stats,object_totals,queue_totals,message_stats,listeners";
const USER: &str = "whoami";
const FLAGS: &str = "feature-flags";
const ALARMS: &str = "health/checks/alarms";

/// A question any node can answer for the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Totals,
    MetadataStore,
    Alarms,
    Queues,
    Policies,
    User,
}

impl Question {
    /// Those that are polled.
    pub(crate) const POLLED: [Self; 5] = [
        Self::Totals,
        Self::MetadataStore,
        Self::Alarms,
        Self::Queues,
        Self::Policies,
    ];

    fn kind(self) -> SourceKind {
        match self {
            Self::Totals => SourceKind::Totals,
            Self::MetadataStore => SourceKind::MetadataStore,
            Self::Alarms => SourceKind::Alarms,
            Self::Queues => SourceKind::Queues,
            Self::Policies => SourceKind::Policies,
            Self::User => SourceKind::User,
        }
    }

    /// Where it is asked; the queues have a way of their own.
    fn path(self) -> &'static str {
        match self {
            Self::Totals => TOTALS,
            Self::MetadataStore => FLAGS,
            Self::Alarms => ALARMS,
            Self::Queues => lists::QUEUES,
            Self::Policies => POLICIES,
            Self::User => USER,
        }
    }

    fn interval(self) -> Duration {
        Duration::from_secs(match self {
            Self::Totals | Self::Queues => 5,
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
            Self::Queues => rows::queues(answer).map(Payload::Queues),
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

/// What one node said.
struct Said<T> {
    host: HostName,
    outcome: Result<T, SourceFailure>,
    /// Whether it is known to be in no cluster with another declared node.
    alone: bool,
}

impl<T> Said<T> {
    /// Whether it refused the login.
    fn knows_other_users(&self) -> bool {
        let failure = self.outcome.as_ref().err();
        failure.is_some_and(|failure| failure.kind == FailureKind::Unauthorized)
    }
}

impl ClusterView {
    async fn ask(&self, host: &HostName) -> Result<Payload, SourceFailure> {
        let answer = self.api.get(host, self.question.path()).await?;
        self.question.read(&self.question.accepts(answer)?)
    }

    /// Asks `question` of one node after the other, until one answers that may answer for all.
    async fn ask_any<T, F>(&self, question: impl Fn(HostName) -> F) -> Said<T>
    where
        F: Future<Output = Result<T, SourceFailure>>,
    {
        let put = async |host: HostName| {
            let (outcome, alone) = tokio::join!(question(host.clone()), self.is_alone(&host));
            Said {
                host,
                outcome,
                alone,
            }
        };
        let mut candidates = self.api.in_order_of_preference().into_iter();
        let mut asked = FuturesUnordered::new();
        let (mut first_failure, mut first_alone): (Option<Said<T>>, Option<Said<T>>) = (None, None);
        asked.extend(candidates.next().map(&put));
        loop {
            let said = tokio::select! {
                said = asked.next() => said,
                () = tokio::time::sleep(STAGGER), if candidates.len() > 0 => {
                    asked.extend(candidates.next().map(&put));
                    continue;
                }
            };
            match said {
                Some(said) => {
                    if said.outcome.is_ok() && said.alone {
                        first_alone.get_or_insert(said);
                    } else if ends_the_search(&said.outcome) {
                        if said.outcome.is_ok() {
                            self.api.prefer(&said.host);
                        }
                        return said;
                    } else if first_failure.as_ref().is_none_or(Said::knows_other_users) {
                        first_failure = Some(said);
                    }
                    asked.extend(candidates.next().map(&put));
                }
                // Where all answer and none has another beside it, there is no cluster to leave; and
                // whoever refuses the login of the cluster is not one of its members.
                None => match (first_failure, first_alone) {
                    (None, Some(alone)) => return alone,
                    (Some(failure), Some(alone)) if failure.knows_other_users() => return alone,
                    (Some(failure), _) => return failure,
                    (None, None) => return self.nobody(),
                },
            }
        }
    }

    /// Whether the node of `host` lists no other declared node as a member; not being told is none.
    async fn is_alone(&self, host: &HostName) -> bool {
        match self.api.is_alone(host) {
            Some(alone) => alone,
            None => timeout(self.api.patience, self.api.ask_for_members(host))
                .await
                .ok()
                .flatten()
                .unwrap_or(false),
        }
    }

    /// Who counts them first lists them. A list takes its time: nobody else is asked meanwhile.
    async fn ask_for_queues(&self) -> (HostName, Result<QueuePage, SourceFailure>) {
        let said = self
            .ask_any(async |host| lists::count(&self.api, &host).await)
            .await;
        let queues = match said.outcome {
            Ok(count) => lists::queues(&self.api, &said.host, count).await,
            Err(failure) => Err(failure),
        };
        (said.host, queues)
    }

    fn nobody<T>(&self) -> Said<T> {
        Said {
            host: self.id().host,
            outcome: Err(SourceFailure::new(
                FailureKind::NotConfigured,
                "no node is configured",
            )),
            alone: false,
        }
    }
}

/// Whether another node would not do better: the same rights count on all of them, and who is silent
/// holds all of them up. A refused login does not end it, for a node that left its cluster has
/// forgotten the cluster's users.
fn ends_the_search<T>(outcome: &Result<T, SourceFailure>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(failure) => {
            matches!(failure.kind, FailureKind::Forbidden | FailureKind::HeldUp)
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
            limit: if self.question == Question::Queues {
                lists::LIMIT
            } else {
                LIMIT
            },
        }
    }

    fn observe(&self) -> BoxFuture<'_, Report> {
        async {
            if self.question == Question::Queues {
                let (host, queues) = self.ask_for_queues().await;
                let outcome = queues.map(Payload::Queues);
                return Report { host, outcome };
            }
            let said = self.ask_any(async |host| self.ask(&host).await).await;
            Report {
                host: said.host,
                outcome: said.outcome,
            }
        }
        .boxed()
    }
}
