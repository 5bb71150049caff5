//! Owns the disagreements between a load balancer and the broker behind a server: D1 (DOWN, but
//! the node runs), D2 (DOWN on one load balancer only), D3 (UP, but the node does not run), and S2
//! (DOWN because the node does not run: a consequence, so no more than a warning).

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::balancer::{ServerRow, ServerStatus};
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::{NodeState, NodeView};

/// One server name with how each load balancer sees it.
struct Seen<'a> {
    name: String,
    node: Option<NodeView<'a>>,
    down: Vec<(&'a HostName, &'a ServerRow)>,
    up: Vec<(&'a HostName, &'a ServerRow)>,
}

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    collect(model, now).iter().filter_map(judge).collect()
}

fn collect(model: &Model, now: Moment) -> Vec<Seen<'_>> {
    let mut all: Vec<Seen<'_>> = Vec::new();
    for (host, entry) in model.inventory.balancers() {
        let backend = model
            .balancer(&host.name, now)
            .and_then(|r| model.broker_backend(entry, r));
        for server in backend.into_iter().flat_map(|backend| &backend.servers) {
            let node = model
                .member_behind(server)
                .map(|(node, _)| model.node(node, now));
            let known = |seen: &Seen<'_>| match (&seen.node, &node) {
                (Some(a), Some(b)) => a.name == b.name,
                (None, None) => seen.name == server.name.as_str(),
                _ => false,
            };
            if !all.iter().any(known) {
                let name = server.name.to_string();
                all.push(Seen {
                    name,
                    node: node.clone(),
                    down: Vec::new(),
                    up: Vec::new(),
                });
            }
            let Some(seen) = all.iter_mut().find(|seen| known(seen)) else {
                continue;
            };
            match server.status {
                ServerStatus::Down(_) => seen.down.push((&host.name, server)),
                ServerStatus::Up(_) | ServerStatus::NoCheck => seen.up.push((&host.name, server)),
                // Put aside by a person, or a word we do not know: not for this rule.
                ServerStatus::NoLb
                | ServerStatus::Drain
                | ServerStatus::Maint
                | ServerStatus::Other(_) => {}
            }
        }
    }
    all
}

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let state = seen.node.as_ref().map(|node| node.state);
    match (seen.down.is_empty(), state) {
        (true, None | Some(NodeState::Running | NodeState::Unknown)) => None,
        (true, Some(_)) => still_up(seen),
        (false, Some(NodeState::Running)) => Some(unexplained(seen)),
        (false, _) => Some(consequence(seen)),
    }
}

/// D3.
fn still_up(seen: &Seen<'_>) -> Option<Finding> {
    let node = seen.node.as_ref()?;
    if seen.up.is_empty() {
        return None;
    }
    let title = format!(
        "{} is UP on {} although {} is {}",
        seen.name,
        listed(seen.up.iter().map(|(host, _)| host)),
        node.name,
        node.state.words()
    );
    Some(
        Finding::new("D3", Severity::Warning, &seen.name, title)
            .evidence(node.evidence.iter().cloned())
            .causes([
                "the app stopped a moment ago and the checks have not failed often enough yet",
                "something else listens on the broker's port",
                "the view of the brokers is stale",
            ]),
    )
}

/// D1 or D2.
fn unexplained(seen: &Seen<'_>) -> Finding {
    let drained = seen
        .node
        .as_ref()
        .is_some_and(|node| node.draining == Some(true));
    let partly = !seen.up.is_empty();
    let severity = if drained || partly {
        Severity::Warning
    } else {
        Severity::Critical
    };
    let finding = Finding::new(
        if partly { "D2" } else { "D1" },
        severity,
        &seen.name,
        format!("{}, but the node runs", down_where(seen)),
    )
    .evidence(details(seen));
    if drained {
        finding.causes(["the node is drained (maintenance mode)"])
    } else if partly {
        finding.causes([
            "the path from that load balancer to the broker is broken",
            "the load balancers do not have the same configuration",
        ])
    } else {
        finding.causes([
            "its AMQP listener is missing or on another port than haproxy.cfg says",
            "a firewall between the load balancers and the broker",
        ])
    }
}

/// S2.
fn consequence(seen: &Seen<'_>) -> Finding {
    let why = seen.node.as_ref().map_or_else(
        || "no declared node stands behind it".to_owned(),
        |node| format!("{} is {}", node.name, node.state.words()),
    );
    // What answers it stands with the finding on the node.
    Finding::new("S2", Severity::Warning, &seen.name, down_where(seen))
        .evidence(details(seen))
        .causes([why])
}

fn down_where(seen: &Seen<'_>) -> String {
    let hosts: Vec<&HostName> = seen.down.iter().map(|(host, _)| *host).collect();
    match (hosts.len(), seen.up.is_empty()) {
        (2, true) => format!("{} is DOWN on both load balancers", seen.name),
        (n, true) if n > 2 => format!("{} is DOWN on all {n} load balancers", seen.name),
        _ => format!("{} is DOWN on {}", seen.name, listed(hosts)),
    }
}

fn details(seen: &Seen<'_>) -> Vec<String> {
    let line = |(host, server): &(&HostName, &ServerRow)| {
        let check = match (&server.check_text, &server.check_status) {
            (Some(text), Some(code)) if !text.is_empty() => format!(": {text} ({code})"),
            (_, Some(code)) => format!(": {code}"),
            _ => String::new(),
        };
        let since = server
            .last_change_s
            .map_or_else(String::new, |s| format!(", for {s} s"));
        format!("{host}: {}{check}{since}", server.status.word())
    };
    seen.down.iter().chain(&seen.up).map(line).collect()
}
