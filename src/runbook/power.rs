//! Owns the runbooks of whole clusters: `stop-cluster`, `start-cluster`, `forget-offline` and
//! `recover-lost-node`, and what they share: who the members are while no broker answers, and the
//! steps that start them. Who starts first is in `order`.

mod order;
mod recover;
mod standalone;
mod standing;
mod start;
mod stop;

pub(super) use recover::{forget_offline, recover_lost};
pub(super) use start::plan as start;
pub(super) use stop::plan as stop;

use super::plan::{Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::{Change, ServiceVerb};
use crate::model::Model;
use crate::model::host::UnitState;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use std::time::Duration;

/// From the order to systemd until the runtime is registered.
const RUNTIME_DEADLINE: Duration = Duration::from_secs(60);
/// A node waits up to 300 s for the others (Mnesia 10 times 30 s; Khepri for a leader), then boots.
const BOOT_DEADLINE: Duration = Duration::from_secs(420);
/// Queues recover after their node runs: large ones read their index.
const QUEUES_DEADLINE: Duration = Duration::from_secs(180);
const BALANCER_DEADLINE: Duration = Duration::from_secs(60);

/// The declared nodes that are members, or may be: without a broker that answers, all of them.
///
/// # Errors
///
/// A refusal if a member is not declared, or commands cannot reach its host.
fn members<'a>(action: &Action, model: &'a Model, now: Moment) -> Result<Vec<Ground<'a>>, Refusal> {
    let declared: Vec<&NodeName> = model.inventory.nodes().map(|(_, node)| node).collect();
    if let Some(undeclared) = model.members().iter().find(|name| !declared.contains(name)) {
        preflight::target(action, undeclared, model, now)?;
    }
    if declared.is_empty() {
        let reason = "the configuration names no node".to_owned();
        let instead = Some("add `node = …` to the hosts that run a broker".to_owned());
        return Err(Checks::default().refuse(action, reason, instead));
    }
    declared
        .into_iter()
        .filter(|node| model.is_member(node, now) != Some(false))
        .map(|node| {
            let target = preflight::target(action, node, model, now)?;
            Ok(Ground { model, target, now })
        })
        .collect()
}

/// An id that is unique in a plan with a step of this kind for each member.
fn id(verb: &str, node: &NodeName) -> String {
    format!("{verb}-{}", node.short())
}

fn named<'n>(nodes: impl IntoIterator<Item = &'n NodeName>) -> String {
    let names: Vec<&str> = nodes.into_iter().map(NodeName::as_str).collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

impl Ground<'_> {
    /// Starts the service and goes on as soon as the runtime is up: the app may wait for members
    /// that are started next.
    fn start_runtime(self) -> Step {
        let node = self.node();
        let up = Probe::RuntimeUp { node: node.clone() };
        Step {
            id: id("start", node),
            title: format!(
                "start {} of {node}; its app may wait for the others",
                self.service()
            ),
            host: self.host(),
            change: Some(Change::Service {
                name: self.service(),
                verb: ServiceVerb::StartNoBlock,
            }),
            before: vec![Probe::Stopped {
                nodes: vec![node.clone()],
            }],
            already: vec![up.clone()],
            after: vec![up],
            deadline: RUNTIME_DEADLINE,
        }
    }

    /// Starts the app of a member whose runtime is up for nothing.
    fn start_its_app(self) -> Step {
        let runs = Probe::SelfReports {
            node: self.node().clone(),
        };
        Step {
            id: id("start-app", self.node()),
            already: vec![runs.clone()],
            after: vec![runs],
            ..self.start_app()
        }
    }

    /// Its runtime is up, and not because it boots.
    fn idles(self) -> bool {
        self.target.state == NodeState::AppStopped && self.unit().is_some_and(UnitState::is_up)
    }

    fn start_any(self) -> Vec<Step> {
        if self.idles() {
            return vec![self.start_its_app()];
        }
        let mut steps = Vec::from_iter(self.lift_start_limit());
        steps.push(self.start_runtime());
        steps
    }
}

/// Waits until `nodes` run, each by the word of each.
fn run_together(host: HostName, step: &str, nodes: &[NodeName]) -> Step {
    let run = Probe::RunTogether {
        nodes: nodes.to_vec(),
    };
    Step {
        id: step.to_owned(),
        title: match nodes {
            [one] => format!("wait until {one} runs"),
            several => format!(
                "wait until {} run, each in the view of each",
                named(several)
            ),
        },
        host,
        change: None,
        before: Vec::new(),
        already: vec![run.clone()],
        after: vec![run],
        deadline: BOOT_DEADLINE,
    }
}

/// Waits until no queue is down, and, where it is known, as many are there as before.
fn queues_well(host: HostName, durable: Option<u64>) -> Step {
    let mut after = vec![Probe::QueuesUp];
    after.extend(durable.map(|at_least| Probe::QueuesBack { at_least }));
    Step {
        id: "queues".to_owned(),
        title: "wait until no queue is down or without a majority".to_owned(),
        host,
        change: None,
        before: Vec::new(),
        already: after.clone(),
        after,
        deadline: QUEUES_DEADLINE,
    }
}

/// Waits until the load balancers use all of these members, where any was theirs.
fn balancers_use(host: HostName, members: &[Ground<'_>]) -> Option<Step> {
    let after: Vec<Probe> = members
        .iter()
        .filter_map(|ground| {
            let on = ground.waiting_balancers();
            let node = ground.node().clone();
            (!on.is_empty()).then_some(Probe::BalancersUse { node, on })
        })
        .collect();
    (!after.is_empty()).then(|| Step {
        id: "load-balancers".to_owned(),
        title: "wait until the load balancers use the members again".to_owned(),
        host,
        change: None,
        before: Vec::new(),
        already: after.clone(),
        after,
        deadline: BALANCER_DEADLINE,
    })
}
