//! Owns the runs of this machine as the console follows them by their journals, of whichever
//! process: which there are, which are under way, what each amounts to.

use super::App;
use super::availability::Availability;
use super::focus::Subject;
use super::rows::{Health, Row};
use super::run::Run;
use crate::action::Action;
use crate::executor::event::{RunId, RunOutcome};
use crate::executor::record::{Kept, Look, RunRecord, StepState, Writer};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::runbook::plan::Probe;
use std::collections::{BTreeMap, BTreeSet};

/// Every run that is known.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    runs: BTreeMap<RunId, Entry>,
    /// How many older runs are not told.
    pub older: usize,
    /// Why the journals cannot be read.
    pub fault: Option<String>,
}

/// One run of the journal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What its journal amounts to, or why it cannot be read.
    pub run: Result<Run, String>,
    /// Whether a process goes on with it.
    pub writer: Writer,
    /// Why nobody can go on with it; `None`: it can be resumed.
    pub closed: Option<String>,
}

/// A run that can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRef {
    /// Of this session, by its place in `App::runs`.
    Session(usize),
    /// By its journal.
    Kept(RunId),
}

impl Entry {
    fn new(kept: Kept, now: Moment) -> Self {
        Self {
            run: kept
                .record
                .map(|record| Run::kept(*record, kept.writer, now)),
            writer: kept.writer,
            closed: kept.closed,
        }
    }

    /// What is known of it, where its journal can be read.
    pub fn record(&self) -> Option<&RunRecord> {
        self.run.as_ref().ok()?.record.as_ref()
    }

    /// Whether a process goes on with it.
    pub fn is_live(&self) -> bool {
        self.run.as_ref().is_ok_and(Run::is_live)
    }

    fn health(&self) -> Health {
        let is_well = match &self.run {
            Ok(run) => matches!(
                run.ended(),
                None | Some(RunOutcome::Done | RunOutcome::Refused { .. })
            ),
            Err(_) => false,
        };
        Health::of(is_well || self.record().is_some_and(|r| r.abandoned.is_some()))
    }

    fn words(&self, id: &RunId) -> String {
        let Some(record) = self.record() else {
            return id.to_string();
        };
        let outcome = self.run.as_ref().ok().and_then(Run::ended);
        format!(
            "{id} {} {} {} {}",
            record.plan.action,
            record.plan.cluster,
            record.who,
            outcome.map_or_else(|| "under way".to_owned(), super::outcome_words)
        )
    }
}

impl Journal {
    /// Takes in what a look brought.
    pub fn apply(&mut self, look: Look, now: Moment) {
        self.older = look.older;
        self.fault = None;
        for kept in look.kept {
            self.runs.insert(kept.run.clone(), Entry::new(kept, now));
        }
    }

    /// One run.
    pub fn get(&self, id: &RunId) -> Option<&Entry> {
        self.runs.get(id)
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The rows of the list: what is under way first, then the latest.
    pub fn rows(&self) -> Vec<Row> {
        let mut runs: Vec<(&RunId, &Entry)> = self.runs.iter().rev().collect();
        runs.sort_by_key(|(_, entry)| !entry.is_live());
        runs.into_iter()
            .map(|(id, entry)| Row {
                subject: Subject::Run(id.clone()),
                depth: 0,
                text: entry.words(id),
                health: entry.health(),
            })
            .collect()
    }

    /// Runs of `cluster` that another process goes on with.
    fn live<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Run> {
        let runs = self
            .runs
            .values()
            .filter_map(|entry| entry.run.as_ref().ok());
        runs.filter(move |run| run.is_live() && run.plan.cluster == cluster)
    }
}

impl App {
    /// The run that `which` names.
    pub fn run_at(&self, which: &RunRef) -> Option<&Run> {
        match which {
            RunRef::Session(at) => self.runs.get(*at),
            RunRef::Kept(id) => self.journal.get(id)?.run.as_ref().ok(),
        }
    }

    /// How a run of the journal is best shown: by its events, where it is one of this session and
    /// still under way.
    pub(super) fn shown_run(&self, id: &RunId) -> RunRef {
        let ours = |run: &Run| run.id() == Some(id) && run.is_live();
        match self.runs.iter().position(ours) {
            Some(at) => RunRef::Session(at),
            None => RunRef::Kept(id.clone()),
        }
    }

    /// The run under way on this cluster, of this session or of another process on this machine.
    pub fn under_way(&self) -> Option<&Run> {
        let is_ours = |run: &&Run| self.runs.iter().any(|own| own.id() == run.id());
        self.live_run().or_else(|| {
            let mut others = self.journal.live(&self.setup.cluster);
            others.find(|run| !is_ours(run))
        })
    }

    /// Whether `which` can be taken in hand: resumed, or closed for good.
    pub fn can_be_taken(&self, id: &RunId) -> Availability {
        let Some(entry) = self.journal.get(id) else {
            return Availability::Disabled("its journal is gone".to_owned());
        };
        let cluster = entry.record().map(|record| record.plan.cluster.as_str());
        let reason = if let Some(reason) = &entry.closed {
            Some(reason.clone())
        } else if entry.writer == Writer::Lives {
            Some("it goes on".to_owned())
        } else if cluster != Some(self.setup.cluster.as_str()) {
            let cluster = cluster.unwrap_or_default();
            Some(format!(
                "it is a run on {cluster}: rmqtop --cluster {cluster}"
            ))
        } else {
            self.forbids_any()
        };
        reason.map_or(Availability::Enabled, Availability::Disabled)
    }

    /// The members whose state a run under way explains: that of its action, or those of its
    /// steps. One that went further than that is nobody's plan.
    pub fn expects(&self, now: Moment) -> BTreeSet<NodeName> {
        let Some(run) = self.under_way() else {
            return BTreeSet::new();
        };
        let at = self.shown_at(now);
        let action = &run.plan.action;
        let touched = match action.node() {
            Some(node) => vec![node.clone()],
            None => touched(run),
        };
        let is_explained = |node: &NodeName| match self.model.node(node, at).state {
            NodeState::AppStopped | NodeState::Running | NodeState::Starting => true,
            NodeState::Down | NodeState::NotRunning => stops_runtimes(action),
            NodeState::Unreachable
            | NodeState::Restarting
            | NodeState::Hung
            | NodeState::Unknown => false,
        };
        touched.into_iter().filter(is_explained).collect()
    }
}

/// The members a run of several has in hand: where members are stopped or started together, those
/// of the steps so far; else that of the step under way.
fn touched(run: &Run) -> Vec<NodeName> {
    let whole = matches!(
        run.plan.action,
        Action::StopCluster | Action::StartCluster | Action::RecoverLostNode
    );
    let is_in_hand = |state: &StepState| match state {
        StepState::Checking | StepState::Sent | StepState::Waiting => true,
        StepState::Over { .. } => whole,
        StepState::Pending => whole && run.plan.action != Action::StopCluster,
    };
    let steps = run.plan.steps.iter().enumerate();
    let in_hand = steps.filter(|(index, _)| {
        run.step(*index)
            .is_some_and(|record| is_in_hand(&record.state))
    });
    in_hand
        .flat_map(|(_, step)| step.after.iter().flat_map(Probe::subjects))
        .cloned()
        .collect()
}

/// Whether `action` takes a member's runtime down, and not only its application.
fn stops_runtimes(action: &Action) -> bool {
    !matches!(
        action,
        Action::StopApp { .. }
            | Action::StartApp { .. }
            | Action::RestartApp { .. }
            | Action::Drain { .. }
            | Action::Revive { .. }
            | Action::QuorumGrow { .. }
            | Action::QuorumShrink { .. }
    )
}
