//! Owns the confirmation of a plan. Default is No: enter alone, pasted text, held keys and keys
//! pressed in the first half second confirm nothing.

use super::super::command::Command;
use super::super::field::{Edit, Field};
use super::super::msg::KeyPress;
use super::{Scroll, is_deliberate};
use crate::executor::record::{Review, RunRecord};
use crate::guard::{self, Confirmation, Execute, Need};
use crate::model::moment::Moment;
use crate::runbook::plan::Plan;
use crokey::key;
use std::time::Duration;

/// Keys pressed sooner were meant for what was on screen before.
pub const ARMS_AFTER: Duration = Duration::from_millis(500);

/// What is confirmed.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// That the plan is carried out.
    Run,
    /// That an interrupted run is gone on with.
    Resume(Box<Review>),
    /// That an interrupted run is closed for good.
    Abandon(Box<RunRecord>),
}

/// A plan, waiting for its confirmation.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// What is confirmed.
    pub purpose: Purpose,
    /// What would be done.
    pub plan: Plan,
    /// What must be typed, in order; empty for plans confirmed with y.
    pub demands: Vec<Demand>,
    /// How far the plan is scrolled.
    pub scroll: Scroll,
    /// Why the last attempt confirmed nothing.
    pub objection: Option<String>,
    opened_at: Moment,
    at: usize,
}

/// A name that must be typed.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Which.
    pub need: Need,
    /// What was typed.
    pub field: Field,
}

/// What a key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Open,
    /// No.
    Closed,
    /// Yes, with what was typed.
    Confirmed(Confirmation),
}

impl Demand {
    /// Whether the name was typed, letter by letter.
    pub fn is_met(&self) -> bool {
        self.field.text() == self.need.name()
    }
}

impl Confirm {
    /// Shows `plan` as of now.
    pub fn new(plan: Plan, now: Moment) -> Self {
        let demand = |need| Demand {
            need,
            field: Field::default(),
        };
        let demands = guard::needs(&plan).into_iter().map(demand).collect();
        Self::asking((Purpose::Run, plan), demands, now)
    }

    /// Shows what is left of a run; confirmed as its plan is.
    pub fn resuming(review: Review, now: Moment) -> Self {
        let plan = review.record.plan.clone();
        Self {
            purpose: Purpose::Resume(Box::new(review)),
            ..Self::new(plan, now)
        }
    }

    /// Asks whether a run is closed for good; it sends nothing, so that y will do.
    pub fn abandoning(record: RunRecord, now: Moment) -> Self {
        let plan = record.plan.clone();
        let purpose = Purpose::Abandon(Box::new(record));
        Self::asking((purpose, plan), Vec::new(), now)
    }

    fn asking((purpose, plan): (Purpose, Plan), demands: Vec<Demand>, now: Moment) -> Self {
        Self {
            purpose,
            plan,
            demands,
            scroll: Scroll::default(),
            objection: None,
            opened_at: now,
            at: 0,
        }
    }

    /// How long until keys count; zero when they do.
    pub fn arms_in(&self, now: Moment) -> Duration {
        ARMS_AFTER.saturating_sub(now.since(self.opened_at))
    }

    /// Which demand is being typed.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Text was pasted: it is not taken, and the operator is told.
    pub fn pasted(&mut self) {
        self.objection = Some("pasting does not confirm: type the name".to_owned());
    }

    pub(super) fn key(
        &mut self,
        press: KeyPress,
        moving: Option<Command>,
        page: usize,
        now: Moment,
    ) -> Answer {
        if moving == Some(Command::Back) {
            return Answer::Closed;
        }
        if let Some(command) = moving
            && command != Command::Open
        {
            if let Some(motion) = command.motion() {
                self.scroll.turn(motion, page);
            }
            return Answer::Open;
        }
        if !is_deliberate(press) {
            return Answer::Open;
        }
        if !self.arms_in(now).is_zero() {
            if self.demands.is_empty() {
                // A key held since before counts as one press after the other in most terminals:
                // only after a pause can it be told from a deliberate one.
                self.opened_at = now;
            }
            return Answer::Open;
        }
        self.objection = None;
        if self.demands.is_empty() {
            return match press.chord {
                key!(y) | key!(shift - y) => Answer::Confirmed(self.consent()),
                key!(n) | key!(shift - n) => Answer::Closed,
                _ => Answer::Open,
            };
        }
        if moving == Some(Command::Open) {
            return self.enter();
        }
        if let Some(demand) = self.demands.get_mut(self.at) {
            let _edit: Edit = demand.field.key(press);
        }
        Answer::Open
    }

    fn enter(&mut self) -> Answer {
        let Some(demand) = self.demands.get(self.at) else {
            return Answer::Open;
        };
        if demand.field.text().is_empty() {
            return Answer::Open;
        }
        if !demand.is_met() {
            self.objection = Some(format!(
                "that is not {}; nothing was done",
                demand.need.name()
            ));
            return Answer::Open;
        }
        if self.at + 1 < self.demands.len() {
            self.at += 1;
            return Answer::Open;
        }
        Answer::Confirmed(self.consent())
    }

    fn consent(&self) -> Confirmation {
        Confirmation {
            execute: Execute::Yes,
            typed: self
                .demands
                .iter()
                .map(|demand| demand.field.text().to_owned())
                .collect(),
        }
    }
}
