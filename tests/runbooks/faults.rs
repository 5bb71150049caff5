//! A fault at every step: the command fails, is not answered, is lost before or after its effect;
//! the cluster moves meanwhile; the journal fails. What was told and what was written agree.

use crate::cluster::{Cluster, Life};
use crate::doubles::{
    Act, Ran, Reply, World, clock, confirmed, execute, plan, restart, restart_with, resume,
};
use rmqtop::executor::event::{RunEventKind, RunId, RunOutcome};
use rmqtop::executor::journal;
use rmqtop::executor::record::{RunRecord, StepState};
use rmqtop::executor::report;
use rmqtop::model::observation::SourceKind;
use rstest::rstest;
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const SOON: Option<Duration> = Some(Duration::from_secs(4));
const LATE: Option<Duration> = Some(Duration::from_secs(100));

/// The first command meets `act`, any other works; or the other way round.
fn world(step: &str, act: Act) -> World {
    match step {
        "stop-app" => World::healthy([act, Act::works()]),
        _ => World::healthy([Act::works(), act]),
    }
}

fn assert_written(ran: &Ran) {
    assert_eq!(ran.journal(), ran.events, "the journal tells another story");
    assert!(ran.record().is_finished());
}

#[tokio::test(start_paused = true)]
async fn all_goes_well() {
    let ran = restart(World::healthy([
        Act::new(SOON, Reply::Exit(0)),
        Act::new(SOON, Reply::Exit(0)),
    ]))
    .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_written(&ran);
    insta::assert_snapshot!("all_goes_well", ran.story());
    // The id, the date and the measured times differ from run to run.
    let mut record = ran.record();
    record.run = RunId("20261122-140231-7f3a".to_owned());
    record.started = "2026-11-22T14:02:31Z".parse().unwrap();
    insta::assert_snapshot!("report_text", report::text(&record));
    insta::assert_snapshot!("report_markdown", report::markdown(&record));
    let waiting = ran.events.iter().filter_map(|event| match &event.what {
        RunEventKind::Waiting { step, words } => Some(format!("{step}: {words}")),
        _ => None,
    });
    insta::assert_snapshot!(
        "all_goes_well_waiting",
        waiting.collect::<Vec<_>>().join("\n")
    );
}

/// Outcomes are named `step_fault`; a snapshot holds the record and what was sent.
#[rstest]
#[case::fails("fails", Act::new(None, Reply::Exit(69)))]
#[case::fails_but_works("fails_but_works", Act::new(NOW, Reply::Exit(70)))]
#[case::succeeds_without_effect("succeeds_without_effect", Act::new(None, Reply::Exit(0)))]
#[case::gave_up_but_works_later("gave_up_but_works_later", Act::new(LATE, Reply::Exit(75)))]
#[case::not_sent("not_sent", Act::new(None, Reply::NotSent))]
#[case::lost_before("lost_before", Act::new(None, Reply::Lost))]
#[case::lost_after("lost_after", Act::new(SOON, Reply::Lost))]
#[case::times_out("times_out", Act::new(None, Reply::TimedOut))]
#[case::times_out_but_works("times_out_but_works", Act::new(LATE, Reply::TimedOut))]
#[tokio::test(start_paused = true)]
async fn a_command_goes_wrong(
    #[case] fault: &str,
    #[case] act: Act,
    #[values("stop-app", "start-app")] step: &str,
) {
    let ran = restart(world(step, act)).await;
    assert_written(&ran);
    insta::assert_snapshot!(format!("{step}_{fault}"), ran.story());
}

/// A command that gave up, was killed, or whose end was not seen may have its effect yet: that is no
/// failure, and going on waits for it before anything is sent beside it.
#[rstest]
#[case(Reply::Exit(75), true)]
#[case(Reply::Killed, true)]
#[case(Reply::Lost, true)]
#[case(Reply::TimedOut, true)]
#[case(Reply::Exit(0), false)]
#[case(Reply::Exit(69), false)]
#[tokio::test(start_paused = true)]
async fn what_may_work_yet_has_not_failed(#[case] reply: Reply, #[case] may: bool) {
    let ran = restart(World::healthy([Act::new(None, reply)])).await;
    let is_unknown = matches!(ran.outcome, RunOutcome::Unknown { .. });
    assert_eq!(is_unknown, may, "{}", ran.story());
    if !may {
        return;
    }
    let mut later = World::healthy([Act::works()]);
    later
        .meanwhile
        .insert(3, |cluster| cluster.lives[2] = Life::AppStopped);
    let resumed = resume(later, &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    assert_eq!(resumed.world.sent.len(), 1, "{:?}", resumed.world.sent);
    assert!(resumed.world.sent[0].ends_with("start_app"));
}

/// After the command nothing can be seen any more: that is no failure and no success.
#[rstest]
#[case("stop-app", 1)]
#[case("start-app", 2)]
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_unknown(#[case] step: &str, #[case] commands: usize) {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.blind_after = Some(commands);
    let ran = restart(world).await;
    assert!(matches!(ran.outcome, RunOutcome::Unknown { .. }));
    assert_written(&ran);
    insta::assert_snapshot!(format!("{step}_blind"), ran.story());
}

/// Before a command one look that sees too little is no verdict: it is looked again, for a while.
#[rstest]
#[case::for_a_moment(Some(4), 2)]
#[case::for_good(None, 0)]
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_before_a_command(#[case] until: Option<usize>, #[case] sent: usize) {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world.meanwhile.insert(1, |cluster| {
        cluster.mute = vec![(SourceKind::QuorumCritical, 2)];
    });
    if let Some(look) = until {
        world.meanwhile.insert(look, |cluster| cluster.mute.clear());
    }
    let ran = restart(world).await;
    assert_eq!(ran.sent.len(), sent, "{}", ran.story());
    assert_eq!(ran.outcome == RunOutcome::Done, until.is_some());
    assert_written(&ran);
    let blind = "could not be asked whether a quorum depends on it";
    let waits = ran.events.iter().filter(
        |event| matches!(&event.what, RunEventKind::Waiting { words, .. } if words.contains(blind)),
    );
    assert_eq!(waits.count(), 1, "told once");
    let story = ran.story();
    let is_over = story.contains("it cannot be told any more");
    assert_eq!(is_over, until.is_none(), "{story}");
}

/// Between plan and first act.
#[rstest]
#[case::member_lost("member_lost", |cluster: &mut Cluster| cluster.lives[1] = Life::Down)]
#[case::target_stopped("target_stopped", |cluster: &mut Cluster| cluster.lives[2] = Life::AppStopped)]
#[case::vip_moved("vip_moved", |cluster: &mut Cluster| cluster.holder = Some(1))]
#[case::upgraded("upgraded", |cluster: &mut Cluster| cluster.version = "3.10.25".to_owned())]
#[tokio::test(start_paused = true)]
async fn the_cluster_moved_since_the_plan(#[case] name: &str, #[case] moves: fn(&mut Cluster)) {
    let mut world = World::healthy([]);
    world.meanwhile.insert(1, moves);
    let ran = restart(world).await;
    assert!(matches!(ran.outcome, RunOutcome::Refused { .. }));
    assert!(ran.sent.is_empty());
    assert_written(&ran);
    insta::assert_snapshot!(format!("moved_{name}"), ran.story());
}

/// A queue came up since, so that the member's own answer is another one.
#[tokio::test(start_paused = true)]
async fn the_quorum_is_asked_again_right_before_the_stop() {
    use rmqtop::model::broker::QueueType;
    let mut world = World::healthy([]);
    world.meanwhile.insert(1, |cluster| {
        *cluster = cluster
            .clone()
            .with_queue("pair", QueueType::Quorum, &[1, 2]);
    });
    let ran = restart(world).await;
    assert!(ran.sent.is_empty());
    insta::assert_snapshot!("moved_quorum", ran.story());
}

/// Another member is lost while the target's app is stopped: starting it is the way back.
#[tokio::test(start_paused = true)]
async fn a_member_lost_after_the_stop_does_not_keep_the_app_stopped() {
    let mut world = World::healthy([Act::works(), Act::works()]);
    world
        .meanwhile
        .insert(3, |cluster| cluster.lives[1] = Life::HostDead);
    let ran = restart(world).await;
    assert_eq!(ran.sent.len(), 2);
    insta::assert_snapshot!("lost_after_stop", ran.story());
}

/// Someone else starts the app first.
#[tokio::test(start_paused = true)]
async fn what_is_so_already_is_not_done() {
    let mut world = World::healthy([Act::works()]);
    world
        .meanwhile
        .insert(3, |cluster| cluster.lives[2] = Life::Running);
    let ran = restart(world).await;
    assert_eq!(ran.sent.len(), 1);
    insta::assert_snapshot!("already_started", ran.story());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_app_is_started_and_not_stopped_again() {
    let cluster = Cluster::healthy().with_life(2, Life::AppStopped);
    let ran = restart(World::new(cluster, [Act::works()])).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(ran.sent.len(), 1);
    insta::assert_snapshot!("only_started", ran.story());
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_that_stays_away_fails_the_run() {
    let mut world = World::healthy([Act::works(), Act::works()]);
    // HAProxy is told to leave the server out while the app starts.
    world.meanwhile.insert(2, |cluster| cluster.maint = vec![2]);
    let ran = restart(world).await;
    insta::assert_snapshot!("balancer_stays_away", ran.story());
}

/// No audit line, no action. At each event whose loss must stop the run.
#[rstest]
#[case::announcing("announcing", |what: &RunEventKind| matches!(what, RunEventKind::Announced { .. }), 0)]
#[case::sending_stop("sending_stop", |what: &RunEventKind| matches!(what, RunEventKind::Sending { step: 0, .. }), 0)]
#[case::stop_ended("stop_ended", |what: &RunEventKind| matches!(what, RunEventKind::StepEnded { step: 0, .. }), 1)]
#[case::sending_start("sending_start", |what: &RunEventKind| matches!(what, RunEventKind::Sending { step: 1, .. }), 1)]
#[case::start_ended("start_ended", |what: &RunEventKind| matches!(what, RunEventKind::StepEnded { step: 1, .. }), 2)]
#[tokio::test(start_paused = true)]
async fn the_journal_fails(
    #[case] name: &str,
    #[case] fails_at: fn(&RunEventKind) -> bool,
    #[case] sent: usize,
) {
    let world = World::healthy([Act::works(), Act::works()]);
    let ran = restart_with(world, fails_at, |_, _| {}).await;
    assert_eq!(ran.sent.len(), sent, "{}", ran.story());
    assert_ne!(ran.outcome, RunOutcome::Done);
    insta::assert_snapshot!(format!("journal_{name}"), ran.story());
}

#[tokio::test(start_paused = true)]
async fn another_plan_is_not_run() {
    let world = World::healthy([]);
    let mut other = plan(&world.cluster);
    let permit = confirmed(&other);
    other.steps.remove(0);
    let ran = execute(world, &other, permit, |_| false, |_, _| {}).await;
    assert!(ran.sent.is_empty());
    assert_eq!(
        ran.outcome,
        RunOutcome::Refused {
            reason: "the permit is for another plan".to_owned()
        }
    );
}

/// A reader of the journal sees the run where its process was ended.
#[tokio::test(start_paused = true)]
async fn every_prefix_of_a_run_is_a_record() {
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let events = ran.journal();
    for count in 1..events.len() {
        let record = RunRecord::fold(&events[..count]).unwrap();
        assert!(!record.is_finished());
        let last = &events[count - 1].what;
        if matches!(last, RunEventKind::Sending { .. }) {
            assert_eq!(record.current().unwrap().state, StepState::Sent);
        }
    }
    let listed = journal::list(&ran.state).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1.as_ref().unwrap(), &ran.record());
}

/// The elapsed times never run back, and what a command prints is kept, made safe to show.
#[tokio::test(start_paused = true)]
async fn time_and_order_are_kept() {
    let begun = clock();
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let elapsed: Vec<Duration> = ran.events.iter().map(|event| event.elapsed).collect();
    assert!(elapsed.is_sorted());
    assert!(ran.record().started >= begun.wall);
    let all = ran.record();
    assert!(all.elapsed < Duration::from_secs(10), "{:?}", all.elapsed);
    assert_eq!(
        all.steps[0].output[0].as_str(),
        "a word\\x1b[2J of rabbitmqctl"
    );
}
