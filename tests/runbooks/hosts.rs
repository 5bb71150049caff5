//! The locks of the hosts, and what was sent in units that outlive their sender.

use crate::cluster::{Cluster, Life};
use crate::doubles::{Act, World, holder, restart, resume, unheld};
use rmqtop::executor::event::{RunEventKind, RunId, RunOutcome};
use rmqtop::executor::hosts::HostLockError;
use rmqtop::remote::outcome::Output;
use rstest::rstest;
use std::collections::BTreeMap;
use std::fs;

fn words(run: &str) -> String {
    serde_json::to_string(&holder(&RunId(run.to_owned()))).unwrap()
}

/// Whatever a holder wrote, the operator who is refused reads it, made safe to show.
#[rstest]
#[case("y", "ops@desk runs restart-app rabbit@rabbit-node3 since ")]
#[case("", "another run holds it")]
#[tokio::test(start_paused = true)]
async fn the_second_hears_who_the_first_is(#[case] run: &str, #[case] expected: &str) {
    let held = if run.is_empty() {
        "{\u{1b}[2J".to_owned()
    } else {
        words(run)
    };
    let mut world = World::healthy([]);
    world.holders = [Some(held)].into();
    let refused = unheld(world).await;
    assert!(matches!(refused, HostLockError::Held { .. }));
    let text = refused.to_string();
    assert!(text.starts_with("lock rabbit-node3: "), "{text}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

/// The connection was lost, and the lock with it: the next act takes it again, first waiting until
/// the host no longer counts us as its holder.
#[tokio::test(start_paused = true)]
async fn a_lost_lock_is_taken_again_before_the_next_act() {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.lose_locks_after = Some(1);
    world.holders = [None, Some(words("x")), Some(words("x"))].into();
    let ran = restart(world).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(ran.sent.len(), 2);
}

/// Someone else took it meanwhile: nothing more is sent.
#[tokio::test(start_paused = true)]
async fn a_lock_that_someone_else_took_stops_the_run() {
    let mut world = World::healthy([Act::works()]);
    world.lose_locks_after = Some(1);
    world.holders = [None, Some(words("y"))].into();
    let ran = restart(world).await;
    assert_eq!(ran.sent.len(), 1);
    let RunOutcome::Failed { reason } = &ran.outcome else {
        panic!("{:?}", ran.outcome);
    };
    assert!(
        reason.contains("start-app: nothing was sent: failed to lock rabbit-node3: ops@desk runs"),
        "{reason}"
    );
}

/// Our own words may stay on a host for as long as it waits for us, but not for ever.
#[tokio::test(start_paused = true)]
async fn a_host_that_never_lets_go_stops_the_run() {
    let mut world = World::healthy([Act::works()]);
    world.lose_locks_after = Some(1);
    world.holders = std::iter::once(None)
        .chain((0..200).map(|_| Some(words("x"))))
        .collect();
    let ran = restart(world).await;
    assert_eq!(ran.sent.len(), 1);
    assert!(matches!(ran.outcome, RunOutcome::Failed { .. }));
}

/// Two nodes of one machine have one lock: taken for the first, it is the second's too.
#[tokio::test(start_paused = true)]
async fn two_hosts_of_one_machine_share_its_lock() {
    let mut own: serde_json::Value = serde_json::from_str(&words("x")).unwrap();
    own["host"] = "rabbit-node1".into();
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.holders = [Some(own.to_string())].into();
    let ran = restart(world).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(ran.sent.len(), 2);
}

/// The process was killed while its command ran in a unit: the result is fetched, told, and the
/// cluster still decides.
#[rstest]
#[case::worked(0, Life::AppStopped, &["start_app"])]
#[case::failed(69, Life::Running, &["stop_app", "start_app"])]
#[tokio::test(start_paused = true)]
async fn the_result_of_a_unit_is_fetched(
    #[case] code: i32,
    #[case] life: Life,
    #[case] expected: &[&str],
) {
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let path = ran.state.runs().join(format!("{}.jsonl", ran.id));
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let sent = lines.iter().position(|line| line.contains("\"sending\""));
    fs::write(&path, lines[..=sent.unwrap()].concat()).unwrap();
    let cluster = Cluster::healthy().with_life(2, life);
    let mut world = World::new(cluster, vec![Act::works(); expected.len()]);
    let output = Output {
        code: Some(code),
        stdout: "what it printed\n".to_owned(),
        stderr: String::new(),
    };
    world.left = BTreeMap::from([(format!("rmqtop-{}-1-1", ran.id), output)]);
    let resumed = resume(world, &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    let verbs: Vec<&str> = resumed
        .world
        .sent
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(verbs, expected);
    let told = |is: &dyn Fn(&RunEventKind) -> bool| resumed.events.iter().any(|e| is(&e.what));
    assert!(told(
        &|what| matches!(what, RunEventKind::Output { step: 0, line } if line.as_str() == "what it printed")
    ));
    let end = format!("exit {code} ");
    assert!(told(
        &|what| matches!(what, RunEventKind::CommandEnded { step: 0, words } if words.starts_with(&end))
    ));
    assert!(resumed.world.left.is_empty());
}
