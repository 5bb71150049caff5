//! Owns the question whether a run can be gone on with, and what is left of it. Pure: reads the
//! record and a fresh look at the cluster, decides nothing that a step's own probes decide.

use super::event::{RunOutcome, StepOutcome};
use super::record::{RunRecord, StepRecord};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use crate::runbook::fingerprint;
use crate::runbook::plan::{Plan, Probe, Step};
use crate::runbook::probe::ProbeAnswer;
use std::collections::{BTreeMap, BTreeSet};

/// Why nobody can go on with it; `None`: it can be resumed.
pub fn closed(record: &RunRecord) -> Option<String> {
    if let Some(hand) = &record.abandoned {
        return Some(format!("{} closed it", hand.who));
    }
    match &record.outcome {
        None
        | Some(
            RunOutcome::Failed { .. } | RunOutcome::Unknown { .. } | RunOutcome::Interrupted { .. },
        ) => None,
        Some(RunOutcome::Done) => Some("it is done".to_owned()),
        Some(RunOutcome::Refused { .. }) => {
            Some("it was refused before anything was sent; run it anew".to_owned())
        }
    }
}

/// Why the cluster of this look is not the one of the plan, in words; empty if it is, as far as
/// can be seen. The state of members is not compared, for the run changed it: each step's own
/// preconditions decide on that. Nor is the membership of the node acted on.
pub fn foreign(plan: &Plan, model: &Model, now: Moment) -> Vec<String> {
    let mut faults = Vec::new();
    for step in &plan.steps {
        if model.inventory.host(&step.host).is_none() {
            faults.push(format!("the configuration has no host {}", step.host));
        }
    }
    faults.dedup();
    let was = subjects(&plan.basis);
    let fresh = fingerprint::basis(model, now);
    let is = subjects(&fresh);
    if let (Some(was), Some(is)) = (was.get(STORE), is.get(STORE))
        && was != is
        && *was != UNKNOWN
        && *is != UNKNOWN
    {
        faults.push(format!("its {STORE} was {was}, now it is {is}"));
    }
    faults.extend(strangers(plan, &was, model, now));
    faults
}

const STORE: &str = "metadata store";
const UNKNOWN: &str = "unknown";

fn subjects(basis: &[String]) -> BTreeMap<&str, &str> {
    basis
        .iter()
        .filter_map(|line| line.split_once(": "))
        .collect()
}

/// By the word of the brokers that answer: who came, and who of those that ran is gone.
fn strangers(plan: &Plan, was: &BTreeMap<&str, &str>, model: &Model, now: Moment) -> Vec<String> {
    let members: BTreeSet<&NodeName> = model
        .views(now)
        .flat_map(|(_, report)| report.nodes.iter().map(|row| &row.name))
        .collect();
    if members.is_empty() {
        return Vec::new();
    }
    let target = plan.action.node();
    let came = members
        .iter()
        .filter(|name| Some(**name) != target && !was.contains_key(name.as_str()))
        .map(|name| format!("{name} is a member, and was none"));
    let ran = was
        .iter()
        .filter(|(_, state)| state.starts_with(NodeState::Running.words()))
        .filter_map(|(name, _)| NodeName::parse(name).ok());
    let gone = ran
        .filter(|name| Some(name) != target && !members.contains(name))
        .map(|name| format!("{name} is no member any more"));
    came.chain(gone).collect()
}

/// The step with which to go on: the first that is not known to be done, or an earlier one that
/// brought about what this one needs, where that is so no more: its host was restarted, or someone
/// undid it. Those between are taken again, and find that they are done.
pub fn first(record: &RunRecord, model: &Model, now: Moment) -> usize {
    let steps = &record.plan.steps;
    let holds = |probe: &Probe| probe.evaluate(model, now).holds();
    let lacks = |probe: &&Probe| matches!(probe.evaluate(model, now), ProbeAnswer::Not(_));
    let undone = |at: usize| {
        let step = steps.get(at)?;
        if step.after.iter().all(holds) {
            return None;
        }
        let missing = step.before.iter().filter(lacks);
        missing.filter_map(|probe| maker(steps, at, probe)).min()
    };
    let mut first = record.first_open();
    while let Some(earlier) = undone(first) {
        first = earlier;
    }
    first
}

/// The last step before `at` whose command brought about what `probe` asks.
fn maker(steps: &[Step], at: usize, probe: &Probe) -> Option<usize> {
    let mut earlier = steps.iter().take(at).enumerate();
    let makes = |step: &Step| step.change.is_some() && step.after.contains(probe);
    earlier
        .rfind(|(_, step)| makes(step))
        .map(|(index, _)| index)
}

/// What must be looked at to go on: what tells the cluster of the plan from another, and what the
/// steps that are not known to be done ask, with those that they rest on (see `first`).
pub fn needs(record: &RunRecord) -> BTreeSet<SourceKind> {
    let steps = &record.plan.steps;
    let mut open = record.first_open();
    let rests_on = |at: usize| {
        let before = steps.get(at).map_or(&[][..], |step| &step.before);
        before
            .iter()
            .filter_map(move |probe| maker(steps, at, probe))
    };
    while let Some(earlier) = rests_on(open).min() {
        open = earlier;
    }
    let probes = steps.iter().skip(open);
    let probes = probes.flat_map(|step| step.before.iter().chain(&step.after));
    let mut needs: BTreeSet<SourceKind> = probes
        .flat_map(|probe| probe.needs().iter().copied())
        .collect();
    needs.extend(fingerprint::NEEDS);
    needs.extend([SourceKind::MetadataStore, SourceKind::Totals]);
    needs
}

/// What is left to do, one line per step, with what the cluster says of it now.
pub fn left(record: &RunRecord, model: &Model, now: Moment) -> Vec<String> {
    let first = first(record, model, now);
    let steps = record.steps.iter().zip(&record.plan.steps).enumerate();
    steps
        .flat_map(|(index, (step, planned))| {
            let so_far = match step.outcome() {
                Some(StepOutcome::Done { .. } | StepOutcome::AlreadySo { .. })
                    if index >= first =>
                {
                    "was done, and is so no more"
                }
                _ => so_far(step),
            };
            let mut lines = vec![format!("{}. {}: {so_far}", index + 1, step.title)];
            if index >= first {
                lines.extend(
                    planned
                        .change
                        .as_ref()
                        .map(|change| format!("     {}: {}", planned.place(), change.argv())),
                );
                lines.extend(
                    planned
                        .after
                        .iter()
                        .map(|probe| format!("     now: {}", probe.evaluate(model, now).words())),
                );
            }
            lines
        })
        .collect()
}

fn so_far(step: &StepRecord) -> &'static str {
    match (step.outcome(), step.sendings) {
        (Some(StepOutcome::Done { .. }), _) => "done",
        (Some(StepOutcome::AlreadySo { .. }), _) => "was so already",
        (_, 0) => "nothing was sent yet",
        (_, _) => "its command was sent; the cluster will be asked what came of it first",
    }
}
