//! Going on with a run whose process was ended: at every line of its journal, with and without the
//! effect of the command in flight, the cluster ends whole, and nothing is sent twice that took
//! effect.

use crate::cluster::{Cluster, Life, node};
use crate::doubles::{Act, Ran, Reply, Resumed, World, act, plan, restart, resume};
use rmqtop::action::Action;
use rmqtop::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use rmqtop::executor::journal::{self, Audit, Durability, Journal, JournalError, Tail};
use rmqtop::executor::record::RunRecord;
use rmqtop::executor::report;
use rmqtop::executor::resume::{closed, foreign, left, needs};
use rmqtop::executor::state::StateDir;
use rmqtop::model::broker::NodeType;
use rmqtop::model::observation::SourceKind;
use rmqtop::runbook::plan::Plan;
use rstest::rstest;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

async fn a_good_run() -> (Ran, PathBuf, Vec<u8>) {
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let path = ran.state.runs().join(format!("{}.jsonl", ran.id));
    let bytes = fs::read(&path).unwrap();
    (ran, path, bytes)
}

fn world(life: Life, acts: usize) -> World {
    let cluster = Cluster::healthy().with_life(2, life);
    World::new(cluster, vec![Act::works(); acts])
}

fn verbs(sent: &[String]) -> Vec<&str> {
    sent.iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect()
}

fn count(events: &[RunEvent], is: fn(&RunEventKind) -> bool) -> usize {
    events.iter().filter(|event| is(&event.what)).count()
}

/// The journal holds what it held, to the byte, and then what was told since.
fn assert_grown(state: &StateDir, id: &RunId, bytes: &[u8], resumed: &Resumed) {
    let path = state.runs().join(format!("{id}.jsonl"));
    assert!(fs::read(path).unwrap().starts_with(bytes));
    let (events, tail) = journal::read(state, id).unwrap();
    assert_eq!(tail, Tail::Whole);
    assert_eq!(events, [&resumed.before[..], &resumed.events[..]].concat());
    let elapsed: Vec<Duration> = events.iter().map(|event| event.elapsed).collect();
    assert!(elapsed.is_sorted(), "{elapsed:?}");
}

/// The runtime was killed in a join, and its host started it again, app and all: the step before is
/// no more so, and is taken again. Where the join took effect after all, nothing is.
#[tokio::test(start_paused = true)]
async fn what_is_undone_meanwhile_is_done_again() {
    let join = Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    };
    let mut before = Cluster::healthy();
    before.strangers = vec![2];
    let killed = Act::new(None, Reply::Exit(69));
    for joined in [false, true] {
        let ran = act(World::new(before.clone(), [Act::works(), killed]), &join).await;
        assert_eq!(verbs(&ran.sent)[0], "stop_app");
        assert!(matches!(ran.outcome, RunOutcome::Failed { .. }));
        let mut cluster = ran.cluster.clone();
        cluster.lives[2] = Life::Running;
        if joined {
            cluster.strangers.clear();
        }
        let resumed = resume(World::new(cluster, [Act::works(); 3]), &ran.state, &ran.id).await;
        assert_eq!(resumed.outcome, RunOutcome::Done);
        let known = ["stop_app", "join_cluster", "start_app"];
        let verb = |line: &String| {
            line.split(' ')
                .find(|word| known.contains(word))
                .map(str::to_owned)
        };
        let sent: Vec<String> = resumed.world.sent.iter().filter_map(verb).collect();
        assert_eq!(resumed.world.sent.len(), sent.len());
        assert_eq!(sent, if joined { &known[..0] } else { &known[..] });
    }
}

/// The process ended after each of the journal's lines; what was in flight took effect or not.
#[tokio::test(start_paused = true)]
async fn ended_anywhere_it_ends_done() {
    let (ran, path, bytes) = a_good_run().await;
    let truth = ran.journal();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut tried = 0;
    for length in 1..truth.len() {
        let sendings = count(&truth[..length], |what| {
            matches!(what, RunEventKind::Sending { .. })
        });
        let confirmed = count(&truth[..length], |what| {
            matches!(what, RunEventKind::StepEnded { .. })
        });
        for took_effect in [true, false] {
            if !took_effect && (sendings == 0 || confirmed >= sendings) {
                continue;
            }
            let (life, expected): (Life, &[&str]) = match (sendings, took_effect) {
                (0, _) | (1, false) => (Life::Running, &["stop_app", "start_app"]),
                (1, true) | (2, false) => (Life::AppStopped, &["start_app"]),
                _ => (Life::Running, &[]),
            };
            for torn in [&b""[..], &lines[length][..lines[length].len() / 2]] {
                let whole = lines[..length].concat();
                fs::write(&path, [&whole, torn].concat()).unwrap();
                let resumed = resume(world(life, expected.len()), &ran.state, &ran.id).await;
                let what = format!("line {length}, effect {took_effect}");
                assert_eq!(resumed.outcome, RunOutcome::Done, "{what}");
                assert_eq!(verbs(&resumed.world.sent), expected, "{what}");
                assert_eq!(resumed.world.cluster.lives[2], Life::Running, "{what}");
                assert_grown(&ran.state, &ran.id, &whole, &resumed);
                let RunEventKind::Resumed { who, torn: kept } = &resumed.events[0].what else {
                    panic!("{what}: {:?}", resumed.events[0]);
                };
                assert_eq!(who, "ops@desk");
                let text = String::from_utf8_lossy(torn);
                assert_eq!(kept.as_ref().map_or("", |kept| kept.raw()), text, "{what}");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

/// What the commands did when the run was lost is not guessed.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_stays_unknown_and_nothing_is_sent() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 0, .. })
    });
    let mut blind = world(Life::AppStopped, 0);
    blind.blind_after = Some(0);
    let resumed = resume(blind, &ran.state, &ran.id).await;
    assert!(matches!(resumed.outcome, RunOutcome::Unknown { .. }));
    assert!(resumed.world.sent.is_empty());
    // Seen again, it goes on to a good end, still in the same journal.
    let resumed = resume(world(Life::AppStopped, 1), &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    assert_eq!(verbs(&resumed.world.sent), ["start_app"]);
    let record = journal::record(&ran.state, &ran.id).unwrap();
    assert_eq!(record.resumed.len(), 2);
    assert_eq!(closed(&record).as_deref(), Some("it is done"));
}

/// A command that was sent and is still at work is waited for, not sent again.
#[tokio::test(start_paused = true)]
async fn a_command_still_at_work_is_given_its_time() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 1, .. })
    });
    let mut slow = world(Life::AppStopped, 0);
    slow.meanwhile
        .insert(40, |cluster| cluster.lives[2] = Life::Running);
    let resumed = resume(slow, &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    assert!(resumed.world.sent.is_empty());
    let already = resumed.events.iter().any(|event| {
        matches!(&event.what, RunEventKind::StepEnded { step: 1, outcome: StepOutcome::AlreadySo { proof } }
            if proof.iter().any(|line| line == "its command was sent before the run was resumed"))
    });
    assert!(already);
}

/// A unit that is found at work is waited for, whether its step was thought to have failed or not;
/// a second one is never started beside it.
#[rstest]
#[case::ends_in_time(1)]
#[case::never_ends(1000)]
#[tokio::test(start_paused = true)]
async fn a_unit_at_work_is_never_joined_by_a_second(#[case] at_work: usize) {
    let ran = restart(World::healthy([Act::new(None, Reply::TimedOut)])).await;
    assert!(
        matches!(ran.outcome, RunOutcome::Unknown { .. }),
        "{}",
        ran.story()
    );
    let mut busy = world(Life::AppStopped, 1);
    if at_work > 1 {
        busy = world(Life::Running, 0);
    }
    busy.at_work = at_work;
    let resumed = resume(busy, &ran.state, &ran.id).await;
    if at_work > 1 {
        let RunOutcome::Unknown { reason } = &resumed.outcome else {
            panic!("{:?}", resumed.outcome);
        };
        let words = "still runs on rabbit-node3";
        assert!(reason.contains(words), "{reason}");
        assert!(resumed.world.sent.is_empty());
        let record = journal::record(&ran.state, &ran.id).unwrap();
        assert_eq!(closed(&record), None, "it can be resumed again");
    } else {
        assert_eq!(resumed.outcome, RunOutcome::Done);
        assert_eq!(verbs(&resumed.world.sent), ["start_app"]);
    }
}

/// Where the host cannot say whether the unit runs, nothing is sent beside it.
#[tokio::test(start_paused = true)]
async fn a_unit_that_is_not_shown_may_still_run() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 0, .. })
    });
    let mut blind = world(Life::Running, 0);
    blind.unshown = true;
    let resumed = resume(blind, &ran.state, &ran.id).await;
    let RunOutcome::Unknown { reason } = &resumed.outcome else {
        panic!("{:?}", resumed.outcome);
    };
    assert!(reason.contains("may still run on rabbit-node3"), "{reason}");
    assert!(resumed.world.sent.is_empty());
}

/// Only what tells this cluster from another, and what the open steps ask, is looked at.
#[tokio::test(start_paused = true)]
async fn only_what_is_open_is_asked() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::StepEnded { step: 1, .. })
    });
    let record = journal::record(&ran.state, &ran.id).unwrap();
    assert_eq!(record.first_open(), 2, "the load balancers are waited for");
    let asked: Vec<SourceKind> = needs(&record).into_iter().collect();
    let costly = asked.iter().filter(|kind| kind.is_costly());
    assert_eq!(costly.count(), 0, "{asked:?}");
    for kind in [
        SourceKind::Management,
        SourceKind::Services,
        SourceKind::Vip,
        SourceKind::MetadataStore,
        SourceKind::Haproxy,
    ] {
        assert!(asked.contains(&kind), "{kind:?} is not in {asked:?}");
    }
}

/// What forbids a step forbids it when it is taken up again.
#[tokio::test(start_paused = true)]
async fn a_precondition_that_fell_meanwhile_stops_it() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 0, .. })
    });
    let mut worse = world(Life::Running, 0);
    worse.cluster.lives[1] = Life::Down;
    let resumed = resume(worse, &ran.state, &ran.id).await;
    assert!(resumed.world.sent.is_empty());
    assert!(
        matches!(resumed.outcome, RunOutcome::Failed { .. }),
        "{:?}",
        resumed.outcome
    );
}

/// Nothing had been sent: then the plan's whole basis is compared, as at its start.
#[tokio::test(start_paused = true)]
async fn before_the_first_act_the_fingerprint_decides() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::StepStarted { step: 0 })
    });
    let mut moved = world(Life::Running, 0);
    moved.cluster.holder = Some(1);
    let resumed = resume(moved, &ran.state, &ran.id).await;
    assert!(resumed.world.sent.is_empty());
    assert!(matches!(resumed.outcome, RunOutcome::Refused { .. }));
}

/// A run that failed can be gone on with once the cause is mended.
#[rstest]
#[case(Act::new(None, Reply::Exit(69)))]
#[case(Act::new(None, Reply::NotSent))]
#[case(Act::new(None, Reply::Lost))]
#[case(Act::new(None, Reply::TimedOut))]
#[tokio::test(start_paused = true)]
async fn a_failed_run_is_taken_up(#[case] fault: Act) {
    let ran = restart(World::healthy([Act::works(), fault])).await;
    let record = ran.record();
    assert_ne!(record.outcome, Some(RunOutcome::Done));
    assert_eq!(closed(&record), None);
    let bytes = fs::read(ran.state.runs().join(format!("{}.jsonl", ran.id))).unwrap();
    let resumed = resume(world(Life::AppStopped, 1), &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    assert_eq!(verbs(&resumed.world.sent), ["start_app"]);
    assert_grown(&ran.state, &ran.id, &bytes, &resumed);
    let record = journal::record(&ran.state, &ran.id).unwrap();
    let text = report::text(&record);
    assert!(text.contains("resumed by ops@desk at "), "{text}");
    assert!(report::markdown(&record).contains("| Resumed | by ops@desk at "));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_with_what_the_cluster_says() {
    let (ran, path, bytes) = a_good_run().await;
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 1, .. })
    });
    let record = journal::record(&ran.state, &ran.id).unwrap();
    let cluster = Cluster::healthy().with_life(2, Life::AppStopped);
    let now = crate::doubles::clock();
    insta::assert_snapshot!(left(&record, &cluster.model(now), now).join("\n"));
    assert_eq!(report::state_word(&record), "not finished, can be resumed");
}

#[tokio::test(start_paused = true)]
async fn closed_runs_stay_closed() {
    let (ran, path, bytes) = a_good_run().await;
    assert!(closed(&ran.record()).is_some());
    cut_after(&path, &bytes, &ran.journal(), |what| {
        matches!(what, RunEventKind::Sending { step: 0, .. })
    });
    let mut reopened = Journal::reopen(&ran.state, &ran.id).unwrap();
    let last = reopened.events.last().unwrap();
    let event = RunEvent {
        what: RunEventKind::Abandoned {
            who: "eve@desk".to_owned(),
            torn: None,
        },
        ..last.clone()
    };
    reopened.journal.append(&event, Durability::Synced).unwrap();
    let record = journal::record(&ran.state, &ran.id).unwrap();
    assert!(record.is_finished());
    assert_eq!(closed(&record).as_deref(), Some("eve@desk closed it"));
    assert_eq!(report::state_word(&record), "abandoned");
    assert!(report::text(&record).contains("eve@desk closed it at "));
}

/// Another cluster behind the same name, or one whose members changed.
#[tokio::test(start_paused = true)]
async fn the_cluster_must_be_the_one_of_the_plan() {
    let now = crate::doubles::clock();
    let healthy = Cluster::healthy();
    let plan = plan(&healthy);
    assert_eq!(foreign(&plan, &healthy.model(now), now), [""; 0]);
    let stopped = healthy.clone().with_life(2, Life::AppStopped);
    assert_eq!(foreign(&plan, &stopped.model(now), now), [""; 0]);
    let elsewhere = |change: fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        foreign(&plan, &healthy.model(now), now)
    };
    assert_eq!(
        elsewhere(|plan| plan
            .basis
            .retain(|line| !line.starts_with("rabbit@rabbit-node2"))),
        ["rabbit@rabbit-node2 is a member, and was none"]
    );
    assert_eq!(
        elsewhere(|plan| plan.basis.push("rabbit@rabbit-node9: running".to_owned())),
        ["rabbit@rabbit-node9 is no member any more"]
    );
    assert_eq!(
        elsewhere(|plan| plan
            .basis
            .retain(|line| !line.starts_with("rabbit@rabbit-node3"))),
        [""; 0],
        "the node acted on may come and go"
    );
    let store = elsewhere(|plan| {
        plan.basis
            .retain(|line| !line.starts_with("metadata store"));
        plan.basis.push("metadata store: khepri".to_owned());
    });
    assert_eq!(store, ["its metadata store was khepri, now it is mnesia"]);
}

/// Cut at any byte, a journal can be gone on with, and what it says stays the truth.
#[tokio::test(start_paused = true)]
async fn cut_at_any_byte_it_can_be_reopened() {
    let (ran, path, bytes) = a_good_run().await;
    let truth = ran.journal();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let mut reopened = match Journal::reopen(&ran.state, &ran.id) {
            Ok(reopened) => reopened,
            Err(JournalError::Damaged { line: 1, .. }) => {
                assert!(!bytes[..length].contains(&b'\n'));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let event = RunEvent {
            what: RunEventKind::Resumed {
                who: "ops@desk".to_owned(),
                torn: reopened.torn.clone(),
            },
            ..truth[0].clone()
        };
        reopened.journal.append(&event, Durability::Synced).unwrap();
        let (events, tail) = journal::read(&ran.state, &ran.id).unwrap();
        let kept = reopened.events.len();
        assert_eq!((&events[..kept], tail), (&truth[..kept], Tail::Whole));
        assert_eq!(events[kept..], [event]);
        assert!(RunRecord::fold(&events).unwrap().outcome.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_not_gone_on_with_nor_touched() {
    let (ran, path, mut bytes) = a_good_run().await;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        Journal::reopen(&ran.state, &ran.id),
        Err(JournalError::Damaged { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

fn cut_after(path: &PathBuf, bytes: &[u8], events: &[RunEvent], is: fn(&RunEventKind) -> bool) {
    let last = events.iter().position(|event| is(&event.what)).unwrap();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    fs::write(path, lines.take(last + 1).collect::<Vec<_>>().concat()).unwrap();
}
