//! Owns what came of a command that an earlier process sent, before its step is taken again. A
//! second one is never sent beside one that runs, or may run.

use super::step::AFTERMATH;
use super::words::{may_still_run, still_runs};
use super::{Earlier, Run};
use crate::executor::event::{RunEventKind, StepOutcome};
use crate::invocation::keep::UnitName;
use crate::remote::outcome::{CommandOutcome, Leftover};
use crate::runbook::plan::Step;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long the cluster may take to show the effect of a command that was sent `passed` ago and
/// came to this end. What was left of the step's time, for it may still run; nothing beyond one
/// look, if it was watched to its end.
pub(super) fn patience(end: Option<&StepOutcome>, step: &Step, passed: Duration) -> Duration {
    match end {
        Some(
            StepOutcome::Failed { .. } | StepOutcome::Done { .. } | StepOutcome::AlreadySo { .. },
        ) => Duration::ZERO,
        None | Some(StepOutcome::Unknown { .. } | StepOutcome::NotRun { .. }) => {
            step.deadline.saturating_sub(passed).max(AFTERMATH)
        }
    }
}

impl Run<'_> {
    /// What came of a command that was sent before the run was resumed. `None`: nothing was sent, or
    /// the cluster says that it had no effect; then the step is taken like any other.
    pub(super) async fn aftermath(&mut self, index: usize, step: &Step) -> Option<StepOutcome> {
        let earlier = self.earlier.get(&index).copied()?;
        let begun = Instant::now();
        let leftover = self.collect(index, step, earlier).await;
        let left = earlier.patience.saturating_sub(begun.elapsed());
        let (command, may_run) = match leftover {
            Some(Leftover::Ended(output)) => {
                let outcome = CommandOutcome::Ended(output);
                (Some(self.command_ended(index, step, &outcome)), None)
            }
            Some(Leftover::Running) => (None, Some(still_runs(step))),
            Some(Leftover::Unseen(error)) => (None, Some(may_still_run(step, &error))),
            Some(Leftover::Nothing) | None => (None, None),
        };
        match (self.settle(index, step, command, left).await, may_run) {
            (StepOutcome::Done { mut proof }, _) => {
                proof.push("its command was sent before the run was resumed".to_owned());
                Some(StepOutcome::AlreadySo { proof })
            }
            // A second one is never sent beside it.
            (StepOutcome::Failed { reason }, Some(words)) => Some(StepOutcome::Unknown {
                reason: format!("{words}; {reason}"),
            }),
            (StepOutcome::Failed { reason }, None) => {
                self.tell(RunEventKind::Waiting {
                    step: index,
                    words: format!("what was sent before had no effect: {reason}"),
                });
                None
            }
            (
                other @ (StepOutcome::Unknown { .. }
                | StepOutcome::AlreadySo { .. }
                | StepOutcome::NotRun { .. }),
                _,
            ) => Some(other),
        }
    }

    /// What came of a command that was sent before the run was resumed. One that still runs is
    /// waited for, for as long as a new one would be; what it prints is told. `None`: there is no
    /// way to its host, or the operator left.
    async fn collect(
        &mut self,
        index: usize,
        step: &Step,
        Earlier {
            sendings,
            printed: told,
            patience,
        }: Earlier,
    ) -> Option<Leftover> {
        let hand = self.setting.hands.get(&step.host).cloned()?;
        self.tell(RunEventKind::Waiting {
            step: index,
            words: format!("{} is asked what came of its command", step.host),
        });
        let unit = UnitName::new(&self.id.0, index, sendings);
        let permit = Arc::clone(&self.permit);
        let (printed, heard) = watch::channel(String::new());
        self.printed = told;
        let collecting = async {
            let found = hand.collect(&permit, &unit, patience, &printed).await;
            if found == Leftover::Running {
                hand.collect(&permit, &unit, step.deadline, &printed).await
            } else {
                found
            }
        };
        let stopped = self.stopped();
        tokio::select! {
            biased;
            () = stopped => None,
            leftover = collecting => Some(leftover),
            () = self.listen(index, heard) => None,
        }
    }
}
