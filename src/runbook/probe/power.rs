//! Owns the answers about whole clusters: who is down, whose runtime is up, whether all run in the
//! view of all, whether their queues are there again.

use super::{ProbeAnswer, nodes_joined};
use crate::model::broker::QueueRow;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::observation::FailureKind;
use crate::model::queue::{self, Trouble};
use crate::model::shutdown::Patience;
use crate::model::{Model, host::UnitState};

/// How many queues a sentence names.
const NAMED: usize = 5;

pub(super) fn stopped(model: &Model, nodes: &[NodeName], now: Moment) -> ProbeAnswer {
    let (mut up, mut unknown, mut down) = (Vec::new(), Vec::new(), Vec::new());
    for node in nodes {
        let view = model.node(node, now);
        match view.state {
            NodeState::Down => down.push(node.clone()),
            NodeState::Running
            | NodeState::AppStopped
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung => {
                up.push(format!("{node} is {}", view.state.words()));
            }
            NodeState::Unreachable | NodeState::NotRunning | NodeState::Unknown => {
                unknown.push(format!("{node}: {}", view.evidence.join("; ")));
            }
        }
    }
    if !up.is_empty() {
        return ProbeAnswer::Not(up.join("; "));
    }
    if !unknown.is_empty() {
        return ProbeAnswer::CannotTell(unknown.join("; "));
    }
    let answering: Vec<&str> = model.views(now).map(|(host, _)| host.as_str()).collect();
    let peers = if answering.is_empty() {
        "no member answers any more".to_owned()
    } else {
        format!("not seen to run by {}", answering.join(" and "))
    };
    ProbeAnswer::Holds(format!(
        "no runtime of {} by its host; {peers}",
        nodes_joined(&down)
    ))
}

/// That a host does not answer is no contradiction: whoever is given up as lost is not expected to.
/// A node without a declared host has only the word of the others.
pub(super) fn none_runs(model: &Model, nodes: &[NodeName], now: Moment) -> ProbeAnswer {
    let (mut up, mut unknown) = (Vec::new(), Vec::new());
    for node in nodes {
        let view = model.node(node, now);
        match view.state {
            NodeState::Running
            | NodeState::AppStopped
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung => up.push(format!("{node} is {}", view.state.words())),
            NodeState::Unknown if view.host.is_some() => {
                unknown.push(format!("{node}: {}", view.evidence.join("; ")));
            }
            NodeState::Unknown
            | NodeState::Down
            | NodeState::Unreachable
            | NodeState::NotRunning => {}
        }
    }
    if !up.is_empty() {
        ProbeAnswer::Not(up.join("; "))
    } else if !unknown.is_empty() {
        ProbeAnswer::CannotTell(unknown.join("; "))
    } else {
        ProbeAnswer::Holds(format!("nobody sees {} run", nodes_joined(nodes)))
    }
}

fn unit<'a>(model: &'a Model, node: &NodeName, now: Moment) -> Option<&'a UnitState> {
    model.service(host_of(model, node)?, now)?.rabbitmq.as_ref()
}

pub(super) fn service_not_failed(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    match unit(model, node, now) {
        None => ProbeAnswer::CannotTell(format!("the host of {node} does not tell its services")),
        Some(UnitState::Failed) => {
            ProbeAnswer::Not(format!("{} of {node} is failed", service(model, node)))
        }
        Some(state) => ProbeAnswer::Holds(format!(
            "{} of {node} is {}",
            service(model, node),
            state.word()
        )),
    }
}

/// What systemd's refusal is, and how it is lifted. The unit of 4.3 allows 5 starts in 600 s, that
/// of 3.10 systemd's own 5 in 10 s (`systemctl show -p StartLimitIntervalUSec`).
fn failed_hint(service: &str) -> String {
    format!(
        "; `systemctl status {service}` there says why; started too often (start-limit-hit), it \
         needs `systemctl reset-failed {service}` first"
    )
}

/// What the node's service is called.
fn service<'a>(model: &'a Model, node: &NodeName) -> &'a str {
    let host = model.inventory.host_of(node);
    host.map_or("its service", |host| host.services.broker.as_str())
}

pub(super) fn runtime_up(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let view = model.node(node, now);
    let registered = host_of(model, node).and_then(|host| {
        let runtimes = model.service(host, now)?.runtimes.as_ref()?;
        Some(runtimes.iter().any(|name| name.raw() == node.name_part()))
    });
    match (registered, view.state) {
        (Some(true), _) => ProbeAnswer::Holds(format!("the runtime of {node} is up, by its host")),
        (None, NodeState::Running) => ProbeAnswer::Holds(format!("{node} runs")),
        (Some(false), _) => {
            let unit = unit(model, node, now);
            let service = service(model, node);
            let hint = match unit {
                Some(UnitState::Failed) => failed_hint(service),
                _ => String::new(),
            };
            let word = unit.map_or("unknown", UnitState::word);
            ProbeAnswer::Not(format!(
                "no runtime of {node} yet; its {service} is {word}{hint}"
            ))
        }
        (None, _) => ProbeAnswer::CannotTell(format!(
            "whether the runtime of {node} is up is not known: {}",
            view.evidence.join("; ")
        )),
    }
}

pub(super) fn run_together(model: &Model, nodes: &[NodeName], now: Moment) -> ProbeAnswer {
    let (mut not, mut unknown, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    for node in nodes {
        let view = model.node(node, now);
        match view.state {
            NodeState::Running => {}
            NodeState::AppStopped
            | NodeState::Down
            | NodeState::NotRunning
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung => {
                let why = complaint(model, node, now);
                not.push(format!("{node} is {}{why}", view.state.words()));
                continue;
            }
            NodeState::Unreachable | NodeState::Unknown => {
                unknown.push(format!("{node}: {}", view.evidence.join("; ")));
                continue;
            }
        }
        let own = host_of(model, node).and_then(|host| model.broker(host, now));
        let Some(own) = own else {
            match seen_by_all(model, node, now) {
                Some(words) => odd.push(words),
                None => unknown.push(silence(model, node)),
            }
            continue;
        };
        let unseen: Vec<NodeName> = nodes
            .iter()
            .filter(|other| own.node(other).and_then(|row| row.running) != Some(true))
            .cloned()
            .collect();
        if !unseen.is_empty() {
            not.push(format!("{node} does not see {} run", nodes_joined(&unseen)));
        }
    }
    if !not.is_empty() {
        ProbeAnswer::Not(not.join("; "))
    } else if !unknown.is_empty() {
        ProbeAnswer::CannotTell(unknown.join("; "))
    } else if odd.is_empty() {
        ProbeAnswer::Holds(format!("{} run, by the word of each", nodes_joined(nodes)))
    } else {
        let odd = odd.join("; ");
        ProbeAnswer::Holds(format!("{} run; {odd}", nodes_joined(nodes)))
    }
}

/// A member whose own API answers, but with a fault of its own (seen on 3.10.8: 500, for a table
/// of tracked connections was missing), runs by the word of all others; if there are any.
pub(in crate::runbook) fn seen_by_all(
    model: &Model,
    node: &NodeName,
    now: Moment,
) -> Option<String> {
    let failure = host_of(model, node).and_then(|host| model.brokers.get(host)?.failure())?;
    let peers = model.peers_say(node, now);
    let seen = !peers.is_empty() && peers.iter().all(|(_, runs)| *runs);
    (seen && failure.kind == FailureKind::Server).then(|| {
        format!(
            "{node} by the word of all others, for its own management API fails ({failure}): restart-app {node} may mend that"
        )
    })
}

fn silence(model: &Model, node: &NodeName) -> String {
    let failure = host_of(model, node).and_then(|host| model.brokers.get(host)?.failure());
    match failure {
        Some(failure) if failure.kind == FailureKind::Refused => {
            format!("the management API of {node} is not open yet")
        }
        Some(failure) => format!("the management API of {node} does not say: {failure}"),
        None => format!("the management API of {node} does not answer"),
    }
}

/// What its service and its log say of a member that does not run.
fn complaint(model: &Model, node: &NodeName, now: Moment) -> String {
    let files = host_of(model, node).and_then(|host| model.files_of(host, now));
    let Some(files) = files else {
        return String::new();
    };
    let unit = files.unit.as_ref().map_or("unknown", UnitState::word);
    let service = service(model, node);
    let Some(log) = files.complaint() else {
        return format!(" ({service} is {unit})");
    };
    let away =
        |name: &&NodeName| *name != node && model.node(name, now).state != NodeState::Running;
    let awaited: Vec<NodeName> = files.ran.iter().flatten().filter(away).cloned().collect();
    let awaited = if awaited.is_empty() {
        String::new()
    } else {
        format!("; it may wait for {}", nodes_joined(&awaited))
    };
    format!(" ({service} is {unit}{awaited}; {log})")
}

pub(super) fn queues_up(model: &Model, now: Moment) -> ProbeAnswer {
    let (page, gap) = match model.listed_queues(now) {
        Ok(listed) => listed,
        Err(gap) => return ProbeAnswer::CannotTell(gap),
    };
    let fault = |row: &QueueRow| {
        let trouble = queue::trouble(row)?;
        let words = trouble.words();
        (trouble != Trouble::Thin).then(|| format!("{} in vhost {} {words}", row.name, row.vhost))
    };
    let down: Vec<String> = page.rows.iter().filter_map(fault).collect();
    if !down.is_empty() {
        let more = down.len().saturating_sub(NAMED);
        let mut words: Vec<String> = down.into_iter().take(NAMED).collect();
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        return ProbeAnswer::Not(words.join("; "));
    }
    match gap {
        Some(gap) => {
            ProbeAnswer::CannotTell(format!("{gap}; none of these is down or in minority"))
        }
        None => ProbeAnswer::Holds(format!(
            "none of {} queues is down or in minority",
            page.rows.len()
        )),
    }
}

pub(super) fn queues_back(model: &Model, at_least: u64, now: Moment) -> ProbeAnswer {
    match model.queue_count(now) {
        None => ProbeAnswer::CannotTell("how many queues there are is not known".to_owned()),
        Some(total) if total >= at_least => ProbeAnswer::Holds(format!(
            "{total} queues are there; {at_least} that survive a restart were recorded at the stop"
        )),
        Some(total) => ProbeAnswer::Not(format!(
            "{total} queues are there, but {at_least} that survive a restart were recorded at the stop"
        )),
    }
}

pub(super) fn forgotten(model: &Model, node: &NodeName, on: &NodeName, now: Moment) -> ProbeAnswer {
    if let Some(listed) = model.lists(on, node, now) {
        return if listed {
            ProbeAnswer::Not(format!("{on} still lists {node} as a member"))
        } else {
            ProbeAnswer::Holds(format!("{on} does not list {node} as a member"))
        };
    }
    let files = host_of(model, on).and_then(|host| model.files_of(host, now));
    match files.map(|files| files.patience) {
        Some(Patience::Forced) => ProbeAnswer::Holds(format!(
            "{on} is set to start with what it has, as the removal leaves it"
        )),
        Some(Patience::Waits) => ProbeAnswer::Not(format!("{on} would still wait for {node}")),
        None => ProbeAnswer::CannotTell(format!("what {on} left on its disc is not known")),
    }
}

fn host_of<'a>(model: &'a Model, node: &NodeName) -> Option<&'a HostName> {
    model.inventory.host_of(node).map(|host| &host.name)
}
