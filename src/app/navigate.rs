//! Owns keys in panes: from chord to command to what it does. Keys in what lies above a pane are
//! `modal`'s.

use super::App;
use super::availability::Availability;
use super::command::{Command, Motion};
use super::effect::{Effect, Leaving};
use super::field::Field;
use super::focus::{Faults, ListId, ListState, PaneId, Subject};
use super::journal::RunRef;
use super::modal::palette::Palette;
use super::modal::{Modal, Scroll};
use super::msg::{KeyPress, Stroke, Turn};
use super::notice::Tone;
use super::rows::{self, Row};
use super::run::Run;
use crate::model::moment::Moment;
use crate::model::text::Shown;
use crokey::key;

impl App {
    pub(super) fn key(&mut self, press: KeyPress, now: Moment) -> Vec<Effect> {
        if self.keymap.in_pane(press.chord) == Some(Command::Interrupt) {
            return self.interrupt(now);
        }
        if !self.modals.is_empty() {
            return self.modal_key(press, now);
        }
        if self.filter.is_some() {
            self.filter_key(press, now);
            return Vec::new();
        }
        match self.keymap.in_pane(press.chord) {
            Some(command) => self.command(command, now),
            None => Vec::new(),
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if !self.modals.is_empty() {
            self.modal_paste(text);
        } else if let Some(field) = &mut self.filter {
            field.paste(text);
            let text = field.text().to_owned();
            self.list_state_mut().filter = text;
        }
    }

    pub(super) fn wheel(&mut self, turn: Turn, now: Moment) -> Vec<Effect> {
        let chord = match turn {
            Turn::Up => key!(up),
            Turn::Down => key!(down),
        };
        let press = KeyPress {
            chord,
            typed: None,
            stroke: Stroke::Held,
        };
        self.key(press, now)
    }

    fn filter_key(&mut self, press: KeyPress, now: Moment) {
        match press.chord {
            key!(esc) => {
                self.filter = None;
                self.list_state_mut().filter.clear();
            }
            key!(enter) => self.filter = None,
            key!(up) => self.step(Motion::Up, now),
            key!(down) => self.step(Motion::Down, now),
            _ => {
                let Some(field) = &mut self.filter else {
                    return;
                };
                let _edit = field.key(press);
                let text = field.text().to_owned();
                self.list_state_mut().filter = text;
            }
        }
    }

    /// Does what `command` says, or says why not.
    pub(super) fn command(&mut self, command: Command, now: Moment) -> Vec<Effect> {
        if let Availability::Disabled(reason) = self.availability(command, now) {
            self.say(Tone::Refused, reason, now);
            return Vec::new();
        }
        if let Some(motion) = command.motion() {
            self.step(motion, now);
            return Vec::new();
        }
        match command {
            Command::Overview => self.trail.visit(PaneId::Overview),
            Command::Nodes => self.trail.visit(PaneId::Nodes),
            Command::Policies => self.trail.visit(PaneId::Policies),
            Command::Haproxy => self.trail.visit(PaneId::Haproxy),
            Command::Vip => self.trail.visit(PaneId::Vip),
            Command::Runs => self.trail.visit(PaneId::Runs),
            Command::LastView => self.trail.toggle_last(),
            Command::HistoryBack => self.trail.back(),
            Command::HistoryForward => self.trail.forward(),
            Command::Palette => self.modals.push(Modal::Palette(Palette::default())),
            Command::Help => self.modals.push(Modal::Help(Scroll::default())),
            Command::Filter => self.filter = Some(Field::new(&self.list_state().filter)),
            Command::Faults => self.toggle_faults(),
            Command::NextList => self.next_list(),
            Command::Actions => {
                let subject = self.selected(now);
                self.open_actions(subject.as_ref(), now);
            }
            Command::Open => {
                if let Some(subject) = self.selected(now) {
                    self.open(subject);
                }
            }
            Command::Copy => {
                if let Some(text) = self.selected(now).map(|subject| self.copied(&subject)) {
                    self.say(Tone::Plain, format!("copied {text}"), now);
                    return vec![Effect::Copy(text)];
                }
            }
            Command::Back => self.back_out(),
            Command::Run => {
                if let Some(which) = self.run_in_focus() {
                    self.show_run(which);
                }
            }
            Command::Pause => return self.toggle_pause(now),
            Command::PollNow => {
                self.say(Tone::Plain, "every source is asked now", now);
                return vec![Effect::PollNow];
            }
            Command::Quit => return self.quit(now),
            Command::Interrupt => return self.interrupt(now),
            Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::Top
            | Command::Bottom => {}
        }
        Vec::new()
    }

    /// What is copied of `subject`: its name as one would paste it; of a finding the sentence.
    fn copied(&self, subject: &Subject) -> String {
        match subject {
            Subject::Clients => "clients".to_owned(),
            Subject::Vip(address) => address.to_string(),
            Subject::Balancer(host) | Subject::Host(host) => host.to_string(),
            Subject::Server { name, .. } => Shown::new(name).as_str().to_owned(),
            Subject::Node(node) => node.to_string(),
            Subject::Run(run) => run.to_string(),
            Subject::Policy { name, .. } => name.to_string(),
            Subject::Finding { about, .. } => rows::finding(&self.findings, subject)
                .map_or_else(|| about.clone(), |finding| finding.title.clone()),
        }
    }

    fn quit(&mut self, now: Moment) -> Vec<Effect> {
        let Some(at) = self.runs.iter().rposition(Run::is_live) else {
            return vec![Effect::Quit(Leaving::Done)];
        };
        self.show_run(RunRef::Session(at));
        self.say(
            Tone::Refused,
            "a run is under way: ctrl-c stops it after this step, a second ctrl-c leaves it",
            now,
        );
        Vec::new()
    }

    fn toggle_pause(&mut self, now: Moment) -> Vec<Effect> {
        if self.frozen.take().is_none() {
            self.frozen = Some(now);
            return vec![Effect::PausePolling];
        }
        let held = std::mem::take(&mut self.held);
        self.observed(held, now);
        vec![Effect::ResumePolling]
    }

    /// The run under way, of whichever process; else the last one of this session.
    fn run_in_focus(&self) -> Option<RunRef> {
        match self.under_way().and_then(Run::id) {
            Some(id) => Some(self.shown_run(id)),
            None => self.runs.len().checked_sub(1).map(RunRef::Session),
        }
    }

    pub(super) fn show_run(&mut self, which: RunRef) {
        let is_shown = matches!(self.modals.last(), Some(Modal::Run(shown, _)) if *shown == which);
        if !is_shown {
            self.modals.push(Modal::Run(which, Scroll::default()));
        }
    }

    /// Opens everything known about `subject`.
    fn open(&mut self, subject: Subject) {
        if let Subject::Run(id) = &subject {
            let which = self.shown_run(id);
            // Of a journal that cannot be read, the pane tells why.
            if self.run_at(&which).is_some() {
                self.show_run(which);
            }
        } else {
            self.modals.push(Modal::Detail(subject, Scroll::default()));
        }
    }

    fn toggle_faults(&mut self) {
        let state = self.list_state_mut();
        state.faults = match state.faults {
            Faults::Off => Faults::Only,
            Faults::Only => Faults::Off,
        };
    }

    fn next_list(&mut self) {
        self.overview_list = match self.overview_list {
            ListId::Findings => ListId::Path,
            ListId::Path
            | ListId::Nodes
            | ListId::Policies
            | ListId::Servers
            | ListId::VipHosts
            | ListId::Runs => ListId::Findings,
        };
    }

    fn back_out(&mut self) {
        let state = self.list_state_mut();
        if !state.filter.is_empty() {
            state.filter.clear();
        } else if state.faults == Faults::Only {
            state.faults = Faults::Off;
        } else if let Some(last) = self.trail.last()
            && self.pane() != PaneId::Overview
        {
            self.trail.visit(last);
        }
    }

    /// Where the list in focus stands.
    pub fn list_state(&self) -> &ListState {
        self.lists.get(self.list())
    }

    fn list_state_mut(&mut self) -> &mut ListState {
        let list = self.list();
        self.lists.get_mut(list)
    }

    /// Where `list` stands.
    pub fn state_of(&self, list: ListId) -> &ListState {
        self.lists.get(list)
    }

    /// The rows of `list` that are shown.
    pub fn rows(&self, list: ListId, now: Moment) -> Vec<Row> {
        if list == ListId::Runs {
            return rows::keep(self.journal.rows(), self.lists.get(list));
        }
        if list == ListId::Policies {
            return rows::keep(super::policies::rows(&self.uses), self.lists.get(list));
        }
        let at = self.shown_at(now);
        rows::rows(&self.model, &self.findings, list, self.lists.get(list), at)
    }

    /// The row of `rows` that is selected in `list`: where the selected thing is now, else where
    /// it was last.
    pub fn selected_row(&self, list: ListId, rows: &[Row]) -> usize {
        let state = self.lists.get(list);
        let found = state
            .selected
            .as_ref()
            .and_then(|subject| rows.iter().position(|row| row.subject == *subject));
        found.unwrap_or_else(|| state.row.min(rows.len().saturating_sub(1)))
    }

    /// What is selected in the list in focus.
    pub fn selected(&self, now: Moment) -> Option<Subject> {
        let list = self.list();
        let rows = self.rows(list, now);
        let row = self.selected_row(list, &rows);
        rows.get(row).map(|row| row.subject.clone())
    }

    fn step(&mut self, motion: Motion, now: Moment) {
        let list = self.list();
        let rows = self.rows(list, now);
        let row = self.selected_row(list, &rows);
        let end = rows.len().saturating_sub(1);
        let page = self.page();
        let new = match motion {
            Motion::Up => row.saturating_sub(1),
            Motion::Down => (row + 1).min(end),
            Motion::PageUp => row.saturating_sub(page),
            Motion::PageDown => (row + page).min(end),
            Motion::Top => 0,
            Motion::Bottom => end,
        };
        let state = self.lists.get_mut(list);
        state.row = new;
        state.selected = rows.get(new).map(|row| row.subject.clone());
    }
}
