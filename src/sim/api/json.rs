//! Owns the JSON of the management API, other than the rows of queues: keys as the recorded
//! releases have them, figures from the simulated cluster.

use super::{Stats, USER};
use crate::sim::world::{AGE, Broker, Client, DISC_LIMIT, MEMORY_LIMIT, Release, Row, World};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Connections of which a list tells at the most.
const LISTED: usize = 500;

pub(super) fn whoami() -> Value {
    json!({ "name": USER, "tags": ["administrator"], "is_internal_user": true, "login_session_timeout": 480 })
}

/// What the broker of this place says of itself and its cluster.
pub(super) fn overview(world: &World, at: usize, stats: Stats) -> Value {
    let release = world.release();
    let version = release.version();
    let node = world.host(at).map(|host| host.node.to_string());
    let own = world.connections(at);
    let seen = world.seen_by(at);
    let all: usize = seen.iter().map(|member| world.connections(member)).sum();
    let mut head = json!({
        "management_version": version,
        "rates_mode": "basic",
        "sample_retention_policies": {
            "global": [600, 3600, 28800, 86400], "basic": [600, 3600], "detailed": [600]
        },
        "exchange_types": [
            { "name": "direct", "description": "AMQP direct exchange, as per the AMQP specification", "enabled": true },
            { "name": "fanout", "description": "AMQP fanout exchange, as per the AMQP specification", "enabled": true },
            { "name": "headers", "description": "AMQP headers exchange, as per the AMQP specification", "enabled": true },
            { "name": "topic", "description": "AMQP topic exchange, as per the AMQP specification", "enabled": true },
        ],
        "product_version": version,
        "product_name": "RabbitMQ",
        "rabbitmq_version": version,
        "cluster_name": world.name(),
        "erlang_version": release.erlang(),
        "erlang_full_version": release.erlang_words(),
        "disable_stats": stats == Stats::Off,
        "enable_queue_totals": false,
        "node": node,
    });
    merge(&mut head, of_release(release));
    let queues = world.queues().len();
    let more = match stats {
        Stats::Off => json!({
            "object_totals": { "queues": queues, "exchanges": 7, "connections": own }
        }),
        Stats::On => json!({
            "object_totals": {
                "queues": queues, "exchanges": 7, "connections": all,
                "channels": all, "consumers": consumers(world)
            },
            "queue_totals": totals(world),
            "message_stats": rates(world),
            "statistics_db_event_queue": 0,
            "listeners": listeners(world, at),
        }),
    };
    merge(&mut head, more);
    head
}

/// Keys that not every release has.
fn of_release(release: Release) -> Value {
    if release == Release::R310 {
        return json!({ "release_series_support_status": "supported" });
    }
    let mut keys = json!({
        "cluster_tags": {}, "node_tags": {}, "default_queue_type": "classic",
        "is_op_policy_updating_enabled": true,
    });
    if release == Release::R43 {
        let more = json!({
            "crypto_lib_version": "OpenSSL 3.6.5 29 Sep 2026",
            "require_definition_json_extension": false,
        });
        merge(&mut keys, more);
    }
    keys
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

fn consumers(world: &World) -> u64 {
    world
        .queues()
        .iter()
        .map(|queue| u64::from(queue.consumers))
        .sum()
}

fn totals(world: &World) -> Value {
    let messages: u64 = world.queues().iter().map(|queue| queue.messages).sum();
    let waiting: u64 = world
        .queues()
        .iter()
        .map(|queue| queue.unacknowledged)
        .sum();
    json!({
        "messages": messages, "messages_details": { "rate": 0.0 },
        "messages_ready": messages - waiting, "messages_ready_details": { "rate": 0.0 },
        "messages_unacknowledged": waiting, "messages_unacknowledged_details": { "rate": 0.0 },
    })
}

fn rates(world: &World) -> Value {
    let traffic = world.traffic();
    let lived = (AGE + world.now()).as_secs_f64();
    let mut stats = Map::new();
    let all = [
        ("publish", traffic.published),
        ("confirm", traffic.published),
        ("deliver_get", traffic.delivered),
        ("ack", traffic.acknowledged),
    ];
    for (name, rate) in all {
        stats.insert(name.to_owned(), json!((rate * lived).round()));
        stats.insert(
            format!("{name}_details"),
            json!({ "rate": (rate * 10.0).round() / 10.0 }),
        );
    }
    Value::Object(stats)
}

fn listeners(world: &World, at: usize) -> Value {
    let seen = world.seen_by(at);
    let rows = seen.iter().filter_map(|member| world.host(member)).flat_map(|host| {
        [("amqp", 5672), ("clustering", 25672), ("http", 15672)].map(|(protocol, port)| {
            json!({ "node": host.node.as_str(), "protocol": protocol, "ip_address": "::", "port": port, "socket_opts": [] })
        })
    });
    rows.collect()
}

/// The members that the broker of this place knows, each as it sees it.
pub(super) fn nodes(world: &World, at: usize) -> Vec<Value> {
    let all = world.hosts().iter().enumerate();
    all.filter_map(|(place, host)| {
        let row = world.sees(at, place)?;
        let mut node = json!({
            "name": host.node.as_str(),
            "type": match host.broker.kind(place) {
                crate::model::broker::NodeType::Disc => "disc",
                crate::model::broker::NodeType::Ram => "ram",
            },
            "running": row == Row::Running,
        });
        if world.release().tells_maintenance() {
            let drained = row == Row::Running && host.broker.drained;
            merge(&mut node, json!({ "being_drained": drained }));
        }
        if row == Row::Running {
            merge(&mut node, figures(world, (place, &host.broker)));
        }
        Some(node)
    })
    .collect()
}

fn figures(world: &World, (at, broker): (usize, &Broker)) -> Value {
    let release = world.release();
    let up = world.now().saturating_sub(broker.since);
    let up = if broker.since == Duration::ZERO {
        AGE + up
    } else {
        up
    };
    // A little unrest, the same for the same moment.
    let unrest = (world.now().as_secs() * 7919 + at as u64 * 104_729) % 97;
    let clients = world.connections(at) as u64;
    let partitions: Vec<String> = broker
        .partitions
        .iter()
        .filter_map(|other| Some(world.host(other)?.node.to_string()))
        .collect();
    let mut row = json!({
        "partitions": partitions,
        "fd_total": 20_000, "fd_used": 39 + clients,
        "mem_limit": MEMORY_LIMIT, "mem_used": broker.memory + unrest * 4096,
        "mem_alarm": broker.memory_alarm(),
        "disk_free_limit": DISC_LIMIT, "disk_free": broker.disc_free,
        "disk_free_alarm": broker.disc_alarm(),
        "proc_total": 1_048_576, "proc_used": 358 + clients * 9,
        "uptime": u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
        "run_queue": unrest % 3, "processors": 2, "net_ticktime": 60, "rates_mode": "basic",
        "applications": [
            { "name": "rabbit", "description": "RabbitMQ", "version": release.version() },
            { "name": "rabbitmq_management", "description": "RabbitMQ Management Console", "version": release.version() },
        ],
    });
    if release == Release::R43 {
        merge(&mut row, json!({ "rabbitmq_version": release.version() }));
    } else {
        merge(&mut row, json!({ "sockets_used": clients }));
    }
    row
}

pub(super) fn policies(world: &World) -> Value {
    let rows = world.policies().iter().map(|rule| {
        json!({
            "vhost": rule.vhost.0.raw(),
            "name": rule.name.raw(),
            "pattern": rule.pattern.raw(),
            "apply-to": rule.apply_to.to_string(),
            "definition": rule.definition.keys(),
            "priority": rule.priority,
        })
    });
    rows.collect()
}

/// The flags that tell the releases apart.
pub(super) fn flags(release: Release) -> Value {
    let flag = |name: &str, state: &str, stability: &str| {
        let mut flag = json!({
            "name": name, "desc": "", "doc_url": "", "state": state, "stability": stability,
            "provided_by": "rabbit"
        });
        if release == Release::R43 {
            let more = json!({
                "callbacks": [], "require_level": "soft", "experiment_level": "supported"
            });
            merge(&mut flag, more);
        }
        flag
    };
    let mut all = vec![
        flag("quorum_queue", "enabled", "required"),
        flag("stream_queue", "enabled", "stable"),
        flag("maintenance_mode_status", "enabled", "required"),
    ];
    match release {
        Release::R310 => {}
        Release::R40 => all.push(flag("khepri_db", "disabled", "experimental")),
        Release::R43 => all.push(flag("khepri_db", "enabled", "required")),
    }
    Value::Array(all)
}

pub(super) fn connections(world: &World) -> Value {
    let front = |at: usize| world.host(at).map(|host| host.address.to_string());
    let rows = world.clients().iter().enumerate().filter_map(|(n, client)| {
        let Client::Landed { through, on } = *client else {
            return None;
        };
        let (from, to) = (front(through)?, front(on)?);
        let port = 32_768 + n % 28_000;
        Some(json!({
            "name": format!("{from}:{port} -> {to}:5672"),
            "node": world.host(on)?.node.as_str(),
            "host": to, "port": 5672, "peer_host": from, "peer_port": port,
            "protocol": "AMQP 0-9-1", "state": "running", "user": "shop", "vhost": "/", "channels": 1,
        }))
    });
    rows.take(LISTED).collect()
}

/// The alarms of all members that the broker of this place sees; `None` without one.
pub(super) fn alarms(world: &World, at: usize) -> Option<Value> {
    let seen = world.seen_by(at);
    let hosts = seen.iter().filter_map(|member| world.host(member));
    let rows: Vec<Value> = hosts
        .flat_map(|host| {
            let broker = &host.broker;
            let raised = [
                ("memory", broker.memory_alarm()),
                ("disk", broker.disc_alarm()),
            ];
            raised
                .into_iter()
                .filter(|(_, is_raised)| *is_raised)
                .map(|(resource, _)| json!({ "node": host.node.as_str(), "resource": resource }))
        })
        .collect();
    (!rows.is_empty()).then(|| {
        json!({
            "status": "failed",
            "reason": "There are alarms in effect in the cluster",
            "alarms": rows,
        })
    })
}

/// What would lose its quorum without the broker of this place; `None`: nothing.
pub(super) fn critical(world: &World, at: usize) -> Option<Value> {
    let up = world.current_for(at);
    let quorum = world.queues().iter().filter(|queue| {
        let is_replicated = queue.kind == crate::sim::world::Kind::Quorum;
        is_replicated
            && queue.replicas.has(at)
            && queue.online(up).len() <= queue.replicas.len() / 2 + 1
            && queue.replicas.len() > 1
    });
    let mut rows: Vec<Value> = quorum
        .map(|queue| {
            json!({
                "name": &*queue.name,
                "readable_name": format!("queue '{}' in vhost '/'", queue.name),
                "type": "rabbit_quorum_queue",
                "virtual_host": "/",
            })
        })
        .collect();
    let members = world.host(at)?.broker.data.mates;
    let seen = world.seen_by(at);
    if world.release().is_khepri() && members.len() > 1 && seen.len() <= members.len() / 2 + 1 {
        rows.push(json!({
            "name": "rabbitmq_metadata", "readable_name": "rabbitmq_metadata",
            "type": "process", "virtual_host": "(not applicable)",
        }));
    }
    (!rows.is_empty()).then(|| {
        json!({
            "status": "failed",
            "reason": "There are quorum queues that would lose their quorum if the target node is shut down",
            "queues": rows,
        })
    })
}
