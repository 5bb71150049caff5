//! Owns `start-cluster`: on Mnesia the member that stopped last starts first, on Khepri all start
//! together. No step waits for an app that may wait for others: each is gated by its runtime, and
//! all run together at the end.

use super::order::Order;
use super::standing::{self, Standing};
use super::{balancers_use, named, queues_well, run_together};
use crate::action::Action;
use crate::model::Model;
use crate::model::broker::MetadataStore;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::runbook::plan::{Plan, Probe, Refusal, Step, Verdict};
use crate::runbook::preflight::Checks;
use crate::runbook::steps::Ground;

/// Plans the start of every member that can be started.
pub(in crate::runbook) fn plan(
    action: &Action,
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    let standing = standing::of(action, &mut checks, model, now)?;
    let Some(first) = standing.present.first().copied() else {
        let reason = "no member can be started".to_owned();
        return Err(checks.refuse(action, reason, Some("bring a host back first".to_owned())));
    };
    let order = in_order(action, &standing, &mut checks)?;
    let preflight = checks.verdict(action)?;
    let durable = standing
        .recorded()
        .filter(|_| !standing.runs())
        .and_then(|record| record.planned.durable_queues);
    let steps = steps(&standing, &order, durable);
    Ok(first.plan(action, preflight, blast(&standing), steps))
}

fn blast(standing: &Standing<'_>) -> Vec<String> {
    let lost = standing.lost.iter().map(|(node, why)| {
        format!("{node} stays away, for {why}: what only it holds is not available")
    });
    lost.collect()
}

/// All that can be started, in order.
fn in_order<'a>(
    action: &Action,
    standing: &Standing<'a>,
    checks: &mut Checks,
) -> Result<Vec<Ground<'a>>, Refusal> {
    let title = ("R8", "who has to start first");
    if standing.runs() {
        let running: Vec<&NodeName> = standing.running().map(|g| g.target.node).collect();
        let line = format!(
            "whoever starts now follows those that run: {}",
            named(running)
        );
        checks.found(title, Verdict::NotApplicable, vec![line], None);
        return Ok(disc_first(standing, standing.present.clone()));
    }
    match standing.store {
        // P2 refuses.
        None => Ok(standing.present.clone()),
        Some(MetadataStore::Khepri) => {
            let count = format!("{} of {} members", standing.present.len(), standing.size());
            if standing.has_majority() {
                let line = format!("on Khepri any order will do; {count} start together");
                checks.found(title, Verdict::NotApplicable, vec![line], None);
            } else {
                let line = format!("on Khepri a majority has to start together; {count} can");
                let instead = Some(
                    "bring more hosts back; if they are lost for good, see recover-lost-node"
                        .to_owned(),
                );
                checks.found(title, Verdict::Failed, vec![line], instead);
            }
            Ok(standing.present.clone())
        }
        Some(MetadataStore::Mnesia) => by_discs(action, standing, checks),
    }
}

fn by_discs<'a>(
    action: &Action,
    standing: &Standing<'a>,
    checks: &mut Checks,
) -> Result<Vec<Ground<'a>>, Refusal> {
    match standing.order(checks) {
        // The check that was noted refuses.
        Order::Untold(_) => Ok(Vec::new()),
        Order::Blocked { lost, newest } => {
            let reason = format!(
                "{} ran longer than {}, and cannot be started: the others would wait for it in vain",
                named(&lost),
                named(&newest)
            );
            let instead = format!(
                "bring {} back and try again; if it is lost for good: recover-lost-node",
                named(&lost)
            );
            Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
        }
        Order::Known(waves) => {
            let of = |node: &NodeName| {
                let mut present = standing.present.iter().copied();
                present.find(|ground| ground.target.node == node)
            };
            if standing.ram_ran_last() {
                let last = named(waves.iter().flatten().take(1));
                let line = format!(
                    "{last} stopped last and is a RAM member: what only it learnt meanwhile is gone; the disc members start before it, and wait for it"
                );
                let title = ("R8", "a disc member stopped last");
                checks.found(title, Verdict::Warning, vec![line], None);
            }
            let order: Vec<Ground<'a>> = waves.iter().flatten().filter_map(of).collect();
            Ok(disc_first(standing, order))
        }
    }
}

/// A RAM member needs a disc member that runs.
fn disc_first<'a>(standing: &Standing<'a>, mut order: Vec<Ground<'a>>) -> Vec<Ground<'a>> {
    order.sort_by_key(|ground| standing.is_ram(ground.node()) == Some(true));
    order
}

/// Starts all of `order`, and waits until the cluster is whole.
pub(super) fn steps(
    standing: &Standing<'_>,
    order: &[Ground<'_>],
    durable: Option<u64>,
) -> Vec<Step> {
    let is_ram = |ground: &Ground<'_>| standing.is_ram(ground.node()) == Some(true);
    let (ram, disc): (Vec<Ground<'_>>, Vec<Ground<'_>>) = order.iter().copied().partition(is_ram);
    let start = |ground: &Ground<'_>| ground.start_any();
    let mut steps: Vec<Step> = disc.iter().flat_map(start).collect();
    // Where the RAM member ran last, the disc members wait for it, not it for them.
    if let (Some(first), false) = (disc.first(), ram.is_empty() || standing.ram_ran_last()) {
        let node = first.node().clone();
        let wait = run_together(first.host(), "disc-member", std::slice::from_ref(&node));
        steps.push(Step {
            title: format!("wait until {node} runs, for a RAM member needs a disc member"),
            after: vec![Probe::SelfReports { node: node.clone() }],
            already: vec![Probe::SelfReports { node }],
            ..wait
        });
    }
    steps.extend(ram.iter().flat_map(start));
    if let Some(first) = order.first() {
        let nodes: Vec<NodeName> = order.iter().map(|ground| ground.node().clone()).collect();
        steps.push(run_together(first.host(), "members", &nodes));
        steps.push(queues_well(first.host(), durable));
        steps.extend(balancers_use(first.host(), order));
    }
    steps
}
