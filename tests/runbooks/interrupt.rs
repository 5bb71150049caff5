//! Ctrl-c: the first lets the step end, the second leaves at once and says what is not known.

use crate::cluster::Cluster;
use crate::doubles::{Act, Reply, World, confirmed, execute, holder, plan, restart_with};
use rmqtop::executor::control::{Controller, Stop, channel};
use rmqtop::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome};
use rmqtop::runbook::plan::Step;
use rstest::rstest;
use std::time::Duration;
use tokio::time::{Instant, sleep};

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

/// Nothing was sent yet: the first is enough, and it does not wait for a look that is slow.
#[rstest]
#[case::interrupted(|controller: &Controller| { controller.interrupt(); })]
#[case::terminated(Controller::terminate)]
#[tokio::test(start_paused = true)]
async fn before_the_first_act_the_first_ends_it(#[case] stop: fn(&Controller)) {
    let mut world = World::healthy([]);
    world.slow_from = Some((1, Duration::from_secs(14)));
    let begun = Instant::now();
    let listen = |event: &RunEvent, controller: &Controller| {
        if matches!(event.what, RunEventKind::StepStarted { step: 0 }) {
            stop(controller);
        }
    };
    let ran = restart_with(world, |_| false, listen).await;
    assert!(ran.sent.is_empty());
    assert!(
        matches!(ran.outcome, RunOutcome::Interrupted { .. }),
        "{}",
        ran.story()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ran.journal(), ran.events);
}

/// A run that begins with a wait has sent nothing for as long as it waits.
#[tokio::test(start_paused = true)]
async fn a_wait_before_the_first_act_ends_with_the_first() {
    let mut plan = plan(&Cluster::healthy());
    let wait = Step {
        change: None,
        before: Vec::new(),
        already: Vec::new(),
        ..plan.steps[0].clone()
    };
    plan.steps.insert(0, wait);
    let permit = confirmed(&plan);
    let listen = |event: &RunEvent, controller: &Controller| {
        if matches!(event.what, RunEventKind::Waiting { .. }) {
            controller.interrupt();
        }
    };
    let ran = execute(World::healthy([]), &plan, permit, |_| false, listen).await;
    assert!(ran.sent.is_empty());
    assert!(
        matches!(ran.outcome, RunOutcome::Interrupted { .. }),
        "{}",
        ran.story()
    );
}

/// The lock of a host went with the connection, and the host still counts us as its holder.
#[tokio::test(start_paused = true)]
async fn the_wait_for_a_host_s_lock_is_left_too() {
    let mut world = World::healthy([Act::works()]);
    world.lose_locks_after = Some(1);
    let own = serde_json::to_string(&holder(&RunId("x".to_owned()))).unwrap();
    world.holders = std::iter::once(None)
        .chain((0..200).map(|_| Some(own.clone())))
        .collect();
    let listen = |event: &RunEvent, controller: &Controller| {
        if matches!(event.what, RunEventKind::StepStarted { step: 1 }) {
            let controller = controller.clone();
            tokio::spawn(async move {
                sleep(Duration::from_secs(3)).await;
                controller.interrupt();
                controller.interrupt();
            });
        }
    };
    let ran = restart_with(world, |_| false, listen).await;
    assert_eq!(ran.sent.len(), 1);
    let RunOutcome::Interrupted { reason } = &ran.outcome else {
        panic!("{}", ran.story());
    };
    let expected = "start-app: the operator stopped the run before this step sent anything";
    assert!(reason.starts_with(expected), "{reason}");
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
