//! Owns the vocabulary in which sources report: which source, when, how long it took, and what
//! it saw or why it failed. Failure is an observation like any other.

use super::alarm::Alarm;
use super::balancer::BalancerReport;
use super::broker::{
    ApiUser, BrokerReport, MessageTotals, MetadataStoreReport, NodeStatus, Policy, PolicyView,
    QueuePage,
};
use super::cookie::CookieReport;
use super::data::DataReport;
use super::host::{AddressReport, CanaryReport, NameReport, ServiceReport};
use super::impact::QuorumVerdict;
use super::moment::Moment;
use super::name::{HostName, VhostName};
use super::shutdown::NodeFiles;
use super::text::Shown;
use super::vrrp::VrrpReport;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What is asked of a host.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SourceKind {
    /// The node's own `/api/overview` (without statistics) and `/api/nodes`.
    Management,
    /// Message totals and rates: `/api/overview` with statistics, asked of one node only.
    Totals,
    /// `/api/feature-flags`: which metadata store is in use.
    MetadataStore,
    /// `/api/health/checks/alarms`, which any node answers for the whole cluster.
    Alarms,
    /// All of `/api/queues`.
    Queues,
    /// `/api/policies`.
    Policies,
    /// `/api/whoami`: what the configured user may do. Asked on demand only.
    User,
    /// A node's own word on policies, and on what is in force on its queues. Asked on demand only.
    PolicyView,
    /// `/api/health/checks/node-is-quorum-critical`, which judges the node that answers.
    QuorumCritical,
    /// `/api/health/checks/virtual-hosts`, which judges the node that answers. Asked on demand only.
    VirtualHosts,
    /// What the node itself says of its cluster, by `rabbitmqctl` over SSH. Asked on demand only.
    NodeStatus,
    /// What the node left on its host's disc, over SSH: who ran when it stopped, who its members
    /// are, its release and store, what its log says of its start. Asked on demand only.
    NodeFiles,
    /// HAProxy's statistics, by HTTP or by its runtime socket.
    Haproxy,
    /// The host's addresses, streamed over SSH.
    Vip,
    /// systemd units and epmd registrations, over SSH.
    Services,
    /// Whether keepalived runs, its configuration and its links, over SSH.
    Keepalived,
    /// An AMQP handshake through the VIP or a load balancer.
    Canary,
    /// The addresses by which a host knows the others, over SSH. Asked on demand only.
    Names,
    /// Whether the Erlang cookies are equal, over SSH; never what they are. Asked on demand only.
    Cookie,
    /// Where the node's data is and who uses it, over SSH. Asked on demand only.
    Data,
}

impl SourceKind {
    /// Whether the question takes seconds, or root's rights, or concerns one runbook alone, so
    /// that it is asked only where a plan or a step needs its answer.
    pub fn is_costly(self) -> bool {
        matches!(
            self,
            Self::NodeStatus | Self::NodeFiles | Self::Names | Self::Cookie | Self::Data
        )
    }

    /// Whether the broker's work for an answer grows with the number of its queues: it is not asked
    /// for again and again.
    pub fn is_listing(self) -> bool {
        matches!(self, Self::Queues | Self::PolicyView)
    }

    /// Whether any node may answer for the whole cluster.
    pub fn is_of_cluster(self) -> bool {
        matches!(
            self,
            Self::Totals
                | Self::MetadataStore
                | Self::Alarms
                | Self::Queues
                | Self::Policies
                | Self::User
        )
    }

    /// Whether only some runbooks ask it: what it says matters to nobody else.
    pub fn is_for_runbooks(self) -> bool {
        matches!(self, Self::User | Self::PolicyView | Self::VirtualHosts)
    }
}

/// One source: a kind of question put to one host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId {
    /// What is asked.
    pub kind: SourceKind,
    /// Whom.
    pub host: HostName,
}

impl SourceId {
    /// Names a source.
    pub fn new(kind: SourceKind, host: HostName) -> Self {
        Self { kind, host }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind, self.host)
    }
}

/// What one source saw, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Who reports.
    pub source: SourceId,
    /// When the answer was complete.
    pub at: Moment,
    /// From asking to the complete answer.
    pub took: Duration,
    /// What was seen, or why nothing was.
    pub outcome: Result<Payload, SourceFailure>,
}

/// What a source saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// One node's own view of the cluster.
    Broker(BrokerReport),
    /// Cluster-wide message counts and rates.
    Totals(MessageTotals),
    /// Mnesia or Khepri.
    MetadataStore(MetadataStoreReport),
    /// Every alarm in force in the cluster.
    Alarms(Vec<Alarm>),
    /// The queues.
    Queues(QueuePage),
    /// All policies.
    Policies(Vec<Policy>),
    /// The configured user.
    User(ApiUser),
    /// What one node says of policies and queues.
    PolicyView(PolicyView),
    /// Whether stopping the node that answered would lose a quorum.
    QuorumCritical(QuorumVerdict),
    /// Virtual hosts that do not run on the node that answered, though it does.
    VirtualHosts(Vec<VhostName>),
    /// What a node says of its cluster over SSH.
    NodeStatus(NodeStatus),
    /// What a node left on its host's disc.
    NodeFiles(NodeFiles),
    /// One HAProxy process.
    Balancer(BalancerReport),
    /// All addresses of a host.
    Addresses(AddressReport),
    /// Services of a host.
    Services(ServiceReport),
    /// keepalived on a host.
    Vrrp(VrrpReport),
    /// An AMQP handshake.
    Canary(CanaryReport),
    /// The addresses by which a host knows the others.
    Names(NameReport),
    /// What may be known of a host's Erlang cookie.
    Cookie(CookieReport),
    /// The data directory of a host's node.
    Data(DataReport),
}

/// Why a source has nothing to say. Different kinds call for different answers, so they are
/// never folded into one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FailureKind {
    /// The host answered, nothing listens (connection refused).
    Refused,
    /// No connection within the limit.
    Timeout,
    /// It accepted a connection, and said nothing within the limit.
    Mute,
    /// It answers for itself, and waits for another that says nothing, as every member then does.
    HeldUp,
    /// No route, host unreachable, name not resolved.
    Unreachable,
    /// The connection ended before the answer was complete.
    Lost,
    /// 401: the password or user is wrong. Asking again could lock the account.
    Unauthorized,
    /// 403, or a 401 whose reason is a missing tag: the user may not see this.
    Forbidden,
    /// The thing asked for does not exist there (404, command not found, no such unit).
    Absent,
    /// The other side failed (5xx, command failed).
    Server,
    /// The answer could not be understood.
    Malformed,
    /// The answer exceeded the size limit.
    TooLarge,
    /// The host key is unknown or has changed; nothing is sent to such a host.
    HostKey,
    /// SSH refused the login.
    Login,
    /// TLS could not be established.
    Tls,
    /// The inventory names no way to ask (no SSH, no statistics address).
    NotConfigured,
    /// The secret could not be read.
    Secret,
    /// Something on this machine is in the way: a file of the configuration that cannot be read, a
    /// program that is not there.
    Local,
}

impl FailureKind {
    /// Whether this shows that the host itself answered at the network level.
    pub fn proves_host_alive(self) -> bool {
        match self {
            Self::Refused
            | Self::Mute
            | Self::HeldUp
            | Self::Unauthorized
            | Self::Forbidden
            | Self::Absent
            | Self::Server
            | Self::Malformed
            | Self::TooLarge
            | Self::HostKey
            | Self::Login
            | Self::Tls => true,
            Self::Timeout
            | Self::Unreachable
            | Self::Lost
            | Self::NotConfigured
            | Self::Secret
            | Self::Local => false,
        }
    }

    /// Whether this is what a dead host looks like: no answer of any sort. A cut connection alone
    /// is not, it may have been cut at this end.
    pub fn suggests_host_dead(self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable)
    }

    /// Whether the way to the other side fails, so that it was not asked at all.
    pub fn is_of_the_way(self) -> bool {
        matches!(
            self,
            Self::NotConfigured
                | Self::Refused
                | Self::Timeout
                | Self::Unreachable
                | Self::Lost
                | Self::HostKey
                | Self::Login
                | Self::Local
        )
    }

    /// Whether the other side was asked and said nothing in time, connected or not.
    pub fn is_silence(self) -> bool {
        matches!(self, Self::Timeout | Self::Mute | Self::HeldUp)
    }

    /// Whether asking again on the usual interval is pointless or harmful until a person acts.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Unauthorized | Self::HostKey | Self::NotConfigured | Self::Secret | Self::Local
        )
    }
}

/// A failure in words an operator can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct SourceFailure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// A lower-case fragment with its subject, such as
    /// `GET http://192.168.0.12:15672/api/nodes: connection refused`.
    pub message: Shown,
    /// Whether the VIPs let clients in at that moment, where that was tried: if they do, clients
    /// come in past what failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vips_open: Option<bool>,
}

impl SourceFailure {
    /// Describes a failure.
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: Shown::new(message.as_ref()),
            vips_open: None,
        }
    }
}
