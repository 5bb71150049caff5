//! Owns what a host prints of its broker's data: members, who ran last, what its log says.

use super::broker::{lines, monotonic, unit, uptime};
use crate::sim::world::{Host, Seats, World};

/// Where the packages put the data.
const BASE: &str = "/var/lib/rabbitmq/mnesia";

/// What the broker left on its disc, as lines `key=value`.
pub(super) fn files(world: &World, at: usize) -> String {
    let Some(host) = world.host(at) else {
        return String::new();
    };
    let (broker, data) = (&host.broker, &host.broker.data);
    let (active, ..) = unit(broker);
    let ended = broker.ended.map_or(0, monotonic);
    let mut all = vec![
        format!("InactiveEnterTimestampMonotonic={ended}\nActiveState={active}\n"),
        uptime(world),
        format!("release={}\n", world.release().version()),
    ];
    if data.is_there {
        all.push(format!("data={BASE}/{}\n", host.node));
    }
    if data.is_there && world.release().is_khepri() {
        all.push("khepri=yes\n".to_owned());
    } else if data.is_there {
        let ran = atoms(world, data.ran);
        let members = atoms(world, data.mates);
        let disc = atoms(world, data.mates.without(data.ram));
        all.push(format!("nodes_running_at_shutdown={ran}. \n"));
        all.push(format!(
            "cluster_nodes.config={{{members},{disc}}}. \nmnesia=yes\n"
        ));
        all.extend(data.forced.then(|| "force_load=yes\n".to_owned()));
    }
    all.push(said(host));
    all.concat()
}

/// What its log says of its latest start.
pub(super) fn log(world: &World, at: usize) -> String {
    world.host(at).map_or_else(String::new, said)
}

fn said(host: &Host) -> String {
    lines("log", &host.broker.log)
}

/// An Erlang list of node names.
fn atoms(world: &World, seats: Seats) -> String {
    let names: Vec<String> = seats
        .iter()
        .filter_map(|at| Some(format!("'{}'", world.host(at)?.node)))
        .collect();
    format!("[{}]", names.join(","))
}

/// What stands where the data should be.
pub(super) fn directory(world: &World, at: usize) -> String {
    let Some(host) = world.host(at) else {
        return String::new();
    };
    let node = &host.node;
    let mut lines = vec!["directory".to_owned()];
    if host.broker.data.is_there {
        let parts = ["", "-feature_flags", "-plugins-expand"];
        lines.extend(parts.map(|part| format!("holds {node}{part}")));
    }
    lines.extend(host.aside.iter().map(|path| format!("aside {path}")));
    lines.push(format!(
        "runtimes {}\n",
        u8::from(host.broker.has_runtime())
    ));
    lines.join("\n")
}
