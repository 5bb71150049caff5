//! Runs of this machine by their journals: the list, a run of another process live, what it
//! explains, and taking an interrupted one in hand.

use super::cluster::node;
use super::plans::{asked_review, kept, plan, run_events};
use super::scene::Scene;
use super::stage::Stage;
use insta::assert_snapshot;
use rmqtop::action::Action;
use rmqtop::app::effect::Effect;
use rmqtop::app::modal::Modal;
use rmqtop::app::msg::Msg;
use rmqtop::executor::event::{RunEvent, RunEventKind, RunOutcome};
use rmqtop::executor::record::{Look, Review, RunRecord, Writer};
use std::time::Duration;

fn healthy() -> Scene {
    Scene::healthy("3.10.8")
}

/// The run of `plans::run_events`, stopped half-way by its process's end.
fn half(id: &str) -> Vec<RunEvent> {
    renamed(id, run_events(6))
}

fn renamed(id: &str, mut events: Vec<RunEvent>) -> Vec<RunEvent> {
    for event in &mut events {
        id.clone_into(&mut event.run.0);
    }
    events
}

fn failed(id: &str) -> Vec<RunEvent> {
    let mut events = half(id);
    let last = events.last().unwrap().clone();
    events.push(RunEvent {
        what: RunEventKind::Ended {
            outcome: RunOutcome::Failed {
                reason: "stop-app: rabbit-node1 still sees rabbit@rabbit-node3 running".to_owned(),
            },
        },
        ..last
    });
    events
}

fn look(stage: &mut Stage, runs: Vec<(Vec<RunEvent>, Writer)>) {
    let kept = runs
        .into_iter()
        .map(|(events, writer)| kept(&events, writer))
        .collect();
    stage.update(Msg::Kept(Ok(Look { kept, older: 0 })));
}

/// The pane with a run of every kind.
fn runs() -> Stage {
    let mut stage = Stage::on(&healthy());
    let mut elsewhere = renamed("20261121-080000-0001", run_events(12));
    if let RunEventKind::Announced { plan, .. } = &mut elsewhere[0].what {
        "staging".clone_into(&mut plan.cluster);
    }
    look(
        &mut stage,
        vec![
            (
                renamed("20261120-070000-0003", run_events(12)),
                Writer::Gone,
            ),
            (elsewhere, Writer::Gone),
            (failed("20261121-093000-0002"), Writer::Gone),
            (half("20261122-110000-0004"), Writer::Gone),
            (half("20261122-140225-0005"), Writer::Lives),
        ],
    );
    stage.press("9");
    stage
}

#[test]
fn the_runs_at_every_size() {
    for (width, height) in [(200, 50), (120, 40), (80, 24), (60, 20)] {
        let mut stage = runs();
        assert_snapshot!(format!("runs_{width}x{height}"), stage.text(width, height));
        stage.press("enter");
        assert_snapshot!(
            format!("runs_live_{width}x{height}"),
            stage.text(width, height)
        );
    }
}

#[test]
fn what_is_under_way_comes_first_and_then_the_latest() {
    let stage = runs();
    let rows = stage.app.rows(stage.app.list(), stage.now);
    let ids: Vec<String> = rows.iter().map(|row| row.subject.to_string()).collect();
    assert_eq!(
        ids,
        [
            "run 20261122-140225-0005",
            "run 20261122-110000-0004",
            "run 20261121-093000-0002",
            "run 20261121-080000-0001",
            "run 20261120-070000-0003",
        ]
    );
}

#[test]
fn nothing_run_yet_says_how_to_begin() {
    let mut stage = Stage::on(&healthy());
    look(&mut stage, Vec::new());
    stage.press("9");
    let text = stage.text(80, 24);
    assert!(
        text.contains("nothing was run on this machine yet"),
        "{text}"
    );
    stage.update(Msg::Kept(Err("failed to read the journals".to_owned())));
    let text = stage.text(80, 24);
    assert!(text.contains("the journals cannot be read"), "{text}");
}

#[test]
fn a_run_of_another_process_is_followed_live() {
    let mut stage = Stage::on(&healthy());
    look(&mut stage, vec![(run_events(4), Writer::Lives)]);
    let text = stage.text(120, 40);
    assert!(text.contains("restart-app under way"), "{text}");
    stage.press("shift-r");
    let text = stage.text(120, 40);
    assert!(text.contains("another process runs it"), "{text}");
    assert!(text.contains("Stopping rabbit application"), "{text}");
    assert!(text.contains("step 1 of 3"), "{text}");
    stage.passes(Duration::from_secs(3));
    look(&mut stage, vec![(run_events(8), Writer::Lives)]);
    let text = stage.text(120, 40);
    assert!(text.contains("step 2 of 3"), "{text}");
    look(&mut stage, vec![(run_events(12), Writer::Gone)]);
    let text = stage.text(120, 40);
    assert!(text.contains("done after"), "{text}");
    assert!(!text.contains("under way"), "{text}");
}

#[test]
fn what_a_run_of_another_process_causes_is_expected_and_nothing_else_is_begun() {
    let mut stage = Stage::on(&healthy());
    look(&mut stage, vec![(run_events(6), Writer::Lives)]);
    let mut cluster = healthy();
    cluster.app_stopped(2);
    stage.shows(&cluster);
    assert!(!stage.app.findings.is_empty());
    assert!(stage.app.findings.iter().all(|finding| finding.expected));
    assert!(stage.app.expects(stage.now).contains(&node(2)));
    let effects = stage.press("2 a enter");
    assert!(effects.is_empty(), "{effects:?}");
    assert!(stage.text(120, 40).contains("another run is under way"));
    stage.press("esc");
    let kept = vec![kept(&run_events(12), Writer::Gone)];
    let effects = stage.update(Msg::Kept(Ok(Look { kept, older: 0 })));
    assert_eq!(effects, [Effect::PollNow], "what it mended is seen at once");
    assert!(stage.app.findings.iter().all(|finding| !finding.expected));
}

#[test]
fn a_node_that_went_further_than_its_run_is_loud() {
    let mut stage = Stage::on(&healthy());
    look(&mut stage, vec![(run_events(6), Writer::Lives)]);
    let mut cluster = healthy();
    cluster.service_stopped(2);
    stage.shows(&cluster);
    assert!(stage.app.findings.iter().any(|finding| !finding.expected));
}

#[test]
fn an_interrupted_run_is_reviewed_confirmed_and_gone_on_with() {
    let mut stage = Stage::on(&healthy());
    look(
        &mut stage,
        vec![(half("20261122-140231-7f3a"), Writer::Gone)],
    );
    stage.press("9");
    let text = stage.text(120, 40);
    assert!(text.contains("a resumes it or closes it"), "{text}");
    let ticket = asked_review(&stage.press("a enter"));
    let record = RunRecord::fold(&half("20261122-140231-7f3a")).unwrap();
    let review = Review {
        record: record.clone(),
        left: vec!["1. stop the RabbitMQ application: its command was sent".to_owned()],
    };
    stage.update(Msg::Reviewed {
        ticket,
        answer: Box::new(Ok(review)),
    });
    stage.passes(Duration::from_secs(1));
    let text = stage.text(120, 40);
    assert!(text.contains("What is left of run"), "{text}");
    assert!(stage.press("enter").is_empty(), "enter alone does nothing");
    stage.types("rabbit@rabbit-node3");
    let effects = stage.press("enter");
    let [Effect::Resume { record: sent, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(**sent, record);
    assert!(stage.app.live_run().is_some());
    stage.update(Msg::RunSilent {
        reason: "failed to lock prod; nothing was sent".to_owned(),
    });
    let text = stage.text(120, 40);
    assert!(text.contains("refused: failed to lock prod"), "{text}");
}

#[test]
fn an_interrupted_run_is_closed_for_good_with_a_yes_alone() {
    let mut stage = Stage::on(&healthy());
    look(
        &mut stage,
        vec![(failed("20261122-140231-7f3a"), Writer::Gone)],
    );
    stage.press("9 a down enter");
    stage.passes(Duration::from_secs(1));
    let text = stage.text(120, 40);
    assert!(text.contains("Nobody can go on with the run"), "{text}");
    assert!(stage.clone().press("enter").is_empty(), "the default is no");
    let effects = stage.press("y");
    assert!(
        matches!(effects.as_slice(), [Effect::Abandon { .. }]),
        "{effects:?}"
    );
}

#[test]
fn what_is_done_or_goes_on_or_belongs_elsewhere_cannot_be_taken() {
    let mut stage = runs();
    for (row, reason) in [(0, "it goes on"), (3, "it is done"), (4, "it is done")] {
        stage.press("g");
        for _ in 0..row {
            stage.press("j");
        }
        assert!(stage.press("a enter").is_empty());
        let text = stage.text(80, 24);
        assert!(text.contains(reason), "{row}: {text}");
        stage.press("esc");
    }
    assert!(matches!(
        stage.app.modals.last(),
        None | Some(Modal::Run(..))
    ));
}

#[test]
fn in_monitor_mode_no_run_is_taken_in_hand() {
    let mut stage = Stage::watching(&healthy());
    look(
        &mut stage,
        vec![(failed("20261122-140231-7f3a"), Writer::Gone)],
    );
    let effects = stage.press("9 a enter down enter y enter");
    assert!(effects.is_empty(), "{effects:?}");
    assert!(stage.text(80, 24).contains("this session is read-only"));
    assert_eq!(plan().cluster, "prod");
}

#[test]
fn of_a_run_of_several_only_the_member_in_hand_is_expected() {
    let mut events = run_events(6);
    if let RunEventKind::Announced { plan, .. } = &mut events[0].what {
        plan.action = Action::RollingRestart { only: Vec::new() };
    }
    let mut stage = Stage::on(&healthy());
    look(&mut stage, vec![(events, Writer::Lives)]);
    let mut cluster = healthy();
    cluster.service_stopped(2);
    stage.shows(&cluster);
    assert_eq!(stage.app.expects(stage.now), [node(2)].into());
    assert!(stage.text(120, 40).contains("nodes 2/3"));
    let mut other = healthy();
    other.service_stopped(1);
    stage.shows(&other);
    assert!(stage.app.findings.iter().any(|finding| !finding.expected));
}
