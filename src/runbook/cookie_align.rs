//! Owns `cookie-align`: hosts get the Erlang cookie of a member, so that their nodes can join. A
//! runtime reads its cookie at its start, so a node that runs alone, or a member that cannot boot, is
//! stopped before and started after; a member that runs is never touched. The value stays on the hosts.

use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks, Target};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::Change;
use crate::invocation::cookie::CookieVerb;
use crate::model::Model;
use crate::model::inventory::Access;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

pub(super) fn plan(
    action: &Action,
    nodes: &[NodeName],
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let from = source(action, nodes, model, now)?;
    let wanted = wanted(nodes, from, model, now);
    let mut checks = Checks::default();
    let (mut steps, mut blast, mut first) = (Vec::new(), Vec::new(), None);
    for node in &wanted {
        let target = preflight::target(action, node, model, now)?;
        let target = Target {
            via: Some(from),
            ..target
        };
        let ground = Ground { model, target, now };
        if first.is_none() {
            checks.make(&preflight::FRESH_MEMBERS, ground);
        }
        first = first.or(Some(ground));
        checks.make(&preflight::COOKIE_CAN_MOVE, ground);
        if !is_shared(ground) {
            untouched(action, ground, &mut checks)?;
            blast.extend(sentence(ground));
        }
        steps.extend(steps_for(ground));
    }
    let Some(ground) = first else {
        let reason = format!("there is no node to give the cookie of {from}");
        return Err(checks.refuse(action, reason, None));
    };
    let preflight = checks.verdict(action)?;
    Ok(ground.plan(action, preflight, blast, steps))
}

/// Whose cookie it becomes: that of a member that runs and answers; where no node answers, of the
/// first declared node that is not to be changed itself.
fn source<'a>(
    action: &Action,
    nodes: &[NodeName],
    model: &'a Model,
    now: Moment,
) -> Result<&'a NodeName, Refusal> {
    let spared = |node: &&NodeName| !nodes.contains(*node);
    if model.views(now).next().is_some() {
        let via = preflight::via(action, None, None, model, now)?;
        if spared(&via) {
            return Ok(via);
        }
        let reason = format!("{via} runs in the cluster whose cookie the others get");
        let instead = format!("leave {via} out");
        return Err(Checks::default().refuse(action, reason, Some(instead)));
    }
    let reachable = |node: &&NodeName| {
        let host = model.inventory.host_of(node);
        host.is_some_and(|host| host.access != Access::None)
    };
    let mut declared = model.inventory.nodes().map(|(_, node)| node);
    declared
        .find(|node| spared(node) && reachable(node))
        .ok_or_else(|| {
            let reason = "there is no node left whose cookie the others could get".to_owned();
            let instead = "name only the nodes that are to be changed".to_owned();
            Checks::default().refuse(action, reason, Some(instead))
        })
}

/// The nodes that were named; else those whose cookie differs, and all if none does, so that the
/// plan says that each is so already.
fn wanted(nodes: &[NodeName], from: &NodeName, model: &Model, now: Moment) -> Vec<NodeName> {
    if !nodes.is_empty() {
        return nodes.to_vec();
    }
    let others = model.inventory.nodes().map(|(_, node)| node);
    let others: Vec<&NodeName> = others.filter(|node| *node != from).collect();
    let differs = |node: &&&NodeName| !shared(node, from).evaluate(model, now).holds();
    let differing: Vec<NodeName> = others.iter().filter(differs).copied().cloned().collect();
    if differing.is_empty() {
        others.into_iter().cloned().collect()
    } else {
        differing
    }
}

fn shared(node: &NodeName, from: &NodeName) -> Probe {
    Probe::CookieShared {
        node: node.clone(),
        with: from.clone(),
    }
}

fn is_shared(ground: Ground<'_>) -> bool {
    shared(ground.node(), ground.through())
        .evaluate(ground.model, ground.now)
        .holds()
}

/// Nobody is to be cut off by a cookie that changes under a running member.
fn untouched(action: &Action, ground: Ground<'_>, checks: &mut Checks) -> Result<(), Refusal> {
    let node = ground.node();
    let state = ground.target.state;
    if state.is_out_of_sight() {
        let reason = ground.state_reason("so its disc cannot be seen");
        return Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())));
    }
    let own = &ground.target.host.name;
    let mut views = ground.model.views(ground.now);
    let listed = views.any(|(host, report)| host != own && report.lists(node) == Some(true));
    let boots = matches!(state, NodeState::Starting | NodeState::Restarting);
    if listed && state != NodeState::Down && !boots {
        let reason = format!(
            "{node} is a member and its runtime is up; it keeps the cookie it started with"
        );
        let instead = format!("stop it first: stop-node {node}");
        return Err(std::mem::take(checks).refuse(action, reason, Some(instead)));
    }
    Ok(())
}

fn sentence(ground: Ground<'_>) -> Option<String> {
    let up = ground.target.state != NodeState::Down;
    let why = if ground.is_listed() {
        "which cannot boot"
    } else {
        "which is no member"
    };
    up.then(|| format!("{}, {why}, is stopped and started again", ground.node()))
}

fn steps_for(ground: Ground<'_>) -> Vec<Step> {
    let (node, host) = (ground.node(), ground.host());
    let shared = shared(node, ground.through());
    let mut take = Step {
        id: format!("cookie-{host}"),
        title: format!(
            "give {host} the Erlang cookie of {}; the old one stays beside it",
            ground.through_host()
        ),
        host: host.clone(),
        change: Some(Change::Cookie {
            verb: CookieVerb::Take {
                from: ground.through_host(),
                service: ground.service(),
            },
        }),
        before: Vec::new(),
        already: vec![shared.clone()],
        after: vec![shared],
        deadline: DEADLINE,
    };
    if is_shared(ground) {
        return vec![take];
    }
    take.before = vec![ground.down()];
    if ground.target.state == NodeState::Down {
        return vec![take];
    }
    let mut stop = ground.stop_node_outside();
    stop.id = format!("stop-{host}");
    let mut start = ground.start_node();
    start.id = format!("start-{host}");
    start.before = vec![ground.down()];
    if !ground.is_listed() {
        start.already = vec![Probe::Alone { node: node.clone() }];
        start.after.clone_from(&start.already);
    }
    let mut steps = vec![stop, take];
    steps.push(start);
    steps
}
