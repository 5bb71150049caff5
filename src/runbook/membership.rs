//! Owns `join`, `leave` and `forget`, and the steps they share with `rejoin`: who is a member of the cluster. What is sent follows
//! the version: until 4.0 a node joins with its app stopped, from 4.1 on it stops it itself.

use super::blast;
use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks, Target};
use super::rejoin;
use super::spare::{Servers, Told};
use super::steps::{self, Ground};
use crate::action::Action;
use crate::invocation::{Change, CtlVerb};
use crate::model::broker::NodeType;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use std::time::Duration;

const RESET_DEADLINE: Duration = Duration::from_secs(120);
const JOIN_DEADLINE: Duration = Duration::from_secs(300);
const FORGET_DEADLINE: Duration = Duration::from_secs(180);
/// A virtual host starts with its node; large ones read their message stores.
const VHOSTS_DEADLINE: Duration = Duration::from_secs(180);

pub(super) fn join(action: &Action, ground: Ground<'_>, kind: NodeType) -> Result<Plan, Refusal> {
    if kind == NodeType::Ram
        && let Some(reason) = ground.model.capability(ground.now).lacks_ram()
    {
        let instead = "join it as a disc member, without --ram".to_owned();
        return Err(Checks::default().refuse(action, reason, Some(instead)));
    }
    let mut checks = joining(ground);
    if ground.is_forgotten() {
        let (node, via) = (ground.node(), ground.through());
        let reason = format!("{node} does not know that {via} has forgotten it, and cannot join");
        let instead = format!("rejoin {node}, which moves its data aside");
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    startable(action, ground, &mut checks)?;
    let member = ground.is_listed();
    let known_as = ground.model.node(ground.node(), ground.now).node_type;
    if member && kind == NodeType::Ram && known_as == Some(NodeType::Disc) {
        let node = ground.node();
        let reason = format!("{node} is a disc member already, and joining would not change that");
        let instead = format!("node-type {node} ram");
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    if member && ground.target.state == NodeState::AppStopped {
        let node = ground.node();
        let reason = format!("{node} is a member already; its app is stopped");
        let instead = format!("start-app {node}, or rejoin {node} if it cannot start");
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    let preflight = checks.verdict(action)?;
    let mut blast = Vec::new();
    if !member {
        blast.push(destroyed(ground));
        blast.extend(Servers::of(ground).kept());
    }
    let definitions = if member { Vec::new() } else { both(ground) };
    Ok(Plan {
        definitions,
        ..ground.plan(
            action,
            preflight,
            blast,
            entering(ground, kind, Arrival::AsSeen(&[])),
        )
    })
}

/// What can be told without a member that answers: whether the node and each it could join know each
/// other's names and share a cookie.
pub(super) fn unmet(refusal: Refusal, ground: Ground<'_>, to: Option<&NodeName>) -> Refusal {
    let mut checks = Checks::default();
    for (_, other) in ground.model.inventory.nodes() {
        if other == ground.node() || to.is_some_and(|to| to != other) {
            continue;
        }
        let target = Target {
            via: Some(other),
            ..ground.target
        };
        let pair = Ground { target, ..ground };
        for check in [&preflight::NAMES, &preflight::COOKIE] {
            checks.make(check, pair);
        }
    }
    checks.behind(refusal)
}

/// Whose definitions are copied before a node joins: those that stay, and those that are destroyed.
pub(super) fn both(ground: Ground<'_>) -> Vec<NodeName> {
    let mut nodes = vec![ground.through().clone()];
    if ground.target.state == NodeState::Running {
        nodes.push(ground.node().clone());
    }
    nodes
}

pub(super) fn destroyed(ground: Ground<'_>) -> String {
    format!(
        "all that {} holds is destroyed: queues, messages, users, virtual hosts, policies",
        ground.node()
    )
}

pub(super) fn joining(ground: Ground<'_>) -> Checks {
    let is_settled = ground.is_listed() && !rejoin::cannot_boot(ground);
    let mut checks = Checks::default();
    checks.make(&preflight::FRESH, ground);
    checks.make(&preflight::CAPABILITY, ground);
    checks.make(&preflight::PARTITION, ground);
    checks.make(&preflight::COMPANY, ground);
    let entry = [
        &preflight::HOLDINGS,
        &preflight::COPIES,
        &preflight::VERSIONS,
        &preflight::NAMES,
        &preflight::COOKIE,
        &preflight::HANDSHAKE,
    ];
    for check in entry {
        if is_settled {
            checks.skip(check, "it is a member already");
        } else {
            checks.make(check, ground);
        }
    }
    checks
}

pub(super) fn startable(
    action: &Action,
    ground: Ground<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    if matches!(
        ground.target.state,
        NodeState::Running | NodeState::AppStopped
    ) {
        let (node, host) = (ground.node(), &ground.target.host.name);
        if ground.target.state == NodeState::AppStopped || !ground.model.refuses_api(host) {
            return Ok(());
        }
        let reason = format!("{node} runs, but its management API is not open");
        let instead = format!("on {host}: rabbitmq-plugins enable rabbitmq_management");
        return Err(std::mem::take(checks).refuse(action, reason, Some(instead)));
    }
    let reason = ground.state_reason("and a node joins with its runtime up");
    Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())))
}

/// How a node stands when the steps that make a member of it begin, and which load balancers were
/// told to spare it by this very run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival<'a> {
    /// As it was seen.
    AsSeen(&'a [Told]),
    /// On an empty disk, running, after the steps before.
    Blank(&'a [Told]),
}

impl<'a> Arrival<'a> {
    fn is_blank(self) -> bool {
        matches!(self, Self::Blank(_))
    }

    fn put_out(self) -> &'a [Told] {
        match self {
            Self::AsSeen(put_out) | Self::Blank(put_out) => put_out,
        }
    }
}

/// The steps that let a node join; where it is a member, each finds that nothing is to be done.
pub(super) fn entering(ground: Ground<'_>, kind: NodeType, arrival: Arrival<'_>) -> Vec<Step> {
    let member = Probe::Member {
        node: ground.node().clone(),
        by: ground.through().clone(),
    };
    let mut steps = Vec::new();
    let older = ground
        .model
        .capability(ground.now)
        .version
        .is_none_or(|version| version.series() < (4, 1));
    let outside = arrival.is_blank() || !ground.is_listed();
    let runs = arrival.is_blank() || ground.target.state == NodeState::Running;
    if older && outside && runs {
        steps.push(ground.stop_app_outside());
    }
    let verb = CtlVerb::JoinCluster {
        to: ground.through().clone(),
        kind,
    };
    let mut before = vec![ground.others_unchanged(), not_member(ground)];
    if older && outside {
        // A runtime that was restarted meanwhile has started its app too.
        before.extend(ground.stop_app_outside().after);
    }
    steps.push(Step {
        id: "join".to_owned(),
        title: format!("let {} join {}", ground.node(), ground.through()),
        host: ground.host(),
        change: Some(ground.ctl(verb, JOIN_DEADLINE)),
        before,
        already: vec![member.clone()],
        after: vec![member],
        deadline: JOIN_DEADLINE,
    });
    let mut start = ground.start_app();
    let runs = Probe::PeersSee {
        node: ground.node().clone(),
        state: NodeState::Running,
    };
    start.already = vec![runs.clone()];
    start.after = vec![runs];
    if kind == NodeType::Ram {
        start.after.push(Probe::TypeIs {
            node: ground.node().clone(),
            kind,
        });
    }
    steps.push(start);
    steps.push(serves(ground));
    let servers = Servers::of(ground);
    steps.extend(servers.put_back(ground, arrival.put_out()));
    steps.extend(ground.balancers_but(arrival.put_out()));
    steps
}

/// A node that runs may fail to start a virtual host, and with it all queues of that.
fn serves(ground: Ground<'_>) -> Step {
    let node = ground.node();
    let serves = Probe::VirtualHostsRun { node: node.clone() };
    Step {
        id: "virtual-hosts".to_owned(),
        title: format!("wait until {node} serves every virtual host"),
        host: ground.host(),
        change: None,
        before: Vec::new(),
        already: vec![serves.clone()],
        after: vec![serves],
        deadline: VHOSTS_DEADLINE,
    }
}

pub(super) fn leave(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let node = ground.node();
    let mut checks = may_leave(action, ground)?;
    startable_to_leave(action, ground, &mut checks)?;
    shrinkable(action, ground, &mut checks)?;
    let preflight = checks.verdict(action)?;
    let servers = Servers::of(ground);
    let mut blast = Vec::new();
    if ground.is_listed() {
        let fate = format!(
            "{node} becomes a blank cluster of its own: its users, virtual hosts, policies and queues are gone"
        );
        blast = blast::of_removal(ground, &fate);
        blast.extend(servers.words(node));
    }
    let mut steps = servers.take_out(ground, &may_be_taken_out(ground));
    if ground.is_listed() {
        steps.extend(shrink(ground));
        if ground.target.state == NodeState::Running {
            steps.push(ground.stop_app());
        }
    }
    let gone = not_member(ground);
    steps.push(Step {
        id: "reset".to_owned(),
        title: format!("reset {node}: it leaves the cluster, and its data is deleted"),
        host: ground.host(),
        change: Some(ground.ctl(CtlVerb::Reset, RESET_DEADLINE)),
        before: vec![
            ground.seen(NodeState::AppStopped),
            ground.others_unchanged(),
        ],
        already: vec![gone.clone()],
        after: vec![gone],
        deadline: RESET_DEADLINE,
    });
    let mut start = ground.start_app();
    start.already = vec![Probe::Alone { node: node.clone() }];
    start.after.clone_from(&start.already);
    steps.push(start);
    Ok(Plan {
        definitions: ground.kept(),
        ..ground.plan(action, preflight, blast, steps)
    })
}

fn may_leave(action: &Action, ground: Ground<'_>) -> Result<Checks, Refusal> {
    let node = ground.node();
    let mut checks = Checks::default();
    if ground.is_listed() {
        checks.of_removal(ground);
        checks.make(&preflight::REPLICAS, ground);
        let streams = ground.model.removal_impact(node, ground.now).streams;
        if !streams.is_empty() {
            let reason = format!(
                "{node} would be wiped under replicas that streams count on: {}",
                preflight::listed(&streams)
            );
            let instead = format!("forget {node}, which takes them off, and rejoin it afterwards");
            return Err(checks.refuse(action, reason, Some(instead)));
        }
    } else if ground.is_forgotten() {
        let reason = format!(
            "{} has forgotten {node}, which does not know it: reset would look for its cluster in vain",
            ground.through()
        );
        let instead = format!("rejoin {node}, or wipe {node} to have it blank and alone");
        return Err(checks.refuse(action, reason, Some(instead)));
    } else {
        checks.of_nothing(ground, "it is no member any more");
    }
    Ok(checks)
}

/// What must hold right before clients are kept away from the target.
fn may_be_taken_out(ground: Ground<'_>) -> Vec<Probe> {
    if ground.is_listed() && ground.target.state == NodeState::Running {
        ground.may_go()
    } else {
        vec![ground.others_unchanged()]
    }
}

fn startable_to_leave(
    action: &Action,
    ground: Ground<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    if matches!(
        ground.target.state,
        NodeState::Running | NodeState::AppStopped
    ) {
        return Ok(());
    }
    let node = ground.node();
    let reason = ground.state_reason("and it takes a runtime to leave");
    let instead = format!("start-node {node}, or, if it is gone for good, forget {node}");
    Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
}

/// Replicas are taken off before a member is reset, or they stay for good; and of a member whose app
/// does not run, later releases refuse to take them off (`node_not_running`, seen on 4.3.6).
fn shrinkable(action: &Action, ground: Ground<'_>, checks: &mut Checks) -> Result<(), Refusal> {
    let version = ground.model.capability(ground.now).version;
    let refuses = version.is_none_or(|version| version.series() >= (4, 2));
    let away = ground.is_listed() && ground.target.state != NodeState::Running;
    if !(refuses && away && shrink(ground).is_some()) {
        return Ok(());
    }
    let node = ground.node();
    let reason = format!(
        "{node} has replicas of quorum queues, which cannot be taken off while its app is stopped"
    );
    let instead = format!("forget {node}, which takes them off; or start-app {node}, then leave");
    Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
}

pub(super) fn forget(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let node = ground.node();
    let mut checks = Checks::default();
    if ground.is_listed() {
        checks.of_removal(ground);
        checks.make(&preflight::DEATH, ground);
        checks.make(&preflight::REPLICAS, ground);
    } else {
        checks.of_nothing(ground, "it is no member any more");
    }
    let preflight = checks.verdict(action)?;
    let servers = Servers::of(ground);
    let mut blast = Vec::new();
    let mut steps = servers.take_out(ground, &may_be_taken_out(ground));
    if ground.is_listed() {
        let fate = format!(
            "{node} is no member any more; it does not know that, and cannot start its app before it is rejoined or reset"
        );
        blast = blast::of_removal(ground, &fate);
        blast.extend(servers.words(node));
        steps.extend(removing(ground));
    } else {
        steps.push(forget_step(ground));
    }
    Ok(Plan {
        definitions: ground.kept(),
        ..ground.plan(action, preflight, blast, steps)
    })
}

fn not_member(ground: Ground<'_>) -> Probe {
    Probe::NotMember {
        node: ground.node().clone(),
        by: ground.through().clone(),
    }
}

fn forget_step(ground: Ground<'_>) -> Step {
    let node = ground.node();
    // A member that runs is stopped by the step before.
    let away = match ground.target.state {
        NodeState::Running | NodeState::AppStopped => NodeState::AppStopped,
        away @ (NodeState::Down
        | NodeState::Unreachable
        | NodeState::NotRunning
        | NodeState::Starting
        | NodeState::Restarting
        | NodeState::Hung
        | NodeState::Unknown) => away,
    };
    let gone = not_member(ground);
    Step {
        id: "forget".to_owned(),
        title: format!(
            "remove {node} from the cluster, through {}",
            ground.through()
        ),
        host: ground.through_host(),
        change: Some(Change::Ctl {
            node: ground.through().clone(),
            verb: CtlVerb::ForgetClusterNode { gone: node.clone() },
            limit: FORGET_DEADLINE.saturating_sub(steps::MARGIN),
        }),
        before: vec![ground.seen(away), ground.others_unchanged()],
        already: vec![gone.clone()],
        after: vec![gone],
        deadline: FORGET_DEADLINE,
    }
}

/// The steps that remove a member from the outside. One that does not run is forgotten before its
/// replicas are taken off: 4.3 refuses to shrink it (`node_not_running`, seen on 4.3.6) and takes
/// them off with the member.
pub(super) fn removing(ground: Ground<'_>) -> Vec<Step> {
    let (shrink, forget) = (shrink(ground), forget_step(ground));
    if ground.target.state == NodeState::Running {
        let stop = ground.stop_app();
        shrink.into_iter().chain([stop, forget]).collect()
    } else {
        std::iter::once(forget).chain(shrink).collect()
    }
}

/// Quorum queues first, for until 4.2.5 forgetting a member leaves its replicas in their groups
/// for a while, and resetting one leaves them for good.
fn shrink(ground: Ground<'_>) -> Option<Step> {
    let has = !ground
        .model
        .removal_impact(ground.node(), ground.now)
        .quorum
        .is_empty();
    has.then(|| super::replicas::shrink_step(ground))
}
