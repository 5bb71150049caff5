//! Owns a plan and a refusal as lines: what was checked, what will be lost, what will be run where.
//! Names are whole here.

use super::super::Drawn;
use super::super::format;
use super::super::paint;
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::super::words;
use super::{Lines, scrolled, width};
use crate::app::modal::Scroll;
use crate::runbook::plan::{Plan, Preflight, Refusal, Step, Verdict};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// A plan, the blast radius on top.
pub fn lines(scene: &Scene<'_>, plan: &Plan, columns: usize) -> Lines {
    let mut lines = blast(scene, plan, columns);
    lines.push(Vec::new());
    lines.push(heading(scene, "Checked"));
    lines.extend(preflight(scene, &plan.preflight, columns));
    lines.push(Vec::new());
    lines.push(heading(scene, "Steps"));
    for (number, step) in (1..).zip(&plan.steps) {
        lines.extend(step_lines(scene, (number, step), columns));
    }
    lines
}

fn heading(scene: &Scene<'_>, words: &'static str) -> Vec<Span<'static>> {
    vec![Span::styled(words, scene.bold(Role::Title))]
}

/// What will be lost, in sentences.
pub fn blast(scene: &Scene<'_>, plan: &Plan, columns: usize) -> Lines {
    let mut lines = vec![heading(scene, "What this does to the cluster")];
    if plan.blast_radius.is_empty() {
        lines.push(vec![scene.span(Role::Dim, "  nothing becomes unavailable")]);
    }
    for sentence in &plan.blast_radius {
        for line in text::wrap(sentence, columns.saturating_sub(2)) {
            lines.push(vec![Span::raw("  "), scene.span_raw(Role::Warn, line)]);
        }
    }
    lines
}

/// Checks with what came out; evidence where it is not simply passed.
pub fn preflight(scene: &Scene<'_>, checks: &[Preflight], columns: usize) -> Lines {
    let mut lines = Vec::new();
    for check in checks {
        let mark = words::verdict(check.verdict);
        let quiet = matches!(check.verdict, Verdict::Passed | Verdict::NotApplicable);
        let role = if quiet { Role::Dim } else { Role::Text };
        let id = format!(" {:<4}", check.id);
        let verdict = format!("  {}", mark.words);
        let room = columns.saturating_sub(8 + verdict.len());
        let mut wrapped = text::wrap(&check.title, room.max(20)).into_iter();
        lines.push(vec![
            Span::raw("  "),
            scene.sign(mark.sign_role(), mark.glyph),
            scene.span_raw(Role::Dim, id),
            scene.span_raw(role, wrapped.next().unwrap_or_default()),
            scene.span(mark.role, verdict),
        ]);
        for rest in wrapped {
            lines.push(vec![Span::raw("        "), scene.span_raw(role, rest)]);
        }
        for why in check.evidence.iter().filter(|_| !quiet) {
            for line in text::wrap(why, columns.saturating_sub(10)) {
                lines.push(vec![
                    Span::raw("          "),
                    scene.span_raw(Role::Dim, line),
                ]);
            }
        }
    }
    lines
}

fn step_lines(scene: &Scene<'_>, (number, step): (usize, &Step), columns: usize) -> Lines {
    let mut lines = vec![vec![
        scene.span(Role::Dim, format!("  {number:>2} ")),
        scene.span_raw(Role::Text, step.title.as_str()),
        scene.span(
            Role::Dim,
            format!("  at most {}", format::age(step.deadline)),
        ),
    ]];
    let command = step
        .change
        .as_ref()
        .map_or_else(|| "waits only".to_owned(), |c| c.argv().to_string());
    let place = format!("{}: ", step.host);
    let indent = " ".repeat(5);
    let room = columns.saturating_sub(5 + text::width(&place));
    for (number, part) in text::wrap(&command, room.max(20)).into_iter().enumerate() {
        let lead = if number == 0 {
            scene.span_raw(Role::Dim, place.as_str())
        } else {
            Span::raw(" ".repeat(text::width(&place)))
        };
        lines.push(vec![
            Span::raw(indent.clone()),
            lead,
            scene.span_raw(Role::Info, part),
        ]);
    }
    lines
}

/// Draws a refusal: why, all checks, what to do instead.
pub fn refusal(
    buf: &mut Buffer,
    body: Rect,
    scene: &Scene<'_>,
    (refusal, scroll): (&Refusal, Scroll),
) -> Drawn {
    let columns = width(body, 100);
    let room = usize::from(columns.saturating_sub(4));
    let mut lines: Lines = Vec::new();
    for line in text::wrap(&refusal.reason, room) {
        lines.push(vec![Span::styled(line, scene.bold(Role::Crit))]);
    }
    if let Some(instead) = &refusal.instead {
        lines.push(Vec::new());
        lines.push(heading(scene, "Do this first, or instead"));
        for line in text::wrap(instead, room.saturating_sub(2)) {
            lines.push(vec![Span::raw("  "), scene.span_raw(Role::Text, line)]);
        }
    }
    if !refusal.preflight.is_empty() {
        lines.push(Vec::new());
        lines.push(heading(scene, "Checked"));
        lines.extend(preflight(scene, &refusal.preflight, room));
    }
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(4);
    let at = paint::middle(body, columns, height);
    let title = vec![
        scene.span(Role::Crit, "Refused  "),
        Span::styled(refusal.action.clone(), scene.bold(Role::Text)),
    ];
    let mut inside = paint::frame(buf, at, scene, Role::Frame, title);
    let last = paint::line(inside, inside.height.saturating_sub(1));
    let hint = "nothing was done   esc closes";
    paint::left(buf, last, vec![scene.span(Role::Dim, hint)]);
    inside.height = inside.height.saturating_sub(1);
    Drawn {
        scroll_limit: scrolled(buf, inside, scene, (lines, scroll)),
        cursor: None,
    }
}
