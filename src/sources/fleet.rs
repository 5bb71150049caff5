//! Owns all sources of a cluster: made from the configuration without any I/O, asked once on
//! demand, or polled and streamed until stopped.

mod suspicion;

use super::canary::Handshake;
use super::cookie::CookieOfHost;
use super::data::DataOnHost;
use super::definitions::DefinitionsOf;
use super::files::FilesOfNode;
use super::haproxy::{Clients, Haproxy};
use super::host::Services;
use super::keepalived;
use super::management::{
    Api, ClusterView, NodeView, OneNode, PolicyCheck, Question, QuorumCheck, VirtualHostCheck,
};
use super::names::NamesOnHost;
use super::poller::{self, Control, Neighbours, Pace};
use super::status::StatusOfNode;
use super::vip::Addresses;
use super::{Reach, Source};
use crate::config::Cluster;
use crate::invocation::cookie::Salt;
use crate::model::inventory::{Access, HostEntry, Inventory, Keepalived};
use crate::model::name::{HostName, NodeName, ServiceName};
use crate::model::observation::{FailureKind, Observation, SourceFailure, SourceId, SourceKind};
use crate::remote::Observe;
use futures_util::future::join_all;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest wait of a survey: a connection that cannot be made takes three seconds.
const SURVEY_LIMIT: Duration = Duration::from_secs(4);
/// For so long who takes a question and says nothing is asked: then it hangs (`HUNG`), and no less.
const SURE: Duration = Duration::from_millis(10_500);
/// No question is shorter.
const SHORTEST: Duration = Duration::from_millis(500);
/// An answer that waited longer for others of its survey is asked for again.
const STILL_NEW: Duration = SURVEY_LIMIT;

/// All sources of a cluster.
#[derive(Debug)]
pub struct Fleet {
    inventory: Inventory,
    polled: Vec<Arc<dyn Source>>,
    /// Asked on demand only.
    on_demand: Vec<Arc<dyn Source>>,
    streamed: Vec<Arc<Addresses>>,
    api: Arc<Api>,
    balancers: Vec<Arc<Haproxy>>,
    links: Vec<Arc<dyn Observe>>,
    /// Asked right before a run, and kept nowhere here.
    definitions: Vec<DefinitionsOf>,
    /// One for all cookies, or they could not be compared.
    salt: Salt,
}

impl Fleet {
    /// Lets every API and page be asked again that refused us.
    pub fn forgive(&self) {
        self.api.forgive();
        self.balancers.iter().for_each(|each| each.forgive());
    }

    /// Makes the sources of `cluster`; hosts without an entry in `links` cannot be asked over
    /// SSH, and their sources say so.
    pub fn new(cluster: &Cluster, links: &BTreeMap<HostName, Arc<dyn Observe>>) -> Self {
        let api = Arc::new(Api::new(cluster));
        let mut fleet = Self {
            inventory: cluster.inventory.clone(),
            polled: Vec::new(),
            on_demand: Vec::new(),
            streamed: Vec::new(),
            api,
            balancers: Vec::new(),
            links: links.values().cloned().collect(),
            definitions: Vec::new(),
            salt: Salt::new(),
        };
        for host in &cluster.inventory.hosts {
            let link = links.get(&host.name).cloned();
            fleet.add_host(cluster, host, link);
        }
        if cluster.inventory.nodes().next().is_some() {
            fleet.on_demand.push(Arc::new(ClusterView {
                api: Arc::clone(&fleet.api),
                question: Question::User,
            }));
            for question in Question::POLLED {
                let api = Arc::clone(&fleet.api);
                fleet.polled.push(Arc::new(ClusterView { api, question }));
            }
        }
        fleet.add_canaries(cluster);
        fleet
    }

    fn add_host(&mut self, cluster: &Cluster, host: &HostEntry, link: Option<Arc<dyn Observe>>) {
        let reach = Reach {
            host: host.name.clone(),
            link,
        };
        if let Some(node) = host.node.clone() {
            let service = &host.services.broker;
            self.add_details(cluster, &reach, (&node, service));
            self.on_demand.push(Arc::new(FilesOfNode {
                reach: reach.clone(),
                node: node.clone(),
                service: service.clone(),
            }));
            let one = OneNode {
                api: Arc::clone(&self.api),
                host: host.name.clone(),
                node,
            };
            self.on_demand.push(Arc::new(QuorumCheck(one.clone())));
            self.on_demand.push(Arc::new(VirtualHostCheck(one.clone())));
            self.on_demand.push(Arc::new(PolicyCheck(one.clone())));
            self.polled.push(Arc::new(NodeView(one)));
        }
        if let Some(entry) = &host.balancer {
            let page = cluster.pages.get(&host.name).cloned().unwrap_or_default();
            let clients = cluster.inventory.amqp_port.map(|port| Clients {
                address: host.address.clone(),
                vips: cluster.inventory.vips.clone(),
                port,
            });
            let source = Arc::new(Haproxy::new(reach.clone(), entry.clone(), page, clients));
            self.balancers.push(Arc::clone(&source));
            self.polled.push(source);
        }
        let is_vrrp = host.keepalived == Keepalived::Expected;
        // A host that should not hold the address may hold it all the same.
        if is_vrrp || (!cluster.inventory.vips.is_empty() && host.access != Access::None) {
            self.streamed.push(Arc::new(Addresses::new(reach.clone())));
        }
        if is_vrrp {
            let service = host.services.keepalived.clone();
            let source = keepalived::Keepalived::new(reach.clone(), service);
            self.polled.push(Arc::new(source));
        }
        let names = host.services.clone();
        let node = host.node.clone();
        self.polled.push(Arc::new(Services { reach, names, node }));
    }

    /// What only some runbooks ask of a broker's host.
    fn add_details(
        &mut self,
        cluster: &Cluster,
        reach: &Reach,
        (node, service): (&NodeName, &ServiceName),
    ) {
        let nodes = cluster.inventory.nodes().map(|(_, other)| other.clone());
        let others: Vec<NodeName> = nodes.filter(|other| other != node).collect();
        self.on_demand.push(Arc::new(StatusOfNode {
            reach: reach.clone(),
            node: node.clone(),
            others: others.clone(),
        }));
        self.on_demand.push(Arc::new(CookieOfHost {
            reach: reach.clone(),
            salt: self.salt.clone(),
        }));
        self.definitions.push(DefinitionsOf {
            reach: reach.clone(),
            node: node.clone(),
        });
        let reach = reach.clone();
        self.on_demand.push(Arc::new(DataOnHost {
            reach: reach.clone(),
            service: service.clone(),
        }));
        if !others.is_empty() {
            self.on_demand.push(Arc::new(NamesOnHost { reach, others }));
        }
    }

    fn add_canaries(&mut self, cluster: &Cluster) {
        let (Some(settings), Some(port)) = (&cluster.canary, cluster.inventory.amqp_port) else {
            return;
        };
        let mut targets: Vec<(HostName, String)> = cluster
            .inventory
            .balancers()
            .map(|(host, _)| (host.name.clone(), host.address.clone()))
            .collect();
        let vips = cluster.inventory.vips.iter();
        targets.extend(
            vips.filter_map(|vip| Some((cluster.inventory.canary_of(*vip)?, vip.to_string()))),
        );
        for (target, address) in targets {
            self.polled.push(Arc::new(Handshake {
                target,
                address,
                port,
                settings: settings.clone(),
            }));
        }
    }

    fn all(&self) -> impl Iterator<Item = Arc<dyn Source>> {
        let streamed = self
            .streamed
            .iter()
            .map(|source| Arc::clone(source) as Arc<dyn Source>);
        let others = self.polled.iter().chain(&self.on_demand).cloned();
        others.chain(streamed)
    }

    /// Every source there is.
    pub fn ids(&self) -> Vec<SourceId> {
        self.all().map(|source| source.id()).collect()
    }

    /// Asks every source of these kinds, all at the same time; and once more those whose answers
    /// waited for a long list of queues or a node that hangs, so that none is old when the last one
    /// comes. However many are dead or held up, it is over within four seconds; unless there are many
    /// queues to list, or the nodes themselves are asked, which starts a runtime on their hosts; or a
    /// node or HAProxy takes the question and says nothing, which is sure after ten seconds.
    pub async fn survey(&self, kinds: &[SourceKind]) -> Vec<Observation> {
        self.survey_of(|source| kinds.contains(&source.kind)).await
    }

    /// As `survey`, of single sources.
    pub async fn survey_of(&self, wanted: impl Fn(&SourceId) -> bool) -> Vec<Observation> {
        let all = self.all();
        let sources: Vec<_> = all.filter(|source| wanted(&source.id())).collect();
        let asked = join_all(sources.iter().map(ask_until_sure)).await;
        let over = Instant::now();
        let again = sources.iter().zip(&asked).filter(|(source, asked)| {
            let kind = source.id().kind;
            let is_older = over.duration_since(asked.at) > STILL_NEW;
            is_older && asked.is_answered() && !kind.is_costly() && !kind.is_listing()
        });
        let again = join_all(again.map(|(source, _)| ask(source, usual(source)))).await;
        let asked = asked.into_iter().flat_map(|asked| asked.seen);
        asked.chain(again).collect()
    }

    /// All that `node` has defined, as JSON with password hashes in it.
    ///
    /// # Errors
    ///
    /// If it cannot be asked, or its answer is not whole.
    pub async fn definitions(&self, node: &NodeName) -> Result<SecretString, SourceFailure> {
        let found = self.definitions.iter().find(|each| each.node == *node);
        let found = found.ok_or_else(|| {
            let text = format!("the configuration names no host for {node}");
            SourceFailure::new(FailureKind::NotConfigured, text)
        })?;
        found.fetch().await
    }

    /// Polls and streams every source into `out` until the `Watch` is closed or dropped, or nobody
    /// receives any more.
    pub fn watch(self: &Arc<Self>, out: &mpsc::Sender<Observation>) -> Watch {
        let (pace, _) = watch::channel(Pace::Running);
        let mut watch = Watch {
            fleet: Arc::clone(self),
            wishes: Vec::new(),
            pace,
            end: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let polled = self.polled.iter().map(|source| source.id());
        let streamed = self.streamed.iter().map(|source| source.id());
        let wishes: Vec<(SourceId, Arc<Notify>)> = polled
            .chain(streamed)
            .map(|id| (id, Arc::new(Notify::new())))
            .collect();
        let (suspicious, seen) = mpsc::channel(wishes.len().max(1));
        let mut controls = wishes.iter().enumerate().map(|(own, (id, now))| {
            let others = wishes.iter().enumerate();
            let neighbours = others
                .filter(|(place, (other, _))| *place != own && other.host == id.host)
                .map(|(_, (_, now))| Arc::clone(now));
            let out = if suspicion::feeds(id.kind) {
                &suspicious
            } else {
                out
            };
            Control {
                now: Arc::clone(now),
                pace: watch.pace.subscribe(),
                end: watch.end.clone(),
                out: out.clone(),
                neighbours: Neighbours(neighbours.collect()),
            }
        });
        for (source, control) in self.polled.iter().zip(controls.by_ref()) {
            watch.tasks.spawn(poller::poll(Arc::clone(source), control));
        }
        for (source, control) in self.streamed.iter().zip(controls) {
            watch.tasks.spawn(Arc::clone(source).watch(control));
        }
        let fleet = Arc::clone(self);
        let follow = suspicion::follow(fleet, seen, out.clone(), watch.end.clone());
        watch.tasks.spawn(follow);
        watch.tasks.close();
        watch.wishes = wishes.into_iter().map(|(_, now)| now).collect();
        watch
    }
}

/// How long a source may take in a survey: there may be many queues to list.
fn usual(source: &Arc<dyn Source>) -> Duration {
    let kind = source.id().kind;
    if kind.is_costly() || kind.is_listing() {
        source.cadence().limit
    } else {
        SURVEY_LIMIT
    }
}

async fn ask(source: &Arc<dyn Source>, limit: Duration) -> Observation {
    poller::ask(&**source, limit).await
}

/// What one source of a survey said, and when it had said it.
struct Asked {
    seen: Vec<Observation>,
    at: Instant,
}

impl Asked {
    fn is_answered(&self) -> bool {
        self.seen.iter().any(|seen| seen.outcome.is_ok())
    }
}

/// Asks one; who takes the question and says nothing is asked until that is sure.
async fn ask_until_sure(source: &Arc<dyn Source>) -> Asked {
    let begun = Instant::now();
    let mut seen = vec![ask(source, usual(source)).await];
    // These speak for the process itself; an answer for the cluster may wait for others.
    let speaks = matches!(
        source.id().kind,
        SourceKind::Management | SourceKind::Haproxy
    );
    while speaks && is_mute(seen.last()) && begun.elapsed() < SURE {
        let left = SURE.saturating_sub(begun.elapsed());
        seen.push(ask(source, left.max(SHORTEST)).await);
    }
    Asked {
        seen,
        at: Instant::now(),
    }
}

fn is_mute(seen: Option<&Observation>) -> bool {
    let failure = seen.and_then(|seen| seen.outcome.as_ref().err());
    failure.is_some_and(|failure| failure.kind == FailureKind::Mute)
}

/// The running pollers of a fleet. Dropping it ends them.
#[derive(Debug)]
pub struct Watch {
    fleet: Arc<Fleet>,
    wishes: Vec<Arc<Notify>>,
    pace: watch::Sender<Pace>,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Watch {
    /// Asks every source now, also those that wait for a person: a password or a host key may
    /// have been put right.
    pub fn poll_now(&self) {
        self.fleet.forgive();
        self.fleet.links.iter().for_each(|link| link.retry_now());
        self.wishes.iter().for_each(|now| now.notify_one());
    }

    /// Stops asking until `resume`; what is under way is still reported.
    pub fn pause(&self) {
        self.pace.send_replace(Pace::Paused);
    }

    /// Goes on asking.
    pub fn resume(&self) {
        self.pace.send_replace(Pace::Running);
    }

    /// Ends all pollers and waits until they have ended.
    pub async fn close(self) {
        self.end.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

#[cfg(test)]
mod tests;
