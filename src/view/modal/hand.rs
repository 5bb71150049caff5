//! Owns the face of what can be done with an interrupted run.

use super::super::Drawn;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::{indented, width};
use crate::app::availability::Availability;
use crate::app::modal::hand::{Hand, HandMenu};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use strum::IntoEnumIterator;

/// Draws the menu.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, menu: &HandMenu) -> Drawn {
    let columns = width(body, 84);
    let room = usize::from(columns.saturating_sub(6));
    let reason = match scene.app.can_be_taken(&menu.run) {
        Availability::Enabled => Vec::new(),
        Availability::Disabled(reason) => text::wrap(&format!("not now: {reason}"), room),
    };
    let reasons = u16::try_from(reason.len()).unwrap_or(1);
    let at = paint::middle(body, columns, 8 + reasons);
    let title = vec![
        scene.span(Role::Title, "Run "),
        Span::styled(menu.run.to_string(), scene.bold(Role::Text)),
    ];
    let inside = paint::frame(buf, at, scene, Role::Frame, title);
    let record = scene.app.journal.get(&menu.run);
    if let Some(record) = record.and_then(|entry| entry.record()) {
        let words = format!("{} on {}", record.plan.action, record.plan.cluster);
        let line = vec![scene.span_raw(Role::Dim, words)];
        paint::fitted(buf, paint::line(inside, 0), scene, line);
    }
    let (name, doc) = if reason.is_empty() {
        (Role::Text, Role::Dim)
    } else {
        (Role::Dim, Role::Dim)
    };
    let list = paint::below(inside, 2);
    for ((number, hand), row) in Hand::iter().enumerate().zip(paint::lines(list)) {
        if number == menu.selected {
            paint::select(buf, row, scene, Focused::Yes);
        }
        let spans = vec![
            scene.span(name, format!("{:<12}", hand.name())),
            scene.span(doc, hand.words()),
        ];
        paint::fitted(buf, indented(row), scene, spans);
    }
    for (line, row) in reason
        .into_iter()
        .zip(paint::lines(paint::below(inside, 4)))
    {
        paint::left(buf, indented(row), vec![scene.span(Role::Warn, line)]);
    }
    let hint = "enter asks once more first   esc closes";
    let bottom = paint::line(inside, inside.height.saturating_sub(1));
    paint::left(buf, bottom, vec![scene.span(Role::Dim, hint)]);
    Drawn::default()
}
