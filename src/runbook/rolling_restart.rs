//! Owns `rolling-restart`: one member after the other is spared by the load balancers, put into
//! maintenance mode, restarted, and used again only when its replicas have caught up. Knows no way
//! to go on where a member does not come back: the run ends there, and the others serve.

use super::blast;
use super::mirror;
use super::plan::{Plan, Preflight, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::replicas;
use super::spare::{self, Told};
use super::steps::{BALANCER_DEADLINE, Ground, TOLD_DEADLINE};
use crate::action::Action;
use crate::invocation::api::ApiCall;
use crate::invocation::haproxy::{ServerState, SetServer};
use crate::invocation::{Change, CtlVerb, ServiceVerb, UpgradeVerb};
use crate::model::Model;
use crate::model::balancer::{Backend, ServerRow};
use crate::model::broker::QueueRow;
use crate::model::inventory::{Access, BalancerEntry, HostEntry};
use crate::model::moment::Moment;
use crate::model::name::{HaproxyName, HostName, NodeName, SocketPath};
use crate::model::node::NodeState;
use crate::model::path::Placed;
use std::collections::BTreeSet;
use std::time::Duration;

/// As long as `rabbitmq-upgrade await_online_quorum_plus_one` is given in the upgrade guide.
const QUORUM_DEADLINE: Duration = Duration::from_secs(600);

/// How a server of a member is dealt with while the member is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// HAProxy is told, with this command for `drain`.
    Told(SetServer),
    /// It takes clients, and HAProxy cannot be told, for this reason.
    Untold(String),
    /// It takes none now, as these words say: nothing is changed about that.
    Left(String),
    /// What becomes of clients is not known, for this reason.
    Unseen(String),
}

/// How each server of `node` is dealt with while it is away, with its load balancer.
pub(super) fn ways(model: &Model, node: &NodeName, now: Moment) -> Vec<(HostName, Way)> {
    let balancers = model.inventory.balancers();
    balancers
        .flat_map(|(host, entry)| {
            let ways = ways_on(model, node, (host, entry), now).into_iter();
            ways.map(|way| (host.name.clone(), way))
        })
        .collect()
}

fn ways_on(
    model: &Model,
    node: &NodeName,
    (host, entry): (&HostEntry, &BalancerEntry),
    now: Moment,
) -> Vec<Way> {
    let on = &host.name;
    let Some(report) = model.balancer(on, now) else {
        return vec![Way::Unseen(format!("HAProxy on {on} cannot be asked"))];
    };
    let servers = model.servers_of(node, host, report);
    if servers.is_empty() {
        let way = if model.placed(node, host, now) == Placed::Unknown {
            Way::Unseen(format!(
                "whether HAProxy on {on} has a server for {node} is not known"
            ))
        } else {
            Way::Left(format!("HAProxy on {on} has no server for {node}"))
        };
        return vec![way];
    }
    let way = |(backend, server): (&Backend, &ServerRow)| {
        if !server.takes_clients() {
            return Way::Left(format!("{} is {} on {on}", server.name, server.state()));
        }
        let names = (backend.name.raw(), server.name.raw());
        command(model, (host, entry), names).map_or_else(Way::Untold, Way::Told)
    };
    servers.into_iter().map(way).collect()
}

pub(super) fn command(
    model: &Model,
    (host, entry): (&HostEntry, &BalancerEntry),
    (backend, server): (&str, &str),
) -> Result<SetServer, String> {
    let Some(socket) = &entry.socket else {
        return Err("the configuration names no `socket` for it".to_owned());
    };
    if host.access == Access::None {
        return Err("the configuration names no `ssh` for its host".to_owned());
    }
    if let Some(why) = model.deaf.get(&host.name) {
        return Err(format!("it takes no commands over {socket}: {why}"));
    }
    let words = |error: crate::model::name::NameError| error.to_string();
    Ok(SetServer {
        socket: SocketPath::parse(socket).map_err(words)?,
        backend: HaproxyName::parse(backend).map_err(words)?,
        server: HaproxyName::parse(server).map_err(words)?,
        state: ServerState::Drain,
    })
}

pub(super) fn plan(
    action: &Action,
    only: &[NodeName],
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let members = order(model, only, now);
    let mut grounds = Vec::new();
    for node in &members {
        let target = preflight::target(action, node, model, now)?;
        grounds.push(Ground { model, target, now });
    }
    let Some(first) = grounds.first().copied() else {
        let reason = "the configuration names no node".to_owned();
        return Err(Checks::default().refuse(action, reason, None));
    };
    let preflight = checked(action, first, &grounds)?;
    let several = grounds.len() > 1;
    let of_one = |ground: &Ground<'_>| {
        let queues = by_hand(*ground);
        member(*ground, if several { &queues } else { &[] })
    };
    let mut steps: Vec<Step> = grounds.iter().flat_map(of_one).collect();
    if model.all_queues(now).is_ok() {
        steps.push(replicas::rebalance_step(first));
    }
    Ok(first.plan(action, preflight, blast_radius(&grounds), steps))
}

/// Those asked for, or all; whose host holds a VIP come last, so that what is wrong shows on the
/// others first.
fn order(model: &Model, only: &[NodeName], now: Moment) -> Vec<NodeName> {
    let mut nodes = model.members();
    if only.is_empty() {
        nodes.retain(|node| model.is_member(node, now) != Some(false));
    } else {
        nodes.retain(|node| only.contains(node));
        // Whoever is unknown is refused by name.
        nodes.extend(
            only.iter()
                .filter(|node| !model.members().contains(node))
                .cloned(),
        );
    }
    nodes.sort_by_key(|node| holds(model, node, now));
    nodes
}

fn holds(model: &Model, node: &NodeName, now: Moment) -> bool {
    let host = model.inventory.host_of(node);
    host.is_some_and(|host| model.holds_a_vip(&host.name, now))
}

fn checked(
    action: &Action,
    first: Ground<'_>,
    grounds: &[Ground<'_>],
) -> Result<Vec<Preflight>, Refusal> {
    let mut checks = Checks::default();
    for ground in grounds {
        if ground.model.is_member(ground.node(), ground.now) == Some(false) {
            let reason = format!("{} is no member of the cluster", ground.node());
            let instead = format!("join it first: join {}", ground.node());
            return Err(checks.refuse(action, reason, Some(instead)));
        }
    }
    for check in [&preflight::FRESH, &preflight::CAPABILITY] {
        checks.make_each(check, grounds);
    }
    checks.make(&preflight::WHOLE, first);
    checks.make(&preflight::PARTITION, first);
    checks.make(&preflight::ALARMS, first);
    for check in [
        &preflight::QUORUM,
        &preflight::MAJORITY,
        &preflight::MIRRORS,
        &preflight::CONNECTIONS,
        &preflight::VIP,
        &preflight::BALANCERS,
        &preflight::TOLD,
    ] {
        checks.make_each(check, grounds);
    }
    checks.make(&preflight::LISTED, first);
    if grounds.len() > 1 {
        checks.make(&preflight::MIRRORS_FOLLOW, first);
        if !by_hand(first).is_empty() {
            checks.make(&preflight::MAY_SYNCHRONISE, first);
        }
    }
    if first.model.running_without(first.node(), first.now).1 <= 1 {
        let reason = format!(
            "{} is the only member: nothing would serve meanwhile",
            first.node()
        );
        let instead = format!("restart it alone: restart-node {}", first.node());
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    checks.verdict(action)
}

fn blast_radius(grounds: &[Ground<'_>]) -> Vec<String> {
    let names: Vec<&str> = grounds
        .iter()
        .map(|ground| ground.node().as_str())
        .collect();
    let mut sentences = vec![match names.as_slice() {
        [one] => format!("{one} is restarted while the others serve"),
        _ => format!(
            "one member after the other is restarted: {}",
            names.join(", ")
        ),
    }];
    for ground in grounds {
        let of_one = blast::of_stop(*ground, "it runs again");
        let node = ground.node();
        sentences.extend(of_one.iter().map(|sentence| format!("{node}: {sentence}")));
    }
    sentences
}

/// Mirrored queues that the run must tell to copy what they have to a mirror that came back.
fn by_hand(ground: Ground<'_>) -> Vec<&QueueRow> {
    preflight::synchronised_by_hand(ground.model, ground.now).unwrap_or_default()
}

/// The steps for one member, after which the mirrors of these queues are told to follow.
fn member(ground: Ground<'_>, by_hand: &[&QueueRow]) -> Vec<Step> {
    let node = ground.node();
    let (mut told, mut untold, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for (host, way) in ways(ground.model, node, ground.now) {
        match way {
            Way::Told(set) => told.push((host, set)),
            Way::Untold(_) => untold.push(host),
            Way::Left(_) => left.push(host),
            Way::Unseen(_) => {}
        }
    }
    // Where another of its servers stays out, not all of them come back.
    untold.retain(|host| !left.contains(host));
    untold.dedup();
    // Waited for while all members serve.
    let mut steps = vec![quorum(ground)];
    steps.extend(told.iter().map(|each| lb_drain(ground, each, &told)));
    steps.push(drain(ground, &told));
    steps.push(Step {
        before: [ground.drain().after, vec![ground.others_unchanged()]].concat(),
        ..ground.stop_node()
    });
    steps.push(ground.start_node());
    steps.push(caught_up(ground));
    steps.extend(
        by_hand
            .iter()
            .map(|row| mirror::sync_step(ground, &row.vhost, &row.name)),
    );
    steps.extend(told.iter().map(|each| lb_ready(ground, each, &told)));
    steps.extend(await_use(ground, untold));
    for step in &mut steps {
        let (word, place) = step.id.split_once(' ').unwrap_or((&step.id, ""));
        let queue = match &step.change {
            Some(Change::Api {
                call: ApiCall::SyncQueue { vhost, queue },
                ..
            }) => format!(" {vhost} {queue}"),
            _ => String::new(),
        };
        step.id = format!("{}{queue}", format!("{word} {node} {place}").trim_end());
    }
    steps
}

fn lb_drain(ground: Ground<'_>, told: &Told, all: &[Told]) -> Step {
    let (host, set) = told;
    let (suffix, over) = spare::distinct(told, all);
    let (node, on) = (ground.node().clone(), vec![host.clone()]);
    let spared = spare::spared(&node, told);
    Step {
        id: format!("lb-drain {host}{suffix}"),
        title: format!("let HAProxy on {host} send {node} no new clients{over}"),
        host: host.clone(),
        change: Some(Change::Haproxy(set.clone())),
        before: vec![
            ground.seen(NodeState::Running),
            ground.others_unchanged(),
            Probe::NoAlarms,
            Probe::OtherServers { node, on },
        ],
        already: vec![spared.clone()],
        after: vec![spared],
        deadline: TOLD_DEADLINE,
    }
}

/// A member that is away must be no loss to any queue: one replica more than a majority is online,
/// by the word of the member itself, which counts every queue it has a part in.
fn quorum(ground: Ground<'_>) -> Step {
    let node = ground.node().clone();
    let mut after = vec![
        Probe::NotQuorumCritical { node: node.clone() },
        Probe::NoAlarms,
    ];
    let mirroring = ground.model.capability(ground.now).has_mirroring() != Some(false);
    if mirroring && ground.model.all_queues(ground.now).is_ok() {
        after.push(Probe::MirrorsReady { node: node.clone() });
    }
    Step {
        id: "quorum".to_owned(),
        title: format!("wait until every queue survives without {node}"),
        host: ground.host(),
        change: None,
        before: vec![ground.others_unchanged()],
        already: Vec::new(),
        after,
        deadline: QUORUM_DEADLINE,
    }
}

fn drain(ground: Ground<'_>, told: &[Told]) -> Step {
    let mut step = ground.drain();
    let spared = told.iter().map(|each| spare::spared(ground.node(), each));
    step.before.extend(spared);
    step
}

fn caught_up(ground: Ground<'_>) -> Step {
    let node = ground.node().clone();
    Step {
        id: "replicas".to_owned(),
        title: format!("wait until {node} serves and its replicas have caught up"),
        host: ground.host(),
        change: None,
        before: Vec::new(),
        already: Vec::new(),
        after: vec![
            Probe::VirtualHostsRun { node: node.clone() },
            Probe::ReplicasOnline { node: node.clone() },
            Probe::NotQuorumCritical { node },
        ],
        deadline: QUORUM_DEADLINE,
    }
}

fn lb_ready(ground: Ground<'_>, told: &Told, all: &[Told]) -> Step {
    let (host, set) = told;
    let (suffix, over) = spare::distinct(told, all);
    let node = ground.node().clone();
    let ready = SetServer {
        state: ServerState::Ready,
        ..set.clone()
    };
    let used = spare::used(&node, told);
    Step {
        id: format!("lb-ready {host}{suffix}"),
        title: format!("let HAProxy on {host} send {node} clients again{over}"),
        host: host.clone(),
        change: Some(Change::Haproxy(ready)),
        before: vec![ground.seen(NodeState::Running)],
        already: vec![used.clone()],
        after: vec![used],
        deadline: BALANCER_DEADLINE,
    }
}

fn await_use(ground: Ground<'_>, on: Vec<HostName>) -> Option<Step> {
    let node = ground.node().clone();
    (!on.is_empty()).then(|| Step {
        id: "load-balancers".to_owned(),
        title: format!("wait until the load balancers use {node} again"),
        host: ground.host(),
        change: None,
        before: Vec::new(),
        already: Vec::new(),
        after: vec![Probe::BalancersUse { node, on }],
        deadline: BALANCER_DEADLINE,
    })
}

/// The member whose turn a step belongs to; `None` for one about the cluster as a whole.
fn member_of(step: &Step) -> Option<&NodeName> {
    step.after.first()?.subjects().into_iter().next()
}

/// How a change is undone.
enum Undo {
    With(Box<Change>),
    /// There is nothing to be undone.
    Nothing,
    /// The way is forward only.
    Never,
}

fn undo(change: &Change) -> Undo {
    let with = match change {
        Change::Haproxy(set) if set.state != ServerState::Ready => Change::Haproxy(SetServer {
            state: ServerState::Ready,
            ..set.clone()
        }),
        Change::Upgrade { node, limit, .. } => Change::Upgrade {
            node: node.clone(),
            verb: UpgradeVerb::Revive,
            limit: *limit,
        },
        Change::Ctl {
            node,
            verb: CtlVerb::StopApp,
            limit,
        } => Change::Ctl {
            node: node.clone(),
            verb: CtlVerb::StartApp,
            limit: *limit,
        },
        Change::Ctl { .. }
        | Change::ForceStandalone { .. }
        | Change::SetAside { .. }
        | Change::Service {
            verb: ServiceVerb::Start,
            ..
        } => return Undo::Never,
        Change::Haproxy(_)
        | Change::Queues { .. }
        | Change::Service { .. }
        | Change::Api { .. }
        | Change::Cookie { .. } => return Undo::Nothing,
    };
    Undo::With(Box::new(with))
}

/// How the member under way is put back into service, where the first `begun` steps were begun and
/// the last of them came to no good end; `None` where the way is forward only: its service was
/// stopped or its membership touched, or no member is under way.
pub(super) fn way_back(plan: &Plan, begun: usize, sent: &BTreeSet<usize>) -> Option<String> {
    let begun = plan.steps.get(..begun)?;
    let member = member_of(begun.last()?)?;
    let own = |(_, step): &(usize, &Step)| member_of(step) == Some(member);
    let mut back = Vec::new();
    for (index, step) in begun.iter().enumerate().filter(own) {
        match step.change.as_ref().map_or(Undo::Nothing, undo) {
            // Someone else did it.
            Undo::With(_) if !sent.contains(&index) => {}
            // Clients come last.
            Undo::With(change) if matches!(*change, Change::Haproxy(_)) => {
                back.push((&step.host, change));
            }
            Undo::With(change) => back.insert(0, (&step.host, change)),
            Undo::Never => return None,
            Undo::Nothing => {}
        }
    }
    let lines: Vec<String> = back
        .iter()
        .map(|(host, change)| format!("`{}` on {host}", change.argv()))
        .collect();
    (!lines.is_empty()).then(|| {
        format!(
            "; to put {member} back into service, while its runtime is up: {}",
            lines.join(", ")
        )
    })
}
