//! Owns the checks that a stop loses no quorum: P5 asks the member itself, P6 counts members.

use super::{Check, Judged, Target};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::node::NodeState;
use crate::runbook::plan::{Probe, Verdict};
use crate::runbook::probe::ProbeAnswer;

/// P5: by the word of the member that would stop.
pub const QUORUM: Check = Check {
    id: "P5",
    title: "no queue, stream or store loses its quorum",
    judge: quorum,
};

/// P6: by counting.
pub const MAJORITY: Check = Check {
    id: "P6",
    title: "a majority of members keeps running",
    judge: majority,
};

fn quorum(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let probe = Probe::NotQuorumCritical {
        node: target.node.clone(),
    };
    match probe.evaluate(model, now) {
        ProbeAnswer::Holds(words) => Judged::one(Verdict::Passed, words),
        ProbeAnswer::Not(words) => {
            // Replicas of members that just started come online.
            let instead = others_first(model, target, now);
            Judged::one(Verdict::Failed, words)
                .instead(instead)
                .passing()
        }
        ProbeAnswer::CannotTell(words) => Judged::one(Verdict::CannotTell, words),
    }
}

fn majority(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let (left, members) = model.running_without(target.node, now);
    let least = members / 2 + 1;
    let count = format!("{left} of {members} members would keep running, {least} are a majority");
    if members <= 1 {
        return Judged::one(
            Verdict::NotApplicable,
            "it is the only member: the whole cluster is away while it is stopped",
        );
    }
    if left >= least {
        return Judged::one(Verdict::Passed, count);
    }
    match needs_majority(model, now) {
        Some(false) => Judged::one(
            Verdict::Warning,
            format!(
                "{count}; no Khepri, no quorum queue, no stream needs one, but with cluster_partition_handling = pause_minority the members left would stop serving"
            ),
        ),
        Some(true) => Judged::one(
            Verdict::Failed,
            format!("stopping {} would lose the majority: {count}", target.node),
        )
        .instead(others_first(model, target, now)),
        None => Judged::one(
            Verdict::CannotTell,
            match model.all_queues(now) {
                Ok(_) => format!("{count}; the metadata store is not known"),
                Err(gap) => format!("{count}; whether any queue needs one is not known: {gap}"),
            },
        ),
    }
}

/// Whether a Raft group exists. "None" is only believed of a complete and current list.
fn needs_majority(model: &Model, now: Moment) -> Option<bool> {
    let store = model.capability(now).needs_majority();
    match (store, model.has_quorum_queues(now)) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn others_first(model: &Model, target: Target<'_>, now: Moment) -> String {
    let away: Vec<String> = model
        .nodes(now)
        .iter()
        .filter(|view| view.name != *target.node && view.state != NodeState::Running)
        .map(|view| format!("{} ({})", view.name, view.state.words()))
        .collect();
    if away.is_empty() {
        "wait until every replica is online, or give the queues more members: quorum-grow NODE"
            .to_owned()
    } else {
        format!("bring back {} first", away.join(" and "))
    }
}
