//! Owns what can lie above a pane and how each of these answers keys. Drawing is `view::modal`.

pub mod confirm;
pub mod form;
pub mod hand;
pub mod menu;
pub mod palette;

use super::App;
use super::availability::Availability;
use super::command::{Command, Motion};
use super::effect::Effect;
use super::field::Edit;
use super::focus::Subject;
use super::journal::RunRef;
use super::keymap::Keymap;
use super::msg::{KeyPress, Stroke, Ticket};
use super::notice::Tone;
use super::runbooks::RunbookSpec;
use crate::action::Action;
use crate::guard::Confirmation;
use crate::model::moment::Moment;
use crate::runbook::plan::{Plan, Refusal};
use confirm::{Answer, Confirm, Purpose};
use crokey::key;
use form::{Filled, Form};
use hand::HandMenu;
use menu::{ActionMenu, Picked};
use palette::{Entry, Palette};

/// Something above the pane.
#[derive(Debug, Clone)]
pub enum Modal {
    /// Every command with its keys.
    Help(Scroll),
    /// Commands by name.
    Palette(Palette),
    /// What can be done to a node and to the cluster.
    Actions(ActionMenu),
    /// The questions of a runbook.
    Form(Box<Form>),
    /// The cluster is being asked before planning.
    Surveying(Surveying),
    /// A plan, waiting for its confirmation.
    Confirm(Box<Confirm>),
    /// Why something is not done.
    Refused(Box<Refusal>, Scroll),
    /// A run.
    Run(RunRef, Scroll),
    /// What can be done with an interrupted run.
    Hand(HandMenu),
    /// Everything known about one thing.
    Detail(Subject, Scroll),
}

/// How far something is scrolled, in lines; drawing limits it to what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scroll(pub usize);

/// A question on its way.
#[derive(Debug, Clone)]
pub struct Surveying {
    /// Joins the answer.
    pub ticket: Ticket,
    /// What was asked for.
    pub action: Action,
    /// Since when.
    pub since: Moment,
}

impl Scroll {
    /// Moves; `page` lines for a screenful.
    pub fn turn(&mut self, motion: Motion, page: usize) {
        match motion {
            Motion::Up => self.0 = self.0.saturating_sub(1),
            Motion::Down => self.0 = self.0.saturating_add(1),
            Motion::PageUp => self.0 = self.0.saturating_sub(page),
            Motion::PageDown => self.0 = self.0.saturating_add(page),
            Motion::Top => self.0 = 0,
            Motion::Bottom => self.0 = usize::MAX,
        }
    }

    /// The first line shown of `lines`, where `height` fit.
    pub fn first(self, lines: usize, height: usize) -> usize {
        self.0.min(lines.saturating_sub(height))
    }
}

/// The command of a key that does not type, in something open above a pane.
fn moving(keymap: &Keymap, press: KeyPress) -> Option<Command> {
    if press.typed.is_some() {
        None
    } else {
        keymap.in_modal(press.chord)
    }
}

/// What a modal is about, for the actions on it.
fn subject_of(modal: &Modal) -> Option<Subject> {
    if let Modal::Detail(subject, _) = modal {
        Some(subject.clone())
    } else if let Modal::Run(RunRef::Kept(id), _) = modal {
        Some(Subject::Run(id.clone()))
    } else {
        None
    }
}

impl App {
    /// Gives a key to what lies on top.
    pub(super) fn modal_key(&mut self, press: KeyPress, now: Moment) -> Vec<Effect> {
        let Some(mut top) = self.modals.pop() else {
            return Vec::new();
        };
        let page = self.page();
        match &mut top {
            Modal::Confirm(confirm) => {
                let answer = confirm.key(press, moving(&self.keymap, press), page, now);
                return self.answered(top, answer, now);
            }
            Modal::Palette(palette) => {
                return match palette.key(press, moving(&self.keymap, press)) {
                    Picked::Nothing => self.stays(top),
                    Picked::Closed => Vec::new(),
                    Picked::One(entry) => self.found(entry, now),
                };
            }
            Modal::Actions(menu) => {
                let picked = menu.key(press, moving(&self.keymap, press), page);
                return self.picked(top, picked, now);
            }
            Modal::Hand(menu) => {
                let picked = menu.key(press, self.keymap.in_modal(press.chord));
                return self.taken(top, &picked, now);
            }
            Modal::Form(form) => {
                let filled = form.key(press, moving(&self.keymap, press));
                return self.filled(top, filled, now);
            }
            Modal::Help(scroll)
            | Modal::Refused(_, scroll)
            | Modal::Run(_, scroll)
            | Modal::Detail(_, scroll) => {
                let command = self.keymap.in_modal(press.chord);
                if command == Some(Command::Back) || press.chord == key!(q) {
                    return Vec::new();
                }
                if let Some(motion) = command.and_then(Command::motion) {
                    scroll.turn(motion, page);
                }
            }
            Modal::Surveying(_) => {
                if self.keymap.in_modal(press.chord) == Some(Command::Back) {
                    self.say(Tone::Plain, "not planned; nothing was done", now);
                    return Vec::new();
                }
            }
        }
        let about = subject_of(&top);
        self.modals.push(top);
        if about.is_some() && self.keymap.in_pane(press.chord) == Some(Command::Actions) {
            self.open_actions(about.as_ref(), now);
        }
        Vec::new()
    }

    /// Does what the palette found.
    fn found(&mut self, entry: Entry, now: Moment) -> Vec<Effect> {
        match entry {
            Entry::Command(spec) => self.command(spec.command, now),
            Entry::Runbook(spec) => {
                let node = self.selected_node(now);
                let offer = self.offer(spec, node.as_ref(), now);
                if let Availability::Disabled(reason) = offer.availability {
                    self.say(Tone::Refused, format!("{}: {reason}", spec.name), now);
                    return Vec::new();
                }
                self.begin(spec, node.as_ref(), now)
            }
        }
    }

    /// Begins what was picked from the menu, which stays below the questions.
    fn picked(
        &mut self,
        top: Modal,
        picked: Picked<&'static RunbookSpec>,
        now: Moment,
    ) -> Vec<Effect> {
        match (picked, top) {
            (Picked::Nothing, top) => self.stays(top),
            (Picked::One(spec), Modal::Actions(menu)) => {
                let node = menu.node.clone();
                let under = self.modals.len();
                let effects = self.begin(spec, node.as_ref(), now);
                if matches!(self.modals.last(), Some(Modal::Form(_))) {
                    self.modals.insert(under, Modal::Actions(menu));
                }
                effects
            }
            (Picked::One(_) | Picked::Closed, _) => Vec::new(),
        }
    }

    fn filled(&mut self, top: Modal, filled: Filled, now: Moment) -> Vec<Effect> {
        match (filled, top) {
            (Filled::Closed, Modal::Form(form)) => {
                self.drafts.insert(form.spec.name, *form);
                Vec::new()
            }
            (Filled::Submitted, Modal::Form(form)) => self.submit(*form, now),
            (_, top) => self.stays(top),
        }
    }

    /// Asks for the plan of what the form says; it stays below, so that nothing typed is lost.
    fn submit(&mut self, mut form: Form, now: Moment) -> Vec<Effect> {
        let asked = self.form_action(&form, now);
        let is_asking = !form.fields.is_empty();
        match asked {
            Ok(action) => {
                if is_asking {
                    self.modals.push(Modal::Form(Box::new(form)));
                }
                self.survey(action, now)
            }
            Err(fault) if is_asking => {
                form.object(fault);
                self.stays(Modal::Form(Box::new(form)))
            }
            Err(fault) => {
                self.say(Tone::Refused, fault.words, now);
                Vec::new()
            }
        }
    }

    /// Takes back what was scrolled past the end, which only drawing can tell: a key held too long
    /// must not need as many presses back.
    pub fn settle(&mut self, scroll_limit: usize) {
        match self.modals.last_mut() {
            Some(
                Modal::Help(scroll)
                | Modal::Refused(_, scroll)
                | Modal::Run(_, scroll)
                | Modal::Detail(_, scroll),
            ) => scroll.0 = scroll.0.min(scroll_limit),
            Some(Modal::Confirm(confirm)) => {
                confirm.scroll.0 = confirm.scroll.0.min(scroll_limit);
            }
            Some(
                Modal::Palette(_)
                | Modal::Actions(_)
                | Modal::Hand(_)
                | Modal::Form(_)
                | Modal::Surveying(_),
            )
            | None => {}
        }
    }

    /// Gives pasted text to what lies on top. A confirmation never takes it.
    pub(super) fn modal_paste(&mut self, text: &str) {
        match self.modals.last_mut() {
            Some(Modal::Confirm(confirm)) => confirm.pasted(),
            Some(Modal::Palette(palette)) => palette.field.paste(text),
            Some(Modal::Actions(menu)) => menu.field.paste(text),
            Some(Modal::Form(form)) => form.paste(text),
            _ => {}
        }
    }

    fn stays(&mut self, top: Modal) -> Vec<Effect> {
        self.modals.push(top);
        Vec::new()
    }

    fn survey(&mut self, action: Action, now: Moment) -> Vec<Effect> {
        if !self.may_change() {
            return Vec::new();
        }
        let ticket = self.next_ticket();
        self.modals.push(Modal::Surveying(Surveying {
            ticket,
            action: action.clone(),
            since: now,
        }));
        vec![Effect::Survey { ticket, action }]
    }

    fn answered(&mut self, top: Modal, answer: Answer, now: Moment) -> Vec<Effect> {
        match (answer, top) {
            (Answer::Confirmed(confirmation), Modal::Confirm(confirm)) if self.may_change() => {
                match confirm.purpose {
                    Purpose::Run => self.execute(confirm.plan, confirmation, now),
                    Purpose::Resume(review) => self.resume(review.record, confirmation, now),
                    Purpose::Abandon(record) => vec![Effect::Abandon { record }],
                }
            }
            (Answer::Closed | Answer::Confirmed(_), _) => {
                self.say(Tone::Plain, "not confirmed; nothing was done", now);
                Vec::new()
            }
            (Answer::Open, top) => self.stays(top),
        }
    }

    fn execute(&mut self, plan: Plan, confirmation: Confirmation, now: Moment) -> Vec<Effect> {
        self.runs.push(super::run::Run::new(plan.clone(), now));
        // The way to the plan is over: what follows the run is the pane, not its questions.
        let is_way = |modal: &Modal| matches!(modal, Modal::Form(_) | Modal::Actions(_));
        self.modals.retain(|modal| !is_way(modal));
        self.drafts.remove(plan.action.runbook());
        self.modals.push(Modal::Run(
            RunRef::Session(self.runs.len() - 1),
            Scroll::default(),
        ));
        vec![Effect::Execute {
            plan: Box::new(plan),
            confirmation,
        }]
    }

    /// The plan or the refusal came; only if it is still being waited for.
    pub(super) fn planned(&mut self, ticket: Ticket, answer: Result<Plan, Refusal>, now: Moment) {
        match self.modals.last() {
            Some(Modal::Surveying(asked)) if asked.ticket == ticket => {}
            _ => return,
        }
        self.modals.pop();
        self.modals.push(match answer {
            Ok(plan) => Modal::Confirm(Box::new(Confirm::new(plan, now))),
            Err(refusal) => Modal::Refused(Box::new(refusal), Scroll::default()),
        });
    }
}

/// Whether a press may count as consent: held keys never do.
pub(super) fn is_deliberate(press: KeyPress) -> bool {
    press.stroke == Stroke::Fresh
}

/// Edits a field where the key edits at all.
pub(super) fn edits(edit: Edit) -> bool {
    edit == Edit::Taken
}
