//! Owns the screen: `draw` is a pure function of state, theme and time. No I/O, no clock, no
//! change of state.
//!
//! ```text
//!  prod  my_rabbitmq_cluster  RabbitMQ 3.10.8 · mnesia   nodes 3/3  LBs 2/2  VIP ok      14:02:31   header
//!  1 Overview  2 Nodes  6 HAProxy  7 VIP                                                           tabs
//!  ─────────────────────────────────────────────────────────────────────────────────────────────
//!  pane                                                                                            pane/*
//!     ┌ what lies above it ┐                                                                       modal/*
//!  : command  / filter  ? help                                                                     footer
//! ```

pub mod footer;
pub mod format;
pub mod glyphs;
pub mod header;
pub mod modal;
pub mod paint;
pub mod pane;
pub mod scene;
pub mod table;
pub mod text;
pub mod theme;
pub mod words;

use crate::app::App;
use crate::model::moment::Moment;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use scene::Scene;
use theme::Role;
use theme::Theme;

/// Narrower or lower than this, nothing useful fits.
pub const SMALLEST: (u16, u16) = (60, 20);

/// What only drawing can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drawn {
    /// How far what lies on top can be scrolled, in lines.
    pub scroll_limit: usize,
    /// Where the terminal's cursor belongs; `None`: nowhere.
    pub cursor: Option<(u16, u16)>,
}

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, app: &App, theme: &Theme, now: Moment) -> Drawn {
    let area = frame.area();
    let drawn = draw_on(frame.buffer_mut(), area, app, theme, now);
    if let Some((x, y)) = drawn.cursor {
        frame.set_cursor_position((x, y));
    }
    drawn
}

/// Draws the whole screen on a buffer; pictures and tests have no terminal.
pub fn draw_on(buf: &mut Buffer, area: Rect, app: &App, theme: &Theme, now: Moment) -> Drawn {
    buf.set_style(area, theme.ground());
    let scene = Scene::new(app, theme, now);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(buf, area, &scene);
        return Drawn::default();
    }
    let [head, body, foot] = regions(area);
    header::draw(buf, head, &scene);
    pane::draw(buf, body, &scene);
    let mut drawn = footer::draw(buf, foot, &scene);
    if let Some(on_top) = modal::draw(buf, body, &scene) {
        drawn = on_top;
    }
    drawn
}

/// Header, body and footer.
pub fn regions(area: Rect) -> [Rect; 3] {
    use ratatui::layout::{Constraint, Layout};
    area.layout(&Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(0),
        Constraint::Length(1),
    ]))
}

fn too_small(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let lines = [
        format!("{} columns, {} rows", area.width, area.height),
        format!("rmqtop needs {} by {}", SMALLEST.0, SMALLEST.1),
    ];
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        buf.set_stringn(
            area.x,
            y,
            line,
            usize::from(area.width),
            scene.style(Role::Warn),
        );
    }
}
