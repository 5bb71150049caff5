//! Owns the vocabulary of a run: what happened, in order, serialisable. The journal, the console
//! and the command line fold the same events.

use crate::model::text::Shown;
use crate::runbook::plan::Plan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

/// A run's id: time of start and a random tail, such as `20261122-140231-7f3a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub String);

impl RunId {
    /// The id of a run that starts at `at`. The tail keeps two runs of one second apart.
    pub fn new(at: Timestamp) -> Self {
        // Every hasher of the standard library starts from fresh random keys.
        let tail = RandomState::new().build_hasher().finish() & 0xffff;
        Self(format!("{}-{tail:04x}", at.strftime("%Y%m%d-%H%M%S")))
    }

    /// Takes an id as an operator gives it. It becomes a file's name, so only what `new` makes is
    /// allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Which run.
    pub run: RunId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Since the run started.
    pub elapsed: Duration,
    /// What happened.
    pub what: RunEventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum RunEventKind {
    /// The run begins; the whole plan is announced.
    Announced {
        /// The plan.
        plan: Box<Plan>,
        /// Who runs it: user@machine.
        who: String,
        /// Where copies of what nodes had defined are kept on this machine.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        definitions: Vec<PathBuf>,
    },
    /// Someone goes on with a run that came to no good end.
    Resumed {
        /// Who: user@machine.
        who: String,
        /// The half line that its writer left when it was killed, and that was cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        torn: Option<Shown>,
    },
    /// Someone closed the run for good: nothing more is done under it.
    Abandoned {
        /// Who: user@machine.
        who: String,
        /// As for `Resumed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        torn: Option<Shown>,
    },
    /// A step's preconditions are being checked.
    StepStarted {
        /// Index in the plan.
        step: usize,
    },
    /// The command is about to be sent (synced to the journal before it is).
    Sending {
        /// Index in the plan.
        step: usize,
        /// The command, as it could be pasted.
        command: String,
    },
    /// A line the command printed.
    Output {
        /// Index in the plan.
        step: usize,
        /// The line.
        line: Shown,
    },
    /// The command's end, in words.
    CommandEnded {
        /// Index in the plan.
        step: usize,
        /// `exit 0 (succeeded)`, `connection lost …`, `no answer within 60 s`.
        words: String,
    },
    /// What the cluster says while the step waits.
    Waiting {
        /// Index in the plan.
        step: usize,
        /// What is still missing.
        words: String,
    },
    /// The step is over.
    StepEnded {
        /// Index in the plan.
        step: usize,
        /// How.
        outcome: StepOutcome,
    },
    /// The run is over.
    Ended {
        /// How.
        outcome: RunOutcome,
    },
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    /// Sent, and the cluster confirms.
    Done {
        /// What the cluster says.
        proof: Vec<String>,
    },
    /// Nothing was sent: it was so already.
    AlreadySo {
        /// What the cluster says.
        proof: Vec<String>,
    },
    /// The cluster says that it did not happen.
    Failed {
        /// Why.
        reason: String,
    },
    /// It cannot be told whether it happened.
    Unknown {
        /// Why, and what to look at.
        reason: String,
    },
    /// Not reached, or not allowed any more.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum RunOutcome {
    /// Every step is done or was so already.
    Done,
    /// A step failed; the steps after it were not run.
    Failed {
        /// Why.
        reason: String,
    },
    /// A step's effect is unknown; the steps after it were not run.
    Unknown {
        /// Why.
        reason: String,
    },
    /// The operator stopped it.
    Interrupted {
        /// After which step.
        reason: String,
    },
    /// Refused by a check right before a step, before anything was sent.
    Refused {
        /// Why.
        reason: String,
    },
}
