//! Owns what a run amounts to: the fold of its events. The console and the command line show the
//! same record, of a run in flight and of a run read from its journal.

use super::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use crate::model::name::HostName;
use crate::model::text::Shown;
use crate::runbook::plan::Plan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A run, as far as its events tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which run.
    pub run: RunId,
    /// Who ran it: user@machine.
    pub who: String,
    /// When it began.
    pub started: Timestamp,
    /// From the beginning to the last event.
    pub elapsed: Duration,
    /// What was announced.
    pub plan: Plan,
    /// Where copies of what nodes had defined are kept on the machine of its operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<PathBuf>,
    /// The steps of the plan, in order.
    pub steps: Vec<StepRecord>,
    /// How it ended; `None`: it goes on, or its process was ended.
    pub outcome: Option<RunOutcome>,
    /// Who went on with it after it had come to no good end, in order.
    pub resumed: Vec<Hand>,
    /// Who closed it for good.
    pub abandoned: Option<Hand>,
}

/// Someone who took a run in hand after its first operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    /// user@machine.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// A run, as its journal on this machine tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Which run.
    pub run: RunId,
    /// What its journal amounts to, or why it cannot be read.
    pub record: Result<Box<RunRecord>, String>,
    /// Whether a process goes on with it.
    pub writer: Writer,
    /// Why nobody can go on with it; `None`: it can be resumed.
    pub closed: Option<String>,
}

/// Whether a process on this machine goes on with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// One does.
    Lives,
    /// None does: it ended, or was ended.
    Gone,
}

/// What a look at the journals brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Runs that are new, or of which there is news.
    pub kept: Vec<Kept>,
    /// How many older runs are not told.
    pub older: usize,
}

/// An interrupted run before someone goes on with it: what is known, and what is left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// What its journal amounts to.
    pub record: RunRecord,
    /// What is left to do, one line each, with what the cluster says of it now.
    pub left: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its id in the plan.
    pub id: String,
    /// What it does, in words.
    pub title: String,
    /// Where.
    pub host: HostName,
    /// How far it is.
    pub state: StepState,
    /// When it began, since the run did.
    pub started: Option<Duration>,
    /// When it ended, since the run began.
    pub ended: Option<Duration>,
    /// What was sent.
    pub command: Option<String>,
    /// How often it was sent; more than once only where the run was resumed.
    pub sendings: usize,
    /// When it was last sent.
    pub sent: Option<Timestamp>,
    /// How the command ended, in words.
    pub command_end: Option<String>,
    /// What the command printed.
    pub output: Vec<Shown>,
    /// Lines that were told of what was last sent.
    #[serde(skip)]
    pub printed: usize,
    /// What was missing, when last looked.
    pub waiting: Option<String>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// The cluster is looked at; nothing was sent.
    Checking,
    /// The command was sent, its end was not seen.
    Sent,
    /// The postcondition is awaited.
    Waiting,
    /// It is over.
    Over {
        /// How.
        result: StepOutcome,
    },
}

impl StepRecord {
    /// How it ended, if it did.
    pub fn outcome(&self) -> Option<&StepOutcome> {
        match &self.state {
            StepState::Over { result } => Some(result),
            StepState::Pending | StepState::Checking | StepState::Sent | StepState::Waiting => None,
        }
    }
}

impl RunRecord {
    /// The record of these events; `None` if they do not begin with an announcement.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a RunEvent>) -> Option<Self> {
        let mut events = events.into_iter();
        let mut record = Self::announced(events.next()?)?;
        for event in events {
            record.apply(event);
        }
        Some(record)
    }

    /// The record of a run of which only the announcement is known.
    pub fn announced(event: &RunEvent) -> Option<Self> {
        let RunEventKind::Announced {
            plan,
            who,
            definitions,
        } = &event.what
        else {
            return None;
        };
        let steps = plan.steps.iter().map(|step| StepRecord {
            id: step.id.clone(),
            title: step.title.clone(),
            host: step.host.clone(),
            state: StepState::Pending,
            started: None,
            ended: None,
            command: None,
            sendings: 0,
            sent: None,
            command_end: None,
            output: Vec::new(),
            printed: 0,
            waiting: None,
        });
        Some(Self {
            run: event.run.clone(),
            who: who.clone(),
            started: event.at,
            elapsed: event.elapsed,
            steps: steps.collect(),
            plan: (**plan).clone(),
            definitions: definitions.clone(),
            outcome: None,
            resumed: Vec::new(),
            abandoned: None,
        })
    }

    /// Folds one event in. Events of steps that the plan does not have change nothing.
    pub fn apply(&mut self, event: &RunEvent) {
        self.elapsed = event.elapsed;
        match &event.what {
            RunEventKind::Announced { .. } => {}
            RunEventKind::Resumed { who, .. } => self.resume(who, event.at),
            RunEventKind::Abandoned { who, .. } => {
                self.abandoned = Some(Hand {
                    who: who.clone(),
                    at: event.at,
                });
            }
            RunEventKind::StepStarted { step } => self.at(*step, |record| {
                record.state = StepState::Checking;
                record.started = Some(event.elapsed);
            }),
            RunEventKind::Sending { step, command } => self.at(*step, |record| {
                record.state = StepState::Sent;
                record.command = Some(command.clone());
                record.sendings += 1;
                record.sent = Some(event.at);
                record.command_end = None;
                record.printed = 0;
            }),
            RunEventKind::Output { step, line } => {
                self.at(*step, |record| {
                    record.output.push(line.clone());
                    record.printed += 1;
                });
            }
            RunEventKind::CommandEnded { step, words } => self.at(*step, |record| {
                record.state = StepState::Waiting;
                record.command_end = Some(words.clone());
            }),
            RunEventKind::Waiting { step, words } => self.at(*step, |record| {
                // While the command runs the cluster is asked already; its end is still to come.
                if record.state != StepState::Sent {
                    record.state = StepState::Waiting;
                }
                record.waiting = Some(words.clone());
            }),
            RunEventKind::StepEnded { step, outcome } => self.at(*step, |record| {
                record.state = StepState::Over {
                    result: outcome.clone(),
                };
                record.ended = Some(event.elapsed);
            }),
            RunEventKind::Ended { outcome } => self.outcome = Some(outcome.clone()),
        }
    }

    /// What is not known to be done is open again; what was sent stays on record.
    fn resume(&mut self, who: &str, at: Timestamp) {
        self.outcome = None;
        self.resumed.push(Hand {
            who: who.to_owned(),
            at,
        });
        let first = self.first_open();
        for step in self.steps.iter_mut().skip(first) {
            step.state = StepState::Pending;
            step.started = None;
            step.ended = None;
            step.waiting = None;
        }
    }

    /// The first step that is not known to be done; the number of steps if all are.
    pub fn first_open(&self) -> usize {
        let is_settled = |step: &StepRecord| {
            matches!(
                step.outcome(),
                Some(StepOutcome::Done { .. } | StepOutcome::AlreadySo { .. })
            )
        };
        self.steps
            .iter()
            .position(|step| !is_settled(step))
            .unwrap_or(self.steps.len())
    }

    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        self.outcome.is_some() || self.abandoned.is_some()
    }

    /// The step under way.
    pub fn current(&self) -> Option<&StepRecord> {
        self.steps.iter().find(|step| {
            matches!(
                step.state,
                StepState::Checking | StepState::Sent | StepState::Waiting
            )
        })
    }

    fn at(&mut self, step: usize, change: impl FnOnce(&mut StepRecord)) {
        if let Some(record) = self.steps.get_mut(step) {
            change(record);
        }
    }
}
