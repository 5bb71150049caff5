//! Owns the article's cluster as it is: three members, two load balancers, one VIP, or more, or
//! less, or in trouble. It speaks only through observations, as the sources do (`reports`), so that
//! the model under test is the real one. Members are counted from 0. Knows no expected result.

mod disc;
mod fronts;
pub(crate) mod policies;
mod reports;

use rmqtop::model::Model;
use rmqtop::model::broker::{MetadataStoreReport, ObjectTotals, QueueType};
use rmqtop::model::inventory::{
    Access, BalancerEntry, HostEntry, Inventory, Keepalived, ServiceNames,
};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::{HostName, NodeName, VhostName};
use rmqtop::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use rmqtop::model::policy::PolicyRule;
use std::collections::BTreeMap;
use std::time::Duration;

/// The virtual address of the article.
pub(crate) const VIP: &str = "192.168.0.200";

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Running,
    AppStopped,
    Down,
    HostDead,
    /// Its service ends and is started again.
    Restarting,
    /// Its service boots, and waits.
    Starting,
    /// Its process is there and says nothing.
    Hung,
}

/// A queue as a test describes it.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) kind: QueueType,
    /// Indexes of members; the first leads.
    pub(crate) members: Vec<usize>,
    pub(crate) durable: bool,
    pub(crate) messages: u64,
}

/// The cluster as it is, of which observations are made.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) version: String,
    pub(crate) khepri: Option<bool>,
    pub(crate) lives: Vec<Life>,
    pub(crate) queues: Vec<Queue>,
    /// How many of the queues the user is shown; `None`: all.
    pub(crate) shown: Option<usize>,
    /// Whether the broker tells what lies in its queues.
    pub(crate) tells_depths: bool,
    /// Connections per member.
    pub(crate) connections: Vec<usize>,
    /// What the overview counts, where that is not what is described here.
    pub(crate) counted: Option<ObjectTotals>,
    /// Hosts with HAProxy, by index; they see the servers of running members UP.
    pub(crate) balancers: Vec<usize>,
    /// The VIP's holder.
    pub(crate) holder: Option<usize>,
    /// Members with a memory alarm.
    pub(crate) alarms: Vec<usize>,
    /// Virtual hosts that do not run on a member, though it does.
    pub(crate) vhosts_down: Vec<(usize, String)>,
    /// Members whose statistics do not come.
    pub(crate) statless: Vec<usize>,
    /// Sources that fail for a reason of their own.
    pub(crate) mute: Vec<(SourceKind, usize)>,
    /// Servers that HAProxy keeps in MAINT.
    pub(crate) maint: Vec<usize>,
    /// Load balancers with the servers that they keep in DRAIN.
    pub(crate) spared: Vec<(usize, usize)>,
    /// Load balancers with the servers that they keep in MAINT since they were told to.
    pub(crate) out: Vec<(usize, usize)>,
    /// Load balancers whose runtime socket is not configured.
    pub(crate) untold: Vec<usize>,
    /// Where a second backend of every HAProxy leads to on each member; then the configuration names
    /// no backend.
    pub(crate) second: Option<u16>,
    /// Load balancers with the servers of that backend that they keep in MAINT or DRAIN.
    pub(crate) second_out: Vec<(usize, usize)>,
    /// What HAProxy says of the servers of members that are up, where it is another word and weight
    /// than usual.
    pub(crate) odd_rows: Vec<(usize, &'static str, u64)>,
    /// HAProxy reaches the members by addresses that the configuration does not name.
    pub(crate) inner_net: bool,
    /// Members in maintenance mode.
    pub(crate) draining: Vec<usize>,
    /// RAM members.
    pub(crate) ram: Vec<usize>,
    /// Nodes that are no members: each a blank cluster of its own.
    pub(crate) strangers: Vec<usize>,
    /// Strangers that are not blank.
    pub(crate) laden: Vec<usize>,
    /// Strangers that believe to be members still: with what is on their disk they run on, and
    /// cannot boot.
    pub(crate) stale: Vec<usize>,
    /// Hosts whose Erlang cookie is one of their own.
    pub(crate) odd_cookies: Vec<usize>,
    /// Hosts whose node's data was moved aside, and to where.
    pub(crate) aside: Vec<(usize, String)>,
    /// How the cluster is called.
    pub(crate) name: String,
    /// Its policies.
    pub(crate) policies: Vec<PolicyRule>,
    /// A member that has heard of no policy yet.
    pub(crate) behind: Option<usize>,
    /// Queues whose mirrors have not caught up.
    pub(crate) lagging: Vec<String>,
    /// Tags of the user of the management API.
    pub(crate) tags: Vec<String>,
    /// Who ran when a member stopped, where that is not all of them.
    pub(crate) ran: BTreeMap<usize, Vec<usize>>,
    /// Whose service systemd holds for failed, and does not start before that is reset.
    pub(crate) failed: Vec<usize>,
    /// Members that are told to start with what they have.
    pub(crate) forced: Vec<usize>,
    /// Members whose data directory is gone.
    pub(crate) wiped: Vec<usize>,
}

impl Cluster {
    /// The article's cluster, all well.
    pub(crate) fn healthy() -> Self {
        Self::of(3)
    }

    /// So many members, all well; the first two are load balancers.
    pub(crate) fn of(members: usize) -> Self {
        Self {
            version: "3.10.8".to_owned(),
            khepri: None,
            lives: vec![Life::Running; members],
            queues: Vec::new(),
            shown: None,
            tells_depths: true,
            connections: vec![0; members],
            counted: None,
            balancers: (0..members.min(2)).collect(),
            holder: Some(0),
            alarms: Vec::new(),
            vhosts_down: Vec::new(),
            statless: Vec::new(),
            mute: Vec::new(),
            maint: Vec::new(),
            spared: Vec::new(),
            out: Vec::new(),
            untold: Vec::new(),
            second: None,
            second_out: Vec::new(),
            odd_rows: Vec::new(),
            inner_net: false,
            draining: Vec::new(),
            ram: Vec::new(),
            strangers: Vec::new(),
            laden: Vec::new(),
            stale: Vec::new(),
            odd_cookies: Vec::new(),
            aside: Vec::new(),
            name: "my_rabbitmq_cluster".to_owned(),
            policies: Vec::new(),
            behind: None,
            lagging: Vec::new(),
            tags: vec!["administrator".to_owned()],
            ran: BTreeMap::new(),
            failed: Vec::new(),
            forced: Vec::new(),
            wiped: Vec::new(),
        }
    }

    pub(crate) fn with_queue(mut self, name: &str, kind: QueueType, members: &[usize]) -> Self {
        self.queues.push(Queue {
            name: name.to_owned(),
            kind,
            members: members.to_vec(),
            durable: true,
            messages: 40,
        });
        self
    }

    pub(crate) fn with_life(mut self, member: usize, life: Life) -> Self {
        self.lives[member] = life;
        self
    }

    pub(crate) fn inventory(&self) -> Inventory {
        let host = |index: usize| HostEntry {
            name: host(index),
            machine: host(index),
            address: address(index),
            addresses: vec![address(index).parse().unwrap()],
            access: Access::Ssh,
            node: Some(node(index)),
            balancer: self.balancers.contains(&index).then(|| BalancerEntry {
                backend: self.second.is_none().then(|| "rabbitmq_cluster".to_owned()),
                stats_url: Some(format!("http://{}:8100/stats", address(index))),
                socket: (!self.untold.contains(&index))
                    .then(|| "/run/haproxy/admin.sock".to_owned()),
            }),
            keepalived: if self.balancers.contains(&index) {
                Keepalived::Expected
            } else {
                Keepalived::Absent
            },
            port: None,
            services: ServiceNames::default(),
        };
        Inventory {
            cluster: "prod".to_owned(),
            vips: if self.balancers.is_empty() {
                Vec::new()
            } else {
                vec![VIP.parse().unwrap()]
            },
            amqp_port: Some(5671),
            hosts: (0..self.lives.len()).map(host).collect(),
            api: policies::api(),
        }
    }

    /// A model that has seen everything at `now`.
    pub(crate) fn model(&self, now: Moment) -> Model {
        let mut model = Model::new(self.inventory());
        for observation in self.look(&EVERYTHING, now) {
            model.apply(observation);
        }
        model.taken_out = self.taken_out();
        model
    }

    /// What the sources of these kinds would report at `now`.
    pub(crate) fn look(&self, kinds: &[SourceKind], now: Moment) -> Vec<Observation> {
        let mut seen = Vec::new();
        for kind in kinds {
            for index in 0..self.lives.len() {
                if let Some(outcome) = self.source(*kind, index) {
                    seen.push(Observation {
                        source: SourceId::new(*kind, host(index)),
                        at: now,
                        took: Duration::from_millis(5),
                        outcome,
                    });
                }
            }
        }
        seen
    }

    #[expect(
        clippy::too_many_lines,
        clippy::wildcard_enum_match_arm,
        reason = "a table: what each kind of source says, and that the others are silent"
    )]
    fn source(&self, kind: SourceKind, index: usize) -> Option<Result<Payload, SourceFailure>> {
        let life = self.lives[index];
        let fail = |kind, words: &str| Some(Err(SourceFailure::new(kind, words)));
        if self.mute.contains(&(kind, index)) {
            return fail(FailureKind::Timeout, "no answer within 10 s");
        }
        if life == Life::HostDead {
            return match kind {
                SourceKind::Haproxy if !self.balancers.contains(&index) => None,
                SourceKind::Haproxy
                | SourceKind::Vip
                | SourceKind::Management
                | SourceKind::QuorumCritical
                | SourceKind::VirtualHosts
                | SourceKind::PolicyView
                | SourceKind::NodeFiles
                | SourceKind::Services => fail(FailureKind::Timeout, "no answer within 3 s"),
                _ => None,
            };
        }
        // Maintenance mode closes the node's own API too.
        let api = life == Life::Running && !self.draining.contains(&index);
        let serves = |at: &usize| {
            self.lives[*at] == Life::Running
                && !self.draining.contains(at)
                && !self.strangers.contains(at)
        };
        let first = (0..self.lives.len()).find(serves) == Some(index);
        let own = matches!(
            kind,
            SourceKind::Management
                | SourceKind::QuorumCritical
                | SourceKind::VirtualHosts
                | SourceKind::PolicyView
        );
        match kind {
            _ if own && life == Life::Hung => fail(FailureKind::Mute, "connected, and no answer"),
            _ if own && !api => fail(FailureKind::Refused, "connection refused"),
            _ if own && self.strangers.contains(&index) => {
                fail(FailureKind::Unauthorized, "401: the user is not known")
            }
            SourceKind::Management => Some(Ok(Payload::Broker(self.report(index)))),
            SourceKind::QuorumCritical => Some(Ok(Payload::QuorumCritical(self.critical(index)))),
            SourceKind::VirtualHosts => {
                let down = self.vhosts_down.iter().filter(|(on, _)| *on == index);
                let down = down.map(|(_, name)| VhostName::new(name)).collect();
                Some(Ok(Payload::VirtualHosts(down)))
            }
            SourceKind::MetadataStore if first => {
                Some(Ok(Payload::MetadataStore(MetadataStoreReport {
                    khepri_enabled: self.khepri,
                })))
            }
            SourceKind::Alarms if first => Some(Ok(Payload::Alarms(self.raised()))),
            SourceKind::PolicyView => Some(Ok(Payload::PolicyView(self.policy_view(index)))),
            SourceKind::Policies | SourceKind::User if first => self.policy_word(kind).map(Ok),
            SourceKind::Queues if first => Some(Ok(Payload::Queues(self.queue_page()))),
            SourceKind::Totals if first => Some(Ok(Payload::Totals(self.message_totals()))),
            SourceKind::NodeStatus if life == Life::Running => {
                Some(Ok(Payload::NodeStatus(self.status(index))))
            }
            SourceKind::NodeStatus => fail(FailureKind::Server, "the app is not running"),
            SourceKind::NodeFiles => Some(Ok(Payload::NodeFiles(self.files(index)))),
            SourceKind::Services => Some(Ok(Payload::Services(self.services(index)))),
            SourceKind::Haproxy if self.balancers.contains(&index) => {
                Some(Ok(Payload::Balancer(self.balancer_of(index))))
            }
            // A host that should not hold the address may hold it all the same.
            SourceKind::Vip if !self.balancers.is_empty() => {
                Some(Ok(Payload::Addresses(self.addresses(index))))
            }
            SourceKind::Keepalived if self.balancers.contains(&index) => {
                Some(Ok(Payload::Vrrp(self.vrrp(index))))
            }
            SourceKind::Names => Some(Ok(Payload::Names(self.names(index)))),
            SourceKind::Cookie => Some(Ok(Payload::Cookie(self.cookie(index)))),
            SourceKind::Data => Some(Ok(Payload::Data(self.data(index)))),
            _ => None,
        }
    }
}

/// Every kind of source that the builder can speak for.
pub(crate) const EVERYTHING: [SourceKind; 19] = [
    SourceKind::Management,
    SourceKind::NodeStatus,
    SourceKind::NodeFiles,
    SourceKind::QuorumCritical,
    SourceKind::VirtualHosts,
    SourceKind::MetadataStore,
    SourceKind::Alarms,
    SourceKind::Queues,
    SourceKind::Totals,
    SourceKind::Services,
    SourceKind::Haproxy,
    SourceKind::Vip,
    SourceKind::Keepalived,
    SourceKind::Policies,
    SourceKind::PolicyView,
    SourceKind::User,
    SourceKind::Names,
    SourceKind::Cookie,
    SourceKind::Data,
];

/// `rabbit@rabbit-node1` for 0.
pub(crate) fn node(index: usize) -> NodeName {
    NodeName::parse(&format!("rabbit@rabbit-node{}", index + 1)).unwrap()
}

/// `rabbit-node1` for 0.
pub(crate) fn host(index: usize) -> HostName {
    HostName::parse(&format!("rabbit-node{}", index + 1)).unwrap()
}

/// The article's hosts have .12, .14 and .15.
fn address(index: usize) -> String {
    let last = if index == 0 { 12 } else { 13 + index };
    format!("192.168.0.{last}")
}
