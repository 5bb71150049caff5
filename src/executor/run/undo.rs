//! Owns the question whether a step has anything to undo: a server is put back only where this run
//! took it out. Whoever else did so has a reason of their own.

use super::Run;
use crate::executor::event::StepOutcome;

impl Run<'_> {
    /// How a step ends that undoes what this run never did; `None`: it is taken.
    pub(super) fn nothing_to_undo(&self, index: usize) -> Option<StepOutcome> {
        let undone = self.plan.undone_by(index)?;
        if self.was_sent(undone) {
            return None;
        }
        let step = self.plan.steps.get(undone)?;
        let proof = format!(
            "left as it is: {} sent nothing, for it was so already; whoever did it undoes it",
            step.id
        );
        Some(StepOutcome::AlreadySo { proof: vec![proof] })
    }

    /// Whether this run, in this or in an earlier process, sent the command of a step.
    pub(super) fn was_sent(&self, index: usize) -> bool {
        self.acted.contains(&index) || self.earlier.contains_key(&index)
    }
}
