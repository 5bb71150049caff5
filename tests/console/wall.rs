//! A wall screen shows the panes in turn, and leaves alone who is at the keys.

use super::scene::Scene;
use super::stage::Stage;
use rmqtop::app::focus::PaneId;
use rmqtop::app::msg::Msg;
use std::time::Duration;
use strum::IntoEnumIterator;

const EVERY: Duration = Duration::from_secs(20);

fn second(stage: &mut Stage) {
    stage.passes(Duration::from_secs(1));
    stage.update(Msg::Ticked);
}

/// The panes shown during some turns.
fn shown(stage: &mut Stage, turns: usize) -> Vec<PaneId> {
    let mut panes = vec![stage.app.pane()];
    for _ in 0..turns * 20 {
        second(stage);
        if panes.last() != Some(&stage.app.pane()) {
            panes.push(stage.app.pane());
        }
    }
    panes
}

fn wall() -> Stage {
    let mut stage = Stage::rotating(&Scene::healthy("4.3.6"), EVERY);
    stage.update(Msg::Ticked);
    stage
}

#[test]
fn every_pane_has_its_turn_and_then_the_first_again() {
    let all: Vec<PaneId> = PaneId::iter().collect();
    let mut expected = all.clone();
    expected.extend(all);
    expected.push(PaneId::Overview);
    assert_eq!(shown(&mut wall(), 12), expected);
}

#[test]
fn whoever_is_at_the_keys_keeps_the_pane() {
    let mut stage = wall();
    for _ in 0..19 {
        second(&mut stage);
    }
    stage.press("7");
    for _ in 0..19 {
        second(&mut stage);
    }
    assert_eq!(stage.app.pane(), PaneId::Vip);
    second(&mut stage);
    assert_ne!(stage.app.pane(), PaneId::Vip);
    // What was opened is not taken away, and neither is a frozen screen.
    for keys in ["?", "p"] {
        let mut stage = wall();
        stage.press(keys);
        assert_eq!(shown(&mut stage, 3), [PaneId::Overview], "{keys}");
    }
}
