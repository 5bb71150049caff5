//! Every runbook behind `a`: found by any of its names, asked for its arguments, and planned from
//! what was answered.

use super::cluster::node;
use super::plans::{asked, plan, refusal};
use super::scene::Scene;
use super::stage::Stage;
use clap::CommandFactory;
use rmqtop::action::Action;
use rmqtop::app::effect::Effect;
use rmqtop::app::modal::Modal;
use rmqtop::app::msg::Msg;
use rmqtop::app::runbooks::RUNBOOKS;
use rmqtop::model::broker::NodeType;
use rmqtop::model::name::ClusterName;
use std::time::Duration;

fn healthy() -> Scene {
    Scene::healthy("3.10.8")
}

fn third_is(becomes: impl Fn(&mut Scene)) -> Stage {
    let mut truth = healthy();
    becomes(&mut truth);
    let mut stage = Stage::on(&truth);
    stage.press("2 shift-g");
    stage
}

fn surveyed(effects: &[Effect]) -> Action {
    match effects {
        [Effect::Survey { action, .. }] => action.clone(),
        other => panic!("no plan was asked for: {other:?}"),
    }
}

#[test]
fn every_runbook_of_the_command_line_stands_behind_a() {
    let cli = rmqtop::cli::Cli::command();
    let run = cli.find_subcommand("run").unwrap();
    let mut there: Vec<&str> = run
        .get_subcommands()
        .map(clap::Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    let mut here: Vec<&str> = RUNBOOKS.iter().map(|spec| spec.name).collect();
    there.sort_unstable();
    here.sort_unstable();
    assert_eq!(here, there);
}

/// What an operator types without rmqtop.
const NAMES: [&str; 7] = [
    "stop_app",
    "start_app",
    "reset",
    "join_cluster",
    "change_cluster_node_type",
    "forget_cluster_node",
    "set_cluster_name",
];

#[test]
fn what_an_operator_looks_for_is_on_screen_after_two_keys() {
    for name in NAMES {
        for open in ["a", ":"] {
            let mut stage = Stage::on(&healthy());
            stage.press("2 shift-g");
            stage.types(open);
            stage.types(&name[..1]);
            let text = stage.text(80, 24);
            assert!(text.contains(name), "{open} {name}:\n{text}");
        }
    }
}

#[test]
fn a_name_typed_whole_and_enter_opens_its_runbook() {
    let mut stage = third_is(|_| ());
    stage.types("astop_app");
    let action = surveyed(&stage.press("enter"));
    assert_eq!(action, Action::StopApp { node: node(2) });
    let mut stage = third_is(|cluster| {
        cluster.app_stopped(2);
    });
    stage.types(":start_app");
    let action = surveyed(&stage.press("enter"));
    assert_eq!(action, Action::StartApp { node: node(2) });
}

#[test]
fn a_join_is_asked_through_whom_and_as_what() {
    let alone = |cluster: &mut Scene| {
        cluster.model.brokers.clear();
    };
    let mut stage = third_is(alone);
    stage.types("ajoin_cluster");
    assert!(stage.press("enter").is_empty(), "a form, not yet a plan");
    let mut usual = stage.clone();
    let expected = Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    };
    // Nothing is known of the version, so that RAM is refused; disc is not.
    assert_eq!(surveyed(&usual.press("enter")), expected);
    stage.press("right right");
    let text = stage.text(80, 24);
    assert!(text.contains("--to rabbit@rabbit-node2"), "{text}");
    stage.press("down right");
    let text = stage.text(80, 24);
    assert!(text.contains("not now: whether RAM nodes exist"), "{text}");
    assert!(stage.press("enter").is_empty());
    stage.press("left");
    let expected = Action::Join {
        node: node(2),
        to: Some(node(1)),
        kind: NodeType::Disc,
    };
    assert_eq!(surveyed(&stage.press("enter")), expected);
}

#[test]
fn a_text_is_judged_as_it_is_typed_and_never_lost() {
    let mut stage = Stage::on(&healthy());
    stage.types("aset_cluster_name");
    stage.press("enter");
    stage.press("ctrl-u");
    stage.types("-x");
    let text = stage.text(80, 24);
    assert!(text.contains("not beginning with `-`"), "{text}");
    assert!(stage.press("enter").is_empty(), "a fault is not planned");
    stage.press("home delete end");
    stage.types(" west");
    stage.press("esc");
    assert!(matches!(stage.app.modals.last(), Some(Modal::Actions(_))));
    stage.press("enter");
    let text = stage.text(80, 24);
    assert!(text.contains("x west"), "{text}");
    assert!(
        text.contains("rmqtop run rename-cluster 'x west'"),
        "{text}"
    );
    let effects = stage.press("enter");
    let ticket = asked(&effects).ticket;
    let name = ClusterName::parse("x west").unwrap();
    assert_eq!(surveyed(&effects), Action::RenameCluster { name });
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Err(refusal())),
    });
    stage.press("esc");
    let text = stage.text(80, 24);
    assert!(text.contains("x west"), "after a refusal too:\n{text}");
    stage.press("esc esc esc");
    assert!(stage.app.modals.is_empty());
}

#[test]
fn an_empty_answer_is_told_only_when_it_is_sent() {
    let mut stage = Stage::on(&healthy());
    stage.types("arename");
    stage.press("enter ctrl-u");
    let before = stage.text(80, 24);
    assert!(!before.contains("cannot name"), "{before}");
    assert!(stage.press("enter").is_empty());
    let after = stage.text(80, 24);
    assert!(after.contains("cannot name a cluster"), "{after}");
}

#[test]
fn a_rolling_restart_names_nobody_where_all_are_meant() {
    let mut stage = Stage::on(&healthy());
    stage.types("arolling");
    stage.press("enter");
    let mut all = stage.clone();
    let expected = Action::RollingRestart { only: Vec::new() };
    assert_eq!(surveyed(&all.press("enter")), expected);
    stage.press("down space");
    let only = vec![node(0), node(2)];
    assert_eq!(
        surveyed(&stage.press("enter")),
        Action::RollingRestart { only }
    );
}

#[test]
fn what_acts_on_a_node_asks_for_it_where_none_is_selected() {
    let mut stage = Stage::on(&healthy());
    stage.press("1 g a");
    let text = stage.text(120, 40);
    assert!(text.contains("Actions on the cluster prod"), "{text}");
    stage.types("drain");
    stage.press("enter");
    let text = stage.text(80, 24);
    assert!(text.contains("‹ rabbit@rabbit-node1 ›"), "{text}");
    stage.press("right");
    assert_eq!(
        surveyed(&stage.press("enter")),
        Action::Drain { node: node(1) }
    );
}

#[test]
fn a_type_is_asked_for_that_the_node_does_not_have() {
    let mut stage = third_is(|_| ());
    stage.types("achange");
    stage.press("enter");
    let expected = Action::NodeType {
        node: node(2),
        kind: NodeType::Ram,
    };
    assert_eq!(surveyed(&stage.press("enter")), expected);
    let mut stage = Stage::on(&Scene::healthy("4.3.0"));
    stage.press("2 shift-g");
    stage.types("achange");
    assert!(stage.press("enter").is_empty());
    let text = stage.text(80, 24);
    assert!(
        text.contains("RAM nodes were removed in RabbitMQ 4.3"),
        "{text}"
    );
}

#[test]
fn what_only_a_cluster_that_is_down_needs_is_not_offered_to_one_that_runs() {
    let mut stage = third_is(|cluster| {
        cluster.service_stopped(2);
    });
    for name in ["forget-offline", "recover-lost-node"] {
        stage.types("a");
        stage.types(name);
        assert!(stage.press("enter").is_empty());
        let text = stage.text(120, 40);
        assert!(text.contains("forget removes a lost member"), "{text}");
        stage.press("esc esc");
    }
}

/// On Khepri those that are up wait for a majority that does not come back.
#[test]
fn a_member_that_waits_for_lost_ones_is_offered_to_go_on_without_them() {
    let mut scene = Scene::healthy("4.3.0");
    for lost in [1, 2] {
        scene.host_silent(lost);
    }
    let mut stage = Stage::on(&scene);
    stage.types("arecover-lost-node");
    assert_eq!(surveyed(&stage.press("enter")), Action::RecoverLostNode);
}

#[test]
fn once_it_runs_neither_menu_nor_form_is_left_behind() {
    let mut stage = third_is(|_| ());
    stage.types("aforget_cluster");
    stage.press("enter");
    let ticket = asked(&stage.press("enter")).ticket;
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    stage.passes(Duration::from_secs(1));
    stage.types("rabbit@rabbit-node3");
    let effects = stage.press("enter");
    assert!(matches!(effects.as_slice(), [Effect::Execute { .. }]));
    assert_eq!(stage.app.modals.len(), 1, "{:?}", stage.app.modals);
}

#[test]
fn the_key_that_filters_elsewhere_does_no_harm_where_names_are_typed() {
    let mut stage = third_is(|_| ());
    stage.types("a/stop_/app");
    let Some(Modal::Actions(menu)) = stage.app.modals.last() else {
        panic!("no menu");
    };
    assert_eq!(menu.field.text(), "stop_app");
    let first = menu.selected().map(|offer| offer.spec.name);
    assert_eq!(first, Some("stop-app"));
}

#[test]
fn a_menu_begins_at_the_usual_and_never_at_what_destroys() {
    let begins = |stage: &mut Stage| {
        stage.press("a");
        let Some(Modal::Actions(menu)) = stage.app.modals.last() else {
            panic!("no menu");
        };
        menu.selected().map(|offer| offer.spec.name)
    };
    let mut down = third_is(|cluster| {
        cluster.service_stopped(2);
    });
    assert_eq!(begins(&mut down), Some("start-node"));
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    stage.app.findings[0].runbook = Some("start-app".to_owned());
    stage.press("tab");
    assert_eq!(
        begins(&mut stage),
        Some("start-app"),
        "the finding's answer"
    );
}
