//! Owns the few shapes everything is made of: lines, title rules, frames, selected rows. Knows
//! nothing of what they show.

use super::glyphs::{Charset, Glyph};
use super::scene::Scene;
use super::text;
use super::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// Columns a row of spans takes.
pub fn spans_width(spans: &[Span<'_>]) -> u16 {
    let columns: usize = spans.iter().map(|span| text::width(&span.content)).sum();
    u16::try_from(columns).unwrap_or(u16::MAX)
}

/// Writes spans at the left of a row; what does not fit is cut. Gives the column after them.
pub fn left(buf: &mut Buffer, area: Rect, spans: Vec<Span<'static>>) -> u16 {
    if area.height == 0 || area.width == 0 {
        return area.x;
    }
    let (x, _) = buf.set_line(area.x, area.y, &Line::from(spans), area.width);
    x
}

/// Writes spans at the left of a row; where they do not fit, what is cut ends in a mark.
pub fn fitted(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, mut spans: Vec<Span<'static>>) {
    while spans_width(&spans) > area.width {
        let Some(last) = spans.pop() else { return };
        let used = spans_width(&spans);
        if used < area.width {
            let room = usize::from(area.width - used);
            let mark = scene.theme.sign(Glyph::Ellipsis);
            let cut = text::cut_end(&last.content, room, mark);
            spans.push(Span::styled(cut, last.style));
            break;
        }
    }
    left(buf, area, spans);
}

/// Writes spans at the right of a row.
pub fn right(buf: &mut Buffer, area: Rect, spans: Vec<Span<'static>>) {
    let width = spans_width(&spans).min(area.width);
    let at = Rect {
        x: area.right().saturating_sub(width),
        width,
        ..area
    };
    left(buf, at, spans);
}

/// The rows of an area, one by one.
pub fn lines(area: Rect) -> impl Iterator<Item = Rect> {
    (area.top()..area.bottom()).map(move |y| Rect {
        y,
        height: 1,
        ..area
    })
}

/// One row of an area.
pub fn line(area: Rect, offset: u16) -> Rect {
    Rect {
        y: area.y.saturating_add(offset),
        height: u16::from(offset < area.height),
        ..area
    }
}

/// The area below its first `rows`.
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// A horizontal rule over the whole width.
pub fn rule(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, role: Role) {
    let sign = scene
        .theme
        .sign(Glyph::Rule)
        .repeat(usize::from(area.width));
    left(buf, line(area, 0), vec![scene.span(role, sign)]);
}

/// Whether a list takes the keys now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focused {
    /// It does.
    Yes,
    /// Another one does.
    No,
}

impl From<bool> for Focused {
    fn from(focused: bool) -> Self {
        if focused { Self::Yes } else { Self::No }
    }
}

/// A section's title with a rule behind it; gives the area below.
pub fn section(
    buf: &mut Buffer,
    area: Rect,
    scene: &Scene<'_>,
    title: Vec<Span<'static>>,
    focused: Focused,
) -> Rect {
    let row = line(area, 0);
    rule(buf, row, scene, Role::Faint);
    let mut spans = vec![match focused {
        Focused::Yes => scene.sign(Role::Accent, Glyph::Cursor),
        Focused::No => Span::raw(" "),
    }];
    spans.extend(title);
    spans.push(Span::raw(" "));
    fitted(buf, row, scene, spans);
    below(area, 1)
}

/// The title of a section in the role its focus gives it.
pub fn title(scene: &Scene<'_>, words: &str, focused: Focused) -> Span<'static> {
    let style = match focused {
        Focused::Yes => scene.bold(Role::Accent),
        Focused::No => scene.bold(Role::Title),
    };
    Span::styled(words.to_owned(), style)
}

/// Marks a row as selected: a soft ground, and a cursor where the keys are.
pub fn select(buf: &mut Buffer, row: Rect, scene: &Scene<'_>, focused: Focused) {
    if focused == Focused::Yes {
        buf.set_style(row, scene.style(Role::Selection));
        left(buf, row, vec![scene.sign(Role::Accent, Glyph::Cursor)]);
    }
}

/// A rounded frame on clean ground in the middle of `body`; gives the area inside.
pub fn frame(
    buf: &mut Buffer,
    at: Rect,
    scene: &Scene<'_>,
    role: Role,
    title: Vec<Span<'static>>,
) -> Rect {
    Clear.render(at, buf);
    buf.set_style(at, scene.theme.ground());
    let [tl, tr, bl, br, h, v] = match scene.theme.charset() {
        Charset::Unicode => ["╭", "╮", "╰", "╯", "─", "│"],
        Charset::Ascii => ["+", "+", "+", "+", "-", "|"],
    };
    let inside = at.width.saturating_sub(2);
    let bar = h.repeat(usize::from(inside));
    let edge = |text: String| vec![scene.span_raw(role, text)];
    left(buf, line(at, 0), edge(format!("{tl}{bar}{tr}")));
    for row in lines(at)
        .skip(1)
        .take(usize::from(at.height.saturating_sub(2)))
    {
        left(buf, row, edge(v.to_owned()));
        right(buf, row, edge(v.to_owned()));
    }
    let last = line(at, at.height.saturating_sub(1));
    left(buf, last, edge(format!("{bl}{bar}{br}")));
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title);
    spans.push(Span::raw(" "));
    let head = Rect {
        x: at.x + 2,
        width: at.width.saturating_sub(4),
        ..line(at, 0)
    };
    left(buf, head, spans);
    Rect {
        x: at.x + 2,
        y: at.y + 1,
        width: at.width.saturating_sub(4),
        height: at.height.saturating_sub(2),
    }
}

/// An area of at most this size in the middle of `body`.
pub fn middle(body: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(body.width);
    let height = height.min(body.height);
    Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 2,
        width,
        height,
    }
}
