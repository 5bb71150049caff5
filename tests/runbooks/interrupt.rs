//! Ctrl-c: the first lets the step end, the second leaves at once and says what is not known.

use crate::doubles::{Act, Reply, World, restart_with};
use rmqtop::executor::control::{Stop, channel};
use rmqtop::executor::event::{RunEventKind, RunOutcome};

fn sending(step: usize) -> impl Fn(&RunEventKind) -> bool {
    move |what| matches!(what, RunEventKind::Sending { step: at, .. } if *at == step)
}

#[tokio::test(start_paused = true)]
async fn the_first_stops_after_the_step() {
    let world = World::healthy([Act::works()]);
    let ran = restart_with(
        world,
        |_| false,
        |event, controller| {
            if sending(0)(&event.what) {
                controller.interrupt();
            }
        },
    )
    .await;
    assert!(matches!(ran.outcome, RunOutcome::Interrupted { .. }));
    assert_eq!(ran.sent.len(), 1);
    assert_eq!(ran.journal(), ran.events);
    insta::assert_snapshot!("first", ran.story());
}

#[tokio::test(start_paused = true)]
async fn the_second_leaves_the_step_in_flight() {
    let world = World::healthy([Act::new(None, Reply::Silence)]);
    let ran = restart_with(
        world,
        |_| false,
        |event, controller| {
            if sending(0)(&event.what) {
                controller.interrupt();
                controller.interrupt();
            }
        },
    )
    .await;
    assert!(matches!(ran.outcome, RunOutcome::Unknown { .. }));
    assert_eq!(ran.journal(), ran.events);
    insta::assert_snapshot!("second", ran.story());
}

#[tokio::test(start_paused = true)]
async fn the_second_leaves_while_the_cluster_is_awaited() {
    let world = World::healthy([Act::new(None, Reply::Exit(0))]);
    let ran = restart_with(
        world,
        |_| false,
        |event, controller| {
            if matches!(event.what, RunEventKind::Waiting { .. }) {
                controller.interrupt();
                controller.interrupt();
            }
        },
    )
    .await;
    insta::assert_snapshot!("second_waiting", ran.story());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_act_nothing_is_sent() {
    let world = World::healthy([]);
    let ran = restart_with(
        world,
        |_| false,
        |event, controller| {
            if matches!(event.what, RunEventKind::StepStarted { step: 0 }) {
                controller.interrupt();
                controller.interrupt();
            }
        },
    )
    .await;
    assert!(ran.sent.is_empty());
    insta::assert_snapshot!("before", ran.story());
}

#[tokio::test(start_paused = true)]
async fn during_the_last_step_the_first_changes_nothing() {
    let world = World::healthy([Act::works(), Act::works()]);
    let ran = restart_with(
        world,
        |_| false,
        |event, controller| {
            if matches!(event.what, RunEventKind::StepStarted { step: 2 }) {
                controller.interrupt();
            }
        },
    )
    .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
}

#[test]
fn termination_is_only_ever_the_first() {
    let (controller, control) = channel();
    assert_eq!(control.wish(), Stop::No);
    controller.terminate();
    controller.terminate();
    assert_eq!(control.wish(), Stop::AfterStep);
    assert_eq!(controller.interrupt(), Stop::Now);
    controller.terminate();
    assert_eq!(control.wish(), Stop::Now);
}
