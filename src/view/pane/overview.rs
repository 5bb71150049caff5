//! Owns the Overview's layout: the path with the findings beside it, below it where the screen is
//! narrow, and the message figures where there is room left.

use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::theme::Role;
use super::{findings, path};
use crate::app::focus::ListId;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;

/// From this width on, the findings stand beside the path.
const SIDE_BY_SIDE: u16 = 110;

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let rows = scene.app.rows(ListId::Path, scene.now);
    let path_rows = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    if area.width >= SIDE_BY_SIDE {
        let right = (u32::from(area.width) * 38 / 100).clamp(42, 76);
        let right = u16::try_from(right).unwrap_or(42);
        let [left, gap, right] = area.layout(&Layout::horizontal([
            Constraint::Min(0),
            Constraint::Length(2),
            Constraint::Length(right),
        ]));
        let _ = gap;
        let needed = path_rows.saturating_add(1);
        let [upper, lower] = left.layout(&Layout::vertical([
            Constraint::Length(needed.min(left.height)),
            Constraint::Min(0),
        ]));
        path::draw(buf, upper, scene, &rows);
        messages(buf, paint::below(lower, 1), scene);
        findings::draw(buf, right, scene);
        return;
    }
    if scene.app.is_low() {
        if scene.app.list() == ListId::Path {
            path::draw(buf, area, scene, &rows);
        } else {
            findings::draw(buf, area, scene);
        }
        return;
    }
    let needed = path_rows.saturating_add(1).min(area.height * 2 / 3);
    let [upper, lower] = area.layout(&Layout::vertical([
        Constraint::Length(needed),
        Constraint::Min(0),
    ]));
    path::draw(buf, upper, scene, &rows);
    findings::draw(buf, lower, scene);
}

/// What flows through the cluster, from one node that keeps statistics.
fn messages(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    if area.height < 4 {
        return;
    }
    let title = vec![paint::title(scene, "Messages", Focused::No)];
    let body = paint::section(buf, area, scene, title, Focused::No);
    let model = &scene.app.model;
    let totals = model.figures(scene.at);
    let count = |value: Option<u64>| scene.figure(value.map(format::count));
    let rate = |value: Option<f64>| scene.figure(value.map(format::rate));
    let rows = [
        [
            ("ready", count(totals.ready)),
            ("unacked", count(totals.unacknowledged)),
            ("queues", count(model.queue_count(scene.at))),
            ("connections", count(model.connection_count(scene.at))),
        ],
        [
            ("publish", rate(totals.publish_rate)),
            ("deliver", rate(totals.deliver_rate)),
            ("ack", rate(totals.ack_rate)),
            ("consumers", count(totals.objects.consumers)),
        ],
    ];
    let cell = (body.width.saturating_sub(2) / 4).min(24);
    for (row, at) in rows.into_iter().zip(paint::lines(body)) {
        for (index, (label, figure)) in (0u16..).zip(row) {
            let room = Rect {
                x: at.x + 2 + index * cell,
                width: cell.saturating_sub(2),
                ..at
            };
            paint::left(buf, room, vec![scene.span(Role::Dim, label)]);
            paint::right(buf, room, vec![figure]);
        }
    }
    if model.current_totals(scene.at).is_none() || model.keeps_no_statistics(scene.at) {
        why_no_totals(buf, paint::line(body, 2), scene);
    } else {
        sparkline(buf, paint::line(paint::below(body, 3), 0), scene);
    }
}

/// The publish rate of the last minutes; gaps where it was not known.
fn sparkline(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let rates = scene.app.changes.publish_rates();
    if area.height == 0 || rates.len() < 2 {
        return;
    }
    let width = usize::from(area.width.saturating_sub(24)).min(rates.len());
    let shown = || rates.iter().skip(rates.len() - width);
    let top = shown().flatten().copied().fold(0.0, f64::max);
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let line: String = shown()
        .map(|rate| match rate {
            None => ' ',
            Some(_) if top <= 0.0 => '▁',
            Some(rate) => {
                let eighth = (0u8..7)
                    .take_while(|step| rate * 8.0 / top >= f64::from(*step) + 1.0)
                    .count();
                bars.get(eighth).copied().unwrap_or('▁')
            }
        })
        .collect();
    let words = crate::view::glyphs::plain(&line, scene.theme.charset());
    paint::left(
        buf,
        area,
        vec![
            Span::raw("  "),
            scene.span(Role::Dim, "publish "),
            Span::styled(words, scene.theme.series(0)),
            scene.span(Role::Dim, format!(" {} at most", format::rate(top))),
        ],
    );
}

fn why_no_totals(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let reading = &scene.app.model.totals;
    let words = match reading.failure() {
        Some(failure) => failure.to_string(),
        None if scene.app.model.keeps_no_statistics(scene.at) => {
            "the broker is set to keep no statistics".to_owned()
        }
        None if reading.seen_at().is_some() => "the last figures are too old".to_owned(),
        None => "not answered yet".to_owned(),
    };
    let spans = vec![
        Span::raw("  "),
        scene.sign(Role::Unknown, Glyph::Unknown),
        scene.span(Role::Dim, format!(" {words}")),
    ];
    paint::left(buf, area, spans);
}
