//! Owns the answers to the questions on which steps turn: a probe and a model in, an answer out.
//! Pure. "Cannot tell" is an answer of its own, and never counts as a yes or as a no.

mod balancers;
mod health;
pub(super) mod host;
mod membership;
mod policy;
pub(super) mod power;
mod quorum;
mod replicas;
mod subject;
mod words;

use super::plan::{MaintenanceWord, Probe};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::observation::{FailureKind, SourceKind};

/// What a probe found, with the words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It is so.
    Holds(String),
    /// It is not so.
    Not(String),
    /// It cannot be told.
    CannotTell(String),
}

impl ProbeAnswer {
    /// Whether it is known to be so.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Holds(_))
    }

    /// What was found, in words.
    pub fn words(&self) -> &str {
        match self {
            Self::Holds(words) | Self::Not(words) | Self::CannotTell(words) => words,
        }
    }

    /// The answer to the contrary question.
    fn reversed(self) -> Self {
        match self {
            Self::Holds(words) => Self::Not(words),
            Self::Not(words) => Self::Holds(words),
            Self::CannotTell(words) => Self::CannotTell(words),
        }
    }
}

impl Probe {
    /// Puts the question to `model`.
    pub fn evaluate(&self, model: &Model, now: Moment) -> ProbeAnswer {
        match self {
            Self::PeersSee { node, state } => peers_see(model, node, *state, now),
            Self::HostSees { node, state } => host_sees(model, node, *state, now),
            Self::DoesNotRun { node } => does_not_run(model, node, now),
            Self::SelfReports { node } => self_reports(model, node, now),
            Self::BalancersUse { node, on } => balancers::used(model, node, on, now),
            Self::BalancersSpare { node, on } => balancers::spared(model, node, on, now),
            Self::ServerUsed { node, row } => balancers::row_used(model, (node, row), now),
            Self::ServerSpared { node, row } => balancers::row_spared(model, (node, row), now),
            Self::OtherServers { node, on } => balancers::others(model, node, on, now),
            Self::OthersUnchanged { running, .. } => others_unchanged(model, running, now),
            Self::NotQuorumCritical { node } => quorum::not_critical(model, node, now),
            Self::Member { node, by } => membership::member(model, node, by, now),
            Self::NotMember { node, by } => membership::not_member(model, node, by, now),
            Self::Alone { node } => membership::alone(model, node, now),
            Self::TypeIs { node, kind } => membership::type_is(model, node, *kind, now),
            Self::ClusterNamed { name } => membership::cluster_named(model, name, now),
            Self::NoReplicas { node } => replicas::none(model, node, now),
            Self::AllReplicas { node } => replicas::all(model, node, now),
            Self::ReplicasOnline { node } => replicas::online(model, node, now),
            Self::MirrorsReady { node } => replicas::mirrors(model, node, now),
            Self::LeadersSpread => replicas::spread(model, now),
            Self::NoAlarms => health::no_alarms(model, now),
            Self::VirtualHostsRun { node } => health::virtual_hosts_run(model, node, now),
            Self::PolicyIs { rule } => policy::is(model, rule, now),
            Self::NoPolicy { vhost, name } => policy::none(model, vhost, name, now),
            Self::PolicyInForce { rule, through } => policy::in_force(model, rule, through, now),
            Self::PolicyNowhere {
                vhost,
                name,
                through,
            } => policy::nowhere(model, (vhost, name), through, now),
            Self::MirrorsInSync {
                vhost,
                queue,
                through,
            } => policy::in_sync(model, (vhost, queue), through, now),
            Self::Stopped { nodes } => power::stopped(model, nodes, now),
            Self::NoneRuns { nodes } => power::none_runs(model, nodes, now),
            Self::ServiceNotFailed { node } => power::service_not_failed(model, node, now),
            Self::RuntimeUp { node } => power::runtime_up(model, node, now),
            Self::RunTogether { nodes } => power::run_together(model, nodes, now),
            Self::QueuesUp => power::queues_up(model, now),
            Self::QueuesBack { at_least } => power::queues_back(model, *at_least, now),
            Self::Forgotten { node, on } => power::forgotten(model, node, on, now),
            Self::CookieShared { node, with } => host::cookie_shared(model, node, with, now),
            Self::DataFree { node, dir } => host::data_free(model, node, dir, now),
            Self::DataAside { node, dir, stamp } => {
                host::data_aside(model, node, (dir, stamp), now)
            }
            Self::Blank { node } => host::blank(model, node, now),
            Self::Drained { node, .. } => drained(model, node, now),
            Self::NotDrained { node, .. } => drained(model, node, now).reversed(),
        }
    }

    /// What must be looked at to answer.
    pub fn needs(&self) -> &'static [SourceKind] {
        match self {
            Self::PeersSee { .. }
            | Self::HostSees { .. }
            | Self::DoesNotRun { .. }
            | Self::OthersUnchanged { .. }
            | Self::Stopped { .. }
            | Self::NoneRuns { .. }
            | Self::RuntimeUp { .. } => &[SourceKind::Management, SourceKind::Services],
            Self::RunTogether { .. } => &[
                SourceKind::Management,
                SourceKind::Services,
                SourceKind::NodeFiles,
            ],
            Self::ServiceNotFailed { .. } => &[SourceKind::Services],
            Self::Forgotten { .. } => &[SourceKind::Management, SourceKind::NodeFiles],
            Self::SelfReports { .. }
            | Self::Member { .. }
            | Self::NotMember { .. }
            | Self::TypeIs { .. }
            | Self::ClusterNamed { .. }
            | Self::QueuesBack { .. } => &[SourceKind::Management],
            Self::Alone { .. } | Self::Blank { .. } => &[SourceKind::NodeStatus],
            Self::CookieShared { .. } => &[SourceKind::Cookie],
            Self::DataFree { .. } | Self::DataAside { .. } => &[SourceKind::Data],
            Self::NoReplicas { .. }
            | Self::AllReplicas { .. }
            | Self::MirrorsReady { .. }
            | Self::QueuesUp => &[SourceKind::Queues],
            Self::NoAlarms => &[SourceKind::Alarms, SourceKind::Management],
            Self::VirtualHostsRun { .. } => &[SourceKind::VirtualHosts],
            Self::LeadersSpread => &[SourceKind::Queues, SourceKind::Management],
            Self::PolicyIs { .. }
            | Self::NoPolicy { .. }
            | Self::PolicyInForce { .. }
            | Self::PolicyNowhere { .. }
            | Self::MirrorsInSync { .. } => &[SourceKind::Management, SourceKind::PolicyView],
            // Whose a server is follows from the ports that its member listens on and the addresses
            // of its host.
            Self::BalancersUse { .. } | Self::BalancersSpare { .. } | Self::OtherServers { .. } => {
                &[SourceKind::Haproxy, SourceKind::Management, SourceKind::Vip]
            }
            Self::ServerUsed { .. } | Self::ServerSpared { .. } => &[SourceKind::Haproxy],
            Self::NotQuorumCritical { .. } | Self::ReplicasOnline { .. } => {
                &[SourceKind::QuorumCritical, SourceKind::Management]
            }
            Self::Drained { by, .. } | Self::NotDrained { by, .. } => match by {
                MaintenanceWord::Api => &[SourceKind::Management],
                MaintenanceWord::Status => &[SourceKind::Management, SourceKind::NodeStatus],
            },
        }
    }
}

impl Probe {
    /// What is looked at only where the rest leaves the question open: a list of all queues costs
    /// the broker more than a word of each member.
    pub fn needs_else(&self) -> &'static [SourceKind] {
        let by_members = matches!(
            self,
            Self::NotQuorumCritical { .. } | Self::ReplicasOnline { .. }
        );
        if by_members {
            &[SourceKind::Queues]
        } else {
            &[]
        }
    }
}

fn nodes_joined(nodes: &[NodeName]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    names.join(" and ")
}

fn joined(hosts: &[HostName]) -> String {
    let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
    names.join(" and ")
}

fn peers_see(model: &Model, node: &NodeName, state: NodeState, now: Moment) -> ProbeAnswer {
    let peers = model.peers_say(node, now);
    let saying = |running: bool| {
        let hosts: Vec<HostName> = peers
            .iter()
            .filter(|(_, says)| *says == running)
            .map(|(host, _)| (*host).clone())
            .collect();
        joined(&hosts)
    };
    let (up, down) = (saying(true), saying(false));
    if peers.is_empty() {
        return ProbeAnswer::CannotTell(format!("no other member can be asked about {node}"));
    }
    if state == NodeState::Running {
        return if down.is_empty() {
            ProbeAnswer::Holds(format!("{node} runs in the view of {up}"))
        } else {
            ProbeAnswer::Not(format!("{node} does not run in the view of {down}"))
        };
    }
    if !up.is_empty() {
        return ProbeAnswer::Not(format!("{node} still runs in the view of {up}"));
    }
    // The others cannot tell a stopped app from a dead runtime; the host can.
    let seen = model.node(node, now).state;
    if seen == state {
        ProbeAnswer::Holds(format!(
            "{node} does not run in the view of {down}; it is {}",
            seen.words()
        ))
    } else if seen.is_out_of_sight() {
        ProbeAnswer::CannotTell(format!(
            "{node} does not run in the view of {down}, but whether its runtime is up cannot be told"
        ))
    } else {
        ProbeAnswer::Not(format!("{node} is {}, not {}", seen.words(), state.words()))
    }
}

fn host_sees(model: &Model, node: &NodeName, state: NodeState, now: Moment) -> ProbeAnswer {
    let seen = model.node(node, now);
    let refused = seen
        .host
        .and_then(|host| model.brokers.get(&host.name)?.failure())
        .is_some_and(|failure| failure.kind == FailureKind::Refused);
    match seen.state {
        // Its API may be off while the app runs: only a closed port says that it is stopped.
        NodeState::AppStopped if !refused => ProbeAnswer::CannotTell(format!(
            "the runtime of {node} is up; whether its app runs cannot be told"
        )),
        NodeState::Unknown | NodeState::NotRunning | NodeState::Unreachable => {
            ProbeAnswer::CannotTell(format!("{node}: {}", seen.evidence.join("; ")))
        }
        NodeState::Running
        | NodeState::AppStopped
        | NodeState::Down
        | NodeState::Starting
        | NodeState::Restarting
        | NodeState::Hung => {
            let words = format!("{node} is {}, by its host", seen.state.words());
            if seen.state == state {
                ProbeAnswer::Holds(words)
            } else {
                ProbeAnswer::Not(words)
            }
        }
    }
}

fn does_not_run(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let seen = model.node(node, now);
    match seen.state {
        NodeState::Running => ProbeAnswer::Not(format!("{node} runs now")),
        NodeState::Unknown | NodeState::Unreachable => {
            ProbeAnswer::CannotTell(format!("{node}: {}", seen.evidence.join("; ")))
        }
        NodeState::AppStopped
        | NodeState::Down
        | NodeState::NotRunning
        | NodeState::Starting
        | NodeState::Restarting
        | NodeState::Hung => ProbeAnswer::Holds(format!("{node} is {}", seen.state.words())),
    }
}

fn self_reports(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let Some(host) = model.inventory.host_of(node) else {
        return ProbeAnswer::CannotTell(format!("the host of {node} is not declared"));
    };
    let running = model
        .broker(&host.name, now)
        .and_then(|report| report.node(node)?.running);
    let failure = model
        .brokers
        .get(&host.name)
        .and_then(|reading| reading.failure());
    match (running, failure) {
        (Some(true), _) => ProbeAnswer::Holds(format!("{node} itself says running")),
        (Some(false), _) => ProbeAnswer::Not(format!("{node} itself says not running")),
        (None, Some(failure)) if failure.kind == FailureKind::Refused => {
            ProbeAnswer::Not(format!("the management API of {node} is not open yet"))
        }
        (None, Some(failure)) => ProbeAnswer::CannotTell(format!(
            "the management API of {node} does not say: {failure}"
        )),
        (None, None) => {
            ProbeAnswer::CannotTell(format!("the management API of {node} does not answer"))
        }
    }
}

fn others_unchanged(model: &Model, running: &[NodeName], now: Moment) -> ProbeAnswer {
    let (mut gone, mut unknown) = (Vec::new(), Vec::new());
    for name in running {
        let state = model.node(name, now).state;
        match state {
            NodeState::Running => {}
            NodeState::Unknown => unknown.push(format!("whether {name} still runs is unknown")),
            NodeState::AppStopped
            | NodeState::Down
            | NodeState::Unreachable
            | NodeState::NotRunning
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung => {
                gone.push(format!("{name} was running and is {} now", state.words()));
            }
        }
    }
    if !gone.is_empty() {
        ProbeAnswer::Not(gone.join("; "))
    } else if !unknown.is_empty() {
        ProbeAnswer::CannotTell(unknown.join("; "))
    } else {
        ProbeAnswer::Holds("the other members run as before".to_owned())
    }
}

/// Whether `node` is in maintenance mode.
fn drained(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    match model.node(node, now).draining {
        Some(true) => ProbeAnswer::Holds(format!("{node} is in maintenance mode")),
        Some(false) => ProbeAnswer::Not(format!("{node} is not in maintenance mode")),
        None => ProbeAnswer::CannotTell(format!(
            "no member says whether {node} is in maintenance mode"
        )),
    }
}
