//! Owns the very last resort of `recover-lost-node`: on Khepri, where no majority of members can be
//! had any more, one survivor goes on alone with what it has, and every other member is given up.
//! Seen on 4.0.5 and 4.3.6: the command ends a wait for a leader at boot, or is taken by a member
//! that runs; users, virtual hosts, policies and queues are those of the survivor.

use super::standing::Standing;
use super::{balancers_use, id, named};
use crate::action::Action;
use crate::invocation::Change;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::runbook::plan::{Plan, Probe, Refusal, Step, Verdict};
use crate::runbook::preflight::Checks;
use crate::runbook::steps::{Ground, MARGIN};
use std::time::Duration;

/// From the command until the member serves: it boots to the end.
const DEADLINE: Duration = Duration::from_secs(300);
/// The first release with Khepri.
const SINCE: (u16, u16) = (3, 13);

pub(super) fn plan(
    action: &Action,
    standing: &Standing<'_>,
    first: Ground<'_>,
    mut checks: Checks,
) -> Result<Plan, Refusal> {
    let survivor = standing
        .running()
        .next()
        .unwrap_or_else(|| latest(standing, first));
    let node = survivor.node();
    let has_it = |version: &crate::model::broker::Version| version.series() >= SINCE;
    if !standing.version.as_ref().is_some_and(has_it) {
        let reason = "no majority of members can be had, and the release is not known to have `force_standalone_khepri_boot` (3.13 on)";
        let instead = "bring hosts back until a majority answers".to_owned();
        return Err(checks.refuse(action, reason.to_owned(), Some(instead)));
    }
    others_down(action, standing, survivor, &mut checks)?;
    let others: Vec<NodeName> = standing
        .present
        .iter()
        .map(|ground| ground.node())
        .chain(standing.lost.iter().map(|(lost, _)| lost))
        .filter(|other| *other != node)
        .cloned()
        .collect();
    let count = format!(
        "{} of {} members can be started: no majority",
        standing.present.len(),
        standing.size()
    );
    let wait = format!(
        "if {} can be brought back within reach so that a majority answers, do that and use start-cluster: nothing is lost then",
        named(&others)
    );
    let title = ("R21", "no majority of members will ever be had again");
    checks.found(title, Verdict::Warning, vec![count, wait], None);
    let preflight = checks.verdict(action)?;
    let mut steps = Vec::new();
    if survivor.target.state != NodeState::Running {
        steps.extend(survivor.lift_start_limit());
        steps.push(survivor.start_runtime());
    }
    steps.push(force(standing, survivor, &others));
    steps.extend(balancers_use(survivor.host(), &[survivor]));
    let definitions = if survivor.target.state == NodeState::Running {
        vec![node.clone()]
    } else {
        Vec::new()
    };
    Ok(Plan {
        definitions,
        ..survivor.plan(action, preflight, blast(node, &others), steps)
    })
}

/// The survivor whose service ended last, by its host's clock; the first, where none says.
fn latest<'a>(standing: &Standing<'a>, first: Ground<'a>) -> Ground<'a> {
    let ended = |ground: &Ground<'a>| standing.files(*ground).and_then(|files| files.ended);
    let present = standing.present.iter().copied();
    let told = present.filter(|ground| ended(ground).is_some());
    told.min_by_key(ended).unwrap_or(first)
}

/// Another member that runs, or is about to, would go on as a member of the old cluster.
fn others_down(
    action: &Action,
    standing: &Standing<'_>,
    survivor: Ground<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    let mut up = standing.present.iter().filter(|ground| {
        ground.node() != survivor.node() && ground.target.state != NodeState::Down
    });
    let Some(other) = up.next() else {
        return Ok(());
    };
    let reason = format!(
        "{} would go on alone, and {} is {}: it must not come up as a member of what was",
        survivor.node(),
        other.node(),
        other.target.state.words()
    );
    let instead = format!("stop it first: stop-node {}", other.node());
    Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
}

fn force(standing: &Standing<'_>, survivor: Ground<'_>, others: &[NodeName]) -> Step {
    let node = survivor.node();
    let gone = others.iter().map(|other| Probe::NotMember {
        node: other.clone(),
        by: node.clone(),
    });
    let alone: Vec<Probe> = std::iter::once(Probe::SelfReports { node: node.clone() })
        .chain(gone)
        .collect();
    let present = standing.present.iter().map(|ground| ground.node());
    let down: Vec<NodeName> = present.filter(|other| *other != node).cloned().collect();
    let mut before = vec![
        Probe::RuntimeUp { node: node.clone() },
        // Whoever came back since the plan was made would be cut off for nothing.
        Probe::NoneRuns {
            nodes: others.to_vec(),
        },
    ];
    if !down.is_empty() {
        before.push(Probe::Stopped { nodes: down });
    }
    Step {
        id: id("force-standalone", node),
        title: format!("let {node} go on alone; every other member is given up"),
        host: survivor.host(),
        change: Some(Change::ForceStandalone {
            node: node.clone(),
            limit: DEADLINE.saturating_sub(MARGIN),
        }),
        before,
        already: alone.clone(),
        after: alone,
        deadline: DEADLINE,
    }
}

fn blast(survivor: &NodeName, others: &[NodeName]) -> Vec<String> {
    vec![
        format!("{} are given up as members, with all that only they hold", named(others)),
        format!(
            "{survivor} goes on with what it has: what the others agreed on without it is lost"
        ),
        "quorum queues and streams with most of their replicas on the others stay without a majority: they can only be deleted and declared anew".to_owned(),
        "before the service of any of the others starts again, its data must be moved aside: wipe NODE, then join NODE".to_owned(),
    ]
}
