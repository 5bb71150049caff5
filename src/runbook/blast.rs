//! Owns the blast radius in sentences: what an operator loses, and for how long, if the plan is
//! carried out. The figures come from `model::impact`.

use super::steps::Ground;
use crate::model::Model;
use crate::model::impact::StopImpact;
use crate::model::list::Tally;
use crate::model::moment::Moment;
use crate::model::name::QueueName;
use crate::model::node::NodeState;

/// How many names a sentence spells out.
const NAMED: usize = 5;

/// What stopping the target does to clients, until what is so again.
pub(super) fn of_stop(ground: Ground<'_>, until: &str) -> Vec<String> {
    let Ground { model, target, .. } = ground;
    if target.state != NodeState::Running {
        return Vec::new();
    }
    let mut sentences = without(ground, until);
    if model.members().len() == 1 {
        sentences.push("it is the only member: nothing is served meanwhile".to_owned());
    }
    sentences
}

/// What killing a node that hangs does. What it still serves nobody can ask it.
pub(super) fn of_kill(ground: Ground<'_>, until: &str) -> Vec<String> {
    if ground.target.state == NodeState::Down {
        return Vec::new();
    }
    let node = ground.node();
    let mut sentences = vec![format!(
        "{node} is killed if it does not end by itself: what it has not written to its disk is lost"
    )];
    sentences.extend(without(ground, until));
    sentences
}

/// What is away without the target.
fn without(ground: Ground<'_>, until: &str) -> Vec<String> {
    let Ground { model, target, now } = ground;
    let impact = model.stop_impact(target.node, now);
    let mut sentences = Vec::new();
    if !impact.deleted.is_empty() {
        sentences.push(format!(
            "{} will be deleted, being exclusive or not durable: {}; {} lost",
            queues(impact.deleted.len()),
            names(&impact.deleted),
            messages(impact.deleted_messages, ground),
        ));
    }
    if !impact.unavailable.is_empty() {
        sentences.push(format!(
            "{} with the only usable copy here will be unavailable until {until}: {}; {} in them, of which those that are not persistent are lost",
            queues(impact.unavailable.len()),
            names(&impact.unavailable),
            messages(impact.unavailable_messages, ground),
        ));
    }
    sentences.extend(moved(&impact));
    sentences.extend(on_the_path(ground, until));
    sentences.extend(bound(impact.gap.as_deref()));
    sentences
}

/// What stopping every member does to clients, until the cluster starts again.
pub(super) fn of_whole_stop(model: &Model, now: Moment) -> Vec<String> {
    let mut sentences = Vec::new();
    let known =
        |count: Option<u64>| count.map_or_else(|| "not known".to_owned(), |n| n.to_string());
    sentences.push(format!(
        "the whole cluster is away until start-cluster: queues: {}, messages in them: {}, of which those that are not persistent are lost",
        known(model.queue_count(now)),
        known(model.figures(now).messages)
    ));
    let (page, gap) = match model.listed_queues(now) {
        Ok((page, gap)) => (Some(page), gap),
        Err(gap) => (None, Some(gap)),
    };
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
    sentences.extend(bound(gap.as_deref()));
    let connections = model.connection_count(now);
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
    let impact = ground.model.stop_impact(ground.node(), ground.now);
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
    sentences.extend(bound(impact.gap.as_deref()));
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
        sentences.extend(moved(&ground.model.stop_impact(node, ground.now)));
        sentences.extend(on_the_vip(ground));
    }
    sentences.push(format!(
        "where the configuration lets {node} find its peers by itself, it may join them when it starts"
    ));
    sentences
}

/// What removing a member for good does, its data with it.
pub(super) fn of_removal(ground: Ground<'_>, fate: &str) -> Vec<String> {
    let removal = ground.model.removal_impact(ground.node(), ground.now);
    let mut sentences = vec![fate.to_owned()];
    if !removal.deleted.is_empty() {
        sentences.push(format!(
            "{} with the only usable copy here will be deleted: {}; {} lost",
            queues(removal.deleted.len()),
            names(&removal.deleted),
            messages(removal.deleted_messages, ground),
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
        let stop = ground.model.stop_impact(ground.node(), ground.now);
        sentences.extend(moved(&stop));
        sentences.extend(on_the_vip(ground));
    }
    sentences.extend(bound(removal.gap.as_deref()));
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

fn bound(gap: Option<&str>) -> Option<String> {
    gap.map(|gap| format!("{gap}: more queues may be hit than are named here"))
}

/// What the load balancers and the holder of the VIP do.
fn on_the_path(ground: Ground<'_>, until: &str) -> Vec<String> {
    let mut sentences = on_the_servers(ground, until);
    sentences.extend(on_the_vip(ground));
    sentences
}

/// What the load balancers do with the target while it is away.
pub(super) fn on_the_servers(ground: Ground<'_>, until: &str) -> Vec<String> {
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
    sentences
}

fn on_the_vip(ground: Ground<'_>) -> Vec<String> {
    let host = &ground.target.host.name;
    let vips = ground.model.vips(ground.now).into_iter();
    let held = vips.filter(|vip| vip.is_held_on(host, &ground.model.inventory));
    held.map(|vip| {
        format!(
            "{host} holds {}: clients that go to its broker directly, past HAProxy, are refused",
            vip.address
        )
    })
    .collect()
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

/// What lies in some queues; where that is not known, what the statistics have in all of them. That
/// is no bound: a queue tells its figures every `collect_statistics_interval` (5 s unless set
/// otherwise), and one declared and filled right before has told none (seen on 3.10.8).
fn messages(tally: Tally, ground: Ground<'_>) -> String {
    let words = tally.of("message");
    match (tally.whole(), ground.model.figures(ground.now).messages) {
        (None, Some(all)) => {
            format!("{words} (a few seconds ago all queues together held {all})")
        }
        (None, None) | (Some(_), _) => words,
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
