//! Owns the blast radius in sentences: what an operator loses, and for how long, if the plan is
//! carried out. The figures come from `model::impact`.

use super::steps::Ground;
use crate::model::Model;
use crate::model::freshness_limit;
use crate::model::impact::StopImpact;
use crate::model::moment::Moment;
use crate::model::name::QueueName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;

/// How many names a sentence spells out.
const NAMED: usize = 5;

/// What stopping the target does to clients, until what is so again.
pub(super) fn of_stop(ground: Ground<'_>, until: &str) -> Vec<String> {
    let Ground { model, target, .. } = ground;
    if target.state != NodeState::Running {
        return Vec::new();
    }
    let impact = model.stop_impact(target.node);
    let mut sentences = Vec::new();
    if !impact.deleted.is_empty() {
        sentences.push(format!(
            "{} will be deleted, being exclusive or not durable: {}; {} lost",
            queues(impact.deleted.len()),
            names(&impact.deleted),
            messages(impact.deleted_messages),
        ));
    }
    if !impact.unavailable.is_empty() {
        sentences.push(format!(
            "{} with the only usable copy here will be unavailable until {until}: {}; {} in them, of which those that are not persistent are lost",
            queues(impact.unavailable.len()),
            names(&impact.unavailable),
            messages(impact.unavailable_messages),
        ));
    }
    sentences.extend(moved(&impact));
    sentences.extend(on_the_path(ground, until));
    if model.members().len() == 1 {
        sentences.push("it is the only member: nothing is served meanwhile".to_owned());
    }
    sentences.extend(bound(&impact));
    sentences
}

/// What stopping every member does to clients, until the cluster starts again.
pub(super) fn of_whole_stop(model: &Model, now: Moment) -> Vec<String> {
    let mut sentences = Vec::new();
    let limit = freshness_limit(SourceKind::Queues);
    let page = model.queues.current(now, limit);
    let total = page.and_then(|page| page.total);
    let messages = model
        .totals
        .current(now, freshness_limit(SourceKind::Totals))
        .and_then(|totals| totals.messages);
    let known = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |n| n.to_string());
    sentences.push(format!(
        "the whole cluster is away until start-cluster: queues: {}, messages in them: {}, of which those that are not persistent are lost",
        known(total),
        known(messages)
    ));
    let gone: Vec<QueueName> = page
        .into_iter()
        .flat_map(|page| &page.rows)
        .filter(|row| row.durable == Some(false) || row.exclusive == Some(true))
        .map(|row| row.name.clone())
        .collect();
    if !gone.is_empty() {
        sentences.push(format!(
            "{} will be deleted, being exclusive or not durable: {}",
            queues(gone.len()),
            names(&gone)
        ));
    }
    let connections = model
        .connections
        .current(now, freshness_limit(SourceKind::Connections))
        .and_then(|page| page.total);
    sentences.push(format!("connections that close: {}", known(connections)));
    for (host, _) in model.inventory.balancers() {
        sentences.push(format!(
            "HAProxy on {} keeps no server: it turns clients away",
            host.name
        ));
    }
    for vip in model.vips(now) {
        for holder in &vip.holders {
            sentences.push(format!(
                "{} stays on {holder}, unless a check of keepalived says otherwise, and leads to no broker",
                vip.address
            ));
        }
    }
    sentences
}

/// What maintenance mode does to clients. Queues with their only copy there stay available
/// through the other members.
pub(super) fn of_drain(ground: Ground<'_>) -> Vec<String> {
    let impact = ground.model.stop_impact(ground.node());
    let mut sentences = moved(&impact);
    if !impact.unavailable.is_empty() {
        sentences.push(format!(
            "{} with the only usable copy here stay available through the other members",
            queues(impact.unavailable.len())
        ));
    }
    sentences.push(format!(
        "replicas on {} follow no more until it is revived or restarted",
        ground.node()
    ));
    sentences.push(format!(
        "the management API of {} closes too",
        ground.target.host.name
    ));
    sentences.extend(on_the_path(ground, "it is revived or restarted"));
    sentences.extend(bound(&impact));
    sentences
}

/// What starting a node on nothing does; `aside` is where its data stands afterwards, if there is any.
pub(super) fn of_wipe(ground: Ground<'_>, aside: Option<&str>) -> Vec<String> {
    let node = ground.node();
    let fate = aside.map_or_else(
        || format!("{node} starts blank: there is no data of it left to move"),
        |aside| format!("{node} starts blank: its queues, messages, users, virtual hosts and policies stand in {aside} and nowhere else; nobody removes that but you"),
    );
    let mut sentences = vec![fate];
    if ground.target.state == NodeState::Running {
        sentences.extend(moved(&ground.model.stop_impact(node)));
        sentences.extend(on_the_path(ground, "it runs again"));
    }
    sentences.push(format!(
        "where the configuration lets {node} find its peers by itself, it may join them when it starts"
    ));
    sentences
}

/// What removing a member for good does, its data with it.
pub(super) fn of_removal(ground: Ground<'_>, fate: &str) -> Vec<String> {
    let removal = ground.model.removal_impact(ground.node());
    let mut sentences = vec![fate.to_owned()];
    if !removal.deleted.is_empty() {
        sentences.push(format!(
            "{} with the only usable copy here will be deleted: {}; {} lost",
            queues(removal.deleted.len()),
            names(&removal.deleted),
            messages(removal.deleted_messages),
        ));
    }
    if !removal.quorum.is_empty() {
        sentences.push(format!(
            "a replica is lost of {}",
            plural(removal.quorum.len(), "quorum queue")
        ));
    }
    if !removal.streams.is_empty() {
        sentences.push(format!(
            "a replica is lost of {}",
            plural(removal.streams.len(), "stream")
        ));
    }
    if ground.target.state == NodeState::Running {
        let stop = ground.model.stop_impact(ground.node());
        sentences.extend(moved(&stop));
        sentences.extend(on_the_path(ground, "it serves again"));
        sentences.extend(bound(&stop));
    } else if !removal.complete {
        sentences.push("not all queues could be listed: there may be more".to_owned());
    }
    sentences
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 {
        format!("1 {thing}")
    } else {
        format!("{count} {thing}s")
    }
}

fn moved(impact: &StopImpact) -> Vec<String> {
    let mut sentences = Vec::new();
    if impact.leaders > 0 {
        sentences.push(format!(
            "{} led here will elect another leader",
            replicated(impact.leaders)
        ));
    }
    match impact.connections {
        Some(0) => {}
        Some(1) => sentences.push("1 connection closes".to_owned()),
        Some(count) => sentences.push(format!("{count} connections close")),
        None => sentences.push("connections close; how many is not known".to_owned()),
    }
    sentences
}

fn bound(impact: &StopImpact) -> Option<String> {
    let words = "not all queues and connections could be listed: these figures are a lower bound";
    (!impact.complete).then(|| words.to_owned())
}

/// What the load balancers and the holder of the VIP do.
fn on_the_path(ground: Ground<'_>, until: &str) -> Vec<String> {
    let Ground { model, target, now } = ground;
    let mut sentences = Vec::new();
    for (host, _) in model.inventory.balancers() {
        let Some(report) = model.balancer(&host.name, now) else {
            continue;
        };
        for (_, server) in model.servers_of(target.node, host, report) {
            if server.takes_clients() {
                sentences.push(format!(
                    "HAProxy on {} takes {} out until {until}",
                    host.name, server.name
                ));
            }
        }
    }
    for vip in model.vips(now) {
        if vip.holders.contains(&target.host.name) {
            sentences.push(format!(
                "{} holds {}: clients that go to its broker directly, past HAProxy, are refused",
                target.host.name, vip.address
            ));
        }
    }
    sentences
}

fn queues(count: usize) -> String {
    if count == 1 {
        "1 queue".to_owned()
    } else {
        format!("{count} queues")
    }
}

fn replicated(count: u64) -> String {
    if count == 1 {
        "1 replicated queue".to_owned()
    } else {
        format!("{count} replicated queues")
    }
}

fn messages(count: u64) -> String {
    if count == 1 {
        "1 message".to_owned()
    } else {
        format!("{count} messages")
    }
}

fn names(queues: &[QueueName]) -> String {
    let mut named: Vec<String> = queues.iter().take(NAMED).map(ToString::to_string).collect();
    let more = queues.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}
