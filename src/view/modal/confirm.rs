//! Owns the face of a confirmation: the plan itself, and at the bottom the field, empty, whose
//! default is No. What destroys is framed as what it is.

use super::super::Drawn;
use super::super::format;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::{Lines, plan, scrolled, width};
use crate::action::Tier;
use crate::app::modal::confirm::{Confirm, Demand, Purpose};
use crate::app::outcome_words;
use crate::guard::Need;
use crate::model::text::Shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the confirmation.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, confirm: &Confirm) -> Drawn {
    let columns = width(body, 104);
    let lines = shown(scene, confirm, usize::from(columns.saturating_sub(4)));
    let fields = u16::try_from(confirm.demands.len().max(1)).unwrap_or(1);
    let needed = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let at = paint::middle(body, columns, needed.saturating_add(fields + 5));
    let (role, word) = match (&confirm.purpose, confirm.plan.action.tier()) {
        (Purpose::Abandon(_), _) => (Role::Frame, "Close for good  "),
        (_, Tier::Change) => (Role::Frame, "Change  "),
        (_, Tier::Disrupt) => (Role::Warn, "Disrupts service  "),
        (_, Tier::Destroy) => (Role::Crit, "Destroys data  "),
    };
    let title = vec![
        scene.span(role, word),
        Span::styled(confirm.plan.action.to_string(), scene.bold(Role::Text)),
        scene.span(Role::Dim, "  on "),
        Span::styled(
            format!(" {} ", confirm.plan.cluster),
            scene.theme.cluster(scene.app.setup.color.as_deref()).0,
        ),
    ];
    let inside = paint::frame(buf, at, scene, role, title);
    let bottom = fields + 2;
    let upper = Rect {
        height: inside.height.saturating_sub(bottom),
        ..inside
    };
    let scroll_limit = scrolled(buf, upper, scene, (lines, confirm.scroll));
    let lower = paint::below(inside, upper.height);
    paint::rule(buf, lower, scene, Role::Faint);
    let cursor = ask(buf, paint::below(lower, 1), scene, confirm);
    Drawn {
        scroll_limit,
        cursor,
    }
}

/// What is to be read before it is confirmed.
fn shown(scene: &Scene<'_>, confirm: &Confirm, columns: usize) -> Lines {
    let heading = |words: String| vec![Span::styled(words, scene.bold(Role::Title))];
    // Lines keep their own indent, so that what belongs to a step stands under it.
    let wrapped = |words: &str| -> Lines {
        let bare = words.trim_start();
        let indent = 2 + words.len().saturating_sub(bare.len());
        let lines = text::wrap(bare, columns.saturating_sub(indent)).into_iter();
        let indented = |line| {
            let lead = Span::raw(" ".repeat(indent));
            vec![lead, scene.span_raw(Role::Text, line)]
        };
        lines.map(indented).collect()
    };
    match &confirm.purpose {
        Purpose::Run => plan::lines(scene, &confirm.plan, columns),
        Purpose::Resume(review) => {
            let mut lines = vec![heading(format!(
                "What is left of run {}",
                review.record.run
            ))];
            for line in &review.left {
                lines.extend(wrapped(line));
            }
            lines.push(Vec::new());
            lines.extend(plan::blast(scene, &confirm.plan, columns));
            lines
        }
        Purpose::Abandon(record) => {
            let mut lines = vec![heading(format!("Run {}", record.run))];
            let end = record.outcome.as_ref().map_or_else(
                || "it has no end: its process was ended".to_owned(),
                outcome_words,
            );
            lines.extend(wrapped(&end));
            lines.push(Vec::new());
            lines.extend(wrapped(
                "Nothing is sent, and the cluster stays as it is. Nobody can go on with the run \
                 afterwards; its journal is kept.",
            ));
            lines
        }
    }
}

fn ask(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, confirm: &Confirm) -> Option<(u16, u16)> {
    let waits = confirm.arms_in(scene.now);
    let mut cursor = None;
    if confirm.demands.is_empty() {
        let words = vec![
            scene.span(Role::Text, "Do it?  "),
            Span::styled("y", scene.bold(Role::Accent)),
            scene.span(Role::Dim, " yes   "),
            Span::styled("N", scene.bold(Role::Accent)),
            scene.span(Role::Dim, " no"),
        ];
        paint::left(buf, paint::line(area, 0), words);
    }
    for ((number, demand), at) in confirm.demands.iter().enumerate().zip(paint::lines(area)) {
        let focused = Focused::from(number == confirm.at());
        let x = field(buf, at, scene, (demand, focused));
        if number == confirm.at() && waits.is_zero() {
            cursor = Some((x.min(area.right().saturating_sub(1)), at.y));
        }
    }
    let hint = paint::line(area, area.height.saturating_sub(1));
    let spans = if !waits.is_zero() {
        let words = format!("read it first: keys count in {}", format::stopwatch(waits));
        vec![scene.span(Role::Unknown, words)]
    } else if let Some(objection) = &confirm.objection {
        vec![scene.span(Role::Warn, objection)]
    } else if confirm.demands.is_empty() {
        vec![scene.span(Role::Dim, "esc closes, nothing is done")]
    } else {
        let words = "enter confirms once the name is whole   esc closes, nothing is done";
        vec![scene.span(Role::Dim, words)]
    };
    paint::left(buf, hint, spans);
    cursor
}

/// One name to be typed; gives the column of the cursor.
fn field(
    buf: &mut Buffer,
    at: Rect,
    scene: &Scene<'_>,
    (demand, focused): (&Demand, Focused),
) -> u16 {
    let (what, name) = match &demand.need {
        Need::Node(name) => ("the node", name),
        Need::Cluster(name) => ("the cluster", name),
    };
    let typed = Shown::new(demand.field.text());
    let role = if demand.is_met() {
        Role::Ok
    } else if name.starts_with(demand.field.text()) {
        Role::Text
    } else {
        Role::Warn
    };
    let label = if focused == Focused::Yes {
        Role::Text
    } else {
        Role::Dim
    };
    let lead = vec![
        scene.span(label, format!("Type {what}, ")),
        Span::styled(name.clone(), scene.bold(label)),
        scene.span(label, ": "),
    ];
    let x = at.x + paint::spans_width(&lead);
    let mut spans = lead;
    spans.push(Span::styled(typed.as_str().to_owned(), scene.bold(role)));
    paint::left(buf, at, spans);
    if focused == Focused::Yes {
        let room = u16::try_from(name.len())
            .unwrap_or(u16::MAX)
            .saturating_add(2);
        let blank = Rect {
            x,
            width: room.min(at.right().saturating_sub(x)),
            ..at
        };
        buf.set_style(blank, scene.style(Role::Selection));
    }
    x + u16::try_from(demand.field.cursor()).unwrap_or(0)
}
