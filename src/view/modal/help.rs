//! Owns the help: every command of the table with its keys, and what the signs mean.

use super::super::Drawn;
use super::super::glyphs::Glyph;
use super::super::paint;
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::{Lines, scrolled, width};
use crate::app::availability::Availability;
use crate::app::command::{COMMANDS, Group};
use crate::app::keymap::chord_words;
use crate::app::modal::Scroll;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use strum::IntoEnumIterator;

/// Draws the help.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, scroll: Scroll) -> Drawn {
    let at = paint::middle(body, width(body, 100), body.height);
    let title = vec![
        Span::styled("Help", scene.bold(Role::Title)),
        scene.span(Role::Dim, "  esc closes"),
    ];
    let inside = paint::frame(buf, at, scene, Role::Frame, title);
    let lines = lines(scene, usize::from(inside.width));
    Drawn {
        scroll_limit: scrolled(buf, inside, scene, (lines, scroll)),
        cursor: None,
    }
}

/// Columns of the keys and of the names.
const KEYS: usize = 16;
const NAMES: usize = 12;

fn lines(scene: &Scene<'_>, columns: usize) -> Lines {
    let mut lines: Lines = Vec::new();
    for group in Group::iter() {
        lines.push(vec![Span::styled(group.title(), scene.bold(Role::Title))]);
        for spec in COMMANDS.iter().filter(|spec| spec.group == group) {
            let chords: Vec<String> = spec.chords.iter().map(|c| chord_words(c)).collect();
            let mut doc = spec.doc.to_owned();
            if let Availability::Disabled(reason) = scene.app.availability(spec.command, scene.at) {
                doc = format!("{doc} Not now: {reason}.");
            }
            let room = columns.saturating_sub(KEYS + NAMES + 2);
            for (number, part) in text::wrap(&doc, room).into_iter().enumerate() {
                let (keys, name) = if number == 0 {
                    (chords.join("  "), spec.name)
                } else {
                    (String::new(), "")
                };
                lines.push(vec![
                    scene.span(Role::Accent, format!("  {keys:<w$}", w = KEYS - 2)),
                    scene.span(Role::Text, format!("{name:<NAMES$}  ")),
                    scene.span(Role::Dim, part),
                ]);
            }
        }
        lines.push(Vec::new());
    }
    lines.push(vec![Span::styled("Signs", scene.bold(Role::Title))]);
    let signs = [
        (Glyph::Well, Role::Ok, "running, up"),
        (Glyph::Warning, Role::Warn, "degraded, on its way down"),
        (Glyph::Broken, Role::Crit, "down"),
        (
            Glyph::Resting,
            Role::Dim,
            "stopped on purpose, drained, in maintenance",
        ),
        (
            Glyph::Unknown,
            Role::Unknown,
            "it cannot be told, or the last answer is too old",
        ),
        (Glyph::Expected, Role::Expected, "caused by a run of ours"),
        (Glyph::Holder, Role::Accent, "holds the virtual address"),
    ];
    for (glyph, role, words) in signs {
        lines.push(vec![
            Span::raw("  "),
            scene.sign(role, glyph),
            scene.span(Role::Dim, format!("  {words}")),
        ]);
    }
    let tilde = "a node matched to a server by name only; HAProxy shows no address";
    lines.push(vec![
        scene.span(Role::Text, "  ~"),
        scene.span(Role::Dim, format!("  {tilde}")),
    ]);
    lines
}
