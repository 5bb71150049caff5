//! Owns what is said of a member that does not run, or of which that is not known: the sentence,
//! its severity, the causes for which there is evidence, the next check, and the runbook that can
//! run.

use super::super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::broker::MetadataStore;
use crate::model::host::UnitState;
use crate::model::inventory::Access;
use crate::model::moment::Moment;
use crate::model::node::{Door, Ground, NodeState, NodeView, Service, Silence};
use crate::model::observation::FailureKind;
use crate::model::start::StartFault;
use crate::model::text::Shown;
use std::time::Duration;

/// A start that takes longer than this is not a usual one.
const USUAL_START: Duration = Duration::from_secs(120);

/// A blank node is up sooner than that.
const BLANK_START: Duration = Duration::from_secs(20);

/// N1.
pub(super) fn stopped(model: &Model, node: &NodeView<'_>, now: Moment) -> Finding {
    let (severity, title) = sentence(node);
    let finding = Finding::new("N1", severity, &node.name, title)
        .evidence(node.evidence.iter().cloned())
        .causes(causes(model, node, now));
    let kind = node.known.door_fault.as_ref().map(|failure| failure.kind);
    let is_login = matches!(
        kind,
        Some(FailureKind::Unauthorized | FailureKind::Forbidden)
    );
    // A wrong password keeps every member from telling: that is one fault, and not theirs.
    let finding = if is_login && matches!(node.ground, Ground::Serves | Ground::Undecided) {
        finding.follows("S1", &model.inventory.cluster)
    } else {
        finding
    };
    match answer(node) {
        Some(runbook) => answered(model, node, now, finding, runbook),
        None => finding,
    }
}

/// Names the runbook if it can be run; else why it cannot.
pub(super) fn answered(
    model: &Model,
    node: &NodeView<'_>,
    now: Moment,
    finding: Finding,
    runbook: &str,
) -> Finding {
    let reached = node.host.filter(|host| host.access != Access::None);
    let fails = node
        .host
        .and_then(|host| model.services.get(&host.name))
        .is_some_and(|reading| reading.failure().is_some());
    match reached {
        Some(host) if !fails || model.service(&host.name, now).is_some() => {
            finding.answered_by(runbook)
        }
        Some(host) => {
            let why = format!("{runbook} needs SSH to {}, which fails", host.name);
            finding.causes([why])
        }
        None => finding.causes([format!("{runbook} needs SSH to its host")]),
    }
}

fn sentence(node: &NodeView<'_>) -> (Severity, String) {
    let name = &node.name;
    let host = node
        .host
        .map_or_else(|| name.short().to_owned(), |host| host.name.to_string());
    let seen = &node.known;
    let critical = |title| (Severity::Critical, title);
    match node.state {
        NodeState::Running => (Severity::Info, format!("{name} runs")),
        NodeState::AppStopped => critical(format!("the app on {host} is stopped")),
        NodeState::Down if node.member == Some(false) && seen.served_by.is_empty() => (
            Severity::Warning,
            format!("{name} is no member of the cluster, and is down"),
        ),
        NodeState::Down => critical(format!("RabbitMQ is down on {host}, the host is up")),
        NodeState::Unreachable if seen.up.is_empty() => {
            critical(format!("the host {host} does not answer"))
        }
        NodeState::Unreachable => critical(format!(
            "the host {host} does not answer from here; {} still {} {name} running",
            listed(&seen.up),
            if seen.up.len() == 1 { "sees" } else { "see" }
        )),
        NodeState::NotRunning => {
            let says = if seen.down.len() == 1 { "says" } else { "say" };
            critical(format!(
                "{name} is not running ({} {says} so)",
                listed(&seen.down)
            ))
        }
        NodeState::Starting => starting(node),
        NodeState::Restarting => {
            let times = seen.service.as_ref().map_or(0, |service| service.restarts);
            let times = match times {
                0 => String::new(),
                1 => ", once so far".to_owned(),
                many => format!(", {many} times so far"),
            };
            let why = match fault(node) {
                _ if is_forgotten(node) => ": no other member lists it".to_owned(),
                Some((fault, _)) => format!(": {}", fault.words()),
                None => String::new(),
            };
            critical(format!(
                "RabbitMQ on {host} ends and is started again{times}{why}"
            ))
        }
        NodeState::Hung => critical(format!(
            "{name} hangs: it accepts connections and says nothing"
        )),
        NodeState::Unknown => unknown(node, &host),
    }
}

fn starting(node: &NodeView<'_>) -> (Severity, String) {
    let service = node.known.service.as_ref();
    let since = service.and_then(|service| service.since);
    let long = since.is_some_and(|since| since > USUAL_START);
    let for_how_long = since.map_or_else(String::new, |since| {
        format!(", for {} s so far", since.as_secs())
    });
    let still = service
        .and_then(|service| service.life.as_ref()?.start_limit)
        .zip(since)
        .and_then(|(limit, since)| limit.checked_sub(since))
        .map_or_else(String::new, |left| {
            format!("; systemd gives up in {} s", left.as_secs())
        });
    let waits = match fault(node) {
        _ if is_forgotten(node) => ": no other member lists it".to_owned(),
        Some((fault, _)) => format!(": {}", fault.words()),
        None => String::new(),
    };
    let severity = if long {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let title = format!("{} is starting{for_how_long}{waits}{still}", node.name);
    (severity, title)
}

fn unknown(node: &NodeView<'_>, host: &str) -> (Severity, String) {
    let name = &node.name;
    let door = door(node, host);
    if node.ground == Ground::Serves {
        let title = format!("{host} takes clients, but {door}: what {name} does is not known");
        (Severity::Warning, title)
    } else if node.ground == Ground::Shunned {
        let title = format!("no load balancer reaches {name}, and {door}");
        (Severity::Critical, title)
    } else if node.ground == Ground::NothingAnswers {
        let title = format!("no host answers this machine, {host} among them");
        (Severity::Unknown, title)
    } else if node.ground == Ground::Disputed {
        let (up, down) = (&node.known.up, &node.known.down);
        let title = format!(
            "{} {} {name} running, {} {} not",
            listed(up),
            if up.len() == 1 { "sees" } else { "see" },
            listed(down),
            if down.len() == 1 { "does" } else { "do" },
        );
        (Severity::Unknown, title)
    } else {
        let title = format!("whether {name} runs is not known: {door}");
        (Severity::Unknown, title)
    }
}

/// What its management API does, as the end of a sentence.
fn door(node: &NodeView<'_>, host: &str) -> String {
    let kind = node.known.door_fault.as_ref().map(|failure| failure.kind);
    match (node.known.door, kind) {
        (Door::Refused, _) => format!("nothing listens on the management port of {host}"),
        (Door::Mute, _) => {
            format!("the management API of {host} accepts connections and says nothing")
        }
        (Door::Silent, _) => format!("the management port of {host} does not answer"),
        (_, Some(FailureKind::Tls)) => format!("TLS to the management API of {host} fails"),
        (_, Some(FailureKind::Unauthorized)) => {
            format!("the management API of {host} refuses the user or the password")
        }
        (_, Some(FailureKind::Forbidden)) => {
            format!("the management API of {host} lets this user see too little")
        }
        (Door::Speaks, _) => format!("the management API of {host} gives no usable answer"),
        (Door::OtherUsers, _) => format!("the management API of {host} knows another user"),
        (Door::Unknown, Some(_)) => format!("the management API of {host} cannot be asked"),
        (Door::Unknown | Door::Open, _) => {
            format!("the management API of {host} has not been asked lately")
        }
    }
}

/// Whether it waits for a cluster that does not count it any more: on Khepri its log does not say
/// so. A blank node that starts is there sooner.
fn is_forgotten(node: &NodeView<'_>) -> bool {
    let since = node
        .known
        .service
        .as_ref()
        .and_then(|service| service.since);
    let waits = fault(node).is_none_or(|(fault, _)| fault.waits());
    let is_starting = matches!(node.state, NodeState::Starting | NodeState::Restarting);
    let long =
        node.state == NodeState::Restarting || since.is_some_and(|since| since > BLANK_START);
    is_starting && waits && long && node.member == Some(false)
}

/// What its log says of its latest start.
fn fault<'n>(node: &'n NodeView<'_>) -> Option<(StartFault, &'n Shown)> {
    StartFault::read(&node.known.service.as_ref()?.log)
}

/// Only what there is evidence for, the surest first; else that it is not known, and what to look
/// at next.
fn causes(model: &Model, node: &NodeView<'_>, now: Moment) -> Vec<String> {
    let host = node.host.map_or("its host", |host| host.name.as_str());
    match node.state {
        NodeState::Running => Vec::new(),
        NodeState::AppStopped => paused(model, now).map_or_else(
            || {
                vec![format!(
                    "cause not known; next: the end of the log of {} on {host}",
                    node.name
                )]
            },
            |why| vec![why],
        ),
        NodeState::Down if node.member == Some(false) => vec![
            "it was forgotten, or never joined: the other members do not list it".to_owned(),
        ],
        NodeState::Down => vec![down(node, host)],
        NodeState::Unreachable => vec![unreachable(node, host)],
        NodeState::NotRunning => vec![unseen(node, host)],
        NodeState::Starting | NodeState::Restarting if is_forgotten(node) => vec![
            "no other member lists it: it was forgotten or reset, and waits for a cluster that does not count it".to_owned(),
            StartFault::Forgotten.advice().to_owned(),
        ],
        NodeState::Starting | NodeState::Restarting => match fault(node) {
            Some((fault, line)) => vec![format!("{}: {line}", fault.words()), fault.advice().to_owned()],
            None if node.state == NodeState::Starting => Vec::new(),
            None => vec![format!("cause not known; next: `journalctl -u {}` on {host}", unit(node))],
        },
        NodeState::Hung => vec![
            "cause not known: its process is overloaded, stopped, or waits for its disc; only ending the process helps for sure".to_owned(),
        ],
        NodeState::Unknown => untold(node, host),
    }
}

fn unit<'n>(node: &'n NodeView<'_>) -> &'n str {
    node.host
        .map_or("rabbitmq-server", |host| host.services.broker.as_str())
}

/// A member that sees no majority may stop its app itself (`pause_minority`, Mnesia).
fn paused(model: &Model, now: Moment) -> Option<String> {
    let nodes = model.nodes(now);
    let running = nodes
        .iter()
        .filter(|node| node.state == NodeState::Running)
        .count();
    let lost = running * 2 <= nodes.len();
    let is_mnesia = model.capability(now).store == Some(MetadataStore::Mnesia);
    (lost && is_mnesia).then(|| {
        "fewer than a majority run: with pause_minority a member then stops its app by itself, and goes on when the others are back".to_owned()
    })
}

fn down(node: &NodeView<'_>, host: &str) -> String {
    let service = node.known.service.as_ref();
    if let Some((fault, line)) = fault(node)
        && service.is_some_and(|service| service.unit == Some(UnitState::Failed))
    {
        return format!("{}: {line}", fault.words());
    }
    let life = service.and_then(|service| service.life.as_ref());
    let result = life.map_or("", |life| life.result.raw());
    let exit = life.and_then(|life| life.exit.as_ref());
    match service.and_then(|service| service.unit.as_ref()) {
        Some(UnitState::Inactive) if matches!(result, "" | "success") => {
            "its service was stopped".to_owned()
        }
        Some(UnitState::Failed) if result == "start-limit-hit" => format!(
            "it was started too often and systemd gave up; next: `journalctl -u {}` on {host}",
            unit(node)
        ),
        Some(UnitState::Failed) => {
            let how = exit.map_or_else(|| result.to_owned(), |exit| format!("it {}", exit.words()));
            format!("its service failed: {how}")
        }
        Some(UnitState::Deactivating) => "its service is being stopped".to_owned(),
        Some(_) | None => format!(
            "cause not known; next: `systemctl status {}` on {host}",
            unit(node)
        ),
    }
}

fn unreachable(node: &NodeView<'_>, host: &str) -> String {
    let seen = &node.known;
    if !seen.down.is_empty() {
        format!("{host} is down, or cut off from the other members as well")
    } else if !seen.up.is_empty() {
        format!("{host} died a moment ago, or only the way from here to it is cut")
    } else {
        format!("{host} is down, or the way from here to it is cut")
    }
}

fn unseen(node: &NodeView<'_>, host: &str) -> String {
    let why = match &node.known.no_service {
        _ if node.known.host.is_none() => "its host is not declared".to_owned(),
        Some(failure) if failure.kind == FailureKind::NotConfigured => {
            format!("no SSH is configured for {host}")
        }
        Some(failure) => format!("SSH: {failure}"),
        None => "what its host reports does not explain it".to_owned(),
    };
    format!(
        "why it does not run is not known: {why}; next: `systemctl status {}` on {host}",
        unit(node)
    )
}

fn untold(node: &NodeView<'_>, host: &str) -> Vec<String> {
    let kind = node.known.door_fault.as_ref().map(|failure| failure.kind);
    let line = match (node.known.door, kind) {
        _ if node.known.silence == Silence::Everything => {
            "this machine is cut off, or all hosts are down: which one is not known".to_owned()
        }
        (Door::Refused, _) if node.known.by_host(Service::takes_clients) || !node.known.served_by.is_empty() => {
            "the plugin rabbitmq_management is off there, or listens on another port than `port` in the configuration".to_owned()
        }
        (Door::Refused, _) => format!(
            "its app is stopped, or its plugin rabbitmq_management is off: which one is not known; next: `rabbitmqctl status` on {host}"
        ),
        (_, Some(FailureKind::Tls)) => {
            "its certificate is not trusted: `ca_file` in the configuration names the authority that signed it".to_owned()
        }
        (_, Some(FailureKind::Forbidden)) => {
            "the user of the configuration lacks the tag `monitoring`".to_owned()
        }
        (_, Some(FailureKind::Unauthorized)) => {
            "the user or the password of the configuration is wrong".to_owned()
        }
        _ => return Vec::new(),
    };
    vec![line]
}

/// The runbook that answers a state from which it can start.
fn answer(node: &NodeView<'_>) -> Option<&'static str> {
    let fault = fault(node).map(|(fault, _)| fault);
    match node.state {
        NodeState::Starting | NodeState::Restarting if is_forgotten(node) => {
            StartFault::Forgotten.answer()
        }
        NodeState::AppStopped => Some("start-app"),
        // With what is on its disk it would be turned away, start after start.
        NodeState::Down if node.member == Some(false) => StartFault::Forgotten.answer(),
        NodeState::Down => {
            let service = node.known.service.as_ref();
            let unit = service.and_then(|service| service.unit.as_ref());
            match unit {
                Some(UnitState::Failed) => {
                    fault.and_then(StartFault::answer).or(Some("start-node"))
                }
                Some(UnitState::Inactive) => Some("start-node"),
                Some(_) | None => None,
            }
        }
        // Whose cookie is wrong is stopped first, then given the others'.
        NodeState::Restarting | NodeState::Starting if fault == Some(StartFault::Cookie) => {
            Some("stop-node")
        }
        NodeState::Restarting => match fault {
            Some(fault) if fault.waits() => None,
            Some(fault) => fault.answer().or(Some("stop-node")),
            None => Some("stop-node"),
        },
        NodeState::Starting => fault.and_then(StartFault::answer),
        NodeState::Hung => Some("stop-node --kill"),
        NodeState::Running
        | NodeState::Unreachable
        | NodeState::NotRunning
        | NodeState::Unknown => None,
    }
}
