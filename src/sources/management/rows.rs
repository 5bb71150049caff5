//! Owns the wire types of the management API and their translation to the model. Field names and
//! their meaning by release: RabbitMQ's HTTP API reference and `operations` notes on 3.10 to 4.3.

use super::wire::{self, Raw};
use crate::model::alarm::{Alarm, Resource};
use crate::model::broker::{
    ApiUser, BrokerReport, Listener, MessageTotals, MetadataStoreReport, NodeRow, NodeStats,
    NodeType, ObjectTotals, Policy, Version, ViewScope,
};
use crate::model::impact::QuorumMember;
use crate::model::name::{NodeName, QueueName, VhostName};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use crate::sources::client::Answer;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Declares a wire type: every field optional, borrowed, of any shape. The broker may write a field
/// twice, which a derived reader would take for a fault of the whole row: the first stays, and what
/// came after it is kept beside it. What is named twice is nobody's.
macro_rules! wire {
    ($name:ident { $($field:ident $(as $renamed:literal)?),+ $(,)? }) => {
        #[derive(Default)]
        struct $name<'a> {
            $($field: Raw<'a>,)+
            again: Vec<(&'static str, Raw<'a>)>,
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(field_identifier)]
                #[expect(non_camel_case_types, reason = "named as the fields are")]
                enum Key {
                    $($(#[serde(rename = $renamed)])? $field,)+
                    #[serde(other)]
                    Unread,
                }
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: MapAccess<'de>>(
                        self,
                        mut map: M,
                    ) -> Result<Self::Value, M::Error> {
                        let mut read = $name::default();
                        while let Some(key) = map.next_key()? {
                            match key {
                                $(Key::$field => {
                                    let value = map.next_value()?;
                                    if read.$field.is_none() {
                                        read.$field = value;
                                    } else {
                                        read.again.push((stringify!($field), value));
                                    }
                                })+
                                Key::Unread => {
                                    map.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        if read.again.iter().any(|(field, _)| *field == "name") {
                            return Err(M::Error::custom("named twice"));
                        }
                        Ok(read)
                    }
                }
                from.deserialize_map(Fields)
            }
        }
    };
}

mod queue;

pub(super) use queue::queues;

wire!(Overview {
    node,
    cluster_name,
    rabbitmq_version,
    erlang_version,
    disable_stats,
    object_totals,
    listeners,
    queue_totals,
    message_stats,
});
wire!(Objects {
    connections,
    channels,
    queues,
    consumers
});
wire!(ListenerWire {
    node,
    protocol,
    port
});
wire!(Node {
    name, kind as "type", running, being_drained, partitions, mem_used, mem_limit, mem_alarm,
    disk_free, disk_free_limit, disk_free_alarm, fd_used, fd_total, proc_used, proc_total, uptime,
    run_queue, rabbitmq_version, applications,
});
wire!(Application { name, version });
wire!(Totals {
    messages,
    messages_ready,
    messages_unacknowledged
});
wire!(Stats { publish as "publish_details", deliver as "deliver_get_details", ack as "ack_details" });
wire!(Rate { rate });
wire!(PolicyWire { vhost, name, pattern, apply_to as "apply-to", priority, definition });
wire!(UserWire { name, tags });
wire!(Flag { name, state });
wire!(ClusterName { name });
wire!(Check {
    status,
    queues,
    alarms,
    virtual_hosts as "virtual-hosts"
});
wire!(AlarmWire { node, resource });
wire!(Critical { name, virtual_host });

/// A node's own view, from its overview and its list of nodes.
pub(super) fn broker(overview: &Answer, nodes: &Answer) -> Result<BrokerReport, SourceFailure> {
    let head: Overview<'_> = wire::whole(overview)?;
    let rows = wire::rows(nodes)?;
    let (nodes, skipped_rows) = rows.read(node_row);
    Ok(BrokerReport {
        answered_by: wire::node(head.node),
        cluster_name: wire::text(head.cluster_name),
        version: wire::string(head.rabbitmq_version).map(|text| Version::parse(&text)),
        erlang_version: wire::text(head.erlang_version),
        objects: objects(head.object_totals),
        nodes,
        skipped_rows,
        scope: ViewScope::Cluster,
    })
}

/// Which node gave an overview; a user without the tag `monitoring` is not told.
pub(super) fn identity(overview: &Answer) -> Result<Option<NodeName>, SourceFailure> {
    let head: Overview<'_> = wire::whole(overview)?;
    Ok(wire::node(head.node))
}

/// What a node says of itself alone: its name for the cluster, its version, and that it answers.
pub(super) fn own_view(
    node: &NodeName,
    name: &Answer,
    version: Option<&Answer>,
) -> Result<BrokerReport, SourceFailure> {
    let name: ClusterName<'_> = wire::whole(name)?;
    let version = version.and_then(|answer| serde_json::from_str::<String>(&answer.body).ok());
    Ok(BrokerReport {
        answered_by: Some(node.clone()),
        cluster_name: wire::text(name.name),
        version: version.map(|text| Version::parse(&text)),
        nodes: vec![NodeRow {
            name: node.clone(),
            node_type: None,
            running: Some(true),
            being_drained: None,
            partitions: Vec::new(),
            stats: None,
        }],
        scope: ViewScope::Itself,
        ..BrokerReport::default()
    })
}

fn objects(raw: Raw<'_>) -> ObjectTotals {
    let objects: Objects<'_> = wire::object(raw);
    ObjectTotals {
        connections: wire::count(objects.connections),
        channels: wire::count(objects.channels),
        queues: wire::count(objects.queues),
        consumers: wire::count(objects.consumers),
    }
}

fn listeners(raw: Raw<'_>) -> Vec<Listener> {
    let list: Vec<ListenerWire<'_>> = wire::exactly(raw).unwrap_or_default();
    list.into_iter()
        .filter_map(|listener| {
            Some(Listener {
                node: wire::node(listener.node)?,
                protocol: wire::text(listener.protocol)?,
                port: port(listener.port)?,
            })
        })
        .collect()
}

fn port(raw: Raw<'_>) -> Option<u16> {
    u16::try_from(wire::count(raw)?).ok()
}

fn node_row(row: &Node<'_>) -> Option<NodeRow> {
    let kind = wire::string(row.kind);
    Some(NodeRow {
        name: wire::node(row.name)?,
        node_type: kind.and_then(|kind| match kind.as_str() {
            "disc" | "disk" => Some(NodeType::Disc),
            "ram" => Some(NodeType::Ram),
            _ => None,
        }),
        running: wire::flag(row.running),
        being_drained: wire::flag(row.being_drained),
        partitions: wire::nodes(row.partitions),
        stats: node_stats(row),
    })
}

/// Statistics; none where the row has not a single one (a stopped node's has five other keys).
fn node_stats(row: &Node<'_>) -> Option<NodeStats> {
    let stats = NodeStats {
        memory_used: wire::count(row.mem_used),
        memory_limit: wire::count(row.mem_limit),
        memory_alarm: wire::flag(row.mem_alarm),
        disk_free: wire::count(row.disk_free),
        disk_free_limit: wire::count(row.disk_free_limit),
        disk_alarm: wire::flag(row.disk_free_alarm),
        fd_used: wire::count(row.fd_used),
        fd_total: wire::count(row.fd_total),
        proc_used: wire::count(row.proc_used),
        proc_total: wire::count(row.proc_total),
        uptime_ms: wire::count(row.uptime),
        run_queue: wire::count(row.run_queue),
        version: wire::string(row.rabbitmq_version)
            .or_else(|| application_version(row.applications))
            .map(|text| Version::parse(&text)),
    };
    (stats != NodeStats::default()).then_some(stats)
}

/// Before 4.2.4 a row names its version only among its applications.
fn application_version(raw: Raw<'_>) -> Option<String> {
    let applications: Vec<Application<'_>> = wire::exactly(raw).unwrap_or_default();
    let rabbit = applications
        .into_iter()
        .find(|application| wire::string(application.name).as_deref() == Some("rabbit"))?;
    wire::string(rabbit.version)
}

/// Message counts and rates of the cluster. Who may not see the nodes is told of what it may see
/// alone, and these are no figures of the cluster.
pub(super) fn totals(answer: &Answer) -> Result<MessageTotals, SourceFailure> {
    let overview: Overview<'_> = wire::whole(answer)?;
    if wire::node(overview.node).is_none() {
        let text = format!("{}: the user is told of its own only", answer.subject);
        return Err(SourceFailure::new(FailureKind::Forbidden, text));
    }
    let stats_disabled = wire::flag(overview.disable_stats);
    let queues: Totals<'_> = wire::object(overview.queue_totals);
    let stats: Stats<'_> = wire::object(overview.message_stats);
    let rate = |raw| wire::float(wire::object::<Rate<'_>>(raw).rate);
    Ok(MessageTotals {
        messages: wire::count(queues.messages),
        ready: wire::count(queues.messages_ready),
        unacknowledged: wire::count(queues.messages_unacknowledged),
        publish_rate: rate(stats.publish),
        deliver_rate: rate(stats.deliver),
        ack_rate: rate(stats.ack),
        objects: if stats_disabled == Some(true) {
            // Connections are then those of the node that answers alone.
            ObjectTotals {
                queues: objects(overview.object_totals).queues,
                ..ObjectTotals::default()
            }
        } else {
            objects(overview.object_totals)
        },
        stats_disabled,
        listeners: listeners(overview.listeners),
    })
}

/// The names of all members, by a list of nodes.
pub(super) fn members(answer: &Answer) -> Result<Vec<NodeName>, SourceFailure> {
    let (names, _) = wire::rows(answer)?.read(|row: &Node<'_>| wire::node(row.name));
    Ok(names)
}

/// How many queues there are. Who may not see the nodes is told of those only that it may see.
pub(super) fn queue_count(overview: &Answer) -> Result<Option<u64>, SourceFailure> {
    let head: Overview<'_> = wire::whole(overview)?;
    let queues = objects(head.object_totals).queues;
    Ok(wire::node(head.node).and(queues))
}

/// The state of the flag that chooses the metadata store.
pub(super) fn metadata_store(answer: &Answer) -> Result<MetadataStoreReport, SourceFailure> {
    let rows = wire::rows(answer)?;
    let (states, _) = rows.read(|flag: &Flag<'_>| {
        let is_it = wire::string(flag.name).as_deref() == Some("khepri_db");
        is_it.then(|| wire::string(flag.state))
    });
    Ok(MetadataStoreReport {
        khepri_enabled: states
            .into_iter()
            .next()
            .map(|state| state.as_deref() == Some("enabled")),
    })
}

/// All policies.
pub(super) fn policies(answer: &Answer) -> Result<Vec<Policy>, SourceFailure> {
    let (policies, skipped) = wire::rows(answer)?.read(policy);
    // Whether a policy is there decides what others do: a part of them is no answer.
    if skipped > 0 {
        let all = policies.len() + skipped;
        let text = format!(
            "{}: {skipped} of {all} policies could not be read",
            answer.subject
        );
        return Err(SourceFailure::new(FailureKind::Malformed, text));
    }
    Ok(policies)
}

fn policy(row: &PolicyWire<'_>) -> Option<Policy> {
    Some(Policy {
        vhost: VhostName::new(&wire::string(row.vhost)?),
        name: wire::text(row.name)?,
        pattern: Shown::new(&wire::exactly::<String>(row.pattern)?),
        apply_to: wire::text(row.apply_to),
        priority: wire::exactly(row.priority),
        definition: row.definition.map_or_else(|| Shown::new("{}"), definition),
    })
}

/// The alarms in force: none by the check's own word, or those it lists.
pub(super) fn alarms(answer: &Answer) -> Result<Vec<Alarm>, SourceFailure> {
    let check: Check<'_> = wire::whole(answer)?;
    if answer.status.is_success() && wire::string(check.status).as_deref() == Some("ok") {
        return Ok(Vec::new());
    }
    let listed: Vec<AlarmWire<'_>> = wire::exactly(check.alarms).unwrap_or_default();
    let alarms: Vec<Alarm> = listed.iter().filter_map(alarm).collect();
    if alarms.is_empty() || alarms.len() < listed.len() {
        let text = format!(
            "{}: the check neither said ok nor which alarms",
            answer.subject
        );
        return Err(SourceFailure::new(FailureKind::Malformed, text));
    }
    Ok(alarms)
}

fn alarm(row: &AlarmWire<'_>) -> Option<Alarm> {
    Some(Alarm {
        node: wire::node(row.node)?,
        resource: Resource::from_word(&wire::string(row.resource)?),
    })
}

/// An empty definition comes as a list from some releases, or as an empty text.
fn definition(raw: &RawValue) -> Shown {
    Shown::new(match raw.get() {
        "[]" | "\"\"" => "{}",
        definition => definition,
    })
}

/// The user with whom this answer was asked for; before 3.9 the tags come as one text.
pub(super) fn user(answer: &Answer) -> Result<ApiUser, SourceFailure> {
    let user: UserWire<'_> = wire::whole(answer)?;
    let listed: Option<Vec<String>> = wire::exactly(user.tags);
    let tags = listed.or_else(|| {
        let text = wire::string(user.tags)?;
        Some(text.split(',').map(str::to_owned).collect())
    });
    if let Some(tags) = tags {
        Ok(ApiUser {
            name: wire::text(user.name).unwrap_or_default(),
            tags: tags.iter().map(|tag| Shown::new(tag)).collect(),
        })
    } else {
        let text = format!(
            "{}: it does not say which tags the user has",
            answer.subject
        );
        Err(SourceFailure::new(FailureKind::Malformed, text))
    }
}

/// The check's "no": 503 with the list of what would lose its quorum.
pub(super) fn quorum_critical(answer: &Answer) -> Option<Vec<QuorumMember>> {
    let check: Check<'_> = serde_json::from_str(&answer.body).ok()?;
    let queues: Vec<Critical<'_>> = wire::exactly(check.queues)?;
    if queues.is_empty() {
        return None;
    }
    let members = queues.into_iter().map(|queue| QuorumMember {
        // A process such as `rabbitmq_metadata` lives in no virtual host (seen on 4.3.6).
        vhost: VhostName::new(
            &wire::string(queue.virtual_host)
                .filter(|vhost| vhost != "(not applicable)")
                .unwrap_or_default(),
        ),
        name: QueueName::new(&wire::string(queue.name).unwrap_or_else(|| "?".to_owned())),
    });
    Some(members.collect())
}

/// The check's "no": 503 with the virtual hosts that do not run on the node.
pub(super) fn virtual_hosts_down(answer: &Answer) -> Option<Vec<VhostName>> {
    let check: Check<'_> = serde_json::from_str(&answer.body).ok()?;
    let names: Vec<String> = wire::exactly(check.virtual_hosts)?;
    (!names.is_empty()).then(|| names.iter().map(|name| VhostName::new(name)).collect())
}

/// A check's "yes"; nothing but its own word counts.
pub(super) fn says_ok(answer: &Answer) -> Result<(), SourceFailure> {
    let check: Check<'_> = wire::whole(answer)?;
    if wire::string(check.status).as_deref() == Some("ok") {
        Ok(())
    } else {
        let text = format!("{}: the check did not say ok", answer.subject);
        Err(SourceFailure::new(FailureKind::Malformed, text))
    }
}
