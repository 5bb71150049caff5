//! Owns why a server is out of use, or still in use: conditions over what HAProxy's check met and
//! what the brokers say of their listeners. Where none holds, nothing is guessed: what to look at
//! next is said instead.

use super::{Finding, NodeView, Sight};
use crate::findings::listed;
use crate::model::Model;
use crate::model::balancer::ServerStatus;
use crate::model::node::NodeState;
use crate::model::path::port_of;
use crate::model::text::Shown;
use std::collections::BTreeSet;

/// The finding with its causes; without any, with the next check.
pub(super) fn told(finding: Finding, causes: Vec<String>, next: &str) -> Finding {
    if causes.is_empty() {
        finding.evidence([format!("cause not known; check next: {next}")])
    } else {
        finding.causes(causes)
    }
}

/// What to look at where no cause is known.
pub(super) fn next(sights: &[Sight<'_>]) -> String {
    let hosts: BTreeSet<_> = sights.iter().map(|sight| sight.on).collect();
    let places: BTreeSet<String> = sights.iter().map(place).collect();
    format!(
        "connect from {} to {}, and compare the `server` line in haproxy.cfg",
        listed(hosts),
        listed(places)
    )
}

/// Where a server leads to.
fn place(sight: &Sight<'_>) -> String {
    let address = sight.server.address.as_ref();
    address.map_or_else(|| sight.server.name.to_string(), ToString::to_string)
}

/// Why HAProxy sends clients to a node that does not run.
pub(super) fn of_still_up(up: &[Sight<'_>]) -> Vec<String> {
    let on = |is: &dyn Fn(&Sight<'_>) -> bool| {
        let hosts = up.iter().filter(|sight| is(sight)).map(|sight| sight.on);
        let hosts: BTreeSet<_> = hosts.collect();
        (!hosts.is_empty()).then(|| listed(hosts))
    };
    let unchecked = on(&|sight| sight.server.status == ServerStatus::NoCheck);
    let failing = on(&|sight| matches!(sight.server.status, ServerStatus::Up(Some(_))));
    let passed =
        on(&|sight| sight.server.status == ServerStatus::Up(None) && code(sight) == Some("L4OK"));
    [
        unchecked.map(|hosts| format!("HAProxy on {hosts} does not check it (no `check`)")),
        failing.map(|hosts| {
            format!("its checks on {hosts} fail already, but not often enough yet (`fall`)")
        }),
        passed.map(|hosts| {
            format!(
                "HAProxy on {hosts} checks only that the port accepts connections, and it still \
                 does; or the next check is due"
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// HAProxy's code for what the last check met.
fn code<'a>(sight: &Sight<'a>) -> Option<&'a str> {
    sight.server.check_status.as_ref().map(Shown::raw)
}

/// Why a server is DOWN.
pub(super) fn of_down(
    model: &Model,
    node: Option<&NodeView<'_>>,
    down: &[Sight<'_>],
    up: &[Sight<'_>],
) -> Vec<String> {
    if let Some(node) = node {
        if node.state.is_away() {
            return vec![format!("{} is {}", node.name, node.state.words())];
        }
        if node.draining == Some(true) {
            return vec!["the node is drained (maintenance mode)".to_owned()];
        }
    }
    let mut causes = Vec::new();
    let other = up.iter().find(|seen| {
        let (own, elsewhere) = (down.first().map(place), place(seen));
        seen.server.address.is_some() && own.is_some_and(|own| own != elsewhere)
    });
    if let (Some(other), Some(first)) = (other, down.first().filter(|s| s.server.address.is_some()))
    {
        causes.push(format!(
            "the load balancers do not have the same configuration: {} on {}, {} on {}",
            place(first),
            first.on,
            place(other),
            other.on
        ));
    }
    for sight in down {
        let cause = of_one(model, node, sight);
        causes.extend(cause.filter(|cause| !causes.contains(cause)));
    }
    causes
}

/// What the last check of one load balancer met. Codes: management guide 9.1, `check_status`.
fn of_one(model: &Model, node: Option<&NodeView<'_>>, sight: &Sight<'_>) -> Option<String> {
    let (server, on) = (sight.server, sight.on);
    if server.status == ServerStatus::DownByAgent {
        return Some(format!("its agent told HAProxy on {on} that it is down"));
    }
    if let Some(tracked) = &server.tracks {
        return Some(format!("it follows {tracked}, which is DOWN there"));
    }
    let text = server.check_text.as_ref().map(Shown::as_str);
    let said = text.filter(|text| !text.is_empty());
    let said = said.map_or_else(String::new, |text| format!(": {text}"));
    let lower = text.unwrap_or_default().to_lowercase();
    let to = place(sight);
    match code(sight)? {
        "L4CON" if lower.contains("refused") => Some(refused(model, node, sight)),
        "L4CON" if lower.contains("route") || lower.contains("unreachable") => {
            Some(format!("{on} has no route to {to}"))
        }
        "L4TOUT" => Some(format!(
            "{to} does not answer {on}: the way is cut, or a firewall drops the packets"
        )),
        code if code.starts_with("L6") => {
            Some(format!("the TLS handshake from {on} with {to} fails{said}"))
        }
        code if code.starts_with("L7") => Some(format!(
            "{to} is reached from {on}, but answers the check otherwise than haproxy.cfg expects{said}"
        )),
        "SOCKERR" => Some(format!("HAProxy on {on} could not open a socket{said}")),
        _ => None,
    }
}

/// A refused connection, against what the brokers say of the node's listeners.
fn refused(model: &Model, node: Option<&NodeView<'_>>, sight: &Sight<'_>) -> String {
    let (to, on) = (place(sight), sight.on);
    let plain = format!("{to} refuses {on}");
    let Some(node) = node.filter(|node| node.state == NodeState::Running) else {
        return plain;
    };
    let has_others = model.listeners.contains_key(&node.name);
    match (model.amqp_ports(&node.name), port_of(sight.server)) {
        (None, _) if has_others => format!("{} has no listener for AMQP", node.name),
        (Some(ports), Some(port)) if !ports.contains(&port) => format!(
            "haproxy.cfg sends clients to port {port}, and {} takes AMQP on {}",
            node.name,
            listed(ports)
        ),
        (Some(_), Some(_)) if node.draining.is_none() => format!(
            "{plain}, though the node reports a listener: either the node is drained (this release \
             does not report that) or a firewall rejects"
        ),
        (Some(_), Some(_)) => format!(
            "{plain}, though the node reports a listener: a firewall rejects, or haproxy.cfg names \
             another host"
        ),
        _ if node.draining.is_none() => {
            format!("{plain}: the node may be drained, which this release does not report")
        }
        _ => plain,
    }
}
