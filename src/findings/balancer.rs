//! Owns H1 (a load balancer is down) and D4 (a load balancer has no server left).

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::inventory::{BalancerEntry, HostEntry};
use crate::model::moment::Moment;
use crate::model::node::Liveness;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    model
        .inventory
        .balancers()
        .filter_map(|(host, entry)| {
            down(model, host, now).or_else(|| empty(model, host, entry, now))
        })
        .collect()
}

/// Down by systemd's word. Of a host that does not answer it cannot be told.
fn down(model: &Model, host: &HostEntry, now: Moment) -> Option<Finding> {
    let name = &host.name;
    if model.balancer(name, now).is_some() {
        return None;
    }
    let unit = model
        .service(name, now)
        .and_then(|services| services.haproxy.as_ref());
    let silent = model.liveness(name, now) == Liveness::Silent;
    let Some(unit) = unit.filter(|unit| !unit.is_up()) else {
        // A member's own finding says it where there is one.
        return (silent && host.node.is_none()).then(|| {
            let title = format!("the host {name} of a load balancer does not answer");
            Finding::new("H1", Severity::Warning, name, title)
                .causes(["the host is down", "the network between here and it is cut"])
        });
    };
    let holds_vip = model.vips(now).iter().any(|vip| vip.holders.contains(name));
    let (severity, title) = if holds_vip {
        (
            Severity::Critical,
            format!("HAProxy is down on {name}, which holds the VIP"),
        )
    } else {
        (Severity::Warning, format!("HAProxy is down on {name}"))
    };
    let failure = model
        .balancers
        .get(name)
        .and_then(|reading| reading.failure())
        .map(ToString::to_string);
    Some(
        Finding::new("H1", severity, &name, title)
            .evidence([format!("systemd says {}", unit.word())])
            .evidence(failure)
            .causes(["the service was stopped or failed"]),
    )
}

fn empty(model: &Model, host: &HostEntry, entry: &BalancerEntry, now: Moment) -> Option<Finding> {
    let report = model.balancer(&host.name, now)?;
    let Some(backend) = model.broker_backend(entry, report) else {
        let name = entry
            .backend
            .as_deref()
            .unwrap_or("with servers that match the nodes");
        let title = format!("HAProxy on {} has no backend {name}", host.name);
        let known = format!(
            "its backends: {}",
            listed(report.backends.iter().map(|b| &b.name))
        );
        return Some(
            Finding::new("H2", Severity::Warning, &host.name, title)
                .evidence([known])
                .causes(["`backend` in the configuration names another proxy"]),
        );
    };
    let dead = !backend.servers.is_empty()
        && !backend
            .servers
            .iter()
            .any(|server| server.status.takes_clients());
    dead.then(|| {
        let title = format!(
            "HAProxy on {} has no server left for {}",
            host.name, backend.name
        );
        let lines = backend
            .servers
            .iter()
            .map(|s| format!("{} is {}", s.name, s.status.word()));
        Finding::new("D4", Severity::Critical, &host.name, title)
            .evidence(lines)
            .causes([
                "every broker is down",
                "the load balancer's network or its name resolution fails",
            ])
    })
}
