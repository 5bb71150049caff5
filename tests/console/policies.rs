//! The pane of policies, and the detail of one: what is said of each, at every size.

use super::cluster::Cluster;
use super::cluster::policies::rule;
use super::scene::Scene;
use super::stage::Stage;
use insta::assert_snapshot;
use rmqtop::action::Action;
use rmqtop::app::effect::Effect;
use rmqtop::model::broker::QueueType;
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};

/// The article's cluster with its policies, one of them made twice at the same priority.
fn article(version: &str) -> Scene {
    let cluster = Cluster::healthy()
        .with_queue("ha-orders", QueueType::Classic, &[0, 1])
        .with_queue("ha-jobs", QueueType::Classic, &[1])
        .with_queue("mail", QueueType::Classic, &[2])
        .with_queue("paid", QueueType::Quorum, &[0, 1, 2])
        .with_policy(rule("ha-all", "^", 0, r#"{"ha-mode":"all"}"#))
        .with_policy(rule(
            "ha-two",
            "^",
            0,
            r#"{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}"#,
        ))
        .with_policy(rule("short", "^mail", 5, r#"{"max-length":1000}"#))
        .with_policy(rule("later", "^not-yet\\.", 1, r#"{"message-ttl":60000}"#));
    let mut scene = Scene::healthy(version);
    scene.sees(0, Payload::Queues(cluster.queue_page()));
    scene.sees(0, Payload::Policies(cluster.policy_rows()));
    scene
}

fn pane(cluster: &Scene) -> Stage {
    let mut stage = Stage::on(cluster);
    stage.press("5");
    stage
}

#[test]
fn policies_are_listed_with_what_becomes_of_them() {
    for (width, height) in [(200, 50), (80, 24)] {
        let mut stage = pane(&article("3.10.8"));
        assert_snapshot!(
            format!("policies_{width}x{height}"),
            stage.text(width, height)
        );
    }
    let mut stage = pane(&article("4.0.5"));
    let text = stage.text(120, 40);
    assert!(
        text.contains("no effect in 4.x") || text.contains("same priority"),
        "{text}"
    );
}

#[test]
fn a_policy_opens_with_the_queues_it_is_for() {
    for (width, height) in [(200, 50), (80, 24)] {
        let mut stage = pane(&article("3.10.8"));
        stage.press("/");
        stage.types("ha-two");
        stage.press("enter enter");
        assert_snapshot!(
            format!("policy_{width}x{height}"),
            stage.text(width, height)
        );
    }
}

#[test]
fn nothing_known_of_policies_is_no_empty_list() {
    let mut stage = pane(&Scene::healthy("3.10.8"));
    assert!(stage.text(80, 24).contains("being asked"));
    let mut silent = Scene::healthy("3.10.8");
    silent.fails(0, SourceKind::Policies, FailureKind::Timeout);
    assert!(pane(&silent).text(80, 24).contains("not known:"));
    let mut none = Scene::healthy("3.10.8");
    none.sees(0, Payload::Policies(Vec::new()));
    let mut shown = Cluster::healthy();
    none.sees(0, Payload::Queues(shown.queue_page()));
    assert!(
        pane(&none)
            .text(80, 24)
            .contains("no policy: every queue is as it was declared")
    );
    shown = shown.with_queue("orders", QueueType::Classic, &[0]);
    shown.shown = Some(0);
    none.sees(0, Payload::Queues(shown.queue_page()));
    let text = pane(&none).text(80, 24);
    assert!(
        text.contains("no policy is shown; 0 of 1 queues are visible to mon"),
        "{text}"
    );
}

#[test]
fn faults_only_leaves_what_a_person_should_look_at() {
    let mut stage = pane(&article("3.10.8"));
    stage.press("ctrl-z");
    let text = stage.text(80, 24);
    assert!(text.contains("ha-two") && !text.contains("later"), "{text}");
}

fn surveyed(effects: &[Effect]) -> Action {
    match effects {
        [Effect::Survey { action, .. }] => action.clone(),
        other => panic!("no plan was asked for: {other:?}"),
    }
}

/// The selected policy is what the form begins with, so that setting it again edits it.
#[test]
fn a_policy_is_edited_and_cleared_behind_a() {
    let mut stage = pane(&article("3.10.8"));
    stage.press("/");
    stage.types("ha-two");
    stage.press("enter a");
    assert_snapshot!("policy_actions_80x24", stage.text(80, 24));
    stage.press("enter");
    assert_snapshot!("policy_form_80x24", stage.text(80, 24));
    // To the priority, which is 0.
    stage.press("down down down down");
    stage.press("backspace");
    stage.types("3");
    let Action::PolicySet { rule } = surveyed(&stage.press("enter")) else {
        panic!("another action");
    };
    assert_eq!((rule.name.raw(), rule.priority), ("ha-two", 3));
    assert_eq!(rule.definition.keys().len(), 3);

    let mut stage = pane(&article("3.10.8"));
    stage.press("/");
    stage.types("short");
    stage.press("enter a");
    stage.types("clear_policy");
    stage.press("enter");
    let Action::PolicyClear { name, .. } = surveyed(&stage.press("enter")) else {
        panic!("another action");
    };
    assert_eq!(name.raw(), "short");
}

#[test]
fn a_pattern_that_breaks_is_told_in_the_form() {
    let mut stage = pane(&article("3.10.8"));
    stage.press("a enter down down");
    stage.types("(");
    let text = stage.text(120, 40);
    assert!(text.contains("at character"), "{text}");
}

#[test]
fn where_there_are_no_mirrors_their_runbooks_say_why() {
    let mut stage = pane(&article("4.0.5"));
    stage.press("a");
    stage.types("mirror");
    let text = stage.text(120, 40);
    assert!(text.contains("removed in RabbitMQ 4.0"), "{text}");
}
