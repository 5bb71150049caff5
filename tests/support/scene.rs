//! Owns what is known of the article's cluster at a moment: a model built the way the program
//! builds it, by observations. Tests change one thing at a time, on the source that sees it, and
//! look at what follows. What the sources say is `cluster`'s. Knows no expected result.

use super::cluster::{Cluster, Life, host};
use rmqtop::model::Model;
use rmqtop::model::balancer::BalancerReport;
use rmqtop::model::broker::{BrokerReport, MetadataStoreReport, ObjectTotals};
use rmqtop::model::host::{AddressReport, ServiceReport};
use rmqtop::model::moment::Moment;
use rmqtop::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use rmqtop::model::vrrp::{Daemon, VrrpReport};
use std::time::Duration;

/// The article's cluster with clients, some members' apps stopped.
fn told(version: &str, stopped: &[usize]) -> Cluster {
    let mut cluster = Cluster {
        version: version.to_owned(),
        connections: vec![13, 12, 12],
        counted: Some(ObjectTotals {
            connections: Some(37),
            queues: Some(812),
            ..ObjectTotals::default()
        }),
        ..Cluster::healthy()
    };
    for member in stopped {
        cluster.lives[*member] = Life::AppStopped;
    }
    cluster
}

/// What is known, and when.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// What is known.
    pub(crate) model: Model,
    /// This moment.
    pub(crate) now: Moment,
}

impl Scene {
    /// Nothing was observed yet.
    pub(crate) fn unseen() -> Self {
        Self {
            model: Model::new(told("3.10.8", &[]).inventory()),
            now: Moment::ORIGIN,
        }
    }

    /// Everything well, just observed.
    pub(crate) fn healthy(version: &str) -> Self {
        let truth = told(version, &[]);
        let mut scene = Self::unseen();
        for member in 0..3 {
            scene.sees(member, Payload::Broker(truth.report(member)));
            scene.sees(member, Payload::Services(truth.services(member)));
            scene.sees(member, Payload::Addresses(truth.addresses(member)));
        }
        for member in 0..2 {
            scene.sees(member, Payload::Balancer(truth.balancer()));
            scene.sees(member, Payload::Vrrp(truth.vrrp(member)));
        }
        let khepri_enabled = (version >= "3.13").then_some(version >= "4.3");
        scene.sees(
            0,
            Payload::MetadataStore(MetadataStoreReport { khepri_enabled }),
        );
        scene
    }

    /// A source of a host reports.
    pub(crate) fn sees(&mut self, member: usize, payload: Payload) -> &mut Self {
        let kind = kind_of(&payload);
        self.observe(member, kind, Ok(payload))
    }

    /// A source of a host fails.
    pub(crate) fn fails(&mut self, member: usize, kind: SourceKind, why: FailureKind) -> &mut Self {
        let failure = SourceFailure::new(why, format!("{kind} of node{}: {why}", member + 1));
        self.observe(member, kind, Err(failure))
    }

    fn observe(
        &mut self,
        member: usize,
        kind: SourceKind,
        outcome: Result<Payload, SourceFailure>,
    ) -> &mut Self {
        self.model.apply(Observation {
            source: SourceId::new(kind, host(member)),
            at: self.now,
            took: Duration::from_millis(7),
            outcome,
        });
        self
    }

    /// The app of a node is stopped: its peers see it, its API refuses, HAProxy has noticed.
    pub(crate) fn app_stopped(&mut self, member: usize) -> &mut Self {
        self.others_see_stopped(member);
        self.fails(member, SourceKind::Management, FailureKind::Refused);
        for balancer_host in 0..2 {
            self.sees(balancer_host, Payload::Balancer(balancer(&[member])));
        }
        self
    }

    /// The service is stopped too; the host is up.
    pub(crate) fn service_stopped(&mut self, member: usize) -> &mut Self {
        self.app_stopped(member);
        let down = Cluster::healthy().with_life(member, Life::Down);
        self.sees(member, Payload::Services(down.services(member)))
    }

    /// Nothing on a host answers any more.
    pub(crate) fn host_silent(&mut self, member: usize) -> &mut Self {
        let mut kinds = vec![
            SourceKind::Management,
            SourceKind::Services,
            SourceKind::Vip,
        ];
        if member < 2 {
            kinds.extend([SourceKind::Haproxy, SourceKind::Keepalived]);
        }
        for kind in kinds {
            self.fails(member, kind, FailureKind::Timeout);
        }
        self
    }

    /// The host of the first member is dead, and the second has taken the VIP over.
    pub(crate) fn holder_dead(version: &str) -> Self {
        let mut scene = Self::healthy(version);
        scene.others_see_stopped(0);
        scene.host_silent(0);
        scene.fails(0, SourceKind::MetadataStore, FailureKind::Timeout);
        scene.sees(1, Payload::Balancer(balancer(&[0])));
        scene.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
        scene
    }

    /// The nodes other than this one see it stopped.
    pub(crate) fn others_see_stopped(&mut self, member: usize) -> &mut Self {
        for other in (0..3).filter(|other| *other != member) {
            let version = self.model.brokers[&host(other)]
                .last()
                .unwrap()
                .version
                .clone()
                .unwrap();
            self.sees(
                other,
                Payload::Broker(view(other, version.text.raw(), &[member])),
            );
        }
        self
    }

    /// Time passes; nothing is observed.
    pub(crate) fn passes(&mut self, by: Duration) -> &mut Self {
        self.now = self.now.later(by);
        self
    }
}

fn kind_of(payload: &Payload) -> SourceKind {
    match payload {
        Payload::Broker(_) => SourceKind::Management,
        Payload::Totals(_) => SourceKind::Totals,
        Payload::MetadataStore(_) => SourceKind::MetadataStore,
        Payload::Alarms(_) => SourceKind::Alarms,
        Payload::Queues(_) => SourceKind::Queues,
        Payload::Policies(_) => SourceKind::Policies,
        Payload::User(_) => SourceKind::User,
        Payload::PolicyView(_) => SourceKind::PolicyView,
        Payload::VirtualHosts(_) => SourceKind::VirtualHosts,
        Payload::QuorumCritical(_) => SourceKind::QuorumCritical,
        Payload::NodeStatus(_) => SourceKind::NodeStatus,
        Payload::NodeFiles(_) => SourceKind::NodeFiles,
        Payload::Balancer(_) => SourceKind::Haproxy,
        Payload::Addresses(_) => SourceKind::Vip,
        Payload::Services(_) => SourceKind::Services,
        Payload::Vrrp(_) => SourceKind::Keepalived,
        Payload::Names(_) => SourceKind::Names,
        Payload::Cookie(_) => SourceKind::Cookie,
        Payload::Data(_) => SourceKind::Data,
        Payload::Canary(_) => SourceKind::Canary,
    }
}

/// Whether a host holds the VIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vip {
    /// It does.
    Held,
    /// It does not.
    Absent,
}

/// What a member says of the cluster, with the members that do not run by its word.
pub(crate) fn view(by: usize, version: &str, stopped: &[usize]) -> BrokerReport {
    told(version, stopped).report(by)
}

/// A host with everything up.
pub(crate) fn services(member: usize) -> ServiceReport {
    Cluster::healthy().services(member)
}

/// keepalived on a host, as far as it runs.
pub(crate) fn keepalived(member: usize, daemon: Daemon) -> VrrpReport {
    VrrpReport {
        daemon,
        ..Cluster::healthy().vrrp(member)
    }
}

/// A host's addresses, with or without the VIP.
pub(crate) fn addresses(member: usize, vip: Vip) -> AddressReport {
    let cluster = Cluster {
        holder: (vip == Vip::Held).then_some(member),
        ..Cluster::healthy()
    };
    cluster.addresses(member)
}

/// HAProxy with three servers, some of them DOWN.
pub(crate) fn balancer(down: &[usize]) -> BalancerReport {
    told("3.10.8", down).balancer()
}
