//! Owns everything the console may ask the world to do. `App::update` returns these; `tui::runtime`
//! performs them. In monitor mode nothing is ever produced that leads to a
//! change: `Effect::is_harmless` says which those are.

use super::msg::Ticket;
use crate::action::Action;
use crate::executor::event::RunId;
use crate::executor::record::RunRecord;
use crate::guard::Confirmation;
use crate::runbook::plan::Plan;

/// Something to be done outside the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Leave the console; what is running on hosts is not ended by it.
    Quit(Leaving),
    /// Ask every source at once.
    PollNow,
    /// Stop asking; the screen is frozen.
    PausePolling,
    /// Go on asking.
    ResumePolling,
    /// Put a text on the operator's clipboard.
    Copy(String),
    /// Re-read what `action` depends on and plan it; answered by `Msg::Planned`.
    Survey {
        /// Returned with the answer.
        ticket: Ticket,
        /// What the operator asked for.
        action: Action,
    },
    /// Run a plan that was shown whole and confirmed. Handed over by value: what runs is what
    /// was read.
    Execute {
        /// The plan that was shown.
        plan: Box<Plan>,
        /// What the operator typed to confirm it; `guard` compares it again.
        confirmation: Confirmation,
    },
    /// Re-read the cluster to see what is left of an interrupted run; answered by
    /// `Msg::Reviewed`.
    Review {
        /// Returned with the answer.
        ticket: Ticket,
        /// Which run.
        run: RunId,
    },
    /// Go on with a run that was reviewed and confirmed.
    Resume {
        /// The run as it was shown.
        record: Box<RunRecord>,
        /// What the operator typed to confirm it; `guard` compares it again.
        confirmation: Confirmation,
    },
    /// Close an interrupted run for good; answered by `Msg::Abandoned`.
    Abandon {
        /// The run as it was shown.
        record: Box<RunRecord>,
    },
    /// Stop a run after the step it is in.
    StopRun {
        /// Which run; `None` while its first event has not come yet.
        run: Option<RunId>,
    },
}

/// Why the console is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// The operator is done.
    Done,
    /// The operator left a run behind; what to say after the screen is restored.
    RunLeft {
        /// Which run; `None` if it never reported its start.
        run: Option<RunId>,
    },
    /// A signal ended it.
    Terminated,
}

impl Effect {
    /// Whether it can be produced in monitor mode: it neither changes anything nor leads to it.
    pub fn is_harmless(&self) -> bool {
        match self {
            Self::Quit(_)
            | Self::PollNow
            | Self::PausePolling
            | Self::ResumePolling
            | Self::Copy(_) => true,
            Self::Survey { .. }
            | Self::Execute { .. }
            | Self::Review { .. }
            | Self::Resume { .. }
            | Self::Abandon { .. }
            | Self::StopRun { .. } => false,
        }
    }
}
