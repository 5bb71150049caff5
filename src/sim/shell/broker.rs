//! Owns what a host prints of its broker: its service, its runtime, and what `rabbitmqctl` says.

use crate::model::broker::NodeType;
use crate::model::name::NodeName;
use crate::sim::world::{AGE, Broker, By, Host, Life, Reply, Row, Unit, World};
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::time::Duration;

/// Microseconds from the boot of the hosts to a moment of the story.
pub(super) fn monotonic(at: Duration) -> u128 {
    (AGE + at).as_micros()
}

pub(super) fn uptime(world: &World) -> String {
    format!("uptime={:.2}\n", (AGE + world.now()).as_secs_f64())
}

/// What systemd says of the state of the broker's service: state, sub-state, result.
pub(super) fn unit(broker: &Broker) -> (&'static str, &'static str, &'static str) {
    match broker.life {
        Life::Off => ("inactive", "dead", "success"),
        Life::Failed => ("failed", "failed", "signal"),
        Life::Between(_) => ("activating", "auto-restart", "exit-code"),
        Life::Booting(_, By::Service) => ("activating", "start", "success"),
        Life::Stopping(_, By::Service) => ("deactivating", "stop-sigterm", "success"),
        Life::Booting(_, By::Tool)
        | Life::Stopping(_, By::Tool)
        | Life::AppStopped
        | Life::Running => ("active", "running", "success"),
    }
}

/// `systemctl show` of the broker's and of HAProxy's service, and what listens.
pub(super) fn units(world: &World, at: usize) -> String {
    let Some(host) = world.host(at) else {
        return String::new();
    };
    let broker = &host.broker;
    let (active, sub, result) = unit(broker);
    let (code, status) = match active {
        "failed" => (2, 9),
        _ if sub == "auto-restart" => (1, 1),
        _ => (0, 0),
    };
    let exit = broker.ended.filter(|_| code > 0).map_or(0, monotonic);
    let mut text = format!(
        "TimeoutStartUSec=10min\nExecMainExitTimestampMonotonic={exit}\nExecMainCode={code}\n\
         ExecMainStatus={status}\nNRestarts={}\nResult={result}\nLoadState=loaded\n\
         ActiveState={active}\nSubState={sub}\nStateChangeTimestampMonotonic={}\n\
         InactiveExitTimestampMonotonic={}\n\n",
        broker.restarts,
        monotonic(broker.since),
        monotonic(broker.since),
    );
    text += match host.balancer.as_ref().map(|balancer| balancer.unit) {
        None => "LoadState=not-found\nActiveState=inactive\nSubState=dead\n\n",
        Some(Unit::Active) => "LoadState=loaded\nActiveState=active\nSubState=running\n\n",
        Some(Unit::Inactive) => "LoadState=loaded\nActiveState=inactive\nSubState=dead\n\n",
        Some(Unit::Failed) => "LoadState=loaded\nActiveState=failed\nSubState=failed\n\n",
    };
    text += &uptime(world);
    text += "sockets=known\n";
    text + &listening(host)
}

/// A line `key=value` for each value.
pub(super) fn lines(key: &str, values: impl IntoIterator<Item = impl Display>) -> String {
    let lines = values.into_iter().map(|value| format!("{key}={value}\n"));
    lines.collect::<Vec<_>>().concat()
}

fn listening(host: &Host) -> String {
    let broker = &host.broker;
    let mut ports = vec!["0.0.0.0:22"];
    if broker.has_runtime() {
        ports.extend(["*:4369", "*:25672"]);
    }
    if broker.listens() {
        ports.extend(["*:5672", "*:15672"]);
    }
    if host.front().is_some() {
        ports.extend(["0.0.0.0:5671", "0.0.0.0:8100"]);
    }
    lines("listens", ports)
}

pub(super) fn runtimes(world: &World, at: usize) -> String {
    let runs = world.host(at).is_some_and(|host| host.broker.has_runtime());
    let name = if runs {
        "name rabbit at port 25672\n"
    } else {
        ""
    };
    format!("epmd: up and running on port 4369 with data:\n{name}")
}

fn unreachable(node: &NodeName) -> Reply {
    let words = format!(
        "Error: unable to perform an operation on node '{node}'. Please see diagnostics information and suggestions below.\n"
    );
    Reply::fails(69, words)
}

/// `rabbitmqctl cluster_status` of a node.
pub(super) fn status(world: &World, node: &NodeName) -> Reply {
    let found = world
        .place_of(node)
        .and_then(|at| Some((at, world.host(at)?)));
    let Some((at, host)) = found.filter(|(_, host)| host.broker.has_runtime()) else {
        return unreachable(node);
    };
    if host.broker.life != Life::Running {
        let words = "Error: this command requires the 'rabbit' app to be running on the target \
                     node. Start it with 'rabbitmqctl start_app'.\n";
        return Reply::fails(69, words);
    }
    let (mut disc, mut ram, mut running) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rest, mut versions) = (Map::new(), Map::new());
    for (place, other) in world.hosts().iter().enumerate() {
        let Some(row) = world.sees(at, place) else {
            continue;
        };
        let name = other.node.as_str();
        match other.broker.kind(place) {
            NodeType::Disc => disc.push(name),
            NodeType::Ram => ram.push(name),
        }
        if row == Row::Running {
            running.push(name);
            let words = if other.broker.drained {
                "marked for maintenance"
            } else {
                "not under maintenance"
            };
            rest.insert(name.to_owned(), json!(words));
            versions.insert(
                name.to_owned(),
                json!({
                    "rabbitmq_name": "RabbitMQ", "rabbitmq_version": world.release().version(),
                    "erlang_version": world.release().erlang(),
                }),
            );
        }
    }
    // A node on its own is called by its own name.
    let name = if host.broker.data.kin == 0 {
        world.name()
    } else {
        node.as_str()
    };
    let status = json!({
        "alarms": [], "cluster_name": name, "disk_nodes": disc, "ram_nodes": ram,
        "running_nodes": running, "maintenance_status": rest, "versions": versions,
        "partitions": {}, "listeners": {}, "feature_flags": [],
    });
    Reply::says(format!("{status}\n"))
}

/// `rabbitmqctl export_definitions`; the password hashes are nobody's.
pub(super) fn definitions(world: &World, node: &NodeName) -> Reply {
    let found = world.place_of(node).and_then(|at| world.host(at));
    let Some(host) = found.filter(|host| host.broker.works()) else {
        return unreachable(node);
    };
    let is_ours = host.broker.data.kin == 0;
    let user = |name: &str| json!({ "name": name, "password_hash": "", "tags": ["administrator"] });
    let users = if is_ours {
        vec![user("demo"), user("shop")]
    } else {
        vec![user("guest")]
    };
    let queues: Vec<Value> = world
        .queues()
        .iter()
        .filter(|_| is_ours)
        .map(|queue| {
            json!({
                "name": &*queue.name, "vhost": "/", "durable": true, "auto_delete": false,
                "arguments": { "x-queue-type": queue.kind.to_string() },
            })
        })
        .collect();
    let policies: Vec<Value> = world
        .policies()
        .iter()
        .filter(|_| is_ours)
        .map(|rule| {
            json!({
                "vhost": rule.vhost.0.raw(), "name": rule.name.raw(),
                "pattern": rule.pattern.raw(), "apply-to": rule.apply_to.to_string(),
                "definition": rule.definition.keys(), "priority": rule.priority,
            })
        })
        .collect();
    let all = json!({
        "rabbit_version": world.release().version(), "rabbitmq_version": world.release().version(),
        "users": users, "vhosts": [{ "name": "/" }], "permissions": [], "parameters": [],
        "policies": policies, "queues": queues, "exchanges": [], "bindings": [],
    });
    Reply::says(format!("{all}\n"))
}

/// `rabbitmq-diagnostics ping` from the host of this place.
pub(super) fn ping(world: &World, from: usize, node: &NodeName) -> Reply {
    let found = world.place_of(node).filter(|at| {
        let own = world.host(from).map(|host| host.cookie);
        let answers = |host: &Host| {
            host.broker.has_runtime() && !host.broker.hangs && Some(host.cookie) == own
        };
        world.is_on(*at) && world.host(*at).is_some_and(answers)
    });
    match found {
        Some(_) => Reply::says("Ping succeeded\n"),
        None => unreachable(node),
    }
}

/// `getent hosts`.
pub(super) fn names(world: &World, of: &[NodeName]) -> Reply {
    let lines = of.iter().filter_map(|node| {
        let host = world.host(world.place_of(node)?)?;
        Some(format!("{}    {}\n", host.address, host.name))
    });
    let text: String = lines.collect();
    let is_whole = text.lines().count() == of.len();
    Reply {
        code: if is_whole { 0 } else { 2 },
        ..Reply::says(text)
    }
}
