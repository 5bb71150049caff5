//! What a command prints is told while it runs, line by line, and only once.

use crate::doubles::{Act, World, restart};
use rmqtop::executor::event::{RunEventKind, RunOutcome};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn what_a_command_prints_is_told_while_it_runs() {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.prints = vec!["half", " a line\nthe second\u{1b}[2J\n", "the third\n"];
    let ran = restart(world).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let mut told: Vec<(String, Duration)> = Vec::new();
    let mut ended = None;
    for event in &ran.events {
        match &event.what {
            RunEventKind::Output { step: 0, line } => {
                told.push((line.as_str().to_owned(), event.elapsed));
            }
            RunEventKind::CommandEnded { step: 0, .. } => ended = Some(event.elapsed),
            _ => {}
        }
    }
    let lines: Vec<&str> = told.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "half a line",
            "the second\\x1b[2J",
            "the third",
            "a word\\x1b[2J of rabbitmqctl"
        ]
    );
    let ended = ended.unwrap();
    assert!(
        told[0].1 + Duration::from_secs(1) <= ended,
        "{told:?} {ended:?}"
    );
    assert!(
        told[1].1 < told[2].1 && told[2].1 < ended,
        "{told:?} {ended:?}"
    );
    assert_eq!(ran.journal(), ran.events);
}

/// A command that prints without end is told as far as 200 lines go.
#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded() {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.prints = vec!["x\n"; 300];
    let ran = restart(world).await;
    let of_the_first = |what: &RunEventKind| matches!(what, RunEventKind::Output { step: 0, .. });
    let lines = ran.events.iter().filter(|event| of_the_first(&event.what));
    assert_eq!(lines.count(), 201);
}
