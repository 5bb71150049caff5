//! Owns the one table every list of columns is drawn with. Columns are data; they are dropped by
//! priority and never by cutting figures. Only the rows on screen are asked for.

use super::glyphs::Glyph;
use super::paint::{self, Focused};
use super::scene::Scene;
use super::text;
use super::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Empty columns between two columns.
const GAP: u16 = 2;
/// Where the cursor stands.
const MARGIN: u16 = 2;

/// One column over rows of type `R`.
pub struct Column<R> {
    /// Its heading.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// To which side its cells lean.
    pub align: Align,
    /// The highest goes first when there is no room; 0 never goes.
    pub priority: u8,
    /// Its cell in a row.
    pub cell: fn(&R, &Scene<'_>) -> Vec<Span<'static>>,
}

impl<R> std::fmt::Debug for Column<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column")
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Always this wide; for figures.
    Fixed(u16),
    /// As wide as what is on screen, within these; longer names are cut in the middle.
    Names {
        /// At least.
        min: u16,
        /// At most.
        max: u16,
    },
}

impl Width {
    fn least(self) -> u16 {
        match self {
            Self::Fixed(width) => width,
            Self::Names { min, .. } => min,
        }
    }
}

/// To which side a column's cells lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Names and words.
    Left,
    /// Figures.
    Right,
}

/// Which rows there are.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// How many.
    pub total: usize,
    /// Which one is selected.
    pub selected: usize,
    /// Whether the keys move here.
    pub focused: Focused,
}

/// The first row shown, so that the selected one is on screen with its neighbours.
pub fn first_shown(total: usize, selected: usize, height: usize) -> usize {
    selected
        .saturating_sub(height / 2)
        .min(total.saturating_sub(height))
}

/// Draws headings and the rows that fit; `row` makes a row by its number.
pub fn draw<R>(
    buf: &mut Buffer,
    area: Rect,
    scene: &Scene<'_>,
    columns: &[Column<R>],
    (rows, row): (Rows, impl Fn(usize) -> Option<R>),
) {
    let body = paint::below(area, 1);
    let height = usize::from(body.height);
    let first = first_shown(rows.total, rows.selected, height);
    let shown: Vec<R> = (first..rows.total.min(first + height))
        .filter_map(row)
        .collect();
    let wanted: Vec<u16> = columns
        .iter()
        .map(|column| wanted(column, &shown, scene))
        .collect();
    let kept = fitting(columns, &wanted, area.width);
    let widths = widths(&kept, area.width);
    let kept: Vec<&Column<R>> = kept.into_iter().map(|(column, _)| column).collect();
    let cells = shown.iter().map(|row| {
        kept.iter()
            .map(|column| (column.cell)(row, scene))
            .collect()
    });
    let heads = kept
        .iter()
        .map(|column| vec![scene.span(Role::Dim, column.title)])
        .collect();
    put(buf, paint::line(area, 0), scene, &kept, (&widths, heads));
    for ((cells, at), number) in cells.zip(paint::lines(body)).zip(first..) {
        if number == rows.selected {
            paint::select(buf, at, scene, rows.focused);
        }
        put(buf, at, scene, &kept, (&widths, cells));
    }
    if rows.total > height {
        let words = format!("{}-{} of {}", first + 1, first + shown.len(), rows.total);
        paint::right(
            buf,
            paint::line(area, 0),
            vec![scene.span(Role::Dim, words)],
        );
    }
}

/// How wide a column would like to be for the rows on screen.
fn wanted<R>(column: &Column<R>, shown: &[R], scene: &Scene<'_>) -> u16 {
    match column.width {
        Width::Fixed(width) => width,
        Width::Names { min, max } => shown
            .iter()
            .map(|row| paint::spans_width(&(column.cell)(row, scene)))
            .max()
            .unwrap_or(min)
            .clamp(min, max),
    }
}

/// The columns that fit, in their order, with the width they would like. What can be dropped is
/// dropped before a name is cut.
fn fitting<'c, R>(
    columns: &'c [Column<R>],
    wanted: &[u16],
    width: u16,
) -> Vec<(&'c Column<R>, u16)> {
    let mut kept: Vec<(&Column<R>, u16)> = columns.iter().zip(wanted.iter().copied()).collect();
    let needs = |kept: &[(&Column<R>, u16)]| {
        let columns: u16 = kept.iter().map(|(_, wanted)| wanted + GAP).sum();
        MARGIN + columns.saturating_sub(GAP)
    };
    while needs(&kept) > width {
        let Some(last) = kept.iter().map(|(column, _)| column.priority).max() else {
            break;
        };
        if last == 0 {
            break;
        }
        let at = kept.iter().rposition(|(column, _)| column.priority == last);
        if let Some(at) = at {
            kept.remove(at);
        }
    }
    kept
}

/// Names take what they would like of what is there, from left to right.
fn widths<R>(kept: &[(&Column<R>, u16)], width: u16) -> Vec<u16> {
    let least: u16 = kept
        .iter()
        .map(|(column, _)| column.width.least() + GAP)
        .sum();
    let mut spare = (width + GAP).saturating_sub(MARGIN + least);
    kept.iter()
        .map(|(column, wanted)| {
            let least = column.width.least();
            let more = wanted.saturating_sub(least).min(spare);
            spare -= more;
            least + more
        })
        .collect()
}

/// Writes one row of cells.
fn put<R>(
    buf: &mut Buffer,
    at: Rect,
    scene: &Scene<'_>,
    kept: &[&Column<R>],
    (widths, cells): (&[u16], Vec<Vec<Span<'static>>>),
) {
    let mut x = at.x + MARGIN;
    for ((column, width), mut cell) in kept.iter().zip(widths).zip(cells) {
        if let (Width::Names { .. }, Some(name)) = (column.width, cell.first_mut()) {
            let mark = scene.theme.sign(Glyph::Ellipsis);
            *name = Span::styled(
                text::cut_middle(&name.content, usize::from(*width), mark),
                name.style,
            );
        }
        let room = Rect {
            x,
            width: (*width).min(at.right().saturating_sub(x)),
            ..at
        };
        match column.align {
            Align::Left => {
                paint::left(buf, room, cell);
            }
            Align::Right => paint::right(buf, room, cell),
        }
        x = x.saturating_add(width + GAP);
    }
}

#[cfg(test)]
mod tests {
    use super::first_shown;

    #[test]
    fn the_selected_row_is_always_on_screen() {
        for total in [0usize, 1, 5, 100_000] {
            for height in [1usize, 3, 40] {
                for selected in [0, total / 2, total.saturating_sub(1)] {
                    let first = first_shown(total, selected, height);
                    assert!(first <= selected && selected < first + height.max(1));
                    assert!(first == 0 || first + height <= total);
                }
            }
        }
    }
}
