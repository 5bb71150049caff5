//! Owns the palette: commands and runbooks by name. What cannot be used stays visible with its
//! reason.

use super::super::command::{COMMANDS, Command, CommandSpec};
use super::super::field::{Edit, Field};
use super::super::msg::KeyPress;
use super::super::runbooks::{RUNBOOKS, RunbookSpec};
use super::menu::Picked;
use super::{edits, is_deliberate};

/// Commands and runbooks by name.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What was typed.
    pub field: Field,
    /// Which of the matches is selected.
    pub selected: usize,
}

/// Something the palette finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A command of the console.
    Command(&'static CommandSpec),
    /// A runbook, for what is selected.
    Runbook(&'static RunbookSpec),
}

impl Entry {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command(spec) => spec.name,
            Self::Runbook(spec) => spec.name,
        }
    }
}

impl Palette {
    /// What fits what was typed: names that begin with it first, commands before runbooks.
    pub fn matches(&self) -> Vec<Entry> {
        let wanted = self.field.text().trim().to_lowercase();
        let rank = |spec: &CommandSpec| {
            if spec.name.starts_with(&wanted) || spec.chords.contains(&wanted.as_str()) {
                Some(0)
            } else if spec.name.contains(&wanted) {
                Some(1)
            } else {
                let told = wanted.len() > 2 && spec.doc.to_lowercase().contains(&wanted);
                told.then_some(2)
            }
        };
        let commands = COMMANDS
            .iter()
            .filter(|spec| spec.command != Command::Palette)
            .filter_map(|spec| Some((rank(spec)?, Entry::Command(spec))));
        let runbooks = RUNBOOKS
            .iter()
            .filter_map(|spec| Some((spec.rank(&wanted)?, Entry::Runbook(spec))));
        let mut found: Vec<(u8, Entry)> = commands.chain(runbooks).collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    pub(super) fn key(&mut self, press: KeyPress, moving: Option<Command>) -> Picked<Entry> {
        let matches = self.matches();
        let last = matches.len().saturating_sub(1);
        match moving {
            Some(Command::Back) => return Picked::Closed,
            Some(Command::Up) => self.selected = self.selected.saturating_sub(1),
            Some(Command::Down) => self.selected = (self.selected + 1).min(last),
            Some(Command::Open) => {
                return match matches.get(self.selected) {
                    Some(Entry::Runbook(_)) if !is_deliberate(press) => Picked::Nothing,
                    Some(entry) => Picked::One(*entry),
                    None => Picked::Nothing,
                };
            }
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
