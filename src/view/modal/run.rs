//! Owns the face of a run: every step with its state, what its command prints, elapsed against the
//! deadline, and what the cluster says meanwhile. It stays after the end.

use super::super::Drawn;
use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint;
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::super::words::{self, Mark};
use super::{Lines, scrolled, width};
use crate::app::availability::Availability;
use crate::app::journal::RunRef;
use crate::app::modal::Scroll;
use crate::app::outcome_words;
use crate::app::run::{Run, StopAsked};
use crate::executor::event::{RunOutcome, StepOutcome};
use crate::executor::record::{StepRecord, StepState};
use crate::runbook::plan::Step;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Output lines shown of a step that is over.
const TAIL: usize = 3;
/// Output lines shown of the step under way.
const LIVE_TAIL: usize = 8;

/// Draws the run.
pub fn draw(
    buf: &mut Buffer,
    body: Rect,
    scene: &Scene<'_>,
    (run, which, scroll): (&Run, &RunRef, Scroll),
) -> Drawn {
    let columns = width(body, 104);
    let room = usize::from(columns.saturating_sub(4));
    let mut lines = head(scene, run, room);
    for (index, step) in run.plan.steps.iter().enumerate() {
        lines.extend(step_lines(scene, run, (index, step), room));
    }
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(5);
    let at = paint::middle(
        body,
        columns,
        height.max(body.height.saturating_sub(4).min(18)),
    );
    let role = match run.ended() {
        None => Role::Expected,
        Some(RunOutcome::Done) => Role::Ok,
        Some(RunOutcome::Failed { .. } | RunOutcome::Refused { .. }) => Role::Crit,
        Some(RunOutcome::Unknown { .. }) => Role::Unknown,
        Some(RunOutcome::Interrupted { .. }) => Role::Warn,
    };
    let id = run.id().map_or_else(String::new, |id| format!("  {id}"));
    let title = vec![
        scene.span(role, if run.is_live() { "Running  " } else { "Run  " }),
        Span::styled(run.plan.action.to_string(), scene.bold(Role::Text)),
        scene.span_raw(Role::Dim, id),
    ];
    let mut inside = paint::frame(buf, at, scene, role, title);
    let last = paint::line(inside, inside.height.saturating_sub(1));
    paint::left(
        buf,
        last,
        vec![scene.span(Role::Dim, hint(scene, run, which))],
    );
    inside.height = inside.height.saturating_sub(2);
    Drawn {
        scroll_limit: scrolled(buf, inside, scene, (lines, scroll)),
        cursor: None,
    }
}

fn hint(scene: &Scene<'_>, run: &Run, which: &RunRef) -> &'static str {
    match (which, run.is_live(), run.stop) {
        (RunRef::Session(_), true, StopAsked::No) => {
            "ctrl-c stops after this step   esc leaves it running, R comes back"
        }
        (RunRef::Session(_), true, StopAsked::AfterStep) => {
            "stopping after this step   ctrl-c again leaves the console and the run behind"
        }
        (RunRef::Kept(_), true, _) => {
            "another process runs it; it can be stopped there   esc leaves it running"
        }
        (RunRef::Kept(id), false, _) => match scene.app.can_be_taken(id) {
            Availability::Enabled => "a resumes it or closes it   esc closes",
            Availability::Disabled(_) => "esc closes   the journal keeps the whole run",
        },
        (RunRef::Session(_), false, _) => "esc closes   the journal keeps the whole run",
    }
}

/// How it stands: who, how long, how it ended.
fn head(scene: &Scene<'_>, run: &Run, room: usize) -> Lines {
    let elapsed = format::stopwatch(run.elapsed(scene.now));
    let (done, all) = (run.steps_over(), run.plan.steps.len());
    let mut lines = Vec::new();
    match run.ended() {
        None => {
            let mut spans = vec![
                scene.span(Role::Text, format!("step {} of {all}", (done + 1).min(all))),
                scene.span(Role::Dim, format!("   {elapsed}")),
            ];
            if run.stop == StopAsked::AfterStep {
                let words = if run.has_sent() {
                    "   stops after this step"
                } else {
                    "   stops before it sends anything"
                };
                spans.push(scene.span(Role::Warn, words));
            }
            lines.push(spans);
        }
        Some(outcome) => {
            let (glyph, role) = match outcome {
                RunOutcome::Done => (Glyph::Well, Role::Ok),
                RunOutcome::Failed { .. } | RunOutcome::Refused { .. } => {
                    (Glyph::Broken, Role::Crit)
                }
                RunOutcome::Unknown { .. } => (Glyph::Unknown, Role::Unknown),
                RunOutcome::Interrupted { .. } => (Glyph::Warning, Role::Warn),
            };
            let words = format!("{} after {elapsed}", outcome_words(outcome));
            for (number, line) in text::wrap(&words, room.saturating_sub(2))
                .into_iter()
                .enumerate()
            {
                let sign = if number == 0 {
                    scene.sign(role, glyph)
                } else {
                    Span::raw(" ")
                };
                lines.push(vec![
                    sign,
                    Span::raw(" "),
                    Span::styled(line, scene.bold(role)),
                ]);
            }
        }
    }
    if let Some(record) = &run.record {
        let at = record.started.to_zoned(scene.app.setup.zone.clone());
        let at = at.strftime("%Y-%m-%d %H:%M:%S");
        let words = format!("by {}, begun {at}", record.who);
        lines.push(vec![scene.span(Role::Dim, words)]);
        for hand in &record.resumed {
            let at = hand.at.to_zoned(scene.app.setup.zone.clone());
            let at = at.strftime("%Y-%m-%d %H:%M:%S");
            let words = format!("resumed by {} {at}", hand.who);
            lines.push(vec![scene.span(Role::Dim, words)]);
        }
    }
    lines.push(Vec::new());
    lines
}

fn step_mark(state: &StepState) -> Mark {
    let mark = |glyph, role, words: &str| Mark {
        glyph,
        role,
        words: words.to_owned(),
    };
    match state {
        StepState::Pending => mark(Glyph::Resting, Role::Dim, "ahead"),
        StepState::Checking => mark(Glyph::Expected, Role::Expected, "looking first"),
        StepState::Sent => mark(Glyph::Expected, Role::Expected, "sent"),
        StepState::Waiting => mark(Glyph::Expected, Role::Expected, "waiting for the cluster"),
        StepState::Over { result } => words::outcome(result),
    }
}

fn step_lines(scene: &Scene<'_>, run: &Run, (index, step): (usize, &Step), room: usize) -> Lines {
    let number = index + 1;
    let record = run.step(index);
    let state = record.map_or(&StepState::Pending, |record| &record.state);
    let mark = step_mark(state);
    let title_role = if *state == StepState::Pending {
        Role::Dim
    } else {
        Role::Text
    };
    let mut first = vec![
        scene.sign(mark.sign_role(), mark.glyph),
        scene.span(Role::Dim, format!(" {number:>2} ")),
        scene.span_raw(title_role, step.title.as_str()),
        scene.span(mark.role, format!("  {}", mark.words)),
    ];
    let elapsed = record.and_then(|record| run.step_elapsed(record, scene.now));
    if let Some(elapsed) = elapsed {
        let words = format!(
            "  {} of {}",
            format::stopwatch(elapsed),
            format::age(step.deadline)
        );
        let role =
            if record.is_some_and(|record| record.outcome().is_none()) && elapsed > step.deadline {
                Role::Warn
            } else {
                Role::Dim
            };
        first.push(scene.span(role, words));
    }
    let mut lines = vec![first];
    for (role, words) in record.map(|record| told(step, record)).unwrap_or_default() {
        for line in text::wrap(&words, room.saturating_sub(5)) {
            lines.push(vec![Span::raw("     "), scene.span_raw(role, line)]);
        }
    }
    lines
}

/// What a step has told so far.
fn told(step: &Step, record: &StepRecord) -> Vec<(Role, String)> {
    let mut told = Vec::new();
    if let Some(command) = &record.command {
        told.push((Role::Info, format!("{}: {command}", step.host)));
    }
    let tail = if record.outcome().is_none() {
        LIVE_TAIL
    } else {
        TAIL
    };
    let skipped = record.output.len().saturating_sub(tail);
    for line in record.output.iter().skip(skipped) {
        told.push((Role::Dim, line.to_string()));
    }
    if let Some(words) = &record.command_end {
        told.push((Role::Dim, words.clone()));
    }
    match (record.outcome(), &record.waiting) {
        (None, Some(waiting)) => told.push((Role::Expected, format!("waiting: {waiting}"))),
        (None, None) => {}
        (Some(StepOutcome::Done { proof } | StepOutcome::AlreadySo { proof }), _) => {
            told.extend(proof.iter().map(|line| (Role::Dim, line.clone())));
        }
        (Some(StepOutcome::Failed { reason }), _) => told.push((Role::Crit, reason.clone())),
        (Some(StepOutcome::Unknown { reason }), _) => told.push((Role::Unknown, reason.clone())),
        (Some(StepOutcome::NotRun { reason }), _) => told.push((Role::Dim, reason.clone())),
    }
    told
}
