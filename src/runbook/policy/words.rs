//! Owns the blast radius of policies in sentences: which queues come under which policy, and which
//! keys they gain and lose by that.

use crate::action::Action;
use crate::invocation::quoted;
use crate::model::broker::Policy;
use crate::model::list::Tally;
use crate::model::name::{QueueName, VhostName};
use crate::model::policy::effect::{Policies, Preview, Shift};
use crate::model::policy::{ApplyTo, PolicyName, PolicyRule};
use crate::runbook::steps::Ground;
use serde_json::Value;
use std::collections::BTreeSet;

/// How many names a sentence spells out.
const NAMED: usize = 5;

/// What setting `rule` does.
pub(super) fn of_set(ground: Ground<'_>, rule: &PolicyRule, preview: &Preview) -> Vec<String> {
    let mut sentences = shifts(preview);
    if !preview.unmoved.is_empty() {
        sentences.push(format!(
            "nothing changes for {} that it is in force on already",
            count(preview.unmoved.len())
        ));
    }
    for (over, queues) in &preview.beaten {
        sentences.push(format!(
            "{over} matches too, has a higher priority, and stays in force on {}: {}",
            count(queues.len()),
            named(queues)
        ));
    }
    let is_none = preview.shifts.is_empty()
        && preview.unmoved.is_empty()
        && preview.beaten.is_empty()
        && preview.unclear == 0;
    if is_none && rule.apply_to != ApplyTo::Exchanges {
        sentences.push("no queue there is now changes; queues declared later may".to_owned());
    }
    if preview.unclear > 0 {
        sentences.push(format!(
            "whether it is for {} more of those listed, only the broker can tell",
            count(preview.unclear)
        ));
    }
    sentences.extend(not_listed(ground));
    match rule.apply_to {
        ApplyTo::All => sentences.push(
            "it is for exchanges too, which are not listed here: --apply-to queues leaves them alone"
                .to_owned(),
        ),
        ApplyTo::Exchanges => {
            sentences.push("it is for exchanges, which are not listed here".to_owned());
        }
        ApplyTo::Queues
        | ApplyTo::ClassicQueues
        | ApplyTo::QuorumQueues
        | ApplyTo::Streams => {}
    }
    sentences.extend(blocked(ground, rule, preview));
    sentences
}

/// What removing `rule` does.
pub(super) fn of_clear(ground: Ground<'_>, rule: &PolicyRule, preview: &Preview) -> Vec<String> {
    let mut sentences = shifts(preview);
    if sentences.is_empty() {
        sentences.push(format!(
            "{} is in force on no queue that is listed",
            rule.name
        ));
    }
    sentences.extend(not_listed(ground));
    if matches!(rule.apply_to, ApplyTo::All | ApplyTo::Exchanges) {
        sentences.push("exchanges that it is for lose it too; they are not listed here".to_owned());
    }
    sentences
}

fn shifts(preview: &Preview) -> Vec<String> {
    preview
        .shifts
        .iter()
        .map(|(shift, queues)| format!("{}: {}", shifted(shift, queues.len()), named(queues)))
        .collect()
}

fn shifted(shift: &Shift, queues: usize) -> String {
    let now = match &shift.from {
        Some(from) => format!("{} now under {from}", count(queues)),
        None => format!("{} now without a policy", count(queues)),
    };
    let s = if queues == 1 { "s" } else { "" };
    let mut words = match shift.to.as_slice() {
        [] => format!("{now} will have none"),
        [to] if shift.from.as_ref() == Some(to) => format!("{now} stay{s} under it"),
        [to] => format!("{now} come{s} under {to}"),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return format!(
                "{now}: chance decides between {}, which have the same priority",
                names.join(" and ")
            );
        }
    };
    let parts = [
        ("gain", &shift.gains),
        ("change", &shift.changes),
        ("lose", &shift.loses),
    ];
    for (verb, keys) in parts {
        if !keys.is_empty() {
            words = format!("{words}, {verb}{s} {}", keys.join(" "));
        }
    }
    words
}

/// Queues that the preview does not cover.
fn not_listed(ground: Ground<'_>) -> Option<String> {
    let gap = match ground.model.listed_queues(ground.now) {
        Ok((_, gap)) => gap?,
        Err(gap) => gap,
    };
    Some(format!("{gap}: more may be affected in the same way"))
}

/// Mirrors that synchronise by themselves block their queue meanwhile.
fn blocked(ground: Ground<'_>, rule: &PolicyRule, preview: &Preview) -> Option<String> {
    let automatic = Value::String("automatic".to_owned());
    let keys = rule.definition.keys();
    if keys.get("ha-sync-mode") != Some(&automatic) {
        return None;
    }
    let moved: BTreeSet<&QueueName> = preview.shifts.values().flatten().collect();
    let messages: Tally = super::rows(ground)
        .iter()
        .filter(|row| row.vhost == rule.vhost && moved.contains(&row.name))
        .map(|row| row.messages)
        .collect();
    Some(format!(
        "with ha-sync-mode automatic a queue takes and delivers nothing while a new mirror copies \
         it: {} are in the queues above",
        messages.of("message")
    ))
}

/// How to get back to what is there now, on this very cluster.
pub(super) fn undo(
    ground: Ground<'_>,
    (was, rule): (Option<&PolicyRule>, &PolicyRule),
    before: &Policies,
) -> String {
    let back = match was {
        Some(was) => Action::PolicySet { rule: was.clone() },
        None if before.unread.contains(&rule.name) => {
            return format!(
                "what {} is now cannot be read here: write it down before, for the way back",
                rule.name
            );
        }
        None => Action::PolicyClear {
            vhost: rule.vhost.clone(),
            name: rule.name.clone(),
        },
    };
    let cluster = quoted(&ground.model.inventory.cluster);
    format!("the way back: rmqtop run {back} --cluster {cluster} --execute")
}

/// A policy that is removed and cannot be made again from here.
pub(super) fn unread(known: &[Policy], name: &PolicyName) -> String {
    let found = known.iter().find(|policy| policy.name == name.0);
    let definition = found.map_or("", |policy| policy.definition.as_str());
    format!("{name} cannot be read here, so there is no way back by rmqtop; it sets {definition}")
}

/// There is nothing to remove.
pub(super) fn absent(before: &Policies, vhost: &VhostName, name: &PolicyName) -> String {
    let known: Vec<String> = before
        .ready
        .iter()
        .map(|ready| ready.rule.name.to_string())
        .collect();
    let known = if known.is_empty() {
        "there is none at all".to_owned()
    } else {
        format!("there is {}", known.join(", "))
    };
    format!("vhost {vhost} has no policy {name}; {known}")
}

/// So many queues.
pub(in crate::runbook) fn count(queues: usize) -> String {
    if queues == 1 {
        "1 queue".to_owned()
    } else {
        format!("{queues} queues")
    }
}

/// The first of them by name, and how many more.
pub(in crate::runbook) fn named(queues: &[QueueName]) -> String {
    let mut names: Vec<String> = queues.iter().take(NAMED).map(ToString::to_string).collect();
    let more = queues.len().saturating_sub(NAMED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}
