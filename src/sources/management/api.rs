//! Owns where each node's management API is, and which node was last seen to answer.

use crate::config::{Cluster, Management};
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::sources::client::{self, Answer, Client, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// What a node answers from its own memory.
const OWN_WORD: &str = "whoami";
/// A page of 500 rows is well below 1 MB; what exceeds this is no answer to our question.
const BODY_LIMIT: usize = 64 << 20;

/// The management API of all nodes of a cluster.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    user: String,
    /// Host, and URL up to `/api/`.
    bases: Vec<(HostName, String)>,
    preferred: AtomicUsize,
    /// The declared nodes.
    pub(super) nodes: BTreeSet<NodeName>,
    /// The node that answered last at each host's address, where it said its name.
    learnt: Mutex<BTreeMap<HostName, NodeName>>,
    /// How many declared nodes each lists as members of its cluster, by its host.
    company: Mutex<BTreeMap<HostName, usize>>,
    /// How long a node may take before it is asked for less.
    pub(super) patience: Duration,
}

impl Api {
    /// Names the nodes; asks nothing.
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let inventory = &cluster.inventory;
        let bases = inventory
            .nodes()
            .map(|(host, _)| (host.name.clone(), inventory.api.url(host)));
        let management = &cluster.management;
        let limits = Limits {
            time: super::LIMIT,
            bytes: BODY_LIMIT,
        };
        let mut api =
            Self::with_limits(bases.collect(), management.clone(), limits, super::PATIENCE);
        api.nodes = inventory.nodes().map(|(_, node)| node.clone()).collect();
        api
    }

    pub(super) fn with_limits(
        bases: Vec<(HostName, String)>,
        management: Management,
        limits: Limits,
        patience: Duration,
    ) -> Self {
        Self {
            user: management.username.clone(),
            client: Client::for_management(management, limits),
            bases,
            preferred: AtomicUsize::new(0),
            nodes: BTreeSet::new(),
            learnt: Mutex::default(),
            company: Mutex::default(),
            patience,
        }
    }

    /// Tries a refused password again.
    pub(crate) fn forgive(&self) {
        self.client.forgive();
    }

    /// Hosts with a node, in the inventory's order.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.bases.iter().map(|(host, _)| host)
    }

    /// The host of the node that is asked first for the cluster.
    pub(crate) fn preferred(&self) -> HostName {
        self.in_order_of_preference()
            .into_iter()
            .next()
            .unwrap_or_else(nowhere)
    }

    pub(super) fn in_order_of_preference(&self) -> Vec<HostName> {
        let mut hosts: Vec<HostName> = self.hosts().cloned().collect();
        let first = self.preferred.load(Ordering::Relaxed);
        if first < hosts.len() {
            hosts.rotate_left(first);
        }
        hosts
    }

    /// Who asks.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Remembers who answered well.
    pub(super) fn prefer(&self, host: &HostName) {
        let place = self.hosts().position(|other| other == host);
        if let Some(place) = place {
            self.preferred.store(place, Ordering::Relaxed);
        }
    }

    /// Remembers whom the node of `host` lists as members.
    pub(super) fn learn_members<'a>(
        &self,
        host: &HostName,
        members: impl Iterator<Item = &'a NodeName>,
    ) {
        let known = members.filter(|name| self.nodes.contains(name)).count();
        let mut company = self.company.lock().unwrap_or_else(PoisonError::into_inner);
        company.insert(host.clone(), known);
    }

    /// Whether the node of `host` lists no other declared node; `None` where it was not heard. What
    /// such a node says of its cluster is not said of this one: it left, or was never in it.
    pub(super) fn is_alone(&self, host: &HostName) -> Option<bool> {
        if self.nodes.len() < 2 {
            return Some(false);
        }
        let company = self.company.lock().unwrap_or_else(PoisonError::into_inner);
        company.get(host).map(|known| *known <= 1)
    }

    /// As `is_alone`, of a node that was not heard yet.
    pub(super) async fn ask_for_members(&self, host: &HostName) -> Option<bool> {
        let answer = self.get(host, "nodes?columns=name").await;
        let members = super::rows::members(&super::expect_ok(answer.ok()?).ok()?).ok()?;
        self.learn_members(host, members.iter());
        self.is_alone(host)
    }

    /// Remembers which node answered at the address of `host`; nothing if it did not say.
    pub(super) fn learn(&self, host: &HostName, node: Option<&NodeName>) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        match node {
            Some(node) => learnt.insert(host.clone(), node.clone()),
            None => learnt.remove(host),
        };
    }

    /// Which node answered last at the address of `host`.
    pub(super) fn learnt(&self, host: &HostName) -> Option<NodeName> {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.get(host).cloned()
    }

    /// Fails if another node than `declared` answered last at the address of `host`: what it says
    /// of itself would count for the wrong node.
    pub(super) fn check(&self, host: &HostName, declared: &NodeName) -> Result<(), SourceFailure> {
        match self.learnt(host) {
            Some(node) if node != *declared => {
                let base = self.bases.iter().find(|(name, _)| name == host);
                let base = base.map_or("", |(_, base)| base.trim_end_matches("/api/"));
                let text = format!(
                    "{base} is the management API of {node}, not of {declared}: the address or \
                     the node name of {host} in the configuration is wrong"
                );
                Err(SourceFailure::new(FailureKind::Malformed, text))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the API of `host` accepts connections.
    pub(super) async fn is_open(&self, host: &HostName) -> bool {
        match self.bases.iter().find(|(name, _)| name == host) {
            Some((_, base)) => client::is_open(base).await,
            None => false,
        }
    }

    pub(super) async fn get(&self, host: &HostName, path: &str) -> Result<Answer, SourceFailure> {
        self.client.get(&self.url(host, path)?).await
    }

    /// As `get`, of what takes its time.
    pub(super) async fn get_within(
        &self,
        host: &HostName,
        path: &str,
        limit: Duration,
    ) -> Result<Answer, SourceFailure> {
        self.client.get_within(&self.url(host, path)?, limit).await
    }

    /// `whole`; or `less`, which a node can say by itself, where that is there and the whole is late.
    pub(super) async fn patiently<T>(
        &self,
        whole: impl Future<Output = Result<T, SourceFailure>>,
        less: impl Future<Output = Result<T, SourceFailure>>,
    ) -> Result<T, SourceFailure> {
        tokio::pin!(whole);
        if let Ok(answer) = timeout(self.patience, &mut whole).await {
            return answer;
        }
        tokio::select! {
            answer = &mut whole => answer,
            less = less => match less {
                Ok(less) => timeout(self.patience, whole).await.unwrap_or(Ok(less)),
                Err(_no_better) => whole.await,
            },
        }
    }

    /// `question`, unless it is late because the node waits for a member that is silent: until the
    /// runtime gives up on that one (`net_ticktime`, a minute), what the node says of itself comes at
    /// once, and what it must ask all members for does not (seen on 4.3.6: 10 to 25 s).
    pub(super) async fn unless_held_up<T>(
        &self,
        host: &HostName,
        question: impl Future<Output = Result<T, SourceFailure>>,
    ) -> Result<T, SourceFailure> {
        tokio::select! {
            answer = question => answer,
            () = self.held_up(host) => {
                let text = format!("{host} answers, but waits for a member that says nothing");
                Err(SourceFailure::new(FailureKind::HeldUp, text))
            }
        }
    }

    /// Ends once it is known that the node is held up.
    async fn held_up(&self, host: &HostName) {
        tokio::time::sleep(self.patience).await;
        // A busy broker may take its time.
        let all = timeout(self.patience * 2, self.get(host, super::NODES));
        let (own, all) = tokio::join!(self.get(host, OWN_WORD), all);
        if own.is_err() || all.is_ok() {
            std::future::pending::<()>().await;
        }
    }

    fn url(&self, host: &HostName, path: &str) -> Result<String, SourceFailure> {
        let base = self.bases.iter().find(|(name, _)| name == host);
        base.map(|(_, base)| format!("{base}{path}"))
            .ok_or_else(|| {
                let text = format!("no node is configured on {host}");
                SourceFailure::new(FailureKind::NotConfigured, text)
            })
    }
}

/// The name under which a cluster without any node reports that.
fn nowhere() -> HostName {
    HostName::parse("cluster").expect("a constant valid name")
}
