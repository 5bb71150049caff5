//! Owns which modal is drawn: only the one on top, so that there is no box in a box.

pub mod confirm;
pub mod detail;
pub mod form;
pub mod hand;
pub mod help;
pub mod menu;
pub mod palette;
pub mod plan;
pub mod run;

use super::Drawn;
use super::paint;
use super::scene::Scene;
use super::theme::Role;
use crate::app::modal::{Modal, Scroll};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

/// Lines of spans.
pub type Lines = Vec<Vec<Span<'static>>>;

/// Draws what lies on top; `None` if nothing does.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>) -> Option<Drawn> {
    if !scene.app.modals.is_empty() {
        let shade = scene.style(Role::Faint).remove_modifier(Modifier::BOLD);
        buf.set_style(body, shade.patch(scene.theme.ground_only()));
    }
    Some(match scene.app.modals.last()? {
        Modal::Help(scroll) => help::draw(buf, body, scene, *scroll),
        Modal::Palette(palette) => palette::draw(buf, body, scene, palette),
        Modal::Actions(menu) => menu::actions(buf, body, scene, menu),
        Modal::Form(form) => form::draw(buf, body, scene, form),
        Modal::Surveying(asked) => menu::surveying(buf, body, scene, asked),
        Modal::Confirm(confirm) => confirm::draw(buf, body, scene, confirm),
        Modal::Refused(refusal, scroll) => plan::refusal(buf, body, scene, (refusal, *scroll)),
        Modal::Hand(menu) => hand::draw(buf, body, scene, menu),
        Modal::Run(which, scroll) => {
            let run = scene.app.run_at(which)?;
            run::draw(buf, body, scene, (run, which, *scroll))
        }
        Modal::Detail(subject, scroll) => detail::draw(buf, body, scene, (subject, *scroll)),
    })
}

/// Width of a modal: the whole body where it is narrow.
pub fn width(body: Rect, wanted: u16) -> u16 {
    if body.width <= wanted + 8 {
        body.width
    } else {
        wanted
    }
}

/// A row without the columns of the cursor.
pub fn indented(row: Rect) -> Rect {
    Rect {
        x: row.x + 2,
        width: row.width.saturating_sub(2),
        ..row
    }
}

/// Draws lines that may be more than fit; gives how far they can be scrolled.
pub fn scrolled(
    buf: &mut Buffer,
    area: Rect,
    scene: &Scene<'_>,
    (lines, scroll): (Lines, Scroll),
) -> usize {
    let total = lines.len();
    let fits = total <= usize::from(area.height);
    // The last row tells what is below, so that nothing is cut off in silence.
    let height = usize::from(area.height).saturating_sub(usize::from(!fits));
    let first = scroll.first(total, height);
    let shown = lines.into_iter().skip(first).take(height);
    for (line, at) in shown.zip(paint::lines(area)) {
        paint::left(buf, at, line);
    }
    let below = total.saturating_sub(first + height);
    if below > 0 {
        let at = paint::line(area, area.height.saturating_sub(1));
        let words = format!("{below} more lines below, PgDn ");
        paint::right(buf, at, vec![scene.span(Role::Accent, words)]);
    }
    total.saturating_sub(height)
}
