//! Owns `quorum-grow`, `quorum-shrink` and `rebalance`: where the replicas and the leaders of
//! replicated queues are.

use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::{Ground, MARGIN};
use crate::action::Action;
use crate::invocation::{Change, QueuesVerb};
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use std::time::Duration;

/// Copying the data of a queue to a new replica takes its time.
const GROW_DEADLINE: Duration = Duration::from_secs(600);
const SHRINK_DEADLINE: Duration = Duration::from_secs(300);
const REBALANCE_DEADLINE: Duration = Duration::from_secs(300);

pub(super) fn grow(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let checks = placing(ground, &preflight::FRESH_MEMBERS);
    if ground.target.state != NodeState::Running {
        let reason = ground.state_reason("and only a running member takes replicas");
        return Err(checks.refuse(action, reason, Some(ground.first())));
    }
    let preflight = checks.verdict(action)?;
    let placed = Probe::AllReplicas {
        node: ground.node().clone(),
    };
    let verb = QueuesVerb::Grow {
        onto: ground.node().clone(),
    };
    let step = Step {
        id: "grow".to_owned(),
        title: format!("give every quorum queue a replica on {}", ground.node()),
        host: ground.through_host(),
        change: Some(queues(ground, verb, GROW_DEADLINE)),
        before: vec![ground.seen(NodeState::Running)],
        already: vec![placed.clone()],
        after: vec![placed],
        deadline: GROW_DEADLINE,
    };
    let blast = vec![format!(
        "the leaders copy their queues to {} while they serve; with an even number of replicas a queue tolerates no more losses than with one less",
        ground.node()
    )];
    Ok(ground.plan(action, preflight, blast, vec![step]))
}

pub(super) fn shrink(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let mut checks = placing(ground, &preflight::FRESH);
    checks.make(&preflight::REPLICAS, ground);
    let preflight = checks.verdict(action)?;
    let count = ground
        .model
        .removal_impact(ground.node(), ground.now)
        .quorum
        .len();
    let blast = if count == 0 {
        Vec::new()
    } else {
        vec![format!(
            "quorum queues that lose their replica on {}: {count}",
            ground.node()
        )]
    };
    Ok(ground.plan(action, preflight, blast, vec![shrink_step(ground)]))
}

pub(super) fn shrink_step(ground: Ground<'_>) -> Step {
    shrink_off(ground, ground.node())
}

/// Takes the replicas off `off`, which need not be declared, through the target or its `via`.
pub(super) fn shrink_off(ground: Ground<'_>, off: &NodeName) -> Step {
    let off = off.clone();
    let gone = Probe::NoReplicas { node: off.clone() };
    Step {
        id: "shrink".to_owned(),
        title: format!("take the replicas of all quorum queues off {off}"),
        host: ground.through_host(),
        change: Some(queues(ground, QueuesVerb::Shrink { off }, SHRINK_DEADLINE)),
        before: vec![ground.others_unchanged()],
        already: vec![gone.clone()],
        after: vec![gone],
        deadline: SHRINK_DEADLINE,
    }
}

/// The target is the member through which it is done.
pub(super) fn rebalance(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let checks = placing(ground, &preflight::FRESH_MEMBERS);
    let preflight = checks.verdict(action)?;
    let blast =
        vec!["queues whose leader moves answer nothing for the moment of the election".to_owned()];
    Ok(ground.plan(action, preflight, blast, vec![rebalance_step(ground)]))
}

/// Through the target.
pub(super) fn rebalance_step(ground: Ground<'_>) -> Step {
    Step {
        id: "rebalance".to_owned(),
        title: "spread the leaders of replicated queues over the members".to_owned(),
        host: ground.host(),
        change: Some(Change::Queues {
            node: ground.node().clone(),
            verb: QueuesVerb::Rebalance,
            limit: REBALANCE_DEADLINE.saturating_sub(MARGIN),
        }),
        before: vec![ground.seen(NodeState::Running)],
        already: vec![Probe::LeadersSpread],
        after: vec![Probe::LeadersSpread],
        deadline: REBALANCE_DEADLINE,
    }
}

fn placing(ground: Ground<'_>, fresh: &preflight::Check) -> Checks {
    let mut checks = Checks::default();
    checks.make(fresh, ground);
    checks.make(&preflight::CAPABILITY, ground);
    checks.make(&preflight::PARTITION, ground);
    checks.make(&preflight::COMPANY, ground);
    checks.make(&preflight::NOTHING_ELSE, ground);
    checks
}

fn queues(ground: Ground<'_>, verb: QueuesVerb, deadline: Duration) -> Change {
    Change::Queues {
        node: ground.through().clone(),
        verb,
        limit: deadline.saturating_sub(MARGIN),
    }
}
