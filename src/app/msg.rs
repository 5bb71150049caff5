//! Owns everything that can happen to the console. Every outside event is one of these, so that
//! `App::update` sees one total order. Data only: no I/O and no terminal types but key chords.

use super::focus::PaneId;
use crate::executor::event::{RunEvent, RunId};
use crate::executor::record::{Look, Review};
use crate::model::observation::Observation;
use crate::runbook::plan::{Plan, Refusal};
use crokey::KeyCombination;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key went down.
    Key(KeyPress),
    /// Text was pasted (bracketed paste): never typed by hand.
    Paste(String),
    /// The wheel turned over the list in focus.
    Wheel(Turn),
    /// A tab was clicked.
    TabClicked(PaneId),
    /// The terminal has this many columns and rows now.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// What sources saw, in the order in which they reported.
    Observed(Vec<Observation>),
    /// The answer to `Effect::Survey`.
    Planned {
        /// Which question it answers.
        ticket: Ticket,
        /// What may be done, or why not.
        answer: Box<Result<Plan, Refusal>>,
    },
    /// A run did something.
    Ran(Box<RunEvent>),
    /// What is new in the journals of this machine, or why they cannot be read.
    Kept(Result<Look, String>),
    /// The answer to `Effect::Review`.
    Reviewed {
        /// Which question it answers.
        ticket: Ticket,
        /// What is left, or why nobody can go on.
        answer: Box<Result<Review, Refusal>>,
    },
    /// The answer to `Effect::Abandon`.
    Abandoned {
        /// Which run.
        run: RunId,
        /// Whether it is closed; if not, why not, in words for the operator.
        answer: Result<(), String>,
    },
    /// No more event of the run under way will come: it was refused, or its executor is gone.
    RunSilent {
        /// Why, in words for the operator.
        reason: String,
    },
    /// Time passed and something on screen ages.
    Ticked,
    /// A signal asks the process to stop (`SIGINT` from outside the terminal).
    Interrupted,
    /// A signal tells the process to end (`SIGTERM`, `SIGHUP`).
    Terminated,
}

/// A key as it went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPress {
    /// Which key with which modifiers.
    pub chord: KeyCombination,
    /// The character it types, if it types one.
    pub typed: Option<char>,
    /// Whether the terminal says that it is held.
    pub stroke: Stroke,
}

/// Whether a key was pressed or is being held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Pressed now.
    Fresh,
    /// Held since an earlier press.
    Held,
}

/// Which way the wheel turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Away from the operator.
    Up,
    /// Towards the operator.
    Down,
}

/// Joins an answer to its question, so that a late answer to a dismissed question is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);
