//! Owns the steps that several runbooks share, and the words for states they cannot start from.
//! Each step is proved from another member wherever one can be asked.

mod service;

use super::fingerprint;
use super::plan::{MaintenanceWord, Plan, Preflight, Probe, Step};
use super::preflight::Target;
use super::spare::Told;
use crate::action::Action;
use crate::invocation::{Change, CtlVerb, UpgradeVerb};
use crate::model::Model;
use crate::model::balancer::ServerRow;
use crate::model::inventory::Access;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::start::StartFault;
use std::time::Duration;

const STOP_DEADLINE: Duration = Duration::from_secs(120);
const START_DEADLINE: Duration = Duration::from_secs(300);
/// The broker marks the member first and moves thousands of leaders then: the command must not give
/// up in between.
const DRAIN_DEADLINE: Duration = Duration::from_secs(600);
const REVIVE_DEADLINE: Duration = Duration::from_secs(60);
/// From the word on HAProxy's socket to the statistics that show it.
pub(super) const TOLD_DEADLINE: Duration = Duration::from_secs(20);
/// HAProxy's `rise` times its check interval, with room.
pub(super) const BALANCER_DEADLINE: Duration = Duration::from_secs(60);
/// The command gives up before the step does, so that its own words reach the journal.
pub(super) const MARGIN: Duration = Duration::from_secs(10);

/// What a plan is made on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) model: &'a Model,
    pub(super) target: Target<'a>,
    pub(super) now: Moment,
}

/// Another member than the target that runs: what the cluster has defined, it has too. With it,
/// whether commands reach its host; where they reach that of any, it is one of those.
pub(super) fn keeper(model: &Model, target: Target<'_>, now: Moment) -> Option<(NodeName, bool)> {
    let is_reached = |name: &NodeName| {
        let host = model.inventory.host_of(name);
        host.is_some_and(|host| host.access != Access::None)
    };
    let others = model.nodes(now).into_iter();
    let running = others.filter(|view| {
        view.name != *target.node
            && view.state == NodeState::Running
            && model.is_member(&view.name, now) != Some(false)
    });
    let running = running.map(|view| {
        let reached = is_reached(&view.name);
        (view.name, reached)
    });
    running.min_by_key(|(_, reached)| !reached)
}

impl<'a> Ground<'a> {
    pub(super) fn node(self) -> &'a NodeName {
        self.target.node
    }

    pub(super) fn host(self) -> HostName {
        self.target.host.name.clone()
    }

    /// The same once earlier steps have brought the target into this state.
    pub(super) fn once(self, state: NodeState) -> Self {
        let target = Target {
            state,
            ..self.target
        };
        Self { target, ..self }
    }

    /// Whether the target is in maintenance mode.
    pub(super) fn draining(self) -> bool {
        self.model.node(self.node(), self.now).draining == Some(true)
    }

    /// The whole plan.
    pub(super) fn plan(
        self,
        action: &Action,
        preflight: Vec<Preflight>,
        blast_radius: Vec<String>,
        steps: Vec<Step>,
    ) -> Plan {
        let basis = fingerprint::basis(self.model, self.now);
        Plan {
            action: action.clone(),
            cluster: self.model.inventory.cluster.clone(),
            fingerprint: fingerprint::of(&basis),
            basis,
            preflight,
            blast_radius,
            steps,
            stop: None,
            definitions: Vec::new(),
        }
    }

    /// Whose definitions are copied before the target is removed: nobody's, where it is no member.
    pub(super) fn kept(self) -> Vec<NodeName> {
        match keeper(self.model, self.target, self.now) {
            Some((keeper, true)) if self.is_listed() => vec![keeper],
            Some(_) | None => Vec::new(),
        }
    }

    /// Read from another member; where none answers, from the host.
    pub(super) fn seen(self, state: NodeState) -> Probe {
        let alone = self.model.peers_say(self.node(), self.now).is_empty();
        let node = self.node().clone();
        match (alone, state) {
            (false, _) => Probe::PeersSee { node, state },
            (true, NodeState::Running) if !self.is_outside() => Probe::SelfReports { node },
            (true, _) => Probe::HostSees { node, state },
        }
    }

    /// Whether another member says that the target is none: it has users of its own, so that
    /// its API turns ours away, and nobody misses it.
    pub(super) fn is_outside(self) -> bool {
        match self.target.via {
            Some(by) => self.model.lists(by, self.node(), self.now) == Some(false),
            None => self.model.is_member(self.node(), self.now) == Some(false),
        }
    }

    /// The same beside a member that says of the target that it is none.
    pub(super) fn beside_a_member(self) -> Self {
        let kept = keeper(self.model, self.target, self.now).map(|(name, _)| name);
        let mut nodes = self.model.inventory.nodes();
        let by = nodes.find(|(_, node)| Some(*node) == kept.as_ref());
        let target = Target {
            via: by.map(|(_, node)| node).or(self.target.via),
            ..self.target
        };
        Self { target, ..self }
    }

    /// As `seen`; but while the members do not agree on who runs, the others' word on it is the
    /// fault, and not the state: its own and its host's count.
    fn seen_now(self, state: NodeState) -> Probe {
        let node = self.node().clone();
        match (self.is_split(), state) {
            (false, _) => self.seen(state),
            (true, NodeState::Running) => Probe::SelfReports { node },
            (true, _) => Probe::HostSees { node, state },
        }
    }

    /// Whether any member tells of a partition, or they do not agree on who runs.
    fn is_split(self) -> bool {
        let views = self.model.member_views(self.now);
        let mut rows = views.flat_map(|(_, report)| &report.nodes);
        !self.model.disagreements.is_empty() || rows.any(|row| !row.partitions.is_empty())
    }

    /// Running in the view of the others, and serving its own API.
    pub(super) fn runs(self) -> Vec<Probe> {
        let node = self.node().clone();
        let mut runs = vec![self.seen(NodeState::Running)];
        if !self.is_outside() {
            runs.push(Probe::SelfReports { node });
        }
        // Without another member to ask, both are the same question.
        runs.dedup();
        runs
    }

    /// The other member through which the target is acted on; itself, where none is.
    pub(super) fn through(self) -> &'a NodeName {
        self.target.via.unwrap_or(self.target.node)
    }

    pub(super) fn through_host(self) -> HostName {
        let host = self.model.inventory.host_of(self.through());
        host.map_or_else(|| self.host(), |host| host.name.clone())
    }

    /// Whether the other member lists the target as a member of its cluster.
    pub(super) fn is_listed(self) -> bool {
        self.model.lists(self.through(), self.node(), self.now) == Some(true)
    }

    /// Whether the target lives, and believes to be a member of a cluster that has forgotten it.
    pub(super) fn is_forgotten(self) -> bool {
        self.model
            .is_forgotten_by(self.through(), self.node(), self.now)
    }

    /// The other members that run now must still run.
    pub(super) fn others_unchanged(self) -> Probe {
        let running = self
            .model
            .nodes(self.now)
            .into_iter()
            .filter(|view| view.name != *self.node() && view.state == NodeState::Running)
            .map(|view| view.name)
            .collect();
        Probe::OthersUnchanged {
            node: self.node().clone(),
            running,
        }
    }

    /// Must hold right before something is taken away from the cluster: between the plan and its
    /// confirmation minutes may pass.
    pub(super) fn may_go(self) -> Vec<Probe> {
        let node = self.node();
        let mut probes = vec![
            self.seen_now(NodeState::Running),
            self.others_unchanged(),
            Probe::NotQuorumCritical { node: node.clone() },
            Probe::NoAlarms,
        ];
        if self.draining() {
            // It cannot be asked itself; others say that it leads nothing.
            probes.push(Probe::Drained {
                node: node.clone(),
                by: self.maintenance_word(),
            });
        }
        let on = self.asked_balancers();
        if !on.is_empty() {
            let node = node.clone();
            probes.push(Probe::OtherServers { node, on });
        }
        probes
    }

    /// Load balancers that say who their servers are, and of which another server is expected: the
    /// only member of a cluster has none.
    fn asked_balancers(self) -> Vec<HostName> {
        if self.model.running_without(self.node(), self.now).1 <= 1 {
            return Vec::new();
        }
        let (_, unasked) = self.model.last_server_on(self.node(), self.now);
        let balancers = self.model.inventory.balancers();
        let asked = balancers.filter(|(host, _)| !unasked.contains(&host.name));
        asked.map(|(host, _)| host.name.clone()).collect()
    }

    /// Stops the app.
    pub(super) fn stop_app(self) -> Step {
        let stopped = self.seen_now(NodeState::AppStopped);
        Step {
            id: "stop-app".to_owned(),
            title: format!("stop the app of {}", self.node()),
            host: self.host(),
            change: Some(self.ctl(CtlVerb::StopApp, STOP_DEADLINE)),
            before: self.may_go(),
            already: vec![stopped.clone()],
            after: vec![stopped],
            deadline: STOP_DEADLINE,
        }
    }

    /// Stops the app of a node that is no member: no other can be asked.
    pub(super) fn stop_app_outside(self) -> Step {
        let node = self.node();
        let by_host = |state| Probe::HostSees {
            node: node.clone(),
            state,
        };
        Step {
            before: vec![
                by_host(NodeState::Running),
                self.others_unchanged(),
                Probe::NotMember {
                    node: node.clone(),
                    by: self.through().clone(),
                },
            ],
            already: vec![by_host(NodeState::AppStopped)],
            after: vec![by_host(NodeState::AppStopped)],
            ..self.stop_app()
        }
    }

    /// Starts the app. No precondition beyond the plan's fingerprint: once the app is stopped,
    /// starting it is the way back, and the more so if another member went away meanwhile.
    pub(super) fn start_app(self) -> Step {
        Step {
            id: "start-app".to_owned(),
            title: format!("start the app of {}", self.node()),
            host: self.host(),
            change: Some(self.ctl(CtlVerb::StartApp, START_DEADLINE)),
            before: Vec::new(),
            already: self.runs(),
            after: self.runs(),
            deadline: START_DEADLINE,
        }
    }

    /// Puts the member into maintenance mode.
    pub(super) fn drain(self) -> Step {
        let drained = Probe::Drained {
            node: self.node().clone(),
            by: self.maintenance_word(),
        };
        Step {
            id: "drain".to_owned(),
            title: format!("put {} into maintenance mode", self.node()),
            host: self.host(),
            change: Some(self.upgrade(UpgradeVerb::Drain, DRAIN_DEADLINE)),
            before: self.may_go(),
            already: vec![drained.clone()],
            after: vec![drained],
            deadline: DRAIN_DEADLINE,
        }
    }

    /// Takes it out of maintenance mode.
    pub(super) fn revive(self) -> Step {
        let node = self.node().clone();
        let revived = vec![
            Probe::NotDrained {
                node: node.clone(),
                by: self.maintenance_word(),
            },
            Probe::SelfReports { node },
        ];
        Step {
            id: "revive".to_owned(),
            title: format!("take {} out of maintenance mode", self.node()),
            host: self.host(),
            change: Some(self.upgrade(UpgradeVerb::Revive, REVIVE_DEADLINE)),
            before: vec![self.seen(NodeState::Running)],
            already: revived.clone(),
            after: revived,
            deadline: REVIVE_DEADLINE,
        }
    }

    /// Waits for the load balancers, where some should use the member afterwards.
    pub(super) fn balancers(self) -> Option<Step> {
        self.balancers_but(&[])
    }

    /// As `balancers`, without those that the run tells itself.
    pub(super) fn balancers_but(self, told: &[Told]) -> Option<Step> {
        let mut on = self.waiting_balancers();
        on.retain(|host| !told.iter().any(|(is, _)| is == host));
        (!on.is_empty()).then(|| Step {
            id: "load-balancers".to_owned(),
            title: format!("wait until the load balancers use {} again", self.node()),
            host: self.host(),
            change: None,
            before: Vec::new(),
            already: Vec::new(),
            after: vec![Probe::BalancersUse {
                node: self.node().clone(),
                on,
            }],
            deadline: BALANCER_DEADLINE,
        })
    }

    /// Load balancers that use the member now, or lack it only because it is away. A server that
    /// an administrator took out is not waited for.
    pub(super) fn waiting_balancers(self) -> Vec<HostName> {
        let away = self.target.state != NodeState::Running || self.draining();
        // Without a weight it gets nobody once it is up, either.
        let comes_back = |server: &ServerRow| server.status.is_down() && server.weight != Some(0);
        let uses = |server: &ServerRow| server.takes_clients() || (away && comes_back(server));
        self.model
            .inventory
            .balancers()
            .filter(|(host, _)| {
                let Some(report) = self.model.balancer(&host.name, self.now) else {
                    return false;
                };
                let servers = self.model.servers_of(self.node(), host, report);
                !servers.is_empty() && servers.iter().all(|(_, server)| uses(server))
            })
            .map(|(host, _)| host.name.clone())
            .collect()
    }

    fn maintenance_word(self) -> MaintenanceWord {
        if self.model.capability(self.now).reports_draining() == Some(true) {
            MaintenanceWord::Api
        } else {
            MaintenanceWord::Status
        }
    }

    pub(super) fn ctl(self, verb: CtlVerb, deadline: Duration) -> Change {
        Change::Ctl {
            node: self.node().clone(),
            verb,
            limit: deadline.saturating_sub(MARGIN),
        }
    }

    fn upgrade(self, verb: UpgradeVerb, deadline: Duration) -> Change {
        Change::Upgrade {
            node: self.node().clone(),
            verb,
            limit: deadline.saturating_sub(MARGIN),
        }
    }

    /// What the evidence says of the state the target is in.
    pub(super) fn state_reason(self, wanted: &str) -> String {
        let evidence = self.model.node(self.node(), self.now).evidence.join("; ");
        format!(
            "{} is {}, {wanted}: {evidence}",
            self.node(),
            self.target.state.words()
        )
    }

    /// What its log says of a start that fails or waits.
    fn start_fault(self) -> Option<StartFault> {
        let services = self.model.service(&self.target.host.name, self.now);
        let log = services.map_or(&[][..], |services| &services.start_log);
        StartFault::read(log).map(|(fault, _)| fault)
    }

    /// Whether its start goes on by itself once others are there.
    pub(super) fn waits_for_others(self) -> bool {
        self.start_fault().is_some_and(StartFault::waits)
    }

    /// What lets a node start that boots, or dies again and again.
    fn lets_it_start(self) -> String {
        let node = self.node();
        match self.start_fault() {
            Some(fault) => match fault.answer() {
                Some(runbook) => format!("{runbook} {node}"),
                None => fault.advice().to_owned(),
            },
            None if self.target.state == NodeState::Starting => {
                format!("wait until {node} has started")
            }
            None => format!("stop its service and read its log: stop-node {node}"),
        }
    }

    /// What to do first about a state that a runbook cannot start from.
    pub(super) fn first(self) -> String {
        let (node, host) = (self.node(), &self.target.host.name);
        match self.target.state {
            NodeState::Running => format!("stop it first: stop-node {node}"),
            NodeState::AppStopped => format!("start its app: start-app {node}"),
            NodeState::Down => format!("start its runtime first: start-node {node}"),
            NodeState::Unreachable => format!("bring {host} or the way to it back first"),
            NodeState::Starting | NodeState::Restarting => self.lets_it_start(),
            NodeState::Hung => format!("end its process: stop-node {node} --kill"),
            NodeState::NotRunning | NodeState::Unknown => format!(
                "find out what it does first: look at the sources of {host} in `rmqtop status`"
            ),
        }
    }
}
