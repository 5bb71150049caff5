//! Who gets a permit, and for what.

use crate::cluster::{Cluster, node};
use rmqtop::action::Action;
use rmqtop::config::AccessRule;
use rmqtop::guard::{Confirmation, Denied, Execute, Mode, ReadOnly, Wish, permit};
use rmqtop::model::moment::Moment;
use rmqtop::runbook;
use rmqtop::runbook::plan::Plan;
use rstest::rstest;

const NODE: &str = "rabbit@rabbit-node3";

pub(crate) fn plan() -> Plan {
    let now = Moment::ORIGIN;
    let action = Action::RestartApp { node: node(2) };
    runbook::plan(&action, &Cluster::healthy().model(now), now).unwrap()
}

#[derive(Debug, PartialEq)]
enum Given {
    Permit,
    NotExecuted,
    NotConfirmed,
    WrongName,
}

#[rstest]
#[case::nothing_said(Execute::No, &[], Given::NotExecuted)]
#[case::named_but_not_executed(Execute::No, &[NODE], Given::NotExecuted)]
#[case::executed_but_not_named(Execute::Yes, &[], Given::NotConfirmed)]
#[case::confirmed(Execute::Yes, &[NODE], Given::Permit)]
#[case::another_node(Execute::Yes, &["rabbit@rabbit-node2"], Given::WrongName)]
#[case::the_cluster_is_not_the_node(Execute::Yes, &["prod"], Given::WrongName)]
#[case::the_bare_host_is_not_the_node(Execute::Yes, &["rabbit-node3"], Given::WrongName)]
#[case::names_are_case_sensitive(Execute::Yes, &["Rabbit@rabbit-node3"], Given::WrongName)]
#[case::no_trimming(Execute::Yes, &["rabbit@rabbit-node3 "], Given::WrongName)]
#[case::empty(Execute::Yes, &[""], Given::WrongName)]
#[case::more_than_asked(Execute::Yes, &["prod", NODE], Given::Permit)]
fn disrupting_needs_the_node(
    #[case] execute: Execute,
    #[case] typed: &[&str],
    #[case] expected: Given,
) {
    let confirmation = Confirmation {
        execute,
        typed: typed.iter().map(ToString::to_string).collect(),
    };
    let given = match permit(&plan(), &Mode::Operate, &confirmation) {
        Ok(_) => Given::Permit,
        Err(Denied::NotExecuted) => Given::NotExecuted,
        Err(Denied::NotConfirmed { .. }) => Given::NotConfirmed,
        Err(Denied::WrongName { .. }) => Given::WrongName,
        Err(denied @ (Denied::ReadOnly(_) | Denied::Declined)) => panic!("{denied}"),
    };
    assert_eq!(given, expected);
}

#[test]
fn what_is_missing_is_said_as_it_must_be_typed() {
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: vec!["rabbit@\u{1b}[2J".to_owned()],
    };
    let denied = permit(&plan(), &Mode::Operate, &confirmation).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "`rabbit@\\u{1b}[2J` does not confirm this: needs --confirm rabbit@rabbit-node3"
    );
}

#[test]
fn a_name_too_many_is_noted() {
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: vec![NODE.to_owned(), "prod".to_owned()],
    };
    let permit = permit(&plan(), &Mode::Operate, &confirmation).unwrap();
    assert_eq!(permit.ignored(), ["prod"]);
}

#[rstest]
#[case(Wish::Operate, AccessRule::ReadWrite, None)]
#[case(Wish::Watch, AccessRule::ReadWrite, Some(ReadOnly::Session))]
#[case(Wish::Operate, AccessRule::ReadOnly, Some(ReadOnly::Cluster { cluster: "prod".to_owned() }))]
#[case(Wish::Watch, AccessRule::ReadOnly, Some(ReadOnly::Cluster { cluster: "prod".to_owned() }))]
fn in_monitor_mode_there_is_no_permit(
    #[case] wish: Wish,
    #[case] rule: AccessRule,
    #[case] reason: Option<ReadOnly>,
) {
    let mode = Mode::of(wish, rule, "prod");
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: vec![NODE.to_owned(), "prod".to_owned()],
    };
    let given = permit(&plan(), &mode, &confirmation);
    assert_eq!(given.err(), reason.map(Denied::ReadOnly));
}

#[test]
fn a_permit_covers_one_plan_to_the_letter() {
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: vec![NODE.to_owned()],
    };
    let mut plan = plan();
    let permit = permit(&plan, &Mode::Operate, &confirmation).unwrap();
    assert!(permit.covers(&plan));
    plan.steps.swap(0, 1);
    assert!(!permit.covers(&plan));
}
