//! Owns the last row: the filter being typed, else the latest message, else the keys that can be
//! pressed here, from the command table.

use super::Drawn;
use super::glyphs::plain;
use super::paint;
use super::scene::Scene;
use super::theme::Role;
use crate::app::availability::Availability;
use crate::app::command::COMMANDS;
use crate::app::focus::Faults;
use crate::app::keymap::chord_words;
use crate::app::notice::Tone;
use crate::model::text::Shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the footer.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) -> Drawn {
    if let Some(field) = &scene.app.filter {
        let typed = Shown::new(field.text());
        paint::left(
            buf,
            area,
            vec![
                scene.span(Role::Accent, " /"),
                scene.span_raw(Role::Text, typed.as_str()),
            ],
        );
        let help = "enter keeps  esc clears  ! shows the others ";
        paint::right(buf, area, vec![scene.span(Role::Dim, help)]);
        let x = area.x + 2 + u16::try_from(field.cursor()).unwrap_or(0);
        return Drawn {
            cursor: Some((x.min(area.right().saturating_sub(1)), area.y)),
            ..Drawn::default()
        };
    }
    let used = if let Some(notice) = scene.app.notice(scene.now) {
        let role = match notice.tone {
            Tone::Plain => Role::Text,
            Tone::Refused => Role::Warn,
            Tone::News => Role::Info,
        };
        paint::left(
            buf,
            area,
            vec![Span::raw(" "), scene.span(role, &notice.words)],
        )
    } else if scene.app.modals.is_empty() {
        hints(buf, area, scene)
    } else {
        // What lies above the pane names its own keys.
        area.x
    };
    narrowed(buf, area, scene, used);
    Drawn::default()
}

/// The keys; those that cannot be used now are dimmed further.
fn hints(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) -> u16 {
    let mut spans: Vec<Span<'static>> = vec![Span::raw(" ")];
    for spec in COMMANDS {
        let (Some(word), Some(chord)) = (spec.hint, spec.chords.first()) else {
            continue;
        };
        let enabled = scene.app.availability(spec.command, scene.at) == Availability::Enabled;
        let (key, name) = if enabled {
            (Role::Accent, Role::Dim)
        } else {
            (Role::Faint, Role::Faint)
        };
        let key = scene.span(key, plain(&chord_words(chord), scene.theme.charset()));
        let name = scene.span(name, format!(" {word}  "));
        let width = paint::spans_width(&spans) + paint::spans_width(&[key.clone(), name.clone()]);
        if width > area.width {
            break;
        }
        spans.extend([key, name]);
    }
    paint::left(buf, area, spans)
}

/// Says that a list does not show everything, where one would look for the missing.
fn narrowed(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, used: u16) {
    let state = scene.app.list_state();
    let mut words = Vec::new();
    if !state.filter.is_empty() {
        words.push(format!("/{}", Shown::new(&state.filter)));
    }
    if state.faults == Faults::Only {
        words.push("faults only".to_owned());
    }
    if words.is_empty() {
        return;
    }
    let span = scene.span(Role::Warn, format!("{}  esc shows all ", words.join("  ")));
    let room = Rect {
        x: used.min(area.right()),
        width: area.right().saturating_sub(used),
        ..area
    };
    paint::right(buf, room, vec![span]);
}
