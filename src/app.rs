//! Owns the state of the screen: panes, lists, modals, runs, messages. `App::update` is the only
//! writer: synchronous, pure, told the time. No I/O, no drawing, no clock.

pub mod availability;
pub mod changes;
pub mod command;
pub mod effect;
pub mod field;
pub mod focus;
pub mod journal;
pub mod keymap;
pub mod modal;
pub mod msg;
pub mod navigate;
pub mod notice;
pub mod offers;
pub mod policies;
pub mod rows;
pub mod run;
pub mod runbooks;
mod wall;

use crate::executor::event::{RunEvent, RunOutcome};
use crate::findings::{self, Finding};
use crate::guard::Mode;
use crate::model::Model;
use crate::model::inventory::Inventory;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::observation::Observation;
use crate::model::policy::usage::PolicyUse;
use changes::{Changes, News, VipMove};
use effect::{Effect, Leaving};
use field::Field;
use focus::{ListId, Lists, PaneId, Trail};
use jiff::tz::TimeZone;
use journal::{Journal, RunRef};
use keymap::Keymap;
use modal::Modal;
use modal::form::Form;
use msg::{Msg, Ticket};
use notice::{Notice, Tone};
use run::{Run, StopAsked};
use std::collections::BTreeMap;
use std::time::Duration;
use wall::Wall;

/// Observations held back while the console is paused; the oldest go first.
const HELD: usize = 20_000;

/// What the console is told once, at its start.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// The cluster's own colour, as written in the configuration.
    pub color: Option<String>,
    /// Whether anything may be changed. What enforces it is `guard`; here it only keeps the
    /// screen honest.
    pub mode: Mode,
    /// In which zone the clock is shown.
    pub zone: TimeZone,
    /// How long each pane is shown on a wall screen, where they are shown in turn.
    pub rotate: Option<Duration>,
}

/// The state of the screen.
#[derive(Debug, Clone)]
pub struct App {
    /// What the console was told at its start.
    pub setup: Setup,
    /// All that is known.
    pub model: Model,
    /// What is wrong, worst first; computed once for each batch.
    pub findings: Vec<Finding>,
    /// Every policy with what becomes of it; computed once for each new answer.
    pub uses: Vec<PolicyUse>,
    /// What was seen to change.
    pub changes: Changes,
    /// What lies above the pane, the top last.
    pub modals: Vec<Modal>,
    /// The filter being typed.
    pub filter: Option<Field>,
    /// Runs of this session, the latest last.
    pub runs: Vec<Run>,
    /// Runs of this machine, by their journals.
    pub journal: Journal,
    /// Since when the screen is frozen.
    pub frozen: Option<Moment>,
    uses_basis: policies::Basis,
    lists: Lists,
    trail: Trail,
    overview_list: ListId,
    keymap: Keymap,
    notice: Option<Notice>,
    held: Vec<Observation>,
    /// Forms that were closed, by runbook: what was typed is not lost.
    drafts: BTreeMap<&'static str, Form>,
    tickets: u64,
    size: (u16, u16),
    news: News,
    wall: Option<Wall>,
}

impl App {
    /// A console that knows only what was declared.
    pub fn new(setup: Setup, inventory: Inventory) -> Self {
        Self {
            wall: setup.rotate.map(Wall::new),
            setup,
            model: Model::new(inventory),
            findings: Vec::new(),
            uses: Vec::new(),
            uses_basis: policies::Basis::default(),
            changes: Changes::default(),
            modals: Vec::new(),
            filter: None,
            runs: Vec::new(),
            journal: Journal::default(),
            frozen: None,
            lists: Lists::default(),
            trail: Trail::default(),
            overview_list: ListId::Path,
            keymap: Keymap::default(),
            notice: None,
            held: Vec::new(),
            drafts: BTreeMap::new(),
            tickets: 0,
            size: (80, 24),
            news: News::None,
        }
    }

    /// Folds in what happened; gives back what is to be done.
    pub fn update(&mut self, msg: Msg, now: Moment) -> Vec<Effect> {
        match msg {
            Msg::Key(press) => {
                self.stay_on_pane(now);
                return self.key(press, now);
            }
            Msg::Wheel(turn) => {
                self.stay_on_pane(now);
                return self.wheel(turn, now);
            }
            Msg::Interrupted => return self.interrupt(now),
            Msg::Terminated => return vec![Effect::Quit(Leaving::Terminated)],
            Msg::Paste(text) => self.paste(&text),
            Msg::TabClicked(pane) if self.modals.is_empty() => {
                self.stay_on_pane(now);
                self.trail.visit(pane);
            }
            Msg::TabClicked(_) => {}
            Msg::Resized { width, height } => self.resized((width, height)),
            Msg::Observed(batch) => self.observed(batch, now),
            Msg::Planned { ticket, answer } => self.planned(ticket, *answer, now),
            Msg::Reviewed { ticket, answer } => self.reviewed(ticket, *answer, now),
            Msg::Abandoned { run, answer } => match answer {
                Ok(()) => {
                    let words = format!("{run} is closed; the cluster stays as it is");
                    self.say(Tone::Plain, words, now);
                }
                Err(reason) => self.say(Tone::Refused, reason, now),
            },
            Msg::Ran(event) => {
                let closely = self.closely(now, |app| app.ran(&event, now));
                return if closely.is_empty() {
                    self.after(&event)
                } else {
                    closely
                };
            }
            Msg::RunSilent { reason } => {
                if let Some(run) = self.runs.iter_mut().rfind(|run| run.is_live()) {
                    run.fell_silent(reason);
                }
            }
            Msg::Kept(Ok(look)) => {
                return self.closely(now, |app| {
                    app.journal.apply(look, now);
                    app.judge(now);
                });
            }
            Msg::Kept(Err(fault)) => self.journal.fault = Some(fault),
            Msg::Ticked => {
                self.judge(now);
                self.turn_pane(now);
            }
        }
        Vec::new()
    }

    /// Folds in news of a run. Once none is under way any more, nothing is expected: every source
    /// is asked anew, so that what the run has mended does not alarm for as long as a poll takes.
    fn closely(&mut self, now: Moment, fold: impl FnOnce(&mut Self)) -> Vec<Effect> {
        let expected = self.expects(now);
        fold(self);
        let is_over = !expected.is_empty() && self.under_way().is_none();
        if is_over && self.frozen.is_none() {
            vec![Effect::PollNow]
        } else {
            Vec::new()
        }
    }

    fn resized(&mut self, size: (u16, u16)) {
        let was_low = self.is_low();
        self.size = size;
        if self.is_low() && !was_low {
            // Room for one list only: trouble first.
            self.overview_list = ListId::Findings;
        }
    }

    fn observed(&mut self, batch: Vec<Observation>, now: Moment) {
        if self.frozen.is_some() {
            self.held.extend(batch);
            let excess = self.held.len().saturating_sub(HELD);
            self.held.drain(..excess);
            return;
        }
        for observation in batch {
            self.model.apply(observation);
        }
        self.judge(now);
        let moves = self.changes.look(&self.model, now);
        self.news = self.changes.glance(&self.model, &self.findings, now);
        if let Some(last) = moves.last() {
            self.say(Tone::News, move_words(last), now);
        }
    }

    /// Draws the conclusions from the model as it is now.
    fn judge(&mut self, now: Moment) {
        if self.frozen.is_none() {
            self.findings = findings::all(&self.model, now);
            self.read_policies(now);
            self.mark_expected(now);
        }
    }

    /// What a run under way causes by itself is marked, so that it does not alarm.
    fn mark_expected(&mut self, now: Moment) {
        let expected = self.expects(now);
        if expected.is_empty() {
            return;
        }
        let about: Vec<bool> = self
            .findings
            .iter()
            .map(|finding| {
                let subject = focus::Subject::Finding {
                    id: finding.id.clone(),
                    about: finding.subject.clone(),
                    nth: 0,
                };
                self.node_of(&subject)
                    .is_some_and(|node| expected.contains(&node))
            })
            .collect();
        for (finding, is_about) in self.findings.iter_mut().zip(about) {
            finding.expected |= is_about;
        }
        let roots: Vec<findings::Root> = self
            .findings
            .iter()
            .filter(|finding| finding.expected && finding.consequence_of.is_none())
            .map(|finding| findings::Root {
                id: finding.id.clone(),
                subject: finding.subject.clone(),
            })
            .collect();
        for finding in &mut self.findings {
            if let Some(root) = &finding.consequence_of {
                finding.expected = roots.contains(root);
            }
        }
        self.findings.sort_by_key(|finding| finding.expected);
    }

    fn ran(&mut self, event: &RunEvent, now: Moment) {
        let at = self
            .runs
            .iter()
            .rposition(|run| run.id() == Some(&event.run))
            .or_else(|| self.runs.iter().rposition(|run| run.id().is_none()));
        if let Some(run) = at.and_then(|at| self.runs.get_mut(at)) {
            run.apply(event, now);
            let ended = run.ended().map(outcome_words);
            let action = run.plan.action.to_string();
            let is_shown = matches!(self.modals.last(), Some(Modal::Run(..)));
            if let Some(words) = ended
                && !is_shown
            {
                self.say(Tone::News, format!("{action}: {words}; R shows it"), now);
            }
        }
        self.judge(now);
    }

    fn interrupt(&mut self, now: Moment) -> Vec<Effect> {
        let Some(at) = self.runs.iter().rposition(Run::is_live) else {
            return vec![Effect::Quit(Leaving::Done)];
        };
        let Some(run) = self.runs.get_mut(at) else {
            return Vec::new();
        };
        let id = run.id().cloned();
        if run.stop == StopAsked::AfterStep {
            return vec![Effect::Quit(Leaving::RunLeft { run: id })];
        }
        run.stop = StopAsked::AfterStep;
        let words = if run.has_sent() {
            "the run stops after this step; ctrl-c again leaves it"
        } else {
            "the run stops before it sends anything; ctrl-c again leaves it"
        };
        self.show_run(RunRef::Session(at));
        self.say(Tone::Plain, words, now);
        vec![Effect::StopRun { run: id }]
    }

    /// The run of this session that is under way.
    pub fn live_run(&self) -> Option<&Run> {
        self.runs.iter().rfind(|run| run.is_live())
    }

    /// The pane on screen.
    pub fn pane(&self) -> PaneId {
        self.trail.current()
    }

    /// The moment the screen shows: now, or when it was frozen.
    pub fn shown_at(&self, now: Moment) -> Moment {
        self.frozen.unwrap_or(now)
    }

    /// The message in the footer, if there is one.
    pub fn notice(&self, now: Moment) -> Option<&Notice> {
        self.notice.as_ref().filter(|notice| notice.is_shown(now))
    }

    /// Observations that wait for the screen to go on.
    pub fn held_back(&self) -> usize {
        self.held.len()
    }

    /// Whether anything may be changed.
    pub fn may_change(&self) -> bool {
        self.setup.mode == Mode::Operate
    }

    /// When the screen must be drawn again although nothing happens: at the clock's next second,
    /// or when a confirmation arms.
    pub fn wake_after(&self, now: Moment) -> Duration {
        let nanos = u64::try_from(now.wall.subsec_nanosecond()).unwrap_or(0);
        let second = Duration::from_secs(1).saturating_sub(Duration::from_nanos(nanos));
        match self.modals.last() {
            Some(Modal::Confirm(confirm)) if !confirm.arms_in(now).is_zero() => {
                second.min(confirm.arms_in(now))
            }
            _ => second,
        }
    }

    /// Whether the last batch of observations is worth a frame of its own.
    pub fn news(&self) -> News {
        self.news
    }

    fn say(&mut self, tone: Tone, words: impl Into<String>, now: Moment) {
        self.notice = Some(Notice::new(tone, words, now));
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Columns and rows of the terminal.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Whether the Overview has room for one list only, the one in focus.
    pub fn is_low(&self) -> bool {
        self.size.1 < 22
    }

    /// Lines of a screenful.
    fn page(&self) -> usize {
        usize::from(self.size.1.saturating_sub(8)).max(1)
    }
}

/// A move of a virtual address in words.
pub fn move_words(seen: &VipMove) -> String {
    let names = |hosts: &[HostName]| {
        if hosts.is_empty() {
            "nobody".to_owned()
        } else {
            let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
            names.join(" and ")
        }
    };
    format!(
        "VIP {} moved from {} to {}",
        seen.address,
        names(&seen.from),
        names(&seen.to)
    )
}

/// How a run ended, in words.
pub fn outcome_words(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Done => "done".to_owned(),
        RunOutcome::Failed { reason } => format!("failed: {reason}"),
        RunOutcome::Unknown { reason } => format!("outcome unknown: {reason}"),
        RunOutcome::Interrupted { reason } => format!("stopped by the operator: {reason}"),
        RunOutcome::Refused { reason } => format!("refused: {reason}"),
    }
}
