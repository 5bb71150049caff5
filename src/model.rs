//! Owns all that is known about the cluster: the declared inventory and the readings of every
//! source. `Model::apply` is its only mutation. Pure: no I/O, no clock, no drawing.

pub mod alarm;
pub mod balancer;
pub mod broker;
pub mod capability;
pub mod cookie;
pub mod data;
pub mod front;
pub mod host;
pub mod impact;
pub mod inventory;
pub mod list;
pub mod moment;
pub mod name;
pub mod node;
pub mod observation;
pub mod path;
pub mod policy;
pub mod queue;
pub mod reading;
pub mod shutdown;
pub mod start;
pub mod text;
pub mod totals;
pub mod vip;
pub mod vrrp;

use alarm::Alarm;
use balancer::BalancerReport;
use broker::{
    ApiUser, BrokerReport, Listener, MessageTotals, MetadataStoreReport, NodeStatus, Policy,
    PolicyView, QueuePage,
};
use cookie::CookieReport;
use data::DataReport;
use host::{AddressReport, CanaryReport, NameReport, Restarts, ServiceReport};
use impact::QuorumVerdict;
use inventory::Inventory;
use moment::Moment;
use name::{HaproxyName, HostName, NodeName, VhostName};
use observation::{FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind};
use reading::Reading;
use shutdown::{NodeFiles, StopRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use vrrp::VrrpReport;

/// Readings of one kind, by host.
pub type ByHost<T> = BTreeMap<HostName, Reading<T>>;

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// What the operator declared.
    pub inventory: Inventory,
    /// Each node's own view of the cluster, by its host.
    pub brokers: ByHost<BrokerReport>,
    /// Whether stopping a node would lose a quorum, judged by that node, by its host.
    pub quorum: ByHost<QuorumVerdict>,
    /// Virtual hosts that do not run on a node that runs, by its host.
    pub vhosts_down: ByHost<Vec<VhostName>>,
    /// What a node says of its cluster over SSH, by its host.
    pub statuses: ByHost<NodeStatus>,
    /// What a node left on its host's disc, by its host.
    pub files: ByHost<NodeFiles>,
    /// The latest stop of the whole cluster in the journal of this machine, where a plan asked.
    pub remembered: Option<StopRecord>,
    /// Message totals, asked of one node.
    pub totals: Reading<MessageTotals>,
    /// What each member listened on when it was last listed: it stays known of one that stopped.
    pub listeners: BTreeMap<NodeName, Vec<Listener>>,
    /// Metadata store, asked of one node.
    pub metadata_store: Reading<MetadataStoreReport>,
    /// Alarms anywhere in the cluster, asked of one node.
    pub alarm_check: Reading<Vec<Alarm>>,
    /// The queues, asked of one node.
    pub queues: Reading<QueuePage>,
    /// Policies, asked of one node.
    pub policies: Reading<Vec<Policy>>,
    /// The configured user, asked of one node.
    pub user: Reading<ApiUser>,
    /// What each node says of policies and queues, by its host.
    pub policy_views: ByHost<PolicyView>,
    /// HAProxy, by its host.
    pub balancers: ByHost<BalancerReport>,
    /// Servers that the last run which told HAProxy of them took out, by the journal of this machine,
    /// where a plan asked: load balancer, backend, server.
    pub taken_out: BTreeSet<(HostName, HaproxyName, HaproxyName)>,
    /// Why a HAProxy takes no commands from us, by its host, where it was tried.
    pub deaf: BTreeMap<HostName, String>,
    /// Addresses, by host.
    pub addresses: ByHost<AddressReport>,
    /// Services, by host.
    pub services: ByHost<ServiceReport>,
    /// How often each host's broker was restarted while we looked.
    pub restarts: BTreeMap<HostName, Restarts>,
    /// keepalived, by host.
    pub vrrp: ByHost<VrrpReport>,
    /// AMQP handshakes, by the host they went through.
    pub canaries: ByHost<CanaryReport>,
    /// The addresses by which each host knows the others.
    pub names: ByHost<NameReport>,
    /// What may be known of each host's Erlang cookie.
    pub cookies: ByHost<CookieReport>,
    /// The data directory of each host's node.
    pub data: ByHost<DataReport>,
    /// How every source fares.
    pub sources: BTreeMap<SourceId, SourceStatus>,
    /// Members on whose running the nodes disagree, and since when.
    pub disagreements: BTreeMap<NodeName, Moment>,
    /// Who was last seen to hold each VIP, and when that changed; `None` while it never did.
    pub holders: BTreeMap<IpAddr, (Vec<HostName>, Option<Moment>)>,
}

/// How one source fares.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// The last attempt's end.
    pub attempted_at: Moment,
    /// The last good answer.
    pub answered_at: Option<Moment>,
    /// How long the last attempt took.
    pub took: Duration,
    /// Failures since the last good answer.
    pub failures: u32,
    /// The last failure, if there was no good answer since.
    pub failure: Option<SourceFailure>,
    /// When the first of the attempts began that ended without any sign of life; `None` if the
    /// last attempt showed one.
    pub silent_since: Option<Moment>,
    /// When the first of the attempts began that were accepted and then got no answer; `None` if
    /// the last attempt was not one of them.
    pub mute_since: Option<Moment>,
}

/// Who accepts connections and says nothing for this long hangs.
pub const HUNG: Duration = Duration::from_secs(10);

/// How old a reading of this kind may be and still be taken for what is so now.
///
/// Three times the polling interval, so that one lost answer does not blank a panel.
pub fn freshness_limit(kind: SourceKind) -> Duration {
    Duration::from_secs(match kind {
        SourceKind::Vip => 8,
        SourceKind::Haproxy => 10,
        SourceKind::Management
        | SourceKind::Services
        | SourceKind::Keepalived
        | SourceKind::QuorumCritical
        | SourceKind::VirtualHosts => 15,
        SourceKind::Totals => 30,
        // A list of many is asked for rarely, to spare the broker.
        SourceKind::Queues => 75,
        SourceKind::Alarms => 45,
        // Asked on demand, side by side: the first answer waits for the last.
        SourceKind::PolicyView
        | SourceKind::NodeStatus
        | SourceKind::NodeFiles
        | SourceKind::Names
        | SourceKind::Cookie
        | SourceKind::Data => 40,
        SourceKind::Canary => 60,
        SourceKind::Policies | SourceKind::User | SourceKind::MetadataStore => 180,
    })
}

impl Model {
    /// A model that knows only what was declared.
    pub fn new(inventory: Inventory) -> Self {
        Self {
            inventory,
            ..Self::default()
        }
    }

    /// Folds one observation in.
    pub fn apply(&mut self, observation: Observation) {
        let Observation {
            source,
            at,
            took,
            outcome,
        } = observation;
        self.note_source(&source, at, took, outcome.as_ref().err());
        match outcome {
            Ok(payload) => self.succeed(source.host, payload, at),
            Err(failure) => self.fail(&source, &failure, at),
        }
    }

    fn note_source(
        &mut self,
        source: &SourceId,
        at: Moment,
        took: Duration,
        failure: Option<&SourceFailure>,
    ) {
        let mut status = SourceStatus {
            attempted_at: at,
            answered_at: None,
            took,
            failures: 0,
            failure: None,
            silent_since: None,
            mute_since: None,
        };
        // A question for the cluster is one source, whoever answers it: it goes on under the host
        // that did so last, and what another failed to answer is over.
        self.sources.retain(|known, before| {
            let is_same =
                known == source || (source.kind.is_of_cluster() && known.kind == source.kind);
            if is_same {
                let silent_since = before.silent_since.filter(|_| known == source);
                let mute_since = before.mute_since.filter(|_| known == source);
                status = SourceStatus {
                    silent_since,
                    mute_since,
                    ..before.clone()
                };
            }
            !is_same
        });
        status.attempted_at = at;
        status.took = took;
        status.failure = failure.cloned();
        status.silent_since = failure
            .filter(|failure| failure.kind.suggests_host_dead())
            .map(|_| status.silent_since.unwrap_or(at.earlier(took)));
        status.mute_since = failure
            .filter(|failure| failure.kind == FailureKind::Mute)
            .map(|_| status.mute_since.unwrap_or(at.earlier(took)));
        if failure.is_some() {
            status.failures = status.failures.saturating_add(1);
        } else {
            status.failures = 0;
            status.answered_at = Some(at);
        }
        self.sources.insert(source.clone(), status);
    }

    fn succeed(&mut self, host: HostName, payload: Payload, at: Moment) {
        match payload {
            Payload::Broker(report) => {
                self.brokers.entry(host).or_default().succeed(report, at);
                self.note_disagreements(at);
            }
            Payload::QuorumCritical(verdict) => {
                self.quorum.entry(host).or_default().succeed(verdict, at);
            }
            Payload::VirtualHosts(down) => {
                self.vhosts_down.entry(host).or_default().succeed(down, at);
            }
            Payload::NodeStatus(status) => {
                self.statuses.entry(host).or_default().succeed(status, at);
            }
            Payload::NodeFiles(files) => self.files.entry(host).or_default().succeed(files, at),
            Payload::Totals(totals) => {
                self.note_listeners(&totals.listeners);
                self.totals.succeed(totals, at);
            }
            Payload::MetadataStore(report) => self.metadata_store.succeed(report, at),
            Payload::Alarms(alarms) => self.alarm_check.succeed(alarms, at),
            Payload::Queues(page) => self.queues.succeed(page, at),
            Payload::Policies(policies) => self.policies.succeed(policies, at),
            Payload::User(user) => self.user.succeed(user, at),
            Payload::PolicyView(view) => {
                self.policy_views.entry(host).or_default().succeed(view, at);
            }
            Payload::Balancer(report) => {
                self.balancers.entry(host).or_default().succeed(report, at);
            }
            Payload::Addresses(report) => {
                self.addresses.entry(host).or_default().succeed(report, at);
                self.note_holders(at);
            }
            Payload::Services(report) => self.note_services(host, report, at),
            Payload::Vrrp(report) => self.vrrp.entry(host).or_default().succeed(report, at),
            Payload::Canary(report) => self.canaries.entry(host).or_default().succeed(report, at),
            Payload::Names(report) => self.names.entry(host).or_default().succeed(report, at),
            Payload::Cookie(report) => self.cookies.entry(host).or_default().succeed(report, at),
            Payload::Data(report) => self.data.entry(host).or_default().succeed(report, at),
        }
    }

    fn note_services(&mut self, host: HostName, report: ServiceReport, at: Moment) {
        if let Some(life) = &report.broker {
            let known = self.restarts.entry(host.clone());
            let known = known.or_insert_with(|| Restarts::from(life.restarts));
            known.note(life.restarts, at);
        }
        self.services.entry(host).or_default().succeed(report, at);
    }

    /// Remembers when a VIP came to its holders, so that a handover is not taken for a fault.
    fn note_holders(&mut self, now: Moment) {
        // Learning of a host for the first time is no change of what it holds.
        let all_asked = self
            .inventory
            .vrrp_hosts()
            .all(|host| self.was_asked(SourceKind::Vip, &host.name));
        if !all_asked {
            return;
        }
        for address in self.inventory.vips.clone() {
            let holders = self.vip(address, now).holders;
            match self.holders.get_mut(&address) {
                Some((known, changed)) if *known != holders => {
                    *known = holders;
                    *changed = Some(now);
                }
                Some(_) => {}
                None => {
                    self.holders.insert(address, (holders, None));
                }
            }
        }
    }

    /// When the holders of `address` last changed, if that was seen.
    pub fn holders_changed(&self, address: IpAddr) -> Option<Moment> {
        self.holders.get(&address)?.1
    }

    /// Remembers since when the nodes disagree on a member, so that a change seen by one node
    /// before another is not taken for a partition.
    fn note_disagreements(&mut self, now: Moment) {
        let disputed: Vec<NodeName> = self
            .members()
            .into_iter()
            .filter(|name| {
                let mut says = self
                    .views_on(name, now)
                    .filter_map(|(_, report)| report.node(name)?.running);
                let first = says.next();
                says.any(|running| Some(running) != first)
            })
            .collect();
        self.disagreements.retain(|name, _| disputed.contains(name));
        for name in disputed {
            self.disagreements.entry(name).or_insert(now);
        }
    }

    fn fail(&mut self, source: &SourceId, failure: &SourceFailure, at: Moment) {
        let failure = failure.clone();
        let host = source.host.clone();
        match source.kind {
            SourceKind::Management => {
                self.brokers.entry(host).or_default().fail(failure, at);
                self.note_disagreements(at);
            }
            SourceKind::QuorumCritical => self.quorum.entry(host).or_default().fail(failure, at),
            SourceKind::VirtualHosts => self.vhosts_down.entry(host).or_default().fail(failure, at),
            SourceKind::NodeStatus => self.statuses.entry(host).or_default().fail(failure, at),
            SourceKind::NodeFiles => self.files.entry(host).or_default().fail(failure, at),
            SourceKind::Totals => self.totals.fail(failure, at),
            SourceKind::MetadataStore => self.metadata_store.fail(failure, at),
            SourceKind::Alarms => self.alarm_check.fail(failure, at),
            SourceKind::Queues => self.queues.fail(failure, at),
            SourceKind::Policies => self.policies.fail(failure, at),
            SourceKind::User => self.user.fail(failure, at),
            SourceKind::PolicyView => {
                self.policy_views.entry(host).or_default().fail(failure, at);
            }
            SourceKind::Haproxy => self.balancers.entry(host).or_default().fail(failure, at),
            SourceKind::Vip => self.addresses.entry(host).or_default().fail(failure, at),
            SourceKind::Services => self.services.entry(host).or_default().fail(failure, at),
            SourceKind::Keepalived => self.vrrp.entry(host).or_default().fail(failure, at),
            SourceKind::Canary => self.canaries.entry(host).or_default().fail(failure, at),
            SourceKind::Names => self.names.entry(host).or_default().fail(failure, at),
            SourceKind::Cookie => self.cookies.entry(host).or_default().fail(failure, at),
            SourceKind::Data => self.data.entry(host).or_default().fail(failure, at),
        }
    }

    /// The reading of `host` in `map`, if it may be taken for what is so now.
    pub(crate) fn current<'a, T>(
        map: &'a ByHost<T>,
        host: &HostName,
        kind: SourceKind,
        now: Moment,
    ) -> Option<&'a T> {
        map.get(host)?.current(now, freshness_limit(kind))
    }

    /// Whether this was asked at all; before that, not knowing is no trouble.
    pub fn was_asked(&self, kind: SourceKind, host: &HostName) -> bool {
        self.sources
            .contains_key(&SourceId::new(kind, host.clone()))
    }

    /// A node's own view, if current.
    pub fn broker(&self, host: &HostName, now: Moment) -> Option<&BrokerReport> {
        Self::current(&self.brokers, host, SourceKind::Management, now)
    }

    /// All current views with the host each comes from, in the inventory's order.
    pub fn views(&self, now: Moment) -> impl Iterator<Item = (&HostName, &BrokerReport)> {
        self.inventory
            .nodes()
            .filter_map(move |(host, _)| Some((&host.name, self.broker(&host.name, now)?)))
    }

    /// What a node says of policies and queues, if current.
    pub fn policy_view(&self, host: &HostName, now: Moment) -> Option<&PolicyView> {
        Self::current(&self.policy_views, host, SourceKind::PolicyView, now)
    }

    /// What the node of `host` left on its disc, if just looked at.
    pub fn files_of(&self, host: &HostName, now: Moment) -> Option<&NodeFiles> {
        Self::current(&self.files, host, SourceKind::NodeFiles, now)
    }

    /// A load balancer's statistics, if current.
    pub fn balancer(&self, host: &HostName, now: Moment) -> Option<&BalancerReport> {
        Self::current(&self.balancers, host, SourceKind::Haproxy, now)
    }

    /// A host's services, if current.
    pub fn service(&self, host: &HostName, now: Moment) -> Option<&ServiceReport> {
        Self::current(&self.services, host, SourceKind::Services, now)
    }

    /// The addresses of a host's machine, if current.
    pub fn address(&self, host: &HostName, now: Moment) -> Option<&AddressReport> {
        let speaker = self.inventory.speaker(host);
        Self::current(&self.addresses, speaker, SourceKind::Vip, now)
    }

    /// The cluster's name as the first node that answers knows it, current or last known.
    pub fn cluster_name(&self) -> Option<&text::Shown> {
        self.inventory
            .nodes()
            .find_map(|(host, _)| self.brokers.get(&host.name)?.last()?.cluster_name.as_ref())
    }
}
