//! Owns the checks of what is known and whether the cluster is well: P1, P2, P4, P17, P19.

use super::{Check, Judged, Target};
use crate::model::broker::MetadataStore;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::observation::{SourceId, SourceKind};
use crate::model::reading::Reading;
use crate::model::{Model, freshness_limit};
use crate::runbook::plan::{Probe, Verdict};
use crate::runbook::probe::ProbeAnswer;
use crate::runbook::probe::power::seen_by_all;
use std::time::Duration;

/// P1: nothing the plan rests on is old or missing.
pub const FRESH: Check = Check {
    id: "P1",
    title: "what the plan rests on is fresh",
    judge: fresh,
};

/// P1 where no queue is hit: the list of them is not asked for.
pub const FRESH_MEMBERS: Check = Check {
    judge: fresh_members,
    ..FRESH
};

/// The same where every member is acted on.
pub const FRESH_ALL_MEMBERS: Check = Check {
    judge: all_members,
    ..FRESH_EVERYWHERE
};

/// P1 where every member is acted on.
pub const FRESH_EVERYWHERE: Check = Check {
    id: "P1",
    title: "what the plan rests on is fresh, on every host",
    judge: whole,
};

/// P2: what the cluster is.
pub const CAPABILITY: Check = Check {
    id: "P2",
    title: "version and metadata store are known",
    judge: capability,
};

/// P4: no member blocks publishers.
pub const ALARMS: Check = Check {
    id: "P4",
    title: "no memory or disk alarm on any member",
    judge: alarms,
};

/// P17: someone who serves the cluster already. Advisory: the first one has to start too.
pub const COMPANY: Check = Check {
    id: "P17",
    title: "another member is running",
    judge: company,
};

/// P19: nobody is half-way through something else. Advisory.
pub const NOTHING_ELSE: Check = Check {
    id: "P19",
    title: "no other member is in maintenance mode",
    judge: nothing_else,
};

fn fresh_members(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    judged(member_sources(model, target, now))
}

fn member_sources(model: &Model, target: Target<'_>, now: Moment) -> Vec<Result<String, String>> {
    let mut sources: Vec<Result<String, String>> = model
        .inventory
        .nodes()
        .map(|(host, node)| {
            let own = management(model, (host, node), target.via, now);
            let others = || {
                let vouched = vouched(model, &host.name, node, now);
                vouched.filter(|_| node != target.node)
            };
            own.or_else(|fault| {
                let known = seen_by_all(model, node, now).or_else(others);
                known.ok_or(fault)
            })
        })
        .collect();
    sources.push(services(model, target.host, target.state, now));
    sources
}

fn fresh(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let mut sources = member_sources(model, target, now);
    // Which queues are hit matters only where something is stopped.
    if target.state == NodeState::Running {
        sources.push(age(
            "the queue list",
            Some(&model.queues),
            SourceKind::Queues,
            now,
        ));
    }
    judged(sources)
}

fn all_members(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    judged(all_sources(model, now))
}

fn all_sources(model: &Model, now: Moment) -> Vec<Result<String, String>> {
    let mut sources = Vec::new();
    for (host, node) in model.inventory.nodes() {
        let state = model.node(node, now).state;
        let own = management(model, (host, node), None, now);
        // A fault of its own API does not keep the others from telling that it runs.
        sources.push(own.or_else(|fault| seen_by_all(model, node, now).ok_or(fault)));
        sources.push(services(model, host, state, now));
    }
    sources
}

fn whole(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    let mut sources = all_sources(model, now);
    let mut nodes = model.inventory.nodes();
    if nodes.any(|(_, node)| model.node(node, now).state == NodeState::Running) {
        let kind = SourceKind::Queues;
        sources.push(age("the queue list", Some(&model.queues), kind, now));
    }
    judged(sources)
}

fn judged(sources: Vec<Result<String, String>>) -> Judged {
    let (good, bad): (Vec<_>, Vec<_>) = sources.into_iter().partition(Result::is_ok);
    let good = good.into_iter().filter_map(Result::ok);
    let bad: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
    if bad.is_empty() {
        Judged::new(Verdict::Passed, good.collect())
    } else {
        Judged::new(Verdict::Failed, bad.into_iter().chain(good).collect())
            .instead("look at the sources (`rmqtop status`) and try again when they answer")
    }
}

/// A member that is not acted on, and whose own API is not open to us, runs if all others say so. Where its host says nothing it may be gone by now.
fn vouched(model: &Model, host: &HostName, node: &NodeName, now: Moment) -> Option<String> {
    let failure = model.brokers.get(host)?.failure()?;
    let peers = model.peers_say(node, now);
    let is_seen = !peers.is_empty() && peers.iter().all(|(_, runs)| *runs);
    (is_seen && failure.kind.proves_host_alive())
        .then(|| format!("all other members say that {node} runs; its own API: {failure}"))
}

/// The services of a node's host: fresh, or just asked of a host that answers nothing at all.
fn services(
    model: &Model,
    entry: &HostEntry,
    state: NodeState,
    now: Moment,
) -> Result<String, String> {
    let (kind, host) = (SourceKind::Services, &entry.name);
    let subject = format!("the service list of {host}");
    let known = age(&subject, model.services.get(host), kind, now);
    let status = model.sources.get(&SourceId::new(kind, host.clone()));
    let asked_just_now =
        status.is_some_and(|status| now.since(status.attempted_at) <= freshness_limit(kind));
    if known.is_err() && state == NodeState::Unreachable && asked_just_now {
        Ok(format!(
            "{subject} is silent as expected: {host} is unreachable"
        ))
    } else {
        known
    }
}

/// A member's own view: fresh, or just asked and silent for a reason that is known. Who is no member
/// by the word of the one acted through knows other users.
fn management(
    model: &Model,
    (host, node): (&HostEntry, &NodeName),
    via: Option<&NodeName>,
    now: Moment,
) -> Result<String, String> {
    let (kind, host) = (SourceKind::Management, &host.name);
    let subject = format!("the management answer of {host}");
    let known = age(&subject, model.brokers.get(host), kind, now);
    if known.is_ok() {
        return known;
    }
    let asked_just_now = model
        .sources
        .get(&SourceId::new(kind, host.clone()))
        .is_some_and(|status| now.since(status.attempted_at) <= freshness_limit(kind));
    let view = model.node(node, now);
    let explained = match view.state {
        NodeState::AppStopped
        | NodeState::Down
        | NodeState::Unreachable
        | NodeState::NotRunning
        | NodeState::Starting
        | NodeState::Restarting
        | NodeState::Hung => true,
        // Maintenance mode closes the node's own management listener too.
        NodeState::Running => view.draining == Some(true),
        NodeState::Unknown => false,
    };
    let by_via = via.and_then(|via| model.lists(via, node, now));
    let stranger = by_via.or_else(|| model.is_member(node, now)) == Some(false);
    if asked_just_now && (explained || stranger) {
        let why = if stranger {
            "no member of the cluster now"
        } else if view.state == NodeState::Running {
            "in maintenance mode"
        } else {
            view.state.words()
        };
        Ok(format!("{subject} is silent as expected: {node} is {why}"))
    } else {
        known
    }
}

fn age<T>(
    subject: &str,
    reading: Option<&Reading<T>>,
    kind: SourceKind,
    now: Moment,
) -> Result<String, String> {
    let Some(reading) = reading else {
        return Err(format!("{subject} was never asked"));
    };
    let old = reading.age(now).map(words);
    if reading.current(now, freshness_limit(kind)).is_some() {
        return Ok(format!("{subject} is {} old", old.unwrap_or_default()));
    }
    Err(match (old, reading.failure()) {
        (Some(old), Some(failure)) => format!("{subject} is {old} old, and now fails: {failure}"),
        (Some(old), None) => format!("{subject} is {old} old"),
        (None, Some(failure)) => format!("{subject} fails: {failure}"),
        (None, None) => format!("{subject} was not answered yet"),
    })
}

fn words(age: Duration) -> String {
    if age < Duration::from_secs(1) {
        format!("{} ms", age.as_millis())
    } else {
        format!("{} s", age.as_secs())
    }
}

fn capability(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    let capability = model.capability(now);
    if capability.store.is_some() && model.capability_is_current(now) {
        Judged::one(Verdict::Passed, capability.words())
    } else {
        let missing = match capability.version {
            None => "the RabbitMQ version is not known",
            Some(_) => "whether the metadata store is Mnesia or Khepri is not known",
        };
        Judged::one(Verdict::CannotTell, missing)
    }
}

fn alarms(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    match Probe::NoAlarms.evaluate(model, now) {
        ProbeAnswer::Holds(words) => Judged::one(Verdict::Passed, words),
        ProbeAnswer::Not(words) => Judged::one(Verdict::Failed, words)
            .instead("clear the alarm first: consume messages, or free memory or disk"),
        ProbeAnswer::CannotTell(words) => Judged::one(Verdict::CannotTell, words),
    }
}

fn company(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    // Where the target is no member, those count that the member it turns to knows.
    let of_cluster = |name: &NodeName| {
        target
            .via
            .is_none_or(|via| name == via || model.lists(via, name, now) == Some(true))
    };
    let others: Vec<_> = model
        .nodes(now)
        .into_iter()
        .filter(|view| view.name != *target.node && of_cluster(&view.name))
        .collect();
    if others.is_empty() {
        return Judged::one(Verdict::NotApplicable, "it is the only member");
    }
    let running: Vec<String> = others
        .iter()
        .filter(|view| view.state == NodeState::Running)
        .map(|view| format!("{} runs", view.name))
        .collect();
    if !running.is_empty() {
        return Judged::new(Verdict::Passed, running);
    }
    let wait = match model.capability(now).store {
        Some(MetadataStore::Mnesia) => {
            "on Mnesia it starts alone only if it was the last one to stop; else it waits up to 300 s for the others"
        }
        Some(MetadataStore::Khepri) => {
            "on Khepri it waits up to 300 s for a majority of members, in any order"
        }
        None => {
            "on Mnesia it starts alone only if it was the last one to stop, on Khepri only with a majority of members; else it waits up to 300 s for the others"
        }
    };
    Judged::one(Verdict::Warning, format!("no other member runs: {wait}"))
}

fn nothing_else(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let draining: Vec<String> = model
        .nodes(now)
        .iter()
        .filter(|view| view.name != *target.node && view.draining == Some(true))
        .map(|view| format!("{} is in maintenance mode: someone works on it", view.name))
        .collect();
    if draining.is_empty() {
        Judged::one(Verdict::Passed, "none, as far as the members tell")
    } else {
        Judged::new(Verdict::Warning, draining)
    }
}
