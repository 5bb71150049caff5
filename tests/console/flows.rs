//! What an operator does, key by key, and what the console asks of the world for it.

use super::cluster::{host, node};
use super::plans::{asked, plan, refusal, run_events};
use super::scene::{Scene, Vip, addresses};
use super::stage::Stage;
use crokey::key;
use rmqtop::action::Action;
use rmqtop::app::effect::{Effect, Leaving};
use rmqtop::app::focus::{PaneId, Subject};
use rmqtop::app::modal::Modal;
use rmqtop::app::msg::{KeyPress, Msg, Stroke, Ticket};
use rmqtop::executor::event::RunId;
use rmqtop::guard::{Confirmation, Execute};
use rmqtop::model::observation::Payload;
use std::time::Duration;

fn healthy() -> Scene {
    Scene::healthy("3.10.8")
}

/// A console that shows the plan of restarting the third node, one second after it came up.
fn confirming() -> Stage {
    let mut stage = Stage::on(&healthy());
    let effects = stage.press("2 shift-g a enter");
    let ticket = asked(&effects).ticket;
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    stage.passes(Duration::from_secs(1));
    stage
}

fn executed(effects: &[Effect]) -> usize {
    effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Execute { .. }))
        .count()
}

#[test]
fn an_action_is_surveyed_shown_confirmed_and_only_then_run() {
    let mut stage = Stage::on(&healthy());
    let effects = stage.press("2 shift-g a enter");
    let [Effect::Survey { ticket, action }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(*action, Action::RestartApp { node: node(2) });
    let ticket = *ticket;
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    stage.passes(Duration::from_secs(1));
    assert_eq!(
        executed(&stage.press("enter")),
        0,
        "enter alone does nothing"
    );
    stage.types("rabbit@rabbit-node2");
    assert_eq!(executed(&stage.press("enter")), 0, "another name");
    assert!(
        stage
            .text(120, 40)
            .contains("that is not rabbit@rabbit-node3")
    );
    stage.press("ctrl-u");
    stage.types("rabbit@rabbit-node3");
    let effects = stage.press("enter");
    let [
        Effect::Execute {
            plan: sent,
            confirmation,
        },
    ] = effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(**sent, plan(), "the plan that was shown, whole");
    let expected = Confirmation {
        execute: Execute::Yes,
        typed: vec!["rabbit@rabbit-node3".to_owned()],
    };
    assert_eq!(*confirmation, expected);
    assert!(stage.app.live_run().is_some());
}

#[test]
fn nothing_but_typing_the_name_confirms() {
    let mut stage = confirming();
    stage.update(Msg::Paste("rabbit@rabbit-node3".to_owned()));
    let text = stage.text(120, 40);
    assert!(text.contains("pasting does not confirm"), "{text}");
    assert_eq!(executed(&stage.press("enter")), 0, "a paste");

    let mut stage = confirming();
    stage.types("rabbit@rabbit-node3");
    let held = KeyPress {
        chord: key!(enter),
        typed: None,
        stroke: Stroke::Held,
    };
    assert_eq!(executed(&stage.update(Msg::Key(held))), 0, "a held key");

    let mut stage = Stage::on(&healthy());
    let ticket = asked(&stage.press("2 shift-g a enter")).ticket;
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    stage.passes(Duration::from_millis(499));
    stage.types("rabbit@rabbit-node3");
    stage.passes(Duration::from_secs(1));
    assert_eq!(executed(&stage.press("enter")), 0, "typed too soon");
}

#[test]
fn a_late_plan_to_a_dismissed_question_is_dropped() {
    let mut stage = Stage::on(&healthy());
    let ticket = asked(&stage.press("2 shift-g a enter")).ticket;
    stage.press("esc");
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    assert!(stage.app.modals.is_empty());
    stage.press("a enter");
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    assert!(
        matches!(stage.app.modals.last(), Some(Modal::Surveying(asked)) if asked.ticket != ticket),
        "the answer to the first question is not one to the second"
    );
    assert_ne!(ticket, Ticket(0));
}

#[test]
fn a_refusal_says_why_and_runs_nothing() {
    let mut stage = Stage::on(&healthy());
    let ticket = asked(&stage.press("2 shift-g a enter")).ticket;
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Err(refusal())),
    });
    let text = stage.text(120, 40);
    assert!(text.contains("would lose the quorum of 3 queues"), "{text}");
    assert!(text.contains("cannot tell"), "{text}");
    assert_eq!(executed(&stage.press("enter y enter esc")), 0);
}

#[test]
fn in_monitor_mode_the_action_is_shown_with_the_reason_and_asks_for_nothing() {
    let mut stage = Stage::watching(&healthy());
    let effects = stage.press("2 shift-g a enter enter");
    assert!(effects.is_empty(), "{effects:?}");
    let text = stage.text(120, 40);
    assert!(text.contains("restart-app"), "{text}");
    assert!(text.contains("this session is read-only"), "{text}");
    assert!(text.contains("READ-ONLY"), "{text}");
}

#[test]
fn the_first_interrupt_stops_after_the_step_and_the_second_leaves() {
    let mut stage = confirming();
    stage.types("rabbit@rabbit-node3");
    stage.press("enter");
    for event in run_events(3) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    let run = Some(RunId("20261122-140231-7f3a".to_owned()));
    stage.press("esc");
    assert!(stage.app.modals.is_empty(), "a run can be left on its own");
    assert!(stage.press("q").is_empty(), "q does not leave a run behind");
    assert_eq!(
        stage.press("ctrl-c"),
        [Effect::StopRun { run: run.clone() }]
    );
    assert!(stage.text(120, 40).contains("stops after this step"));
    assert_eq!(
        stage.press("ctrl-c"),
        [Effect::Quit(Leaving::RunLeft { run })]
    );
}

#[test]
fn a_run_can_be_left_and_opened_again_and_stays_after_its_end() {
    let mut stage = confirming();
    stage.types("rabbit@rabbit-node3");
    stage.press("enter esc");
    for event in run_events(12) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    assert!(stage.text(120, 40).contains("R shows it"));
    stage.press("shift-r");
    assert!(stage.text(120, 40).contains("done after"));
    stage.press("esc");
    assert_eq!(stage.press("q"), [Effect::Quit(Leaving::Done)]);
}

#[test]
fn a_run_that_falls_silent_is_unknown_and_never_done() {
    let mut stage = confirming();
    stage.types("rabbit@rabbit-node3");
    stage.press("enter");
    for event in run_events(3) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    let reason = "the run fell silent".to_owned();
    stage.update(Msg::RunSilent { reason });
    let text = stage.text(120, 40);
    assert!(
        text.contains("outcome unknown: the run fell silent"),
        "{text}"
    );
}

#[test]
fn what_a_run_causes_is_expected_only_while_it_runs() {
    let mut stage = confirming();
    stage.types("rabbit@rabbit-node3");
    stage.press("enter");
    for event in run_events(6) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    let mut cluster = healthy();
    cluster.app_stopped(2);
    stage.shows(&cluster);
    assert!(!stage.app.findings.is_empty());
    assert!(stage.app.findings.iter().all(|finding| finding.expected));
    for event in run_events(12) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    assert!(stage.app.findings.iter().all(|finding| !finding.expected));
}

#[test]
fn a_selection_follows_the_thing_and_not_the_row() {
    let mut stage = Stage::on(&healthy());
    stage.press("2 shift-g");
    assert_eq!(stage.app.selected(stage.now), Some(Subject::Node(node(2))));
    stage.types("/");
    stage.types("node3");
    stage.press("enter");
    assert_eq!(stage.app.rows(stage.app.list(), stage.now).len(), 1);
    assert_eq!(stage.app.selected(stage.now), Some(Subject::Node(node(2))));
    stage.press("esc");
    assert_eq!(stage.app.rows(stage.app.list(), stage.now).len(), 3);
    assert_eq!(stage.app.selected(stage.now), Some(Subject::Node(node(2))));
}

#[test]
fn filters_and_faults_narrow_a_list_and_say_so() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    stage.press("2");
    stage.types("/!node3");
    stage.press("enter");
    assert_eq!(stage.app.rows(stage.app.list(), stage.now).len(), 2);
    stage.press("esc ctrl-z");
    let rows = stage.app.rows(stage.app.list(), stage.now);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].subject, Subject::Node(node(2)));
    assert!(stage.text(120, 40).contains("faults only"));
    stage.press("1 ctrl-z");
    let rows = stage.app.rows(stage.app.list(), stage.now);
    let servers = |row: &&rmqtop::app::rows::Row| matches!(row.subject, Subject::Server { .. });
    assert_eq!(
        rows.iter().filter(servers).count(),
        2,
        "one on each load balancer"
    );
    assert!(
        rows.iter()
            .any(|row| matches!(row.subject, Subject::Balancer(_))),
        "what they hang from"
    );
}

#[test]
fn a_fuzzy_filter_takes_letters_with_gaps() {
    let mut stage = Stage::on(&healthy());
    stage.press("2");
    stage.types("/-f rbn3");
    let rows = stage.app.rows(stage.app.list(), stage.now);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].subject, Subject::Node(node(2)));
    stage.press("ctrl-u");
    stage.types("-f 3z");
    assert!(stage.app.rows(stage.app.list(), stage.now).is_empty());
}

#[test]
fn the_name_of_the_selected_thing_is_copied() {
    let mut stage = Stage::on(&healthy());
    let effects = stage.press("2 shift-g c");
    assert_eq!(effects, [Effect::Copy("rabbit@rabbit-node3".to_owned())]);
    assert!(stage.text(120, 40).contains("copied rabbit@rabbit-node3"));
}

#[test]
fn a_finding_is_answered_from_where_it_stands() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    let effects = stage.press("tab a enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Survey { action: Action::StartApp { node: about }, .. }] if *about == node(2)),
        "{effects:?}"
    );
}

#[test]
fn views_are_remembered() {
    let mut stage = Stage::on(&healthy());
    stage.press("2 7");
    stage.types("-");
    assert_eq!(stage.app.pane(), PaneId::Nodes);
    stage.types("-");
    assert_eq!(stage.app.pane(), PaneId::Vip);
    stage.types("[");
    assert_eq!(stage.app.pane(), PaneId::Nodes);
    stage.types("]");
    assert_eq!(stage.app.pane(), PaneId::Vip);
    stage.types(":");
    stage.types("hapr");
    stage.press("enter");
    assert_eq!(stage.app.pane(), PaneId::Haproxy);
}

#[test]
fn a_pause_freezes_the_screen_and_its_time() {
    let mut stage = Stage::on(&healthy());
    assert_eq!(stage.press("p"), [Effect::PausePolling]);
    let before = stage.text(120, 40);
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let moved = rmqtop::model::observation::Observation {
        source: rmqtop::model::observation::SourceId::new(
            rmqtop::model::observation::SourceKind::Vip,
            host(1),
        ),
        at: stage.now,
        took: Duration::ZERO,
        outcome: Ok(Payload::Addresses(addresses(1, Vip::Held))),
    };
    stage.sees(vec![moved]);
    stage.passes(Duration::from_secs(60));
    stage.update(Msg::Ticked);
    let after = stage.text(120, 40);
    assert!(after.contains("PAUSED 1m"), "{after}");
    let body = |text: &str| text.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&before), body(&after), "nothing moves under the eye");
    assert!(
        stage.press("2 a enter").is_empty(),
        "no acting on a frozen picture"
    );
    stage.press("esc");
    assert_eq!(stage.press("p"), [Effect::ResumePolling]);
    assert_eq!(stage.app.held_back(), 0);
}

#[test]
fn a_move_of_the_vip_is_news() {
    let mut stage = Stage::on(&healthy());
    let mut cluster = healthy();
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    stage.shows(&cluster);
    let text = stage.text(120, 40);
    assert!(
        text.contains("VIP 192.168.0.200 moved from rabbit-node1 to rabbit-node2"),
        "{text}"
    );
    stage.press("7");
    let text = stage.text(120, 40);
    assert!(text.contains("rabbit-node1 → rabbit-node2"), "{text}");
}

#[test]
fn help_and_palette_list_every_command_and_say_why_one_cannot_be_used() {
    let mut stage = Stage::on(&healthy());
    stage.press("?");
    let mut help = String::new();
    for _ in 0..6 {
        help.push_str(&stage.text(120, 40));
        stage.press("pagedown");
    }
    for spec in rmqtop::app::command::COMMANDS {
        assert!(help.contains(spec.name), "{}", spec.name);
    }
    assert!(help.contains("Not now:"), "{help}");
    stage.press("esc");
    assert!(stage.press("shift-r").is_empty());
    assert!(
        stage
            .text(120, 40)
            .contains("nothing was run in this session")
    );
}
