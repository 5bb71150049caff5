//! Owns the question that is put on suspicion only: a node that takes nobody may be in maintenance
//! mode, and where no API tells, `rabbitmqctl` on its host is asked, once in a while.

use super::{Fleet, ask};
use crate::clock;
use crate::model::Model;
use crate::model::name::HostName;
use crate::model::observation::{Observation, SourceKind};
use futures_util::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// From one question to the next to the same node: it starts a runtime on the host.
const PAUSE: Duration = Duration::from_secs(30);

/// On what the suspicion rests.
pub(super) fn feeds(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::Management | SourceKind::Services)
}

impl Fleet {
    /// Asks the nodes of these hosts what they say of themselves.
    pub async fn ask_nodes(&self, hosts: &[HostName]) -> Vec<Observation> {
        join_all(hosts.iter().filter_map(|host| self.ask_node(host))).await
    }

    fn ask_node(&self, host: &HostName) -> Option<BoxFuture<'static, Observation>> {
        let found = self.on_demand.iter().find(|source| {
            let id = source.id();
            id.kind == SourceKind::NodeStatus && id.host == *host
        });
        let source = Arc::clone(found?);
        Some(Box::pin(async move { ask(&source, Duration::MAX).await }))
    }
}

/// Hands on what is seen, and asks the nodes that come under suspicion by it.
pub(super) async fn follow(
    fleet: Arc<Fleet>,
    mut seen: mpsc::Receiver<Observation>,
    out: mpsc::Sender<Observation>,
    end: CancellationToken,
) {
    let mut model = Model::new(fleet.inventory.clone());
    let mut asked: BTreeMap<HostName, Instant> = BTreeMap::new();
    let mut answers = JoinSet::new();
    loop {
        let observation = tokio::select! {
            () = end.cancelled() => return,
            Some(Ok(answer)) = answers.join_next() => answer,
            observation = seen.recv() => match observation {
                Some(observation) => observation,
                None => return,
            },
        };
        model.apply(observation.clone());
        if out.send(observation).await.is_err() {
            return;
        }
        for host in model.suspects(clock::now()) {
            let rests = asked.get(&host).is_some_and(|at| at.elapsed() < PAUSE);
            if let Some(question) = fleet.ask_node(&host).filter(|_| !rests) {
                asked.insert(host, Instant::now());
                answers.spawn(question);
            }
        }
    }
}
