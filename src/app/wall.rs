//! Owns the wall screen: panes in turn, for as long as nobody is at the keys.

use super::App;
use super::focus::PaneId;
use crate::model::moment::Moment;
use std::time::Duration;
use strum::IntoEnumIterator;

/// Panes in turn.
#[derive(Debug, Clone)]
pub(super) struct Wall {
    every: Duration,
    /// When the pane was turned to, or a key was last pressed.
    since: Option<Moment>,
}

impl Wall {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, since: None }
    }
}

impl App {
    /// Whoever presses a key has the pane for one more turn.
    pub(super) fn stay_on_pane(&mut self, now: Moment) {
        if let Some(wall) = &mut self.wall {
            wall.since = Some(now);
        }
    }

    /// Turns to the next pane when it is time; never away from what somebody opened or froze.
    pub(super) fn turn_pane(&mut self, now: Moment) {
        let is_free = self.modals.is_empty() && self.filter.is_none() && self.frozen.is_none();
        let Some(wall) = &mut self.wall else { return };
        let since = *wall.since.get_or_insert(now);
        if is_free && now.since(since) >= wall.every {
            wall.since = Some(now);
            self.trail.turn_to(after(self.trail.current()));
        }
    }
}

fn after(pane: PaneId) -> PaneId {
    let mut panes = PaneId::iter().cycle().skip_while(|other| *other != pane);
    panes.nth(1).unwrap_or(pane)
}
