//! Owns what can be done with a run that someone left half-way: go on with it, or close it for
//! good. Both are asked once more before anything happens.

use super::super::App;
use super::super::availability::Availability;
use super::super::command::Command;
use super::super::effect::Effect;
use super::super::msg::{KeyPress, Ticket};
use super::super::run::Run;
use super::confirm::Confirm;
use super::menu::Picked;
use super::{Modal, Scroll, Surveying, is_deliberate};
use crate::app::journal::RunRef;
use crate::executor::event::RunId;
use crate::executor::record::{Review, RunRecord};
use crate::guard::Confirmation;
use crate::model::moment::Moment;
use crate::runbook::plan::Refusal;
use crokey::key;
use strum::IntoEnumIterator;

/// What can be done with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Hand {
    /// Go on with it.
    Resume,
    /// Close it for good.
    Abandon,
}

impl Hand {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Abandon => "abandon",
        }
    }

    /// What it does, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Resume => "look at the cluster again, and show what is left to do",
            Self::Abandon => "close it for good; the cluster stays as it is",
        }
    }
}

/// What can be done with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandMenu {
    /// Which run.
    pub run: RunId,
    /// Which is selected.
    pub selected: usize,
}

impl HandMenu {
    pub(super) fn new(run: RunId) -> Self {
        Self { run, selected: 0 }
    }

    pub(super) fn key(&mut self, press: KeyPress, command: Option<Command>) -> Picked<Hand> {
        let last = Hand::iter().count().saturating_sub(1);
        match command {
            Some(Command::Back) => return Picked::Closed,
            Some(Command::Up) => self.selected = self.selected.saturating_sub(1),
            Some(Command::Down) => self.selected = (self.selected + 1).min(last),
            Some(Command::Open) if press.chord == key!(enter) && is_deliberate(press) => {
                let picked = Hand::iter().nth(self.selected);
                return picked.map_or(Picked::Nothing, Picked::One);
            }
            _ if press.chord == key!(q) => return Picked::Closed,
            _ => {}
        }
        Picked::Nothing
    }
}

impl App {
    /// Does what was picked for a run, if it can be done.
    pub(super) fn taken(&mut self, top: Modal, picked: &Picked<Hand>, now: Moment) -> Vec<Effect> {
        let (Picked::One(hand), Modal::Hand(menu)) = (picked, &top) else {
            return match picked {
                Picked::Closed => Vec::new(),
                Picked::Nothing | Picked::One(_) => self.stays(top),
            };
        };
        let entry = self.journal.get(&menu.run);
        let record = entry.and_then(|entry| entry.record()).cloned();
        let (Some(record), Availability::Enabled) = (record, self.can_be_taken(&menu.run)) else {
            return self.stays(top);
        };
        match hand {
            Hand::Resume => self.review(record, now),
            Hand::Abandon => {
                let confirm = Box::new(Confirm::abandoning(record, now));
                self.modals.push(Modal::Confirm(confirm));
                Vec::new()
            }
        }
    }

    fn review(&mut self, record: RunRecord, now: Moment) -> Vec<Effect> {
        let ticket = self.next_ticket();
        self.modals.push(Modal::Surveying(Surveying {
            ticket,
            action: record.plan.action,
            since: now,
        }));
        let run = record.run;
        vec![Effect::Review { ticket, run }]
    }

    /// What is left of a run came; only if it is still being waited for.
    pub(in crate::app) fn reviewed(
        &mut self,
        ticket: Ticket,
        answer: Result<Review, Refusal>,
        now: Moment,
    ) {
        match self.modals.last() {
            Some(Modal::Surveying(asked)) if asked.ticket == ticket => {}
            _ => return,
        }
        self.modals.pop();
        self.modals.push(match answer {
            Ok(review) => Modal::Confirm(Box::new(Confirm::resuming(review, now))),
            Err(refusal) => Modal::Refused(Box::new(refusal), Scroll::default()),
        });
    }

    pub(super) fn resume(
        &mut self,
        record: RunRecord,
        confirmation: Confirmation,
        now: Moment,
    ) -> Vec<Effect> {
        self.runs.retain(|run| run.id() != Some(&record.run));
        self.runs.push(Run::resumed(record.clone(), now));
        // The modal of its journal would go on showing what it was before.
        self.modals.retain(|modal| !matches!(modal, Modal::Run(..)));
        let last = RunRef::Session(self.runs.len() - 1);
        self.modals.push(Modal::Run(last, Scroll::default()));
        vec![Effect::Resume {
            record: Box::new(record),
            confirmation,
        }]
    }
}
