//! What is left of a run when it is over.

use super::world::World;
use crate::cluster::Cluster;
use rmqtop::executor::event::{RunEvent, RunId, RunOutcome, StepOutcome};
use rmqtop::executor::journal;
use rmqtop::executor::record::RunRecord;
use rmqtop::executor::state::StateDir;
use std::fmt::Write as _;
use tempfile::TempDir;
use tokio::time::Instant;

/// A run that is over, and all that it left behind.
pub(crate) struct Ran {
    pub(crate) outcome: RunOutcome,
    pub(crate) events: Vec<RunEvent>,
    pub(crate) sent: Vec<String>,
    /// When the queues were listed.
    pub(crate) listings: Vec<Instant>,
    /// The cluster as the run left it.
    pub(crate) cluster: Cluster,
    pub(crate) state: StateDir,
    pub(crate) id: RunId,
    /// Where its state stands, as long as this lives.
    pub(super) _home: TempDir,
}

impl Ran {
    /// The fold of what was told while it ran.
    pub(crate) fn record(&self) -> RunRecord {
        RunRecord::fold(&self.events).unwrap()
    }

    /// What its journal holds.
    pub(crate) fn journal(&self) -> Vec<RunEvent> {
        journal::read(&self.state, &self.id).unwrap().0
    }

    /// Every step that would send something was found to be so already.
    pub(crate) fn sent_nothing(&self) -> bool {
        let record = self.record();
        let acts = record.plan.steps.iter().zip(&record.steps);
        let mut acts = acts.filter(|(step, _)| step.change.is_some());
        let is_so = |end: Option<&StepOutcome>| matches!(end, Some(StepOutcome::AlreadySo { .. }));
        self.sent.is_empty() && acts.all(|(_, told)| is_so(told.outcome()))
    }

    /// The record for a person: each step with its end, what was sent, and the run's end.
    pub(crate) fn story(&self) -> String {
        let mut story = String::new();
        for step in self.record().steps {
            let end = match step.outcome().expect("a step left open") {
                StepOutcome::Done { proof } => format!("done: {}", proof.join(" | ")),
                StepOutcome::AlreadySo { proof } => format!("already so: {}", proof.join(" | ")),
                StepOutcome::Failed { reason } => format!("FAILED: {reason}"),
                StepOutcome::Unknown { reason } => format!("UNKNOWN: {reason}"),
                StepOutcome::NotRun { reason } => format!("not run: {reason}"),
            };
            writeln!(story, "{}: {end}", step.id).unwrap();
        }
        for line in &self.sent {
            writeln!(story, "sent: {line}").unwrap();
        }
        let end = match &self.outcome {
            RunOutcome::Done => "done".to_owned(),
            RunOutcome::Failed { reason } => format!("FAILED: {reason}"),
            RunOutcome::Unknown { reason } => format!("UNKNOWN: {reason}"),
            RunOutcome::Interrupted { reason } => format!("interrupted: {reason}"),
            RunOutcome::Refused { reason } => format!("refused: {reason}"),
        };
        writeln!(story, "run: {end}").unwrap();
        story
    }
}

/// A run that was gone on with.
pub(crate) struct Resumed {
    pub(crate) outcome: RunOutcome,
    /// What the journal held.
    pub(crate) before: Vec<RunEvent>,
    /// What came after.
    pub(crate) events: Vec<RunEvent>,
    pub(crate) world: World,
}
