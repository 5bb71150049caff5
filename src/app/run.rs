//! Owns a run as the console follows it, by its events or by its journal: the executor's record,
//! and what only the console knows: whether it was asked to stop, whether it fell silent.

use crate::executor::event::{RunEvent, RunId, RunOutcome};
use crate::executor::record::{RunRecord, StepRecord, StepState, Writer};
use crate::model::moment::Moment;
use crate::runbook::plan::Plan;
use std::time::Duration;

/// A run, of this session or of another.
#[derive(Debug, Clone)]
pub struct Run {
    /// What was confirmed.
    pub plan: Plan,
    /// What its events amount to; `None` until the first.
    pub record: Option<RunRecord>,
    /// Whether the operator asked it to stop.
    pub stop: StopAsked,
    /// Its outcome where no event told it.
    silent: Option<RunOutcome>,
    /// Events told so far.
    told: usize,
    /// Run time at the last event, and when that came.
    clock: (Duration, Moment),
}

/// Whether the operator asked a run to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAsked {
    /// No.
    No,
    /// After the step it is in.
    AfterStep,
}

impl Run {
    /// A run that was just confirmed and has not reported yet.
    pub fn new(plan: Plan, at: Moment) -> Self {
        Self {
            plan,
            record: None,
            stop: StopAsked::No,
            silent: None,
            told: 0,
            clock: (Duration::ZERO, at),
        }
    }

    /// A run as its journal tells it. One without an end whose process is gone is not known to
    /// have ended in any way.
    pub fn kept(record: RunRecord, writer: Writer, now: Moment) -> Self {
        let silent = match (&record.abandoned, writer) {
            _ if record.outcome.is_some() => None,
            (Some(hand), _) => Some(RunOutcome::Interrupted {
                reason: format!("{} closed it", hand.who),
            }),
            (None, Writer::Lives) => None,
            (None, Writer::Gone) => Some(RunOutcome::Unknown {
                reason: "its process was ended before it told an end".to_owned(),
            }),
        };
        let elapsed = if record.is_finished() || silent.is_some() {
            record.elapsed
        } else {
            // The last event may be a while ago: by the wall clock, as the journal has it.
            let since = now.wall.duration_since(record.started);
            Duration::try_from(since)
                .unwrap_or_default()
                .max(record.elapsed)
        };
        Self {
            plan: record.plan.clone(),
            record: Some(record),
            stop: StopAsked::No,
            silent,
            told: 0,
            clock: (elapsed, now),
        }
    }

    /// A run that someone is about to go on with.
    pub fn resumed(mut record: RunRecord, now: Moment) -> Self {
        record.outcome = None;
        Self {
            plan: record.plan.clone(),
            clock: (record.elapsed, now),
            record: Some(record),
            stop: StopAsked::No,
            silent: None,
            told: 0,
        }
    }

    /// Its id; `None` until its first event.
    pub fn id(&self) -> Option<&RunId> {
        self.record.as_ref().map(|record| &record.run)
    }

    /// How it ended; `None`: it is under way.
    pub fn ended(&self) -> Option<&RunOutcome> {
        self.record
            .as_ref()
            .and_then(|record| record.outcome.as_ref())
            .or(self.silent.as_ref())
    }

    /// Whether it is under way.
    pub fn is_live(&self) -> bool {
        self.ended().is_none()
    }

    /// Run time now.
    pub fn elapsed(&self, now: Moment) -> Duration {
        let (elapsed, at) = self.clock;
        if self.is_live() {
            elapsed + now.since(at)
        } else {
            elapsed
        }
    }

    /// Whether it has sent anything, as far as it told.
    pub fn has_sent(&self) -> bool {
        let mut steps = self.record.iter().flat_map(|record| &record.steps);
        steps.any(|step| step.sendings > 0)
    }

    /// How long a step has been, or was, under way.
    pub fn step_elapsed(&self, step: &StepRecord, now: Moment) -> Option<Duration> {
        let end = step.ended.unwrap_or_else(|| self.elapsed(now));
        Some(end.saturating_sub(step.started?))
    }

    /// The record of a step; `None` until the run was announced.
    pub fn step(&self, index: usize) -> Option<&StepRecord> {
        self.record.as_ref()?.steps.get(index)
    }

    /// How many steps are over.
    pub fn steps_over(&self) -> usize {
        let steps = self.record.as_ref().map_or(&[][..], |record| &record.steps);
        steps.iter().filter(|step| step.outcome().is_some()).count()
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &RunEvent, now: Moment) {
        self.clock = (event.elapsed, now);
        self.told += 1;
        match &mut self.record {
            Some(record) => record.apply(event),
            None => self.record = RunRecord::announced(event),
        }
    }

    /// Ends a run of which no more event will come: refused if it never began a step, else nobody
    /// can tell what it did.
    pub fn fell_silent(&mut self, reason: String) {
        let record = self.record.as_ref().filter(|_| self.told > 0);
        let begun = record.is_some_and(|record| {
            record
                .steps
                .iter()
                .any(|step| step.state != StepState::Pending)
        });
        self.silent = Some(if begun {
            RunOutcome::Unknown { reason }
        } else if self.stop == StopAsked::AfterStep {
            RunOutcome::Interrupted { reason }
        } else {
            RunOutcome::Refused { reason }
        });
    }
}
