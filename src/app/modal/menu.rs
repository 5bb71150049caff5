//! Owns the action menu: every runbook for a node and for the cluster, found by typing its name or
//! rabbitmqctl's. What cannot be asked for stays visible with its reason and cannot be picked.

use super::super::App;
use super::super::availability::Availability;
use super::super::command::Command;
use super::super::field::{Edit, Field};
use super::super::focus::{PaneId, Subject};
use super::super::msg::KeyPress;
use super::super::offers::Offer;
use super::super::rows;
use super::super::runbooks::{Group, RunbookSpec};
use super::hand::HandMenu;
use super::{Modal, edits, is_deliberate};
use crate::action::Tier;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crokey::key;

/// What a key in a menu came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked<T> {
    /// Nothing yet.
    Nothing,
    /// The menu was dismissed.
    Closed,
    /// This one.
    One(T),
}

/// What can be done to a node and to the cluster.
#[derive(Debug, Clone)]
pub struct ActionMenu {
    /// The node; `None`: none is selected.
    pub node: Option<NodeName>,
    /// Everything that exists, usable or not.
    pub offers: Vec<Offer>,
    /// What was typed to find one.
    pub field: Field,
    /// Which of the matches is selected.
    pub selected: usize,
}

/// A row of the menu.
#[derive(Debug, Clone, Copy)]
pub enum MenuRow<'a> {
    /// Above a group.
    Heading(Group),
    /// A runbook, with its place among the matches.
    Offer(usize, &'a Offer),
}

impl ActionMenu {
    fn new(node: Option<NodeName>, offers: Vec<Offer>) -> Self {
        // Enter alone never begins what destroys.
        let is_usual = |offer: &Offer| {
            offer.availability == Availability::Enabled && offer.tier != Some(Tier::Destroy)
        };
        Self {
            node,
            selected: offers.iter().position(is_usual).unwrap_or(0),
            offers,
            field: Field::default(),
        }
    }

    /// The offers that fit what was typed, the best first.
    pub fn matches(&self) -> Vec<&Offer> {
        let wanted = self.field.text().trim().to_lowercase();
        let mut found: Vec<(u8, &Offer)> = self
            .offers
            .iter()
            .filter_map(|offer| Some((offer.spec.rank(&wanted)?, offer)))
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, offer)| offer).collect()
    }

    /// The selected offer.
    pub fn selected(&self) -> Option<&Offer> {
        self.matches().get(self.selected).copied()
    }

    /// What is shown: under headings, until something is typed.
    pub fn rows(&self) -> Vec<MenuRow<'_>> {
        let headed = self.field.text().trim().is_empty();
        let mut rows = Vec::new();
        let mut group = None;
        for (place, offer) in self.matches().into_iter().enumerate() {
            if headed && group != Some(offer.spec.group) {
                group = Some(offer.spec.group);
                rows.push(MenuRow::Heading(offer.spec.group));
            }
            rows.push(MenuRow::Offer(place, offer));
        }
        rows
    }

    fn select(&mut self, runbook: &str) {
        let found = self
            .offers
            .iter()
            .position(|offer| offer.spec.name == runbook);
        self.selected = found.unwrap_or(self.selected);
    }

    pub(super) fn key(
        &mut self,
        press: KeyPress,
        moving: Option<Command>,
        page: usize,
    ) -> Picked<&'static RunbookSpec> {
        let last = self.matches().len().saturating_sub(1);
        match moving {
            // What was typed goes first, so that one can look again.
            Some(Command::Back) if !self.field.text().is_empty() => {
                self.field = Field::default();
                self.selected = 0;
            }
            Some(Command::Back) => return Picked::Closed,
            Some(Command::Up) => self.selected = self.selected.saturating_sub(1),
            Some(Command::Down) => self.selected = (self.selected + 1).min(last),
            Some(Command::PageUp) => self.selected = self.selected.saturating_sub(page),
            Some(Command::PageDown) => self.selected = (self.selected + page).min(last),
            Some(Command::Open) if press.chord == key!(enter) && is_deliberate(press) => {
                if let Some(offer) = self.selected()
                    && offer.availability == Availability::Enabled
                {
                    return Picked::One(offer.spec);
                }
            }
            // It opens a filter everywhere else; here one is open, and no name has it.
            _ if press.typed == Some('/') => {}
            _ => {
                let edit: Edit = self.field.key(press);
                if edits(edit) {
                    self.selected = 0;
                }
            }
        }
        Picked::Nothing
    }
}

impl App {
    /// Opens the action menu of what `subject` stands for, at the runbook that answers it; of the
    /// cluster alone where that is no node.
    pub(in crate::app) fn open_actions(&mut self, subject: Option<&Subject>, now: Moment) {
        if let Some(Subject::Run(id)) = subject {
            self.modals.push(Modal::Hand(HandMenu::new(id.clone())));
            return;
        }
        let node = subject.and_then(|subject| self.node_of(subject));
        let mut menu = ActionMenu::new(node.clone(), self.offers(node.as_ref(), now));
        let finding = subject.and_then(|subject| rows::finding(&self.findings, subject));
        if let Some(answer) = finding.and_then(|finding| finding.runbook.as_deref()) {
            let name = answer.split(' ').next().unwrap_or(answer);
            menu.select(name);
        } else if self.pane() == PaneId::Policies {
            menu.select("policy-set");
        }
        self.modals.push(Modal::Actions(menu));
    }
}
