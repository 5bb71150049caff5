//! Owns the table of runs: those of this console, of the command line, and of days gone by, as
//! their journals tell them. Below it, how the selected one stands.

use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::{self, Align, Column, Rows, Width};
use super::super::text;
use super::super::theme::Role;
use super::super::words::{self, Mark};
use crate::app::focus::{ListId, Subject};
use crate::app::journal::Entry;
use crate::app::outcome_words;
use crate::app::rows::Row;
use crate::executor::event::RunId;
use crate::executor::record::{RunRecord, Writer};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Rows below the table: a rule and what is told of the selected run.
const TOLD: u16 = 4;

/// A run of the list.
#[derive(Debug, Clone, Copy)]
struct RunRow<'a> {
    id: &'a RunId,
    entry: &'a Entry,
}

impl<'a> RunRow<'a> {
    fn new(scene: &Scene<'a>, row: &'a Row) -> Option<Self> {
        let Subject::Run(id) = &row.subject else {
            return None;
        };
        let entry = scene.app.journal.get(id)?;
        Some(Self { id, entry })
    }

    fn record(&self) -> Option<&'a RunRecord> {
        self.entry.record()
    }
}

fn columns<'a>() -> [Column<RunRow<'a>>; 8] {
    use Align::{Left, Right};
    use Width::{Fixed, Names};
    let column = |title, width, align, priority, cell| Column {
        title,
        width,
        align,
        priority,
        cell,
    };
    [
        column("STATE", Fixed(14), Left, 0, state),
        column("RUNBOOK", Names { min: 9, max: 18 }, Left, 0, runbook),
        column("ON", Names { min: 8, max: 40 }, Left, 0, on),
        column("STARTED", Fixed(16), Left, 2, started),
        column("TOOK", Fixed(format::AGE_WIDTH), Right, 1, took),
        column("BY", Names { min: 4, max: 24 }, Left, 3, by),
        column("CLUSTER", Names { min: 7, max: 20 }, Left, 5, cluster),
        column("RUN", Names { min: 20, max: 20 }, Left, 4, id),
    ]
}

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let rows = scene.app.rows(ListId::Runs, scene.now);
    let journal = &scene.app.journal;
    let mut title = vec![paint::title(scene, "Runs", Focused::Yes)];
    let mut words = format!(" {}", rows.len());
    if journal.older > 0 {
        words.push_str(&format_older(journal.older));
    }
    title.push(scene.span(Role::Dim, words));
    let body = paint::section(buf, area, scene, title, Focused::Yes);
    if let Some(fault) = &journal.fault {
        let words = format!("the journals cannot be read: {fault}");
        paint::fitted(buf, body, scene, vec![scene.span(Role::Warn, words)]);
        return;
    }
    if journal.is_empty() {
        let words = "  nothing was run on this machine yet: a on a node begins";
        paint::left(buf, body, vec![scene.span(Role::Dim, words)]);
        return;
    }
    let upper = Rect {
        height: body.height.saturating_sub(TOLD),
        ..body
    };
    let selected = scene.app.selected_row(ListId::Runs, &rows);
    let shape = Rows {
        total: rows.len(),
        selected,
        focused: Focused::Yes,
    };
    let row = |number: usize| RunRow::new(scene, rows.get(number)?);
    table::draw(buf, upper, scene, &columns(), (shape, row));
    let lower = paint::below(body, upper.height);
    paint::rule(buf, lower, scene, Role::Faint);
    if let Some(row) = row(selected) {
        told(buf, paint::below(lower, 1), scene, row);
    }
}

fn format_older(older: usize) -> String {
    format!(" · {older} older ones: rmqtop runs")
}

/// The state of a run with its sign.
fn mark(row: &RunRow<'_>) -> Mark {
    let new = |glyph, role, words: &str| Mark {
        glyph,
        role,
        words: words.to_owned(),
    };
    match &row.entry.run {
        Err(_) => new(Glyph::Unknown, Role::Unknown, "unreadable"),
        Ok(run) => match (run.ended(), row.record()) {
            (_, Some(record)) if record.abandoned.is_some() => {
                new(Glyph::Resting, Role::Dim, "closed")
            }
            (None, _) => {
                let step = (run.steps_over() + 1).min(run.plan.steps.len());
                let words = format!("step {step} of {}", run.plan.steps.len());
                new(Glyph::Expected, Role::Expected, &words)
            }
            (Some(outcome), _) => words::run(outcome),
        },
    }
}

fn state(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    scene.mark(&mark(row))
}

fn or_none(scene: &Scene<'_>, role: Role, text: Option<String>) -> Vec<Span<'static>> {
    vec![match text {
        Some(text) => scene.span_raw(role, text),
        None => scene.figure(None),
    }]
}

fn runbook(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let name = row.record().map(|r| r.plan.action.runbook().to_owned());
    or_none(scene, Role::Text, name)
}

fn on(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let name = row.record().map(|record| match record.plan.action.node() {
        Some(node) => node.to_string(),
        None => "the cluster".to_owned(),
    });
    or_none(scene, Role::Text, name)
}

fn started(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let zone = &scene.app.setup.zone;
    let at = row.record().map(|record| {
        let at = record.started.to_zoned(zone.clone());
        at.strftime("%Y-%m-%d %H:%M").to_string()
    });
    or_none(scene, Role::Dim, at)
}

fn took(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let run = row.entry.run.as_ref().ok();
    let role = if row.entry.is_live() {
        Role::Expected
    } else {
        Role::Text
    };
    or_none(
        scene,
        role,
        run.map(|run| format::age(run.elapsed(scene.now))),
    )
}

fn by(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    or_none(scene, Role::Dim, row.record().map(|r| r.who.clone()))
}

fn cluster(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let name = row.record().map(|record| record.plan.cluster.clone());
    let is_ours = name.as_ref() == Some(&scene.app.setup.cluster);
    let role = if is_ours { Role::Dim } else { Role::Text };
    or_none(scene, role, name)
}

fn id(row: &RunRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Dim, row.id.to_string())]
}

/// How the selected run stands, and what can be done with it.
fn told(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, row: RunRow<'_>) {
    let room = usize::from(area.width.saturating_sub(4));
    let (role, words) = match &row.entry.run {
        Err(error) => (Role::Unknown, error.clone()),
        Ok(run) => match run.ended() {
            None => (Role::Expected, under_way(row)),
            Some(outcome) => (mark(&row).role, outcome_words(outcome)),
        },
    };
    let hint = match (&row.entry.closed, row.entry.writer) {
        (None, Writer::Gone) => "enter shows the whole run   a resumes it or closes it",
        _ => "enter shows the whole run",
    };
    let height = usize::from(area.height.saturating_sub(1));
    let mut wrapped = text::wrap(&words, room);
    if wrapped.len() > height {
        wrapped.truncate(height);
        if let Some(last) = wrapped.last_mut() {
            last.push_str(scene.theme.sign(Glyph::Ellipsis));
        }
    }
    for (line, at) in wrapped.into_iter().zip(paint::lines(area)) {
        let spans = vec![Span::raw("  "), scene.span_raw(role, line)];
        paint::left(buf, at, spans);
    }
    let last = paint::line(area, area.height.saturating_sub(1));
    let spans = vec![Span::raw("  "), scene.span(Role::Dim, hint)];
    paint::left(buf, last, spans);
}

/// What a run under way is at.
fn under_way(row: RunRow<'_>) -> String {
    let current = row.record().and_then(RunRecord::current);
    match current {
        None => "between two steps".to_owned(),
        Some(step) => match &step.waiting {
            Some(waiting) => format!("{}: waiting: {waiting}", step.title),
            None => step.title.clone(),
        },
    }
}
