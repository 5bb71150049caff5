//! Owns the answers about what the load balancers do with a member, by their own statistics. A
//! server that is down says nothing about what an administrator told it.

use super::{ProbeAnswer, joined};
use crate::model::Model;
use crate::model::balancer::ServerRow;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::runbook::plan::BalancerServer;

/// The servers of `node` on one load balancer; empty if not all of them are known.
fn servers<'a>(
    model: &'a Model,
    node: &NodeName,
    on: &HostName,
    now: Moment,
) -> Vec<&'a ServerRow> {
    let host = model.inventory.host(on);
    let Some((host, report)) = host.zip(model.balancer(on, now)) else {
        return Vec::new();
    };
    let backends = model.broker_backends(host, report);
    if backends
        .iter()
        .any(|backend| report.may_lack_servers(backend.name.raw()))
    {
        return Vec::new();
    }
    let servers = model.servers_of(node, host, report).into_iter();
    servers.map(|(_, server)| server).collect()
}

/// Holds if every server of `node` on each of these load balancers is as asked.
fn all(
    model: &Model,
    node: &NodeName,
    (on, now): (&[HostName], Moment),
    is_so: fn(&ServerRow) -> bool,
    words: &str,
) -> ProbeAnswer {
    let (mut not, mut unknown) = (Vec::new(), Vec::new());
    for name in on {
        let servers = servers(model, node, name, now);
        if servers.is_empty() {
            unknown.push(format!("HAProxy on {name} cannot be asked about {node}"));
        }
        for server in servers.iter().filter(|server| !is_so(server)) {
            not.push(format!("{} is {} on {name}", server.name, server.state()));
        }
    }
    answer(
        &not,
        &unknown,
        format!("HAProxy on {} sends {node} {words}", joined(on)),
    )
}

fn answer(not: &[String], unknown: &[String], holds: String) -> ProbeAnswer {
    if !not.is_empty() {
        ProbeAnswer::Not(not.join("; "))
    } else if !unknown.is_empty() {
        ProbeAnswer::CannotTell(unknown.join("; "))
    } else {
        ProbeAnswer::Holds(holds)
    }
}

pub(super) fn used(model: &Model, node: &NodeName, on: &[HostName], now: Moment) -> ProbeAnswer {
    all(model, node, (on, now), ServerRow::takes_clients, "clients")
}

pub(super) fn spared(model: &Model, node: &NodeName, on: &[HostName], now: Moment) -> ProbeAnswer {
    let is_out = |server: &ServerRow| server.status.is_set_aside();
    all(model, node, (on, now), is_out, "no new clients")
}

/// Holds if one server is as asked. It is found by its names, for those are what HAProxy was told:
/// whose it is was found out when the plan was made.
fn row(
    model: &Model,
    (node, row): (&NodeName, &BalancerServer),
    now: Moment,
    is_so: fn(&ServerRow) -> bool,
    words: &str,
) -> ProbeAnswer {
    let on = &row.on;
    let server = model.balancer(on, now).and_then(|report| {
        let backend = report.backend(row.backend.as_str())?;
        let mut servers = backend.servers.iter();
        servers.find(|server| server.name.raw() == row.server.as_str())
    });
    match server {
        Some(server) if is_so(server) => {
            ProbeAnswer::Holds(format!("HAProxy on {on} sends {node} {words}"))
        }
        Some(server) => ProbeAnswer::Not(format!("{} is {} on {on}", server.name, server.state())),
        None => ProbeAnswer::CannotTell(format!("HAProxy on {on} cannot be asked about {node}")),
    }
}

pub(super) fn row_used(
    model: &Model,
    row: (&NodeName, &BalancerServer),
    now: Moment,
) -> ProbeAnswer {
    self::row(model, row, now, ServerRow::takes_clients, "clients")
}

pub(super) fn row_spared(
    model: &Model,
    row: (&NodeName, &BalancerServer),
    now: Moment,
) -> ProbeAnswer {
    let is_out = |server: &ServerRow| server.status.is_set_aside();
    self::row(model, row, now, is_out, "no new clients")
}

pub(super) fn others(model: &Model, node: &NodeName, on: &[HostName], now: Moment) -> ProbeAnswer {
    let (last, unasked) = model.last_server_on(node, now);
    let of = |hosts: Vec<HostName>| hosts.into_iter().filter(|host| on.contains(host));
    let not: Vec<String> = of(last)
        .map(|host| format!("on {host} no server but that of {node} takes clients"))
        .collect();
    let unknown: Vec<String> = of(unasked)
        .map(|host| format!("HAProxy on {host} cannot be asked about the other servers"))
        .collect();
    let holds = format!("another server takes clients on {}", joined(on));
    answer(&not, &unknown, holds)
}
