//! Owns which pane is drawn. One file each.

pub mod findings;
pub mod haproxy;
pub mod nodes;
pub mod overview;
pub mod path;
pub mod policies;
pub mod runs;
pub mod vip;

use super::scene::Scene;
use crate::app::focus::PaneId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the pane in focus.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    match scene.app.pane() {
        PaneId::Overview => overview::draw(buf, area, scene),
        PaneId::Nodes => nodes::draw(buf, area, scene),
        PaneId::Policies => policies::draw(buf, area, scene),
        PaneId::Haproxy => haproxy::draw(buf, area, scene),
        PaneId::Vip => vip::draw(buf, area, scene),
        PaneId::Runs => runs::draw(buf, area, scene),
    }
}
