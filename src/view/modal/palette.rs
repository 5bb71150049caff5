//! Owns the face of the palette: what fits what was typed, commands with their keys, runbooks with
//! what rabbitmqctl calls them.

use super::super::Drawn;
use super::super::glyphs::{Glyph, plain};
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::first_shown;
use super::super::text;
use super::super::theme::Role;
use super::{indented, width};
use crate::app::availability::Availability;
use crate::app::keymap::chord_words;
use crate::app::modal::palette::{Entry, Palette};
use crate::model::text::Shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Columns of names, and of keys or other names.
const NAMES: usize = 19;
const KEYS: usize = 26;

/// Draws the palette.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, palette: &Palette) -> Drawn {
    let matches = palette.matches();
    let rows = u16::try_from(matches.len()).unwrap_or(u16::MAX).min(16);
    let mut at = paint::middle(body, width(body, 100), rows.max(1) + 4);
    at.y = body.y + body.height.min(2) / 2;
    let title = vec![Span::styled("Command or runbook", scene.bold(Role::Title))];
    let inside = paint::frame(buf, at, scene, Role::Frame, title);
    let typed = Shown::new(palette.field.text());
    let prompt = vec![
        scene.span(Role::Accent, ":"),
        scene.span_raw(Role::Text, typed.as_str()),
    ];
    paint::left(buf, paint::line(inside, 0), prompt);
    let list = paint::below(inside, 2);
    if matches.is_empty() {
        let words = "nothing is called so";
        paint::left(buf, list, vec![scene.span(Role::Warn, words)]);
    }
    let first = first_shown(matches.len(), palette.selected, usize::from(list.height));
    let shown = matches.iter().enumerate().skip(first);
    for ((number, entry), row) in shown.zip(paint::lines(list)) {
        if number == palette.selected {
            paint::select(buf, row, scene, Focused::Yes);
        }
        let inner = indented(row);
        paint::left(buf, inner, entry_row(scene, *entry, inner.width));
    }
    let x = inside.x + 1 + u16::try_from(palette.field.cursor()).unwrap_or(0);
    Drawn {
        scroll_limit: 0,
        cursor: Some((x.min(inside.right().saturating_sub(1)), inside.y)),
    }
}

fn entry_row(scene: &Scene<'_>, entry: Entry, columns: u16) -> Vec<Span<'static>> {
    let (key, doc, availability) = match entry {
        Entry::Command(spec) => (
            spec.chords.first().map(|chord| chord_words(chord)),
            spec.doc,
            scene.app.availability(spec.command, scene.at),
        ),
        Entry::Runbook(spec) => {
            let node = scene.app.selected_node(scene.at);
            let offer = scene.app.offer(spec, node.as_ref(), scene.at);
            (None, spec.words, offer.availability)
        }
    };
    let known_as = match entry {
        Entry::Command(_) => None,
        Entry::Runbook(spec) => spec.known_as.first().copied(),
    };
    let cut = scene.theme.sign(Glyph::Ellipsis);
    let second = match (&key, known_as) {
        (Some(key), _) => scene.span(Role::Accent, plain(key, scene.theme.charset())),
        (None, known_as) => {
            let known_as = known_as.unwrap_or_default();
            scene.span(Role::Info, text::cut_end(known_as, KEYS - 1, cut))
        }
    };
    let (name, doc) = match availability {
        Availability::Enabled => (Role::Text, doc.to_owned()),
        Availability::Disabled(reason) => (Role::Dim, format!("not now: {reason}")),
    };
    let pad = KEYS.saturating_sub(text::width(&second.content));
    let room = usize::from(columns).saturating_sub(NAMES + KEYS);
    vec![
        scene.span(name, format!("{:<NAMES$}", entry.name())),
        second,
        Span::raw(" ".repeat(pad)),
        scene.span(Role::Dim, text::cut_end(&doc, room, cut)),
    ]
}
