//! Owns the run as a whole: announces the plan, takes its steps in order, decides after each how
//! to go on, and writes the journal. Success is what the cluster says afterwards, never an exit
//! status. A change is never sent twice.

mod aftermath;
mod step;
mod undo;
mod words;

use super::Hands;
use super::control::{Control, Stop};
use super::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use super::eyes::Eyes;
use super::hosts::HostLocks;
use super::journal::{Audit, Durability, JournalError};
use super::lock::ClusterLock;
use super::record::RunRecord;
use crate::guard::Permit;
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::text::Shown;
use crate::runbook;
use crate::runbook::plan::{Plan, Step};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use words::no_audit_no_action;

/// How many of the steps that are left the end of a run spells out; the journal has them all.
const LEFT_NAMED: usize = 8;

/// Everything a run is handed.
#[derive(Debug)]
pub struct Setting<'a> {
    /// What was known when the plan was made: the inventory, the metadata store and the
    /// members' ports are used.
    pub model: &'a Model,
    /// How the cluster is looked at.
    pub eyes: &'a mut dyn Eyes,
    /// How it is changed.
    pub hands: &'a Hands,
    /// Where it is written down.
    pub audit: &'a mut dyn Audit,
    /// The right to change this cluster.
    pub lock: &'a ClusterLock,
    /// The right to change its hosts.
    pub hosts: &'a mut HostLocks,
    /// How the operator stops it.
    pub control: Control,
    /// Who hears of it. Unbounded, so that a listener that hangs never holds up a half-done run;
    /// there are few events, for waiting is told only when its words change.
    pub events: UnboundedSender<RunEvent>,
    /// Tells the time.
    pub clock: fn() -> Moment,
    /// Who runs it: user@machine.
    pub who: String,
    /// Where copies of what nodes have defined were kept, for this very run.
    pub definitions: Vec<PathBuf>,
}

/// Runs `plan` under `permit`, and says how it ended. The permit is used up.
///
/// What a run of this plan did before, in this or another process, is not looked for: see
/// `resume`.
pub async fn run<'a>(
    id: RunId,
    plan: &'a Plan,
    permit: Permit,
    setting: Setting<'a>,
) -> RunOutcome {
    let opening = RunEventKind::Announced {
        plan: Box::new(plan.clone()),
        who: setting.who.clone(),
        definitions: setting.definitions.clone(),
    };
    let run = Run {
        started: (setting.clock)(),
        before: Duration::ZERO,
        first: 0,
        sent: Sent::Nothing,
        earlier: BTreeMap::new(),
        acted: BTreeSet::new(),
        printed: 0,
        audit_fault: None,
        id,
        plan,
        permit: Arc::new(permit),
        setting,
    };
    run.carry_out(opening).await
}

/// Goes on with the run of `record` under a fresh `permit`, in its own journal. What is known to
/// be done is not looked at again; of what was sent and whose end is not known, the cluster
/// decides before anything is sent.
pub async fn resume<'a>(
    record: &'a RunRecord,
    torn: Option<Shown>,
    permit: Permit,
    setting: Setting<'a>,
) -> RunOutcome {
    let now = (setting.clock)();
    let opening = RunEventKind::Resumed {
        who: setting.who.clone(),
        torn,
    };
    let earlier: BTreeMap<usize, Earlier> = record
        .steps
        .iter()
        .zip(&record.plan.steps)
        .enumerate()
        .filter_map(|(index, (step, planned))| {
            let passed = since(step.sent?, now.wall);
            let patience = aftermath::patience(step.outcome(), planned, passed);
            let earlier = Earlier {
                sendings: step.sendings,
                printed: step.printed,
                patience,
            };
            Some((index, earlier))
        })
        .collect();
    let wall = since(record.started, now.wall);
    let run = Run {
        started: now,
        before: wall.max(record.elapsed),
        first: super::resume::first(record, setting.model, now),
        sent: if earlier.is_empty() {
            Sent::Nothing
        } else {
            Sent::Something
        },
        earlier,
        acted: BTreeSet::new(),
        printed: 0,
        audit_fault: None,
        id: record.run.clone(),
        plan: &record.plan,
        permit: Arc::new(permit),
        setting,
    };
    run.carry_out(opening).await
}

/// From `earlier` to `later` by the wall clock; zero if it was set back meanwhile.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// A command that was sent before the run was resumed.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    /// How often.
    sendings: usize,
    /// Lines that were told of what was last sent.
    printed: usize,
    /// How long the cluster may take to show its effect.
    patience: Duration,
}

/// Whether the run changed, or may have changed, anything yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Something,
}

#[derive(Debug)]
struct Run<'a> {
    id: RunId,
    plan: &'a Plan,
    permit: Arc<Permit>,
    setting: Setting<'a>,
    started: Moment,
    /// Run time before `started`.
    before: Duration,
    /// The first step that is not known to be done.
    first: usize,
    sent: Sent,
    /// Steps whose command was sent before the run was resumed.
    earlier: BTreeMap<usize, Earlier>,
    /// Steps whose command this process sent.
    acted: BTreeSet<usize>,
    /// Lines that were told of the command in flight.
    printed: usize,
    audit_fault: Option<JournalError>,
}

impl Run<'_> {
    async fn carry_out(mut self, opening: RunEventKind) -> RunOutcome {
        self.tell(opening);
        let outcome = self.whole().await;
        self.tell(RunEventKind::Ended {
            outcome: outcome.clone(),
        });
        outcome
    }

    async fn whole(&mut self) -> RunOutcome {
        if let Some(reason) = self.forbidden() {
            self.not_run_from(self.first, &reason);
            return match self.sent {
                Sent::Nothing => RunOutcome::Refused { reason },
                Sent::Something => RunOutcome::Failed { reason },
            };
        }
        let plan = self.plan;
        for (index, step) in plan.steps.iter().enumerate().skip(self.first) {
            if self.setting.control.wish() != Stop::No {
                let reason = format!("the operator stopped the run before {}", step.id);
                self.not_run_from(index, &reason);
                return RunOutcome::Interrupted {
                    reason: reason + &self.left_to_do(index, index),
                };
            }
            self.tell(RunEventKind::StepStarted { step: index });
            let outcome = self.step(index, step).await;
            self.tell(RunEventKind::StepEnded {
                step: index,
                outcome: outcome.clone(),
            });
            if let Some(end) = self.end_after(index, step, &outcome) {
                self.not_run_from(index + 1, &format!("{} was not completed", step.id));
                return end;
            }
        }
        match &self.audit_fault {
            None => RunOutcome::Done,
            Some(fault) => RunOutcome::Failed {
                reason: format!("every step is done, but failed to {fault}"),
            },
        }
    }

    /// Ends when the operator has said enough for the run to leave what it waits for.
    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let least = match self.sent {
            Sent::Nothing => Stop::AfterStep,
            Sent::Something => Stop::Now,
        };
        let control = self.setting.control.clone();
        async move { control.wanted(least).await }
    }

    /// Why nothing of the plan may be done.
    fn forbidden(&self) -> Option<String> {
        if !self.permit.covers(self.plan) {
            return Some("the permit is for another plan".to_owned());
        }
        if self.setting.lock.cluster() != self.plan.cluster {
            return Some(format!(
                "the lock is for {}, the plan for {}",
                self.setting.lock.cluster(),
                self.plan.cluster
            ));
        }
        self.audit_fault.as_ref().map(no_audit_no_action)
    }

    /// How the run ends with this step; `None`: it goes on.
    fn end_after(&self, index: usize, step: &Step, outcome: &StepOutcome) -> Option<RunOutcome> {
        let begun = match outcome {
            StepOutcome::NotRun { .. } => index,
            StepOutcome::Done { .. }
            | StepOutcome::AlreadySo { .. }
            | StepOutcome::Failed { .. }
            | StepOutcome::Unknown { .. } => index + 1,
        };
        let told = |reason: &str| format!("{}: {reason}{}", step.id, self.left_to_do(index, begun));
        match outcome {
            StepOutcome::Done { .. } | StepOutcome::AlreadySo { .. } => None,
            StepOutcome::Failed { reason } => Some(RunOutcome::Failed {
                reason: told(reason),
            }),
            StepOutcome::Unknown { reason } => Some(RunOutcome::Unknown {
                reason: told(reason),
            }),
            StepOutcome::NotRun { reason } => {
                Some(match (self.setting.control.wish(), self.sent) {
                    (Stop::Now, _) | (Stop::AfterStep, Sent::Nothing) => RunOutcome::Interrupted {
                        reason: told(reason),
                    },
                    (_, Sent::Nothing) => RunOutcome::Refused {
                        reason: told(reason),
                    },
                    (_, Sent::Something) => RunOutcome::Failed {
                        reason: told(reason),
                    },
                })
            }
        }
    }

    /// What a run that ended half-way leaves to whoever comes after it: the steps `from` on, of
    /// which the first `begun` may have been sent; and the way back, where there is one.
    fn left_to_do(&self, from: usize, begun: usize) -> String {
        let mut left: Vec<String> = self
            .plan
            .steps
            .iter()
            .skip(from)
            .filter_map(|step| {
                let argv = step.change.as_ref()?.argv();
                Some(format!("{} (`{argv}` {})", step.id, step.place()))
            })
            .collect();
        if self.sent == Sent::Nothing || left.is_empty() {
            return String::new();
        }
        let more = left.len().saturating_sub(LEFT_NAMED);
        left.truncate(LEFT_NAMED);
        if more > 0 {
            left.push(format!("and {more} more"));
        }
        let sent: BTreeSet<usize> = (0..begun).filter(|step| self.was_sent(*step)).collect();
        let back = runbook::way_back(self.plan, begun, &sent).unwrap_or_default();
        format!("; not known to be done: {}{back}", left.join(", "))
    }

    fn not_run_from(&mut self, first: usize, reason: &str) {
        for step in first..self.plan.steps.len() {
            self.tell(RunEventKind::StepEnded {
                step,
                outcome: StepOutcome::NotRun {
                    reason: reason.to_owned(),
                },
            });
        }
    }

    /// Writes an event down and tells it. What must not be lost is synced. An act that could not
    /// be written down is not told either: it does not happen.
    fn tell(&mut self, what: RunEventKind) {
        let durability = match what {
            RunEventKind::Announced { .. }
            | RunEventKind::Resumed { .. }
            | RunEventKind::Abandoned { .. }
            | RunEventKind::Sending { .. }
            | RunEventKind::StepEnded { .. }
            | RunEventKind::Ended { .. } => Durability::Synced,
            RunEventKind::StepStarted { .. }
            | RunEventKind::Output { .. }
            | RunEventKind::CommandEnded { .. }
            | RunEventKind::Waiting { .. } => Durability::Buffered,
        };
        let now = (self.setting.clock)();
        let event = RunEvent {
            run: self.id.clone(),
            at: now.wall,
            elapsed: self.before + now.since(self.started),
            what,
        };
        if let Err(fault) = self.setting.audit.append(&event, durability) {
            self.audit_fault.get_or_insert(fault);
        }
        let unwritten = self.audit_fault.is_some();
        if !(unwritten && matches!(event.what, RunEventKind::Sending { .. })) {
            // Nobody listening is no reason to stop.
            self.setting.events.send(event).ok();
        }
    }
}
