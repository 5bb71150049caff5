//! Owns the list of findings: worst first, in words, with the key that answers the selected one.

use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::super::words;
use crate::app::focus::ListId;
use crate::app::rows;
use crate::findings::Finding;
use crate::model::node::NodeState;
use crate::model::vip::VipVerdict;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

/// Draws the list.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let focused = Focused::from(scene.app.list() == ListId::Findings);
    let shown = scene.app.rows(ListId::Findings, scene.now);
    let mut title = vec![paint::title(scene, "Findings", focused)];
    if !shown.is_empty() {
        let findings = &scene.app.findings;
        let roots = shown
            .iter()
            .filter_map(|row| rows::finding(findings, &row.subject))
            .filter(|finding| finding.consequence_of.is_none());
        title.push(scene.span(Role::Dim, format!(" {}", roots.count())));
    }
    let body = paint::section(buf, area, scene, title, focused);
    if shown.is_empty() {
        nothing(buf, body, scene);
        return;
    }
    let selected = scene.app.selected_row(ListId::Findings, &shown);
    let width = usize::from(body.width.saturating_sub(5));
    let blocks: Vec<Vec<Vec<Span<'static>>>> = shown
        .iter()
        .filter_map(|row| rows::finding(&scene.app.findings, &row.subject))
        .enumerate()
        .map(|(number, finding)| {
            let is_selected = number == selected && focused == Focused::Yes;
            block(scene, finding, width, Selected::from(is_selected))
        })
        .collect();
    put(buf, body, scene, &blocks, (selected, focused));
}

/// Whether a finding is unfolded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selected {
    Yes,
    No,
}

impl From<bool> for Selected {
    fn from(selected: bool) -> Self {
        if selected { Self::Yes } else { Self::No }
    }
}

/// A finding as lines: its sentence, its likeliest cause or evidence, and when selected its keys.
fn block(
    scene: &Scene<'_>,
    finding: &Finding,
    width: usize,
    selected: Selected,
) -> Vec<Vec<Span<'static>>> {
    let mark = words::finding(finding);
    if finding.consequence_of.is_some() && selected == Selected::No {
        let cut = scene.theme.sign(Glyph::Ellipsis);
        let title = text::cut_end(&finding.title, width.saturating_sub(1), cut);
        return vec![vec![
            scene.sign(Role::Dim, Glyph::LastBranch),
            Span::raw(" "),
            scene.span_raw(Role::Dim, title),
        ]];
    }
    let mut style = scene.style(Role::Text);
    if finding.expected {
        style = scene.style(Role::Expected);
    } else if mark.role == Role::Crit {
        style = style.add_modifier(Modifier::BOLD);
    }
    let mut lines = Vec::new();
    for (number, line) in text::wrap(&finding.title, width).into_iter().enumerate() {
        let sign = if number == 0 {
            scene.sign(mark.role, mark.glyph)
        } else {
            Span::raw(" ")
        };
        lines.push(vec![sign, Span::raw(" "), Span::styled(line, style)]);
    }
    let details: Vec<&String> = match selected {
        Selected::Yes => finding
            .evidence
            .iter()
            .chain(finding.causes.first())
            .collect(),
        Selected::No => finding
            .causes
            .first()
            .or_else(|| finding.evidence.first())
            .into_iter()
            .collect(),
    };
    for detail in details.into_iter().take(4) {
        let parts = if selected == Selected::Yes {
            text::wrap(detail, width)
        } else {
            let cut = scene.theme.sign(Glyph::Ellipsis);
            vec![text::cut_end(detail, width, cut)]
        };
        for line in parts {
            lines.push(vec![Span::raw("  "), scene.span_raw(Role::Dim, line)]);
        }
    }
    if selected == Selected::Yes {
        lines.push(keys(scene, finding));
    }
    lines
}

/// The keys that answer a finding.
fn keys(scene: &Scene<'_>, finding: &Finding) -> Vec<Span<'static>> {
    let mut spans = vec![
        Span::raw("  "),
        scene.sign(Role::Accent, Glyph::Enter),
        scene.span(Role::Dim, " evidence"),
    ];
    if let Some(runbook) = &finding.runbook {
        spans.push(scene.span(Role::Accent, "   a"));
        spans.push(scene.span(Role::Dim, format!(" {runbook}")));
    }
    spans
}

fn put(
    buf: &mut Buffer,
    body: Rect,
    scene: &Scene<'_>,
    blocks: &[Vec<Vec<Span<'static>>>],
    (selected, focused): (usize, Focused),
) {
    // Findings before the selected one go first when they do not all fit.
    let height = |blocks: &[Vec<Vec<Span<'static>>>]| -> usize {
        blocks.iter().map(|lines| lines.len() + 1).sum()
    };
    let mut first = 0;
    while first < selected
        && blocks
            .get(first..=selected)
            .is_some_and(|shown| height(shown) > usize::from(body.height) + 1)
    {
        first += 1;
    }
    let mut y = 0;
    for (number, lines) in blocks.iter().enumerate().skip(first) {
        for line in lines {
            let at = paint::line(body, y);
            if at.height == 0 {
                hidden(buf, body, scene, blocks.len() - number);
                return;
            }
            if number == selected {
                paint::select(buf, at, scene, focused);
            }
            let inside = Rect {
                x: at.x + 2,
                width: at.width.saturating_sub(2),
                ..at
            };
            paint::left(buf, inside, line.clone());
            y += 1;
        }
        y += 1;
    }
}

/// Nothing is cut off in silence.
fn hidden(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, count: usize) {
    let at = paint::line(body, body.height.saturating_sub(1));
    let words = format!(" {count} more below ");
    let style = scene.style(Role::Dim).patch(scene.theme.ground_only());
    paint::right(buf, at, vec![Span::styled(words, style)]);
}

/// Whether the state of anything that was declared is not known now.
fn in_doubt(scene: &Scene<'_>) -> bool {
    let model = &scene.app.model;
    let at = scene.at;
    model
        .nodes(at)
        .iter()
        .any(|node| node.state == NodeState::Unknown)
        || model
            .inventory
            .balancers()
            .any(|(host, _)| model.balancer(&host.name, at).is_none())
        || model
            .vips(at)
            .iter()
            .any(|vip| vip.verdict == VipVerdict::Unknown)
}

/// No finding: say on what that rests, because silence of the sources would look the same.
fn nothing(buf: &mut Buffer, body: Rect, scene: &Scene<'_>) {
    let sources = &scene.app.model.sources;
    let answering = sources
        .values()
        .filter(|status| status.failure.is_none() && status.answered_at.is_some())
        .count();
    let narrowed = !scene.app.findings.is_empty();
    let (glyph, role, words) = if narrowed {
        (Glyph::Info, Role::Dim, "nothing passes the filter")
    } else if answering == 0 {
        (
            Glyph::Unknown,
            Role::Unknown,
            "waiting for the first answers",
        )
    } else if in_doubt(scene) {
        let words = "not everything has answered yet";
        (Glyph::Unknown, Role::Unknown, words)
    } else {
        (Glyph::Well, Role::Ok, "nothing is wrong")
    };
    let spans = vec![
        Span::raw("  "),
        scene.sign(role, glyph),
        scene.span(Role::Text, format!(" {words}")),
    ];
    paint::left(buf, paint::line(body, 0), spans);
    if narrowed || answering == 0 {
        return;
    }
    let oldest = sources
        .values()
        .filter_map(|status| status.answered_at)
        .min()
        .map(|at| format::age(scene.at.since(at)));
    let words = format!(
        "    {answering} of {} sources answer{}",
        sources.len(),
        oldest.map_or_else(String::new, |age| format!(", the oldest {age} ago"))
    );
    paint::left(
        buf,
        paint::line(body, 1),
        vec![scene.span(Role::Dim, words)],
    );
}
